"""The sections of a recipe: what network, diffusion, targets, augmentation and further data it asks for."""

from __future__ import annotations

import reprlib
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from summdiff.data.video import DatasetKind
from summdiff.errors import ModelError
from summdiff.research.networks.base import Scorer, TargetKind
from summdiff.research.networks.registry import architectures
from summdiff.scoring.config_checks import check_fields
from summdiff.scoring.schedule import ScheduleName
from summdiff.scoring.windows import WINDOW

DEFAULT_NETWORK = "joint"
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A part of a recipe; unknown fields are refused and values cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class NetworkRecipe(BaseModel):
    """A network's name and the fields of its config.

    The config dataclass of each network in `summdiff.research.networks` declares its fields, types and defaults. All
    but those that depend on the videos are attributes of this section.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    model: str = Field(default=DEFAULT_NETWORK, description="the network")

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: Any) -> Any:
        """Check the given fields against the network's config and fill in its defaults."""
        if not isinstance(given, dict):
            return given
        name = given.get("model", DEFAULT_NETWORK)
        if not isinstance(name, str) or name not in architectures():
            raise ValueError(f"model must be one of {', '.join(architectures())}, got {reprlib.repr(name)}")
        options = {key: value for key, value in given.items() if key != "model"}
        config_type = architectures()[name].config
        allowed = [field.name for field in fields(config_type) if field.name != "inputs"]  # known from the videos
        unknown = [key for key in options if key not in allowed]
        if unknown:
            raise ValueError(f"{name} has no field {reprlib.repr(unknown[0])}: it has {', '.join(allowed)}")
        try:
            config = TypeAdapter(config_type).validate_python({"inputs": 1, **options})
            check_fields(config)
        except ModelError as error:
            raise ValueError(str(error)) from error
        return {"model": name} | {key: getattr(config, key) for key in allowed}

    @property
    def learns(self) -> TargetKind | None:
        """Kind of targets of a scorer; None for a denoiser, which learns any curves."""
        network = architectures()[self.model].network
        return network.learns if issubclass(network, Scorer) else None

    def config(self, *, inputs: int) -> Any:
        """Return the network's config for P inputs per step.

        Raises:
            ModelError: the sizes do not fit together.
        """
        return architectures()[self.model].config(inputs=inputs, **self.model_dump(exclude={"model"}))


class DiffusionRecipe(Section):
    """Noise, and sampling in validation and by default of the trained model."""

    schedule: ScheduleName = Field(default="cosine", description="noise schedule")
    num_train_timesteps: int = Field(default=1000, ge=1, le=100_000, description="T")
    p_uncond: float = Field(
        default=0.1, ge=0, lt=1, description="share of items trained with the null video, for classifier-free guidance"
    )
    guidance_scale: float = Field(default=0.0, ge=0, description="w of classifier-free guidance")
    null_video: Path | None = Field(
        default=None, description=".npy file (D,) with the features of a black video, which guidance steers away from"
    )
    step_seconds: Literal["data"] | float | None = Field(
        default="data",
        description='seconds per step; features at a higher rate are averaged before sampling; "data": as in the '
        "training videos; null: any rate",
    )
    eta: float = Field(default=0.0, ge=0, le=1, description="noise of DDIM sampling: 0 is deterministic, 1 is DDPM")
    guide_final: bool = Field(default=True, description="whether guidance also applies to the last prediction")
    window: int = Field(
        default=WINDOW,
        ge=8,
        le=1_000_000,
        description="steps denoised at a time; longer videos are blended from several windows",
    )
    samples: int = Field(default=8, ge=1, le=1000, description="samples per video; their mean is judged")
    steps: int = Field(default=10, ge=1, description="denoising steps")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if isinstance(self.step_seconds, float) and not self.step_seconds > 0:
            raise ValueError(f"step_seconds must be above 0, got {self.step_seconds}.")
        if self.steps > self.num_train_timesteps:
            raise ValueError(f"steps must be at most num_train_timesteps ({self.num_train_timesteps}).")
        return self


class TargetRecipe(Section):
    """The clean scores in [0, 1] to learn.

    Panels are the default because a network soon memorizes 20 curves per video, but not thousands of panels.
    """

    people: Literal["panels", "each", "mean", "gtscore", "keyshots"] = Field(
        default="panels",
        description="panels: means of random panels of annotators; each: one item per annotator and video; mean: the "
        "mean annotator; gtscore: the file's ground truth; keyshots: 1 in the shots that a knapsack selects by it for "
        "15% of the video, which detectors learn. With one curve per video, the first three are that curve",
    )
    scale: Literal["ranks", "scores", "minmax"] = Field(
        default="ranks",
        description="ranks: each annotator's ranks in the video; scores: as annotated; minmax: scaled to [0, 1]",
    )
    clip: tuple[Share, Share] | None = Field(default=None, description="smallest and largest value of a target")
    panel: int = Field(
        default=4, ge=1, le=10_000, description="annotators in a panel; the spread falls with its square root"
    )
    panels_per_video: int = Field(default=32, ge=1, le=10_000, description="panels drawn per video and step")
    curves_per_video: int = Field(
        default=4, ge=1, le=10_000, description="how many of them are noised and learned from (each: one)"
    )
    expected: bool = Field(
        default=True,
        description="learn the mean of the drawn curves, weighted by likelihood, instead of the noised one",
    )
    smooth_seconds: float = Field(default=0.0, ge=0, description="standard deviation of Gaussian smoothing; 0: off")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.people == "keyshots" and (self.scale == "ranks" or self.smooth_seconds > 0):
            raise ValueError(
                "keyshots are selected by unsmoothed scores: set scale to scores or minmax, and smooth_seconds to 0."
            )
        if self.clip is not None and not self.clip[0] < self.clip[1]:
            raise ValueError(f"clip must increase, got {list(self.clip)}.")
        return self


class AugmentationRecipe(Section):
    """Augmentation: changed copies ("views") of each training video, with descriptors of their own."""

    views: int = Field(default=16, ge=1, le=10_000, description="copies per video; the first is unchanged")
    crop: float = Field(default=0.5, ge=0, le=1, description="share of the copies cropped in time")
    metric: float = Field(
        default=0.5, ge=0, le=1, description="share of the copies with a randomly changed feature space"
    )
    spaces: tuple[Literal["unit", "roots"], ...] = Field(
        default=(),
        description="further uncropped copies; unit: steps scaled to length 1; roots: signed square roots",
    )

    @property
    def count(self) -> int:
        """Number of copies of each video."""
        return self.views + len(self.spaces)


class AlsoRecipe(Section):
    """Another data set to train on; a relational network learns its mean curve from it."""

    kind: DatasetKind = Field(description="the data set")
    data: Path | None = Field(default=None, description="HDF5 file; null: the usual file of its kind in $SUMMDIFF_DATA")
    name: str | None = Field(
        default=None,
        description="name in `trained_on`, for a file with the form of another data set's, such as OVP; null: its kind",
    )
    weight: float = Field(
        default=1.0,
        gt=0,
        description="for relational networks: of the whole data set, relative to all copies of the recipe's own videos",
    )
