"""What every trained model offers, whatever network is in it."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from summdiff.devices import find_device
from summdiff.errors import ModelError, UsageError
from summdiff.models.contract import Network
from summdiff.models.inputs import Cells, Conditioning, checked_features, condition_inputs
from summdiff.models.windows import WINDOW

Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """What a model is, beside its network.

    Attributes:
        id: its name.
        conditioning: "relational" (descriptors of any backbone's features), "features" (those of one extractor), or
            "both".
        feature_extractor: the extractor it needs; none where any does.
        step_seconds: length of the steps it was trained on. Features at a higher rate are averaged into such steps, and
            scores interpolated between them. None: any rate is taken as it comes.
        window: steps looked at a time; neighbouring windows share a quarter.
    """

    id: str
    conditioning: Conditioning = "relational"
    feature_extractor: str | None = None
    step_seconds: float | None = None
    window: int = WINDOW

    def __post_init__(self) -> None:
        """Refuse what no video can be shown to."""
        if self.conditioning not in get_args(Conditioning):
            raise ModelError(f"The model '{self.id}' asks for unknown conditioning '{self.conditioning}'.")
        if self.step_seconds is not None and not self.step_seconds > 0:
            raise ModelError(f"The model '{self.id}' has steps of {self.step_seconds} seconds, out of range.")
        if self.window < 8:
            raise ModelError(f"The model '{self.id}' has a window of {self.window} steps, out of range.")


class Model(ABC):
    """A trained model, which gives importance curves.

        model = load_model("default")
        importance_scores = model.sample(features, rate=1.0)  # (8, N)

    Attributes:
        id, conditioning, feature_extractor: see `ModelConfig`; with `feature_extractor` None any features will do.
        network: the weights.
        device, precision: where and how it computes; see `to`.
        readouts: the ways in which it gives curves, the usual one first.
        follows: whether scores that are known at some steps change what it says of the others.
        provenance: how it was trained: recipe, data, and `trained_on`, the videos as `tvsum/video_1`.
    """

    readouts: tuple[str, ...] = ("scores",)
    follows: bool = False

    def __init__(self, config: ModelConfig, network: Network, *, provenance: Mapping[str, Any] | None = None) -> None:
        """Wrap a network; it is put into evaluation mode."""
        self.provenance = dict(provenance or {})
        self.config = config
        self.network = network.eval()
        self.id = config.id
        self._last: tuple[bytes, tuple[Cells, NDArray[np.float32]]] | None = None
        self.device, self.precision = torch.device("cpu"), "float32"
        self.conditioning = config.conditioning
        self.feature_extractor = config.feature_extractor

    def to(self, device: str | torch.device, *, precision: Precision = "float32") -> Self:
        """Compute on a device from here on, and return this model. Curves come back to the processor as before.

        Args:
            device: "cpu", "cuda", "cuda:1", …; "auto" for a CUDA device where there is one.
            precision: "bfloat16" for products of matrices and attention in half precision (autocast), which is faster
                where the hardware multiplies such numbers, and changes scores a little.

        Raises:
            UsageError: there is no such device here, or no such precision.
        """
        if precision not in get_args(Precision):
            raise UsageError(f"There is no precision '{precision}': use {' or '.join(get_args(Precision))}.")
        wanted = find_device(device)
        self.network.to(wanted)
        self.device, self.precision = wanted, precision
        return self

    def autocast(self) -> torch.autocast:
        """The context in which its network computes."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.precision == "bfloat16")

    @abstractmethod
    def sample(
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
    ) -> NDArray[np.float32]:
        """Importance curves of one video, of which the mean is what the model says.

        A model that has but one opinion gives one curve, whatever is asked for, and has no use for the other numbers.

        Args:
            features: (N, D), N >= 1, any float type.
            rate: steps per second.
            samples: M, curves to draw.
            steps: denoising steps.
            seed: of the noise.
            guidance_scale: w of classifier-free guidance; none takes the model's own.
            readout: one of `readouts`.
            known: (N,) scores in [0, 1] that are known, NaN where none is: the curves are drawn given these, and have
                them at their steps (at the model's own steps, if those are longer). For a model that `follows` only.
            on_progress: called with the share that is done, rising to 1.

        Returns:
            (M, N) float32 in [0, 1].

        Raises:
            ModelError: features that are not finite or not (N, D), or that have another D than the model was made for.
            UsageError: `samples` or `steps` out of range, a guidance scale that is not a number from 0, an unknown
                readout, or known scores that do not fit the features or the model.
        """

    def spread(self, features: ArrayLike, *, rate: float, known: ArrayLike | None = None) -> NDArray[np.float32] | None:
        """The standard deviation (N,) that any number of samples would have at each step, if the model knows it.

        A few samples say it only roughly. None where the model does not know better than they. Arguments and errors as
        for `sample`.
        """
        return None

    def predict(
        self, features: ArrayLike, mask: ArrayLike | None = None, *, rate: float | None = None, **how: Any
    ) -> NDArray[np.float32]:
        """One curve of each of several videos: the mean of what `sample` gives.

        Args:
            features: (B, N, D), padded at the end to the longest.
            mask: (B, N) true where there is a step; none: everywhere.
            rate: steps per second; none: as the model was trained, or 1.
            how: what else `sample` takes.

        Returns:
            (B, N) float32 in [0, 1], 0 in the padding.
        """
        x = np.asarray(features)
        real = np.ones(x.shape[:2], dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
        if x.ndim != 3 or real.shape != x.shape[:2]:
            raise ModelError(f"Features must be (videos, steps, dimensions) and fit their mask, got shape {x.shape}.")
        each = rate if rate is not None else 1 / (self.config.step_seconds or 1.0)
        scores = np.zeros(real.shape, dtype=np.float32)
        for video, steps, row in zip(x, real, scores, strict=True):
            row[steps] = self.sample(video[steps], rate=each, **how).mean(axis=0)
        return scores

    def finite(self, scores: Tensor) -> Tensor:
        """Scores as they are.

        Raises:
            ModelError: some are not finite numbers.
        """
        if not bool(scores.isfinite().all()):
            raise ModelError(
                f"The model '{self.id}' gives scores that are not finite numbers, as damaged or diverged weights do: "
                "use another one, or train it anew."
            )
        return scores

    def known_in_cells(self, known: ArrayLike | None, cells: Cells) -> NDArray[np.float32] | None:
        """Known scores (C,) of the network's own steps, NaN where none is; None where there is none at all.

        Raises:
            UsageError: as `sample`.
        """
        if known is None:
            return None
        scores, steps = np.asarray(known, dtype=np.float32), int(cells.size.sum())
        if not self.follows:
            raise UsageError(f"The model '{self.id}' cannot be given known scores: it would not follow them.")
        there = ~np.isnan(scores)
        if scores.shape != (steps,) or not ((scores[there] >= 0) & (scores[there] <= 1)).all():
            raise UsageError(f"Known scores must be {steps} numbers from 0 to 1, or NaN where none is known.")
        counts = np.add.reduceat(there.astype(np.int64), cells.first)
        sums = np.add.reduceat(np.where(there, scores, 0.0), cells.first)
        found = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan).astype(np.float32)
        return found if there.any() else None

    def look(self, features: ArrayLike, *, rate: float, readout: str, inputs: int) -> tuple[Cells, NDArray[np.float32]]:
        """What the network sees of features, (C, P), and which of the given steps lie in each of its C steps.

        Raises:
            ModelError, UsageError: as `sample`.
        """
        if readout not in self.readouts:
            raise UsageError(f"The model '{self.id}' has no readout '{readout}': use {' or '.join(self.readouts)}.")
        x = checked_features(features, rate=rate)
        # The same video is often asked about again, under other wishes: its relations take longest.
        key = hashlib.blake2b(np.ascontiguousarray(x).data, key=repr((x.shape, x.dtype, rate)).encode()[:64]).digest()
        last = self._last  # taken once, as threads may share a model
        if last is None or last[0] != key:
            over = Cells.over(len(x), rate=rate, seconds=self.config.step_seconds)
            last = (key, (over, condition_inputs(over.average(x), rate=over.rate, conditioning=self.conditioning)))
            self._last = last
        cells, seen = last[1]
        too_many = seen.shape[1] - inputs
        if too_many:
            raise ModelError(
                f"The model '{self.id}' needs features of {x.shape[1] - too_many} dimensions, got {x.shape[1]}."
            )
        return cells, seen
