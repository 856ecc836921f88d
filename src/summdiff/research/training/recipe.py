"""The fields of a recipe, which describes a training run completely."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from summdiff._untrusted import Budget, read_bytes
from summdiff.data.video import DatasetKind
from summdiff.errors import DataError, ModelError, reason
from summdiff.research.training.recipe_sections import (
    AlsoRecipe,
    AugmentationRecipe,
    DiffusionRecipe,
    NetworkRecipe,
    Section,
    TargetRecipe,
)
from summdiff.scoring import _old_formats
from summdiff.scoring.inputs import Conditioning

# File of each data set in the folder $SUMMDIFF_DATA.
USUAL_FILES: dict[DatasetKind, str] = {
    "tvsum": "tvsum_i3d.h5",
    "summe": "summe_annotations.h5",
    "mr_hisum": "mr_hisum.h5",
    "youtube_highlights": "youtube_highlights_i3d.h5",
}
# Fields that do not affect the result; an interrupted run may be resumed with other values.
PLACE = frozenset(
    [
        "data",
        "annotations",
        "splits",
        "output",
        "resume",
        "workers",
        "in_memory",
        "threads",
        "accelerator",
        "devices",
        "nodes",
        "strategy",
        "compile",
        "micro_batch",
        "checkpoint_minutes",
        "init_from",
    ]
)


class Recipe(Section):
    """One training run."""

    name: str = Field(min_length=1, description="name of the model")
    output: Path = Field(description="folder for the model, the log and checkpoints")

    data: Path | None = Field(default=None, description="HDF5 file; null: the usual file of its kind in $SUMMDIFF_DATA")
    kind: DatasetKind | None = Field(default=None, description="the data set; null: detected from the file")
    annotations: Path | None = Field(default=None, description="TVSum's original annotations, for a file without them")
    fps: float | None = Field(
        default=None,
        gt=0,
        lt=1000,
        description="frames per second of videos whose file states none; null: known for most of TVSum and SumMe",
    )
    also: tuple[AlsoRecipe, ...] = Field(
        default=(), description='further data sets to train on (the setting "augmented"); see also splits'
    )
    own_videos: bool = Field(
        default=True, description='false: train on `also` only, and test on all videos (the setting "transfer")'
    )
    splits: Path | None = Field(default=None, description="file of splits; null: random")
    drop_missing: bool = Field(default=False, description="leave out videos of `splits` that the data lacks")
    fold: int = Field(default=1, ge=1, description="number of the split in that file, from 1; not for crossval")
    hold_out: float = Field(
        default=0.0, ge=0, lt=1, description="share of the training videos used for validation; not for crossval"
    )
    folds: int = Field(default=5, ge=2, le=10_000, description="number of folds of a cross-validation without `splits`")
    validation: float = Field(
        default=0.2, ge=0, lt=1, description="share of a fold's training videos used for validation"
    )
    other_spaces: bool = Field(
        default=False,
        description="cross-validation also tests in changed feature spaces, like those of other backbones",
    )
    split_seed: int = Field(default=0, ge=0, lt=2**63, description="seed of folds and validation videos")

    conditioning: Conditioning = Field(
        default="relational",
        description="network inputs: relations between the steps in any features, the features, or both; "
        "gaussian_prior: how they relate and which are alike, for relational networks",
    )
    feature_extractor: str | None = Field(default=None, description="the backbone that the model needs")
    network: NetworkRecipe = NetworkRecipe()
    diffusion: DiffusionRecipe = DiffusionRecipe()
    targets: TargetRecipe = TargetRecipe()
    augmentation: AugmentationRecipe = AugmentationRecipe()

    epochs: int = Field(default=200, ge=1, le=1_000_000, description="passes over all items")
    window: int | None = Field(
        default=128,
        ge=8,
        le=1_000_000,
        description="steps per training example; descriptors are of the whole video; null: whole videos",
    )
    videos_per_batch: int = Field(default=8, ge=1, le=100_000, description="batch size, over all devices")
    micro_batch: int | None = Field(
        default=None,
        ge=1,
        description="gradient accumulation: videos per forward pass, sorted by length; less padding and memory, "
        "the same gradient; null: the whole batch",
    )
    length_buckets: bool = Field(default=False, description="batches of videos of similar length, for less padding")
    in_memory: bool | None = Field(
        default=None, description="keep training videos in memory; null: if they take less than 2 GiB"
    )
    workers: int = Field(default=0, ge=0, le=1024, description="processes that read videos that are not in memory")

    optimizer: Literal["adamw", "adam", "sgd"] = Field(
        default="adamw", description="adam and sgd add weight decay to the gradient (L2); sgd has momentum 0.9"
    )
    learning_rate: float = Field(default=1e-3, gt=0, description="maximum learning rate")
    learning_rate_schedule: Literal["cosine", "constant", "exponential"] = Field(
        default="cosine", description="per epoch, after the warm-up; cosine falls to 0 at the end"
    )
    learning_rate_factor: float = Field(
        default=0.99, gt=0, le=1, description="factor per epoch of the exponential schedule"
    )
    warmup_epochs: int = Field(default=0, ge=0, description="epochs in which the learning rate rises linearly")
    weight_decay: float = Field(default=0.01, ge=0, description="for all weights")
    clip_norm: float = Field(default=1.0, ge=0, description="maximum norm of the gradient; 0: off")
    ema_decay: float = Field(default=0.99, ge=0, lt=1, description="decay of the weights' moving average; 0: off")
    rank_weight: float = Field(default=0.0, ge=0, description="weight of a rank loss added to the squared error")
    linear_penalty: float = Field(default=10.0, gt=0, description="penalty per video of the network's ridge regression")
    init_from: Path | None = Field(default=None, description="model folder with initial weights")

    validate_every: int = Field(default=20, ge=1, description="epochs between validations, each with a checkpoint")
    validate_videos: int | None = Field(
        default=None, ge=1, description="maximum number of validation videos, evenly chosen; null: all"
    )
    select: Literal["best", "last"] = Field(
        default="last", description="best: the epoch with the best result on the validation videos"
    )
    checkpoint_minutes: float = Field(default=10.0, gt=0, description="minutes between checkpoints")
    resume: Literal["auto", "never"] = Field(
        default="auto", description="auto: go on from the newest checkpoint; never: start anew"
    )
    seed: int = Field(default=0, ge=0, lt=2**63, description="seed of everything random except the splits")

    threads: int = Field(default=1, ge=1, le=1024, description="CPU threads per process")
    accelerator: Literal["cpu", "cuda", "mps", "auto"] = Field(
        default="cpu", description="device of training, and with cuda of validation"
    )
    devices: int = Field(
        default=1,
        ge=1,
        le=1024,
        description="accelerators per machine, or processes on a CPU; set by torchrun if it is used",
    )
    nodes: int = Field(
        default=1, ge=1, le=1024, description="machines, each with that many devices; set by torchrun if it is used"
    )
    strategy: Literal["auto", "ddp"] = Field(default="auto", description="strategy for several devices")
    precision: Literal["32-true", "16-mixed", "bf16-mixed"] = Field(
        default="32-true", description="as in Lightning Fabric; mixed: by autocast"
    )
    compile: bool = Field(default=False, description="compile the network by torch.compile, which takes a while")

    @model_validator(mode="before")
    @classmethod
    def _with_present_names(cls, fields: Any) -> Any:
        try:
            return _old_formats.modernised_recipe(fields) if isinstance(fields, dict) else fields
        except ModelError as error:
            raise ValueError(f"network: {error}") from error

    @model_validator(mode="after")
    def _check(self) -> Self:
        learns, cut = self.network.learns, self.augmentation.views > 1 and self.augmentation.crop > 0
        if learns == "keyshots" and (self.targets.people != "keyshots" or cut):
            raise ValueError(
                f"{self.network.model} detects key shots: set targets.people=keyshots, targets.scale=minmax and "
                "augmentation.crop=0."
            )
        if learns == "importance" and self.targets.people == "keyshots":
            raise ValueError(f"{self.network.model} learns importance: set targets.people=gtscore.")
        if (self.network.model == "relational") != (self.conditioning == "gaussian_prior"):
            raise ValueError("conditioning=gaussian_prior goes with network.model=relational, and only with it.")
        if (
            self.micro_batch is not None
            and self.network.model == "iptnet"
            and getattr(self.network, "consistency", False)
        ):
            raise ValueError("iPTNet's teacher learns once a batch: micro_batch needs network.consistency=0.")
        if self.network.model != "relational" and any(other.weight != 1 for other in self.also):
            raise ValueError("A weight of further data sets is for relational networks: leave it out.")
        if not self.own_videos and (not self.also or self.network.model == "relational"):
            raise ValueError("own_videos=false needs `also`, and a network that is not relational.")
        if not self.own_videos and (self.select == "best" or self.hold_out > 0):
            raise ValueError("own_videos=false leaves no videos to validate on: set select=last and hold_out=0.")
        if self.splits is not None and self.hold_out > 0 and self.validation == 0:
            raise ValueError("hold_out needs no splits, or a validation share above 0.")
        if self.select == "best" and self.validation == 0 and self.hold_out == 0 and self.splits is None:
            raise ValueError("select: best needs validation videos: set validation or hold_out above 0.")
        return self

    def __repr__(self) -> str:
        return f"Recipe('{self.name}', {self.network.model} on {self.data or self.kind}, {self.epochs} epochs)"

    __str__ = __repr__

    def data_path(self) -> Path:
        """Return the path of the data.

        Raises:
            DataError: neither the recipe nor $SUMMDIFF_DATA names it.
        """
        if self.data is None and self.kind is None:
            raise DataError(f"Recipe '{self.name}' names no data: add data=FILE, or kind={'|'.join(USUAL_FILES)}.")
        return self._file(self.data, self.kind)

    def also_paths(self) -> list[Path]:
        """Return the paths of the further data sets.

        Raises:
            DataError: neither the recipe nor $SUMMDIFF_DATA names them.
        """
        return [self._file(other.data, other.kind) for other in self.also]

    def _file(self, data: Path | None, kind: DatasetKind | None) -> Path:
        if data is not None:
            return data
        folder = os.environ.get("SUMMDIFF_DATA")
        if not folder or kind is None:
            raise DataError(f"Recipe '{self.name}' names no data: add data=FILE or set SUMMDIFF_DATA to its folder.")
        return Path(folder) / USUAL_FILES[kind]

    def stated(self) -> dict[str, Any]:
        """Return the fields that affect results, independent of machine and folder: a null video by its digest.

        Raises:
            DataError: the null video cannot be read.
        """
        fields = self.model_dump(mode="json", exclude=set(PLACE))
        if self.diffusion.null_video is not None:
            fields["diffusion"]["null_video"] = content_digest(self.diffusion.null_video)
        return fields


def content_digest(path: Path) -> str:
    """Return the digest of a file, or of all files of a model folder.

    Raises:
        DataError: the path cannot be read.
    """
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    try:
        return hashlib.sha256(
            b"".join(hashlib.sha256(read_bytes(file, most=2 * Budget().most)).digest() for file in files)
        ).hexdigest()
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {reason(error)}.") from error
