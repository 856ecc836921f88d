"""The fields of a recipe: everything that decides a training run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast

from pydantic import Field, model_validator

from summdiff.data.video import DatasetKind
from summdiff.errors import DataError
from summdiff.research.training.network_recipe import SECTIONS, AnyNetwork, Section
from summdiff.scoring.inputs import Conditioning
from summdiff.scoring.schedule import ScheduleName
from summdiff.scoring.windows import WINDOW

# The file of each data set in the folder $SUMMDIFF_DATA.
USUAL_FILES: dict[DatasetKind, str] = {
    "tvsum": "tvsum_i3d.h5",
    "summe": "summe_annotations.h5",
    "mr_hisum": "mr_hisum.h5",
    "youtube_highlights": "youtube_highlights_i3d.h5",
}
Share = Annotated[float, Field(ge=0, le=1)]
# Where a run happens and where its files lie, not what it learns: may differ where an interrupted run goes on.
PLACE = frozenset(
    {
        *("data", "annotations", "splits", "output", "resume", "workers", "in_memory", "threads"),
        *("accelerator", "devices", "nodes", "strategy", "compile", "micro_batch", "checkpoint_minutes", "init_from"),
    }
)


class DiffusionRecipe(Section):
    """The noise, and how samples are drawn for validation and by default afterwards."""

    schedule: ScheduleName = Field(default="cosine", description="of the noise")
    num_train_timesteps: int = Field(default=1000, ge=1, le=100_000, description="T")
    p_uncond: float = Field(default=0.1, ge=0, lt=1, description="share of items trained without their video")
    guidance_scale: float = Field(default=0.0, ge=0, description="w of classifier-free guidance")
    null_video: Path | None = Field(
        default=None, description=".npy file (D,) with the features of a black video, what guidance guides away from"
    )
    step_seconds: Literal["data"] | float | None = Field(
        default="data",
        description='length of a step: higher rates are averaged before sampling; "data": as in the training videos; '
        "null: any rate as it comes",
    )
    eta: float = Field(default=0.0, ge=0, le=1, description="of the DDIM steps")
    guide_final: bool = Field(default=True, description="whether guidance reaches the last prediction, the answer")
    window: int = Field(
        default=WINDOW, ge=8, le=1_000_000, description="steps denoised at a time; longer videos are blended of such"
    )
    samples: int = Field(default=8, ge=1, le=1000, description="curves drawn for a video; their mean is judged")
    steps: int = Field(default=10, ge=1, description="denoising steps")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if isinstance(self.step_seconds, float) and not self.step_seconds > 0:
            raise ValueError(f"step_seconds must be above 0, got {self.step_seconds}.")
        if self.steps > self.num_train_timesteps:
            raise ValueError(f"steps must be at most num_train_timesteps ({self.num_train_timesteps}).")
        return self


class TargetRecipe(Section):
    """What the clean scores are, in [0, 1].

    Panels rather than single annotators by default, since 20 curves a video are soon known by heart, thousands of
    panels are not.
    """

    people: Literal["panels", "each", "mean", "gtscore", "keyshots"] = Field(
        default="panels",
        description="panels: means of random panels of annotators; each: every annotator of every video is an item of "
        "an epoch; mean: the mean annotator; gtscore: the file's own ground truth; keyshots: 1 in the shots that a "
        "knapsack fills 15 % of the video with by it, what detectors learn. Where a data set has one curve a video, "
        "the first three are that curve",
    )
    scale: Literal["ranks", "scores", "minmax"] = Field(
        default="ranks",
        description="ranks: each annotator's ranks in the video; scores: as annotated; minmax: stretched to 0 to 1",
    )
    clip: tuple[Share, Share] | None = Field(default=None, description="smallest and largest value of a curve")
    panel: int = Field(
        default=4, ge=1, le=10_000, description="annotators in a panel; the spread falls with its square root"
    )
    panels_per_video: int = Field(default=32, ge=1, le=10_000, description="panels drawn for a video at each step")
    curves_per_video: int = Field(
        default=4, ge=1, le=10_000, description="of these, how many are noised and learned from (each: one)"
    )
    expected: bool = Field(
        default=True, description="learn the mean of the drawn curves by how likely each is, instead of the noised one"
    )
    smooth_seconds: float = Field(default=0.0, ge=0, description="deviation of the Gaussian that smooths; 0: off")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.people == "keyshots" and (self.scale == "ranks" or self.smooth_seconds > 0):
            raise ValueError(
                "keyshots are of the scores themselves: set scale to scores or minmax, smooth_seconds to 0."
            )
        if self.clip is not None and not self.clip[0] < self.clip[1]:
            raise ValueError(f"clip must rise, got {list(self.clip)}.")
        return self


class AugmentationRecipe(Section):
    """Changed copies ("views") of each training video; their descriptors are computed anew."""

    views: int = Field(default=16, ge=1, le=10_000, description="copies of each video, the first one unchanged")
    crop: float = Field(default=0.5, ge=0, le=1, description="share of the views cut to a part of the video")
    metric: float = Field(default=0.5, ge=0, le=1, description="share of the views with another feature space")
    spaces: tuple[Literal["unit", "roots"], ...] = Field(
        default=(),
        description="further views of each video, whole: unit: each step at length one; roots: square roots of sizes",
    )

    @property
    def count(self) -> int:
        """How many views there are of each video."""
        return self.views + len(self.spaces)


class AlsoRecipe(Section):
    """Another data set that the mean curve is learned from too, by a relational network."""

    kind: DatasetKind = Field(description="which data set")
    data: Path | None = Field(default=None, description="HDF5; null: the usual file of its kind in $SUMMDIFF_DATA")
    weight: float = Field(
        default=1.0, gt=0, description="of all of it together, relative to all views of the recipe's own videos"
    )


class Recipe(Section):
    """One training run."""

    name: str = Field(min_length=1, description="of the model")
    output: Path = Field(description="folder for the model, the log and checkpoints")

    data: Path | None = Field(default=None, description="HDF5; null: the usual file of its kind in $SUMMDIFF_DATA")
    kind: DatasetKind | None = Field(default=None, description="which data set; null: told by the file")
    annotations: Path | None = Field(
        default=None, description="TVSum's original annotations, for a file without annotators' scores"
    )
    also: tuple[AlsoRecipe, ...] = Field(
        default=(), description="further data sets that a relational network learns from"
    )
    splits: Path | None = Field(default=None, description="file of splits; null: drawn at random")
    fold: int = Field(default=0, ge=0, description="which split of that file to train on, from 0; not for crossval")
    hold_out: float = Field(
        default=0.0, ge=0, lt=1, description="share of the training videos that validates; not for crossval"
    )
    folds: int = Field(default=5, ge=2, le=10_000, description="of cross-validation without `splits`")
    validation: float = Field(default=0.2, ge=0, lt=1, description="share of a fold's training videos held out")
    other_spaces: bool = Field(
        default=False, description="cross-validation also tests on features as other backbones might make them"
    )
    split_seed: int = Field(default=0, ge=0, lt=2**63, description="of the videos held out and of the folds")

    conditioning: Conditioning = Field(
        default="relational",
        description="what the network sees of a video: how its steps relate in any features, the features, or both; "
        "kinship: how they relate and which are alike, for relational networks",
    )
    feature_extractor: str | None = Field(default=None, description="the backbone that the model will need")
    network: AnyNetwork = cast("AnyNetwork", SECTIONS["summdiff"](model="summdiff"))
    diffusion: DiffusionRecipe = DiffusionRecipe()
    targets: TargetRecipe = TargetRecipe()
    augmentation: AugmentationRecipe = AugmentationRecipe()

    epochs: int = Field(default=200, ge=1, le=1_000_000, description="each item is learned from once in each")
    window: int | None = Field(
        default=128,
        ge=8,
        le=1_000_000,
        description="steps learned from at a time (descriptors see them all); null: whole videos",
    )
    videos_per_batch: int = Field(default=8, ge=1, le=100_000, description="on all devices together")
    micro_batch: int | None = Field(
        default=None,
        ge=1,
        description="videos that a device works off at a time, those of like length together, before the batch's one "
        "update (gradient accumulation): less padding and memory, the same gradient; null: all at once",
    )
    length_buckets: bool = Field(default=False, description="batches of videos of like length, so with little padding")
    in_memory: bool | None = Field(
        default=None, description="keep training videos in memory; null: if they take less than 2 GiB"
    )
    workers: int = Field(default=0, ge=0, le=1024, description="processes that read videos which are not in memory")

    optimizer: Literal["adamw", "adam", "sgd"] = Field(
        default="adamw", description="adam, sgd: weight decay is added to the gradient (L2); sgd: with momentum 0.9"
    )
    learning_rate: float = Field(default=1e-3, gt=0, description="the highest")
    learning_rate_schedule: Literal["cosine", "constant", "exponential"] = Field(
        default="cosine", description="epoch by epoch, after the warm-up; cosine falls to 0 at the end"
    )
    learning_rate_factor: float = Field(default=0.99, gt=0, le=1, description="of an epoch, if exponential")
    warmup_epochs: int = Field(default=0, ge=0, description="in which the learning rate rises linearly")
    weight_decay: float = Field(default=0.01, ge=0, description="of all weights")
    clip_norm: float = Field(default=1.0, ge=0, description="largest norm of the gradient; 0: off")
    ema_decay: float = Field(default=0.99, ge=0, lt=1, description="of the weights' moving average; 0: off")
    rank_weight: float = Field(default=0.0, ge=0, description="of a loss on ranks beside the squared error")
    linear_penalty: float = Field(default=10.0, gt=0, description="of the network's ridge regression, for each video")
    init_from: Path | None = Field(default=None, description="folder of a trained model to start from")

    validate_every: int = Field(default=20, ge=1, description="epochs; a checkpoint is written then, too")
    validate_videos: int | None = Field(default=None, ge=1, description="at most so many, evenly chosen; null: all")
    select: Literal["best", "last"] = Field(
        default="last", description="best: the epoch that does best on the validation videos"
    )
    checkpoint_minutes: float = Field(default=10.0, gt=0, description="a checkpoint at least so often")
    resume: Literal["auto", "never"] = Field(default="auto", description="never: start anew in any case")
    seed: int = Field(default=0, ge=0, lt=2**63, description="of everything random but the splits")

    threads: int = Field(default=1, ge=1, le=1024, description="of the processor, for each process")
    accelerator: Literal["cpu", "cuda", "mps", "auto"] = Field(
        default="cpu", description="where the network learns; validation draws its samples there too, if cuda"
    )
    devices: int = Field(
        default=1,
        ge=1,
        le=1024,
        description="accelerators of a machine, or processes on its processor; torchrun says so itself",
    )
    nodes: int = Field(
        default=1, ge=1, le=1024, description="machines, each with so many devices; torchrun says so itself"
    )
    strategy: Literal["auto", "ddp"] = Field(default="auto", description="how several devices share the work")
    precision: Literal["32-true", "16-mixed", "bf16-mixed"] = Field(
        default="32-true", description="of the computation, as Lightning Fabric has it; mixed: by autocast"
    )
    compile: bool = Field(
        default=False, description="whether torch.compile makes faster code of the network first, which takes a while"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        learns, cut = self.network.learns, self.augmentation.views > 1 and self.augmentation.crop > 0
        if learns == "keyshots" and (self.targets.people != "keyshots" or cut):
            raise ValueError(
                f"{self.network.model} looks for key-shots: set targets.people=keyshots, targets.scale=minmax and "
                "augmentation.crop=0."
            )
        if learns == "importance" and self.targets.people == "keyshots":
            raise ValueError(f"{self.network.model} learns importance: set targets.people=gtscore.")
        if (self.network.model == "relational") != (self.conditioning == "kinship"):
            raise ValueError("A relational network needs conditioning=kinship, and no other network can use it.")
        if self.micro_batch is not None and self.network.model == "iptnet" and self.network.consistency:
            raise ValueError("iPTNet's teacher learns once a batch: micro_batch needs network.consistency=0.")
        if self.also and self.network.model != "relational":
            raise ValueError("Only a relational network learns from further data sets: leave out also.")
        if self.splits is not None and self.hold_out > 0 and self.validation == 0:
            raise ValueError("hold_out needs no splits, or a validation share above 0.")
        if self.select == "best" and self.validation == 0 and self.hold_out == 0 and self.splits is None:
            raise ValueError("select: best needs validation videos: set validation or hold_out above 0.")
        return self

    def data_path(self) -> Path:
        """Where the data is.

        Raises:
            DataError: neither the recipe nor $SUMMDIFF_DATA says so.
        """
        if self.data is None and self.kind is None:
            raise DataError(f"Recipe '{self.name}' names no data: add data=FILE, or kind={'|'.join(USUAL_FILES)}.")
        return self._file(self.data, self.kind)

    def also_paths(self) -> list[Path]:
        """Where the further data sets are.

        Raises:
            DataError: neither the recipe nor $SUMMDIFF_DATA says so.
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
        """What it says of the training itself, for results: the same on another machine and in another folder."""
        return self.model_dump(mode="json", exclude=set(PLACE))
