"""What a training run does, as a checked YAML file. Needs the `train` extra (pydantic, pyyaml)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from summdiff.errors import DataError, UsageError

try:
    import yaml
    from pydantic import BaseModel, ConfigDict, Field, ValidationError
except ImportError as error:
    raise UsageError("Training needs more packages: install them with `pip install 'summdiff[train]'`.") from error


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NetworkRecipe(_Section):
    """Sizes of the network; see `summdiff.models.summdiff.NetworkConfig`."""

    width: int = Field(default=64, ge=8)
    heads: int = Field(default=4, ge=1)
    feed_forward: int = Field(default=256, ge=1)
    encoder_layers: int = Field(default=2, ge=0)
    denoiser_layers: int = Field(default=2, ge=1)
    n_bins: int = Field(default=200, ge=2)
    score_scale: float = Field(default=1.0, gt=0)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    input_dropout: float = Field(default=0.0, ge=0, lt=1)
    cross_attention: bool = True
    kernel: int = Field(default=5, ge=1)


class DiffusionRecipe(_Section):
    """The noise, and how samples are drawn for validation and by default afterwards."""

    schedule: Literal["cosine", "linear"] = "cosine"
    num_train_timesteps: int = Field(default=1000, ge=1)
    p_uncond: float = Field(default=0.1, ge=0, lt=1, description="share of items trained without their video")
    guidance_scale: float = Field(default=0.0, ge=0)
    step_seconds: float | None = Field(default=2.0, gt=0, description="of the training data; higher rates are averaged")
    eta: float = Field(default=0.0, ge=0, le=1)
    samples: int = Field(default=8, ge=1)
    steps: int = Field(default=10, ge=1)


class TargetRecipe(_Section):
    """What the clean scores are: ranks in the video, in [0, 1], averaged over random panels of its annotators.

    Panels rather than single annotators, since 20 curves a video are soon known by heart, thousands of panels are not.
    """

    panel: int = Field(default=4, ge=1, description="annotators in a panel; the spread falls with its square root")
    panels_per_video: int = Field(default=32, ge=1, description="panels drawn for a video at each step")
    curves_per_video: int = Field(default=4, ge=1, description="of these, how many are noised and learned from")


class AugmentationRecipe(_Section):
    """Changed copies ("views") of each training video; their descriptors are computed anew."""

    views: int = Field(default=16, ge=1, description="copies of each video, the first one unchanged")
    crop: float = Field(default=0.5, ge=0, le=1, description="share of the views cut to a part of the video")
    metric: float = Field(default=0.5, ge=0, le=1, description="share of the views with another feature space")


class Recipe(_Section):
    """One training run."""

    name: str = Field(min_length=1)
    data: Path | None = Field(default=None, description="a TVSum file; else tvsum_i3d.h5 in $SUMMDIFF_DATA")
    output: Path = Field(description="folder for the model, the log and checkpoints")
    conditioning: Literal["relational", "features"] = "relational"
    feature_extractor: str | None = None
    network: NetworkRecipe = NetworkRecipe()
    diffusion: DiffusionRecipe = DiffusionRecipe()
    targets: TargetRecipe = TargetRecipe()
    augmentation: AugmentationRecipe = AugmentationRecipe()
    epochs: int = Field(default=200, ge=1)
    window: int = Field(
        default=128, ge=8, description="steps that are learned from at a time; descriptors see them all"
    )
    videos_per_batch: int = Field(default=8, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=0.01, ge=0)
    clip_norm: float = Field(default=1.0, gt=0)
    ema_decay: float = Field(default=0.99, ge=0, lt=1)
    validate_every: int = Field(default=20, ge=1, description="epochs")
    select: Literal["best", "last"] = "last"
    seed: int = Field(default=0, ge=0)
    threads: int = Field(default=1, ge=1, description="of the processor, for each process")
    accelerator: Literal["cpu", "cuda", "mps"] = "cpu"
    resume: Literal["auto", "never"] = "auto"
    folds: int = Field(default=5, ge=2, description="of cross-validation")
    validation: float = Field(default=0.2, ge=0, lt=1, description="share of a fold's training videos held out")
    split_seed: int = Field(default=0, ge=0)

    def data_path(self) -> Path:
        """Where the data is.

        Raises:
            DataError: neither the recipe nor $SUMMDIFF_DATA says so.
        """
        if self.data is not None:
            return self.data
        folder = os.environ.get("SUMMDIFF_DATA")
        if not folder:
            raise DataError(f"Recipe '{self.name}' names no data: add data=FILE or set SUMMDIFF_DATA to its folder.")
        return Path(folder) / "tvsum_i3d.h5"


def read_recipe(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> Recipe:
    """Read and check a recipe.

    Args:
        path: a YAML file with the fields of `Recipe`.
        overrides: `key=value` or `section.key=value`, value as in YAML; later ones win.

    Raises:
        DataError: the file is missing, not YAML, or a field is unknown or has a value that cannot be used.
        UsageError: an override is not of the form key=value, or goes through something that is not a section.
    """
    try:
        document = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = str(error).replace("\n", " ")
        raise DataError(f"Recipe '{os.fspath(path)}' cannot be read: {reason}.") from error
    if not isinstance(document, dict):
        raise DataError(f"Recipe '{os.fspath(path)}' is not a list of `field: value` lines.")
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals or not key:
            raise UsageError(f"'{override}' is not an override: write key=value, for instance network.width=128.")
        *sections, last = key.split(".")
        place: Any = document
        for section in sections:
            place = place.setdefault(section, {})
            if not isinstance(place, dict):
                raise UsageError(f"Override '{override}': '{section}' is not a section.")
        try:
            place[last] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise UsageError(f"Override '{override}': '{value}' is not a YAML value.") from error
    try:
        return Recipe.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the recipe"
        raise DataError(
            f"Recipe '{os.fspath(path)}': {where}: {first['msg'].lower()}, got {first['input']!r}."
        ) from error
