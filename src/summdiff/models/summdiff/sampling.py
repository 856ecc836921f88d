"""From a video's features to samples of its importance curve, for videos of any length.

A long video is cut into overlapping windows. Their predictions are blended at every denoising step with weights that
add up to one, so the windows denoise one curve together and no seam shows; time and memory grow linearly with length.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from summdiff.diffusion.ddim import DDIM
from summdiff.diffusion.guidance import guide
from summdiff.diffusion.schedule import ScheduleName
from summdiff.errors import ModelError, UsageError
from summdiff.models.model import Model, ModelConfig
from summdiff.models.summdiff.network import Prepared, SummDiff
from summdiff.models.summdiff.relational import Relational
from summdiff.models.windows import Windows

_BATCH = 16  # windows denoised at a time; bounds memory


@dataclass(frozen=True, slots=True)
class SamplingConfig(ModelConfig):
    """What a SummDiff is, beside its network.

    Attributes:
        schedule, num_train_timesteps: the noise it was trained with.
        guidance_scale: w used unless another is asked for.
        eta: of the DDIM steps; 0 means that all randomness lies in the initial noise.
        guide_final: whether guidance also reaches the last prediction, which is the answer. The later code only steers
            the way there by it, so that with one step it has no effect.
    """

    schedule: ScheduleName = "cosine"
    num_train_timesteps: int = 1000
    guidance_scale: float = 0.0
    eta: float = 0.0
    guide_final: bool = True

    def __post_init__(self) -> None:
        """Refuse what cannot be sampled with."""
        ModelConfig.__post_init__(self)
        if self.schedule not in get_args(ScheduleName) or self.num_train_timesteps < 1:
            raise ModelError(
                f"The model '{self.id}' asks for unknown noise: '{self.schedule}', {self.num_train_timesteps} times."
            )
        if not (self.guidance_scale >= 0 and 0 <= self.eta <= 1):
            raise ModelError(
                f"The model '{self.id}' has guidance {self.guidance_scale} or eta {self.eta} out of range."
            )


class SamplingModel(Model):
    """A trained SummDiff, which draws importance curves."""

    config: SamplingConfig
    network: SummDiff
    follows = True

    def __init__(
        self, config: SamplingConfig, network: SummDiff, *, provenance: Mapping[str, Any] | None = None
    ) -> None:
        """Wrap a network; it is put into evaluation mode."""
        super().__init__(config, network, provenance=provenance)

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
        readout: str = "scores",
        known: ArrayLike | None = None,
        on_progress: Callable[[float], None] | None = None,
    ) -> NDArray[np.float32]:
        """Draw importance curves (M, N) of one video; see `Model.sample`.

        The same arguments give the same curves on the same machine. Samples come in pairs that start from opposite
        noise, so that noise cancels in their mean. With eta 0, sample m is the same however many are drawn, up to
        rounding.

        Known scores take the place of what is predicted at their steps, at every denoising step, so the state there
        always is what they would be at that noise (replacement, as for inpainting: Lugmayr et al., CVPR 2022).
        """
        cells, inputs = self.look(features, rate=rate, readout=readout, inputs=self.network.config.inputs)
        if samples < 1:
            raise UsageError(f"The number of samples must be at least 1, got {samples}.")
        w = self.config.guidance_scale if guidance_scale is None else guidance_scale
        if not (np.isfinite(w) and w >= 0):
            raise UsageError(f"The guidance scale must be a number from 0, got {w}.")
        ddim = DDIM(num_train_timesteps=self.config.num_train_timesteps, schedule=self.config.schedule)
        ddim.set_timesteps(steps)
        report = on_progress or (lambda share: None)

        network, space = self.network, self.network.config.space
        windows, seconds, condition = self._encoded(inputs, rate=cells.rate)
        null = network.prepare_null(seconds) if w > 0 else None
        given = self.known_in_cells(known, cells)
        scores_given = self._given(given, len(inputs))
        # Mirror images around a mean curve stay that, so one of each pair is enough to denoise
        mirrored = network.config.mean_head and self.config.eta == 0 and null is None
        mirrored = mirrored and (given is None or isinstance(network, Relational))
        noise = paired_noise(len(inputs), samples=samples, seed=seed)[:, :: 2 if mirrored else 1].to(self.device)
        groups: list[tuple[Prepared, Prepared | None]] = []
        at_once = max(1, _BATCH // noise.shape[1])
        for encoded, part in zip(
            torch.split(condition, at_once), torch.split(windows.cut(scores_given), at_once), strict=True
        ):
            fixed = None if part.isnan().all() else part
            unseen = null if null is None or fixed is None else network.prepare_null(seconds, known=fixed)
            groups.append((network.prepare(encoded, seconds, known=fixed), unseen))

        there = ~scores_given.isnan()
        state = noise  # (N, M), or half of them
        eta_noise = torch.Generator().manual_seed(seed + 1)
        for done, t in enumerate(ddim.timesteps, start=1):
            signal = float(ddim.alphas_cumprod[t]) ** 0.5
            steered = w if done < len(ddim.timesteps) or self.config.guide_final else 0.0
            parts = torch.split(windows.cut(state), at_once)
            predicted = (
                self._clean(noisy, t, signal, *group, w=steered) for noisy, group in zip(parts, groups, strict=True)
            )
            clean = self.finite(windows.blend(predicted))  # (N, M)
            clean[there] = space.to_signal(scores_given[there])[:, None]
            state = ddim.step(clean, t, state, eta=self.config.eta, generator=eta_noise)
            report(done / len(ddim.timesteps))
        if mirrored:
            mean = windows.blend(group.mean for group, _ in groups if group.mean is not None)
            both = torch.stack([state, 2 * space.to_signal(mean)[:, None] - state], dim=2)
            state = both.flatten(1)[:, :samples]
        scores = space.to_scores(state).T.cpu().numpy()
        curves = np.stack([cells.interpolate(curve) for curve in scores])
        if known is not None:  # which interpolation between longer steps has blurred
            exact = np.asarray(known, dtype=np.float32)
            curves[:, ~np.isnan(exact)] = exact[~np.isnan(exact)]
        return curves

    @torch.inference_mode()
    def spread(self, features: ArrayLike, *, rate: float, known: ArrayLike | None = None) -> NDArray[np.float32] | None:
        """What a relational network's Gaussian says; see `Model.spread`."""
        network = self.network
        if not isinstance(network, Relational):
            return None
        cells, inputs = self.look(features, rate=rate, readout="scores", inputs=network.config.inputs)
        given = self.known_in_cells(known, cells)
        windows, seconds, condition = self._encoded(inputs, rate=cells.rate)
        scores_given = self._given(given, len(inputs))
        parts = zip(torch.split(condition, _BATCH), torch.split(windows.cut(scores_given), _BATCH), strict=True)
        spread = windows.blend(network.spread(part, seconds, fixed) for part, fixed in parts)
        found = cells.interpolate(self.finite(spread).cpu().numpy())
        if known is not None:
            found[~np.isnan(np.asarray(known, dtype=np.float32))] = 0.0
        return found

    def _encoded(self, inputs: NDArray[np.float32], *, rate: float) -> tuple[Windows, Tensor, Tensor]:
        """Windows over the network's inputs (C, P), seconds (L,) of each one's steps, and its condition (W, L, …)."""
        size, device = self.config.window, self.device
        windows = Windows.over(len(inputs), size=size, overlap=size // 4, device=device)
        # Only differences count, so every window may start at 0
        seconds = torch.arange(windows.size, device=device) / rate
        pieces = torch.split(windows.cut(torch.from_numpy(inputs).to(device)), _BATCH)
        with self.autocast():
            encoded = windows.blend(self.network.encode(piece, seconds).float() for piece in pieces)
        return windows, seconds, windows.cut(self.network.settle(encoded))

    def _given(self, known: NDArray[np.float32] | None, steps: int) -> Tensor:
        """Known scores (C,), NaN where none is."""
        if known is None:
            return torch.full((steps,), torch.nan, device=self.device)
        return torch.from_numpy(known).to(self.device)

    def _clean(
        self, noisy: Tensor, t: int, signal: float, seen: Prepared, unseen: Prepared | None, *, w: float
    ) -> Tensor:
        """Clean signals (W, L, M) of noisy ones (W, L, M), each window with its condition; guided, where it has two."""
        noisy = noisy.transpose(1, 2)  # (W, M, L)
        clean = self._predicted(noisy, t, signal, seen)
        if unseen is not None:
            if w > 0:
                clean = guide(clean, self._predicted(noisy, t, signal, unseen), w)
            clean = self.network.config.space.bounded(clean)
        return clean.transpose(1, 2)

    def _predicted(self, noisy: Tensor, t: int, signal: float, condition: Prepared) -> Tensor:
        """Clean signals (W, M, L) under one condition, all samples at the same time."""
        network = self.network
        when = torch.full((len(noisy), 1), t, device=noisy.device)
        with self.autocast():
            predicted = network.denoise(noisy, when, torch.full_like(when, signal, dtype=noisy.dtype), condition)
        if not network.config.mean_head:  # a clamp on one side would pull the mean of a mirrored pair off
            predicted = predicted.clamp(0, 1)
        return network.config.space.to_signal(predicted)


def paired_noise(steps: int, *, samples: int, seed: int) -> Tensor:
    """Standard normal (N, M) in pairs of opposite sign, each pair drawn on its own so that M changes none of them."""
    generator = torch.Generator().manual_seed(seed)
    drawn = [torch.randn(steps, generator=generator) for _ in range((samples + 1) // 2)]
    return torch.stack([sign * noise for noise in drawn for sign in (1, -1)][:samples], dim=1)
