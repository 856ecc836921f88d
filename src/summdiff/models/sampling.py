"""From a video's features to samples of its importance curve, for videos of any length.

A long video is cut into overlapping windows. Their predictions are blended at every denoising step with weights that
add up to one, so the windows denoise one curve together and no seam shows; time and memory grow linearly with length.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from summdiff.diffusion.ddim import DDIM
from summdiff.diffusion.guidance import guide
from summdiff.diffusion.schedule import ScheduleName
from summdiff.errors import ModelError, UsageError
from summdiff.features.relational import describe
from summdiff.models.summdiff import Prepared, SummDiff

Conditioning = Literal["relational", "features", "both"]

WINDOW = 256  # steps; 47 of TVSum's 50 videos fit in one
_BATCH = 16  # windows denoised at a time; bounds memory


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """What a model is, beside its network.

    Attributes:
        id: its name.
        conditioning: "relational" (descriptors of any backbone's features), "features" (those of one extractor), or
            "both".
        feature_extractor: the extractor it needs; none where any does.
        schedule, num_train_timesteps: the noise it was trained with.
        guidance_scale: w used unless another is asked for.
        step_seconds: length of the steps it was trained on. Features at a higher rate are averaged into such steps, and
            scores interpolated between them. None: any rate is taken as it comes.
        eta: of the DDIM steps; 0 means that all randomness lies in the initial noise.
        guide_final: whether guidance also reaches the last prediction, which is the answer. The later code only steers
            the way there by it, so that with one step it has no effect.
        window: steps denoised at a time; neighbouring windows share a quarter.
    """

    id: str
    conditioning: Conditioning = "relational"
    feature_extractor: str | None = None
    schedule: ScheduleName = "cosine"
    num_train_timesteps: int = 1000
    guidance_scale: float = 0.0
    step_seconds: float | None = None
    eta: float = 0.0
    guide_final: bool = True
    window: int = WINDOW

    def __post_init__(self) -> None:
        """Refuse what cannot be sampled with."""
        if self.conditioning not in get_args(Conditioning):
            raise ModelError(f"The model '{self.id}' asks for unknown conditioning '{self.conditioning}'.")
        if self.schedule not in get_args(ScheduleName) or self.num_train_timesteps < 1:
            raise ModelError(
                f"The model '{self.id}' asks for unknown noise: '{self.schedule}', {self.num_train_timesteps} times."
            )
        if not (self.guidance_scale >= 0 and 0 <= self.eta <= 1 and self.window >= 8):
            raise ModelError(
                f"The model '{self.id}' has guidance {self.guidance_scale}, eta {self.eta} or window {self.window} out "
                "of range."
            )


class Model:
    """A trained SummDiff that draws importance curves.

        model = load_model("default")
        importance_scores = model.sample(features, rate=1.0)  # (8, N)

    Attributes:
        id, conditioning, feature_extractor: see `ModelConfig`; with `feature_extractor` None any features will do.
        network: the weights.
        provenance: how it was trained: recipe, data, and `trained_on`, the videos as `tvsum/video_1`.
    """

    def __init__(self, config: ModelConfig, network: SummDiff, *, provenance: Mapping[str, Any] | None = None) -> None:
        """Wrap a network; it is put into evaluation mode."""
        self.provenance = dict(provenance or {})
        self.config = config
        self.network = network.eval()
        self.id = config.id
        self.conditioning = config.conditioning
        self.feature_extractor = config.feature_extractor

    @torch.inference_mode()
    def sample(
        self,
        features: ArrayLike,
        *,
        rate: float,
        samples: int = 8,
        steps: int = 10,
        seed: int = 0,
        guidance_scale: float | None = None,
        on_progress: Callable[[float], None] | None = None,
    ) -> NDArray[np.float32]:
        """Draw importance curves for one video.

        The same arguments give the same curves on the same machine. Samples come in pairs that start from opposite
        noise, so that noise cancels in their mean. With eta 0, sample m is the same however many are drawn, up to
        rounding.

        Args:
            features: (N, D), N >= 1, any float type.
            rate: steps per second.
            samples: M, curves to draw.
            steps: denoising steps.
            seed: of the noise.
            guidance_scale: w of classifier-free guidance; none takes the model's own.
            on_progress: called with the share that is done, rising to 1.

        Returns:
            (M, N) float32 in [0, 1].

        Raises:
            ModelError: features that are not finite or not (N, D), or that have another D than the model was made for.
            UsageError: `samples` or `steps` out of range, or a guidance scale that is not a number from 0.
        """
        x = checked_features(features, rate=rate)
        cells = Cells.over(len(x), rate=rate, seconds=self.config.step_seconds)
        inputs = condition_inputs(cells.average(x), rate=cells.rate, conditioning=self.conditioning)
        too_many = inputs.shape[1] - self.network.config.inputs
        if too_many:
            raise ModelError(
                f"The model '{self.id}' needs features of {x.shape[1] - too_many} dimensions, got {x.shape[1]}."
            )
        if samples < 1:
            raise UsageError(f"The number of samples must be at least 1, got {samples}.")
        w = self.config.guidance_scale if guidance_scale is None else guidance_scale
        if not (np.isfinite(w) and w >= 0):
            raise UsageError(f"The guidance scale must be a number from 0, got {w}.")
        ddim = DDIM(num_train_timesteps=self.config.num_train_timesteps, schedule=self.config.schedule)
        ddim.set_timesteps(steps)
        report = on_progress or (lambda share: None)

        network, space = self.network, self.network.config.space
        windows = Windows.over(len(inputs), size=self.config.window, overlap=self.config.window // 4)
        seconds = torch.arange(windows.size) / cells.rate  # only differences count, so every window may start at 0
        pieces = torch.split(windows.cut(torch.from_numpy(inputs)), _BATCH)
        whole = network.settle(windows.blend(network.encode(piece, seconds) for piece in pieces))
        condition = windows.cut(whole)  # (W, L, C)
        null = network.encode_null(seconds) if w > 0 else None
        groups = [
            network.prepare(encoded if null is None else torch.cat([encoded, null.expand_as(encoded)]), seconds)
            for encoded in torch.split(condition, max(1, _BATCH // samples))
        ]

        state = paired_noise(len(inputs), samples=samples, seed=seed)  # (N, M)
        eta_noise = torch.Generator().manual_seed(seed + 1)
        for done, t in enumerate(ddim.timesteps, start=1):
            signal = float(ddim.alphas_cumprod[t]) ** 0.5
            steered = w if done < len(ddim.timesteps) or self.config.guide_final else 0.0
            parts = torch.split(windows.cut(state), max(1, _BATCH // samples))
            clean = windows.blend(
                self._clean(noisy, t, signal, group, guided=null is not None, w=steered)
                for noisy, group in zip(parts, groups, strict=True)
            )  # (N, M)
            state = ddim.step(clean, t, state, eta=self.config.eta, generator=eta_noise)
            report(done / len(ddim.timesteps))
        scores = space.to_scores(state).T.numpy()
        return np.stack([cells.interpolate(curve) for curve in scores])

    def _clean(self, noisy: Tensor, t: int, signal: float, group: Prepared, *, guided: bool, w: float) -> Tensor:
        """Clean signals (W, L, M) of noisy ones (W, L, M), each window with its condition; guided, by half of them."""
        noisy = noisy.transpose(1, 2)  # (W, M, L)
        if guided:  # with and without the video, in one batch
            noisy = torch.cat([noisy, noisy])
        when = torch.full(noisy.shape[:2], t)
        predicted = self.network.denoise(noisy, when, torch.full(when.shape, signal), group)
        if not self.network.config.mean_head:  # a clamp on one side would pull the mean of a mirrored pair off
            predicted = predicted.clamp(0, 1)
        clean = self.network.config.space.to_signal(predicted)
        if guided:
            with_video, without = torch.chunk(clean, 2)
            clean = self.network.config.space.bounded(guide(with_video, without, w))
        return clean.transpose(1, 2)


def checked_features(features: ArrayLike, *, rate: float) -> NDArray[np.floating[Any]]:
    """Features as an array (N, D) of floats.

    Raises:
        ModelError: they are not (N, D) finite numbers, or the rate is not a positive number.
    """
    x = np.asarray(features)
    if x.ndim != 2 or 0 in x.shape or not (np.issubdtype(x.dtype, np.number) or x.dtype == bool):
        raise ModelError(f"Features must be numbers of shape (steps, dimensions), got {x.dtype} of shape {x.shape}.")
    if not np.issubdtype(x.dtype, np.floating):
        x = x.astype(np.float64)
    if not np.isfinite(x).all():
        raise ModelError("Features must be finite; at least one is NaN or infinite.")
    if not (np.isfinite(rate) and rate > 0):
        raise ModelError(f"The rate must be a positive number of steps per second, got {rate}.")
    return x


def condition_inputs(features: ArrayLike, *, rate: float, conditioning: Conditioning) -> NDArray[np.float32]:
    """What conditions the network, (N, P): relational descriptors, the features themselves, or these and then those."""
    own = np.asarray(features, dtype=np.float32)
    if conditioning == "features":
        return own
    relations = describe(features, rate=rate)
    return relations if conditioning == "relational" else np.concatenate([own, relations], axis=1)


@dataclass(frozen=True, slots=True)
class Cells:
    """How N given steps are grouped into the longer steps that a model was trained on.

    Attributes:
        rate: cells per second.
        first: (C,) each cell's first step.
        size: (C,) how many steps it has.
    """

    rate: float
    first: NDArray[np.int64]
    size: NDArray[np.int64]

    @classmethod
    def over(cls, steps: int, *, rate: float, seconds: float | None) -> Cells:
        """Cells of `seconds`; the steps themselves where those are not much shorter, or if there is no such length."""
        if seconds is None or rate * seconds < 1.5:
            return cls(rate=rate, first=np.arange(steps), size=np.ones(steps, dtype=np.int64))
        cell = np.floor(np.arange(steps) / (rate * seconds) + 1e-9).astype(np.int64)
        _, first, size = np.unique(cell, return_index=True, return_counts=True)
        return cls(rate=1 / seconds, first=first, size=size)

    def average(self, x: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """Mean of the steps (N, D) of each cell, (C, D)."""
        if len(self.first) == len(x):
            return x
        # Halves overflow in sums.
        wide = x.astype(np.float32) if x.dtype == np.float16 else x
        means: NDArray[np.floating[Any]] = np.add.reduceat(wide, self.first, axis=0) / self.size[:, None]
        return means

    def interpolate(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Values (N,) at the given steps of values (C,) at the cells' centres."""
        steps = np.arange(int(self.size.sum()))
        return np.interp(steps, self.first + (self.size - 1) / 2, values).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Windows:
    """Overlapping windows over N steps.

    Attributes:
        steps: N.
        size: L, steps of each window.
        index: (W, L) the steps in each window.
        weights: (W, L) how much each window's value counts; per step they add up to one.
    """

    steps: int
    size: int
    index: Tensor
    weights: Tensor

    @classmethod
    def over(cls, steps: int, *, size: int = WINDOW, overlap: int = WINDOW // 4) -> Windows:
        """Windows of at most `size` steps, evenly placed, each sharing at least `overlap` steps with the next."""
        size = min(size, steps)
        count = 1 if size == steps else 1 + math.ceil((steps - size) / (size - overlap))
        starts = torch.linspace(0, steps - size, count, dtype=torch.float64).round().long()
        index = starts[:, None] + torch.arange(size)
        # Rising from one end, flat, falling to the other: where two windows overlap one fades into the other.
        edge = torch.minimum(torch.arange(size), torch.arange(size).flip(0)) + 0.5
        weights = edge.clamp(max=overlap).expand(count, size)
        total = torch.zeros(steps).index_add_(0, index.flatten(), weights.flatten())
        return cls(steps=steps, size=size, index=index, weights=weights / total[index])

    def cut(self, values: Tensor) -> Tensor:
        """The windows (W, L, ...) of values (N, ...)."""
        return values[self.index]

    def blend(self, parts: Iterable[Tensor]) -> Tensor:
        """Values (N, ...) from those of the windows, (W, L, ...), given in order as pieces (w, L, ...)."""
        blended = torch.zeros(0)
        first = 0
        for part in parts:
            rows = slice(first, first + len(part))
            if first == 0:
                blended = part.new_zeros(self.steps, *part.shape[2:])
            weights = self.weights[rows].reshape(len(part), self.size, *[1] * (part.ndim - 2))
            blended.index_add_(0, self.index[rows].flatten(), (part * weights).flatten(0, 1))
            first += len(part)
        return blended


def paired_noise(steps: int, *, samples: int, seed: int) -> Tensor:
    """Standard normal (N, M) in pairs of opposite sign, each pair drawn on its own so that M changes none of them."""
    generator = torch.Generator().manual_seed(seed)
    drawn = [torch.randn(steps, generator=generator) for _ in range((samples + 1) // 2)]
    return torch.stack([sign * noise for noise in drawn for sign in (1, -1)][:samples], dim=1)
