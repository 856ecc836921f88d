"""Sample importance curves of a video of any length.

A long video is cut into overlapping windows, which denoise one curve together (`window_denoising`): no seam
shows, and time grows linearly with length.

Shapes: N steps of the video, W windows of L steps, M samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from summdiff._runtime import one_blas_thread, side_by_side
from summdiff.errors import ModelError, UsageError
from summdiff.scoring.ddim import DDIM
from summdiff.scoring.gaussian import ScorePosterior
from summdiff.scoring.guidance import guide
from summdiff.scoring.inputs import Condition
from summdiff.scoring.model import Curves, Model, ModelConfig
from summdiff.scoring.networks import DenoisingNetwork, Encoded
from summdiff.scoring.schedule import ScheduleName
from summdiff.scoring.window_denoising import WindowNetwork, denoise
from summdiff.scoring.windows import Windows

_BATCH = 4  # windows encoded at a time; bounds memory

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SamplingConfig(ModelConfig):
    """Settings of a SummDiff besides its network.

    Attributes:
        schedule, num_train_timesteps: the noise it was trained with.
        guidance_scale: w, unless another is given.
        eta: of the DDIM steps; 0 means that all randomness lies in the initial noise.
        guide_final: whether guidance also applies to the last prediction, which is the result. The authors' later code
            guides only the steps before it, so with a single step guidance has no effect.
    """

    schedule: ScheduleName = "cosine"
    num_train_timesteps: int = 1000
    guidance_scale: float = 0.0
    eta: float = 0.0
    guide_final: bool = True

    def __post_init__(self) -> None:
        """Check the fields."""
        ModelConfig.__post_init__(self)
        if self.schedule not in get_args(ScheduleName) or self.num_train_timesteps < 1:
            raise ModelError(
                f"The model '{self.id}' asks for unknown noise: '{self.schedule}', {self.num_train_timesteps} times."
            )
        if not (self.guidance_scale >= 0 and 0 <= self.eta <= 1):
            raise ModelError(
                f"The model '{self.id}' has guidance {self.guidance_scale} or eta {self.eta} out of range."
            )


@dataclass(frozen=True, slots=True)
class _Encoded:
    """A whole video as the denoiser is conditioned on it.

    Attributes:
        windows: over its steps.
        seconds: (L,) of each window's steps; only differences count, so every window starts at 0.
        tokens: (N, C).
        mean: (N,) mean curve before anything is known; None where the network has none.
        scale: (N,) expected disagreement, with a prior.
        places: (N, E), with a prior.
        known: (N,) known scores, NaN where unknown; None if there are none.
    """

    windows: Windows
    seconds: Array
    tokens: Array
    mean: Array | None
    scale: Array | None
    places: Array | None
    known: Array | None


@dataclass(frozen=True, slots=True)
class _Prepared:
    """Condition of one window, from `DenoisingNetwork.prepare`: its video and, with guidance, no video."""

    conditional: Any
    unconditional: Any | None


class _Gaussians:
    """Mean and deviation of the Gaussian over each window's curve, of a network with a prior.

    Attributes:
        means, deviations: (L,) of each window that was prepared.
    """

    def __init__(self) -> None:
        self.means: dict[int, Array] = {}
        self.deviations: dict[int, Array] = {}

    def add(self, window: int, posterior: ScorePosterior) -> None:
        """Keep those of a window."""
        self.means[window] = posterior.mean.astype(np.float32)
        self.deviations[window] = posterior.deviation.astype(np.float32)


class SamplingModel(Model):
    """A trained SummDiff, which draws importance curves."""

    config: SamplingConfig
    network: DenoisingNetwork

    def __init__(
        self, config: SamplingConfig, network: DenoisingNetwork, *, provenance: Mapping[str, Any] | None = None
    ) -> None:
        """Wrap a network."""
        super().__init__(config, network, provenance=provenance)
        self.conditions_on_known = network.facts.joint_denoising or network.facts.prior is not None

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
        """Return mean, spread and samples of one video; see `Model.score`.

        The same arguments give the same curves on the same machine. Samples come in pairs that start from opposite
        noise, so that noise cancels in their mean. With eta 0, sample m is the same however many are drawn, up to
        rounding.

        The mean is the network's own where it has one: given known scores if it has a prior, and without guidance,
        which moves the mean as well.

        Known scores replace the prediction at their steps in every denoising step, so the state there always equals
        the known scores at that noise level (replacement, as for inpainting: Lugmayr et al., CVPR 2022).
        """
        with one_blas_thread():
            return self._score(features, rate, samples, steps, seed, guidance_scale, readout, known, on_progress)

    def _score(
        self,
        features: ArrayLike,
        rate: float,
        samples: int,
        steps: int,
        seed: int,
        guidance_scale: float | None,
        readout: str,
        known: ArrayLike | None,
        on_progress: Callable[[float], None] | None,
    ) -> Curves:
        cells, given = self.condition_of(features, rate=rate, readout=readout)
        if samples < 1:
            raise UsageError(f"The number of samples must be at least 1, got {samples}.")
        w = self.config.guidance_scale if guidance_scale is None else guidance_scale
        if not (np.isfinite(w) and w >= 0):
            raise UsageError(f"The guidance scale must be a number from 0, got {w}.")
        ddim = DDIM(num_train_timesteps=self.config.num_train_timesteps, schedule=self.config.schedule)
        ddim.set_timesteps(steps)

        video = self._encode(given, self.known_in_cells(known, cells), rate=cells.rate)
        facts, windows = self.network.facts, video.windows
        has_own_mean = facts.mean is not None and w == 0 and (video.known is None or facts.prior is not None)
        # Samples that mirror each other around the mean need only one of each pair to be denoised
        mirrored = has_own_mean and self.config.eta == 0
        noise = paired_noise(len(given), samples=samples, seed=seed)[:, :: 2 if mirrored else 1]
        gaussians = _Gaussians()
        state = denoise(
            noise,
            windows,
            ddim,
            WindowNetwork(
                self._preparation(video, gaussians, guided=w > 0), partial(self._clean, ddim, w=w), self.finite
            ),
            known=None if video.known is None else facts.space.to_signal(video.known),
            eta=self.config.eta,
            generator=np.random.default_rng([seed, 1]),
            on_progress=on_progress or (lambda share: None),
        )

        own = self._mean(video, gaussians) if has_own_mean else None
        if mirrored and own is not None:
            pairs = np.stack([state, 2 * facts.space.to_signal(own)[:, None] - state], axis=2)
            state = pairs.reshape(len(pairs), -1)[:, :samples]
        drawn = facts.space.to_scores(state).T
        mean = drawn.mean(axis=0) if own is None else own.clip(0, 1)
        spread = drawn.std(axis=0)
        if facts.prior is not None:
            spread = windows.blend([np.stack([gaussians.deviations[n] for n in range(len(windows.starts))])])
        return self._at_steps(cells, mean, spread, drawn, known)

    def _encode(self, condition: Condition, known: Array | None, *, rate: float) -> _Encoded:
        """Encode a video, window by window."""
        network, facts = self.network, self.network.facts
        windows = Windows.over(len(condition), size=self.config.window, overlap=self.config.window // 4)
        seconds = (np.arange(windows.size) / rate).astype(np.float32)
        places = None if facts.prior is None else condition.places
        cut = windows.cut(condition.inputs)
        parts = side_by_side(
            lambda first: network.encode(cut[first : first + _BATCH], seconds), range(0, len(cut), _BATCH)
        )
        mean = scale = None
        if facts.mean is not None:
            raw = _joined(parts, "curves")
            if facts.prior is not None and places is not None:
                smooth = partial(facts.prior.smooth, seconds=seconds, noise=facts.guess_noise)
                smoothed = side_by_side(
                    lambda window: smooth(raw[window, :, 0], places[windows.span(window)]), range(len(raw))
                )
                raw = np.stack(smoothed)[..., None].astype(np.float32)
            mean = self.finite(facts.mean.finalize(windows.blend([raw]).T))
        if facts.prior is not None:
            scale = np.exp(windows.blend([_joined(parts, "log_scale")]))
        return _Encoded(windows, seconds, windows.blend([_joined(parts, "tokens")]), mean, scale, places, known)

    def _preparation(self, video: _Encoded, gaussians: _Gaussians, *, guided: bool) -> Callable[[int], _Prepared]:
        """Return a function that prepares a window, and with guidance the null video beside it."""
        null = null_tokens = None
        if guided:
            null = _without_video(video)
            nothing = np.zeros((1, video.windows.size, self.network.facts.inputs), np.float32)
            null_tokens = self.network.encode(nothing, video.seconds, null=True).tokens  # (1, L, C)

        def prepare(window: int) -> _Prepared:
            steps = video.windows.span(window)
            posterior = self._posterior(video, steps)
            if posterior is not None:
                gaussians.add(window, posterior)
            unconditional = None
            if null is not None and null_tokens is not None:
                unconditional = self._condition(null, null_tokens, steps, self._posterior(null, steps))
            return _Prepared(self._condition(video, video.tokens[None, steps], steps, posterior), unconditional)

        return prepare

    def _condition(self, video: _Encoded, tokens: Array, steps: slice, posterior: ScorePosterior | None) -> Any:
        """Return what the network prepares of a window with tokens (1, L, C)."""
        mean = video.mean if video.mean is None else video.mean[None, steps]
        if posterior is not None:
            mean = posterior.mean[None].astype(np.float32)
        posteriors = None if posterior is None else [posterior]
        return self.network.prepare(tokens, video.seconds, mean=mean, posteriors=posteriors)

    def _posterior(self, video: _Encoded, steps: slice) -> ScorePosterior | None:
        """Return the Gaussian over a window's curve, given the known scores in it; None without a prior."""
        prior = self.network.facts.prior
        if prior is None or video.mean is None or video.places is None or video.scale is None:
            return None
        covariance = prior.covariance(video.places[steps], video.seconds, video.scale[steps])
        return ScorePosterior.of(video.mean[steps], covariance, None if video.known is None else video.known[steps])

    def _mean(self, video: _Encoded, gaussians: _Gaussians) -> Array:
        """Return the network's own mean curve (N,), given known scores if it has a prior."""
        if self.network.facts.prior is None:
            assert video.mean is not None  # noqa: S101 (the facts say that there is one)
            return video.mean
        return video.windows.blend([np.stack([gaussians.means[n] for n in range(len(video.windows.starts))])])

    def _clean(self, ddim: DDIM, noisy: Array, number: int, prepared: _Prepared, *, w: float) -> Array:
        """Return clean signals (M, L) of noisy ones at a place in the list of time steps, guided by a null video."""
        clean = self._predicted(ddim, noisy, number, prepared.conditional)
        if prepared.unconditional is not None:
            if number + 1 < len(ddim.timesteps) or self.config.guide_final:
                clean = guide(clean, self._predicted(ddim, noisy, number, prepared.unconditional), w)
            clean = self.network.facts.space.bounded(clean)
        return clean

    def _predicted(self, ddim: DDIM, noisy: Array, number: int, condition: Any) -> Array:
        """Return clean signals (M, L) under one condition."""
        t = ddim.timesteps[number]
        signal = float(ddim.alphas_cumprod[t]) ** 0.5
        scores = self.network.denoise(np.ascontiguousarray(noisy)[None], t, signal, condition)[0]
        if self.network.facts.mean is None:  # clipping on one side would move the mean of a mirrored pair
            scores = scores.clip(0, 1)
        return self.network.facts.space.to_signal(scores)

    def _at_steps(self, cells: Any, mean: Array, spread: Array, drawn: Array, known: ArrayLike | None) -> Curves:
        """Return curves at the steps that were given, with exactly the known scores, which interpolation blurs."""
        mean, spread = cells.interpolate(self.finite(mean)), cells.interpolate(self.finite(spread))
        samples = np.stack([cells.interpolate(curve) for curve in drawn])
        if known is not None:
            exact = np.asarray(known, dtype=np.float32)
            there = ~np.isnan(exact)
            mean[there], spread[there], samples[:, there] = exact[there], 0.0, exact[there]
        return Curves(mean, spread, samples)


def paired_noise(steps: int, *, samples: int, seed: int) -> Array:
    """Draw standard normal (N, M) in pairs of opposite sign, one pair after the other: M changes none of them."""
    generator = np.random.default_rng(seed)
    drawn = [generator.standard_normal(steps, dtype=np.float32) for _ in range((samples + 1) // 2)]
    return np.stack([sign * noise for noise in drawn for sign in (1, -1)][:samples], axis=1)


def _without_video(video: _Encoded) -> _Encoded:
    """Return what guidance guides away from: a flat mean curve, and steps that are all alike."""
    return replace(
        video,
        mean=None if video.mean is None else np.full_like(video.mean, 0.5),
        scale=None if video.scale is None else np.ones_like(video.scale),
        places=None if video.places is None else np.zeros_like(video.places),
    )


def _joined(parts: list[Encoded], name: str) -> Array:
    return np.concatenate([getattr(part, name) for part in parts])
