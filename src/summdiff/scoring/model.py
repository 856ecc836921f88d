"""The interface of all models."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from summdiff.errors import ModelError, UsageError
from summdiff.scoring.inputs import Cells, Condition, Conditioning, checked_features, condition_of
from summdiff.scoring.windows import WINDOW


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Settings of a model besides its network.

    Attributes:
        id: its name.
        conditioning: "relational" (descriptors of any backbone's features), "features" (those of one extractor),
            "both", or "gaussian_prior" (descriptors and places, for a network with a Gaussian prior).
        feature_extractor: the extractor it needs; none where any does.
        step_seconds: length of the steps it was trained on. Features at a higher rate are averaged into such steps, and
            scores interpolated between them. None: any rate is taken as it comes.
        window: steps looked at a time; neighboring windows share a quarter.
    """

    id: str
    conditioning: Conditioning = "relational"
    feature_extractor: str | None = None
    step_seconds: float | None = None
    window: int = WINDOW

    def __post_init__(self) -> None:
        """Check the fields."""
        if self.conditioning not in get_args(Conditioning):
            raise ModelError(f"The model '{self.id}' asks for unknown conditioning '{self.conditioning}'.")
        if self.step_seconds is not None and not self.step_seconds > 0:
            raise ModelError(f"The model '{self.id}' has steps of {self.step_seconds} seconds, out of range.")
        if self.window < 8:
            raise ModelError(f"The model '{self.id}' has a window of {self.window} steps, out of range.")


@dataclass(frozen=True, slots=True)
class Curves:
    """A video's importance curves, all float32 in [0, 1].

    Attributes:
        mean: (N,) what the model expects. Its own mean curve where it has one, which no seed moves; otherwise the mean
            of the samples.
        spread: (N,) standard deviation at each step: the model's own, or that of the samples.
        samples: (M, N) curves drawn; a model that draws none gives its one curve.
    """

    mean: NDArray[np.float32]
    spread: NDArray[np.float32]
    samples: NDArray[np.float32]

    def __repr__(self) -> str:
        return f"Curves({len(self.mean)} steps, {len(self.samples)} samples)"


class Model(ABC):
    """A trained model, which gives importance curves.

        model = load_model("default")
        importance_scores = model.score(features, rate=1.0).mean  # (N,)

    Attributes:
        id, conditioning, feature_extractor: see `ModelConfig`; with `feature_extractor` None any features will do.
        network: the network.
        readouts: the kinds of curve it can return, the default first.
        conditions_on_known: whether known scores at some steps change the scores of the others.
        provenance: how it was trained: recipe, data, and `trained_on`, the videos as `tvsum/video_1`.
    """

    readouts: tuple[str, ...] = ("scores",)
    conditions_on_known: bool = False
    network: Any

    def __init__(self, config: ModelConfig, network: Any, *, provenance: Mapping[str, Any] | None = None) -> None:
        """Wrap a network."""
        self.provenance = dict(provenance or {})
        self.config = config
        self.network = network
        self.id = config.id
        self.conditioning = config.conditioning
        self.feature_extractor = config.feature_extractor
        self._last: tuple[bytes, tuple[Cells, Condition]] | None = None

    def __repr__(self) -> str:
        needs = f", features of {self.feature_extractor}" if self.feature_extractor else ""
        return f"{type(self).__name__}('{self.id}', {self.conditioning}{needs})"

    @abstractmethod
    def score(
        self,
        features: ArrayLike,
        *,
        rate: float,
        samples: int = 8,
        steps: int = 10,
        seed: int = 0,
        guidance_scale: float | None = None,
        readout: str = "scores",
        known: ArrayLike | None = None,
        on_progress: Callable[[float], None] | None = None,
    ) -> Curves:
        """Return the importance curves of one video.

        A model that does not sample returns its one curve and ignores `samples`, `steps`, `seed` and `guidance_scale`.

        Args:
            features: (N, D), N >= 1, any float type.
            rate: steps per second.
            samples: M, curves to draw.
            steps: denoising steps.
            seed: of the noise.
            guidance_scale: w of classifier-free guidance; none takes the model's own.
            readout: one of `readouts`.
            known: (N,) known scores in [0, 1], NaN where unknown. The curves are conditioned on them and equal them at
                their steps (at the model's own steps, if those are longer). Only for a model that
                `conditions_on_known`.
            on_progress: called with the finished share, rising to 1.

        Raises:
            ModelError: features that are not finite or not (N, D), or that have another D than the model was made for.
            UsageError: `samples` or `steps` out of range, a guidance scale that is not a number from 0, an unknown
                readout, or known scores that do not fit the features or the model.
        """

    def sample(self, features: ArrayLike, *, rate: float, **how: Any) -> NDArray[np.float32]:
        """Return `score(...).samples`, (M, N)."""
        return self.score(features, rate=rate, **how).samples

    def finite(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return values as they are.

        Raises:
            ModelError: some are not finite numbers.
        """
        if not np.isfinite(values).all():
            raise ModelError(
                f"The model '{self.id}' gives scores that are not finite numbers, as damaged or diverged weights do: "
                "use another one, or train it anew."
            )
        return values

    def known_in_cells(self, known: ArrayLike | None, cells: Cells) -> NDArray[np.float32] | None:
        """Return known scores (C,) of the network's own steps, NaN where none is; None where there is none at all.

        Raises:
            UsageError: as `score`.
        """
        if known is None:
            return None
        scores, steps = np.asarray(known, dtype=np.float32), int(cells.size.sum())
        if not self.conditions_on_known:
            raise UsageError(f"The model '{self.id}' cannot be given known scores: it would not follow them.")
        there = ~np.isnan(scores)
        if scores.shape != (steps,) or not ((scores[there] >= 0) & (scores[there] <= 1)).all():
            raise UsageError(f"Known scores must be {steps} numbers from 0 to 1, or NaN where none is known.")
        counts = np.add.reduceat(there.astype(np.int64), cells.first)
        sums = np.add.reduceat(np.where(there, scores, 0.0), cells.first)
        found = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan).astype(np.float32)
        return found if there.any() else None

    def condition_of(self, features: ArrayLike, *, rate: float, readout: str) -> tuple[Cells, Condition]:
        """Return which of the given steps lie in each of the model's own steps, and the condition at these.

        Raises:
            ModelError, UsageError: as `score`.
        """
        if readout not in self.readouts:
            raise UsageError(f"The model '{self.id}' has no readout '{readout}': use {' or '.join(self.readouts)}.")
        x = checked_features(features, rate=rate)
        # The same video is often asked about again, under other constraints: its relations take longest.
        key = hashlib.blake2b(np.ascontiguousarray(x).data, key=repr((x.shape, x.dtype, rate)).encode()[:64]).digest()
        last = self._last  # taken once, as threads may share a model
        if last is None or last[0] != key:
            over = Cells.over(len(x), rate=rate, seconds=self.config.step_seconds)
            last = (key, (over, condition_of(over.average(x), rate=over.rate, conditioning=self.conditioning)))
            self._last = last
        cells, condition = last[1]
        too_many = condition.inputs.shape[1] - self.network.facts.inputs
        if too_many:
            raise ModelError(
                f"The model '{self.id}' needs features of {x.shape[1] - too_many} dimensions, got {x.shape[1]}."
            )
        return cells, condition
