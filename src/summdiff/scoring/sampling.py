"""Sample importance curves of a video of any length.

A long video is cut into overlapping windows. Their predictions are blended at every denoising step with weights that
add up to one, so the windows denoise one curve together and no seam shows; time and memory grow linearly with length.

Shapes: N steps of the video, W windows of L steps, M samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from summdiff.errors import ModelError, UsageError
from summdiff.scoring.ddim import DDIM
from summdiff.scoring.gaussian import ScorePosterior
from summdiff.scoring.guidance import guide
from summdiff.scoring.inputs import Condition
from summdiff.scoring.model import Curves, Model, ModelConfig
from summdiff.scoring.networks import DenoisingNetwork, Encoded
from summdiff.scoring.schedule import ScheduleName
from summdiff.scoring.windows import Windows

_BATCH = 16  # curves denoised at a time, windows × samples; bounds memory

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
class _Group:
    """Windows that are denoised together.

    Attributes:
        rows: which windows.
        conditional, unconditional: from `DenoisingNetwork.prepare`, for the video and, with guidance, for no video.
        posteriors: of each window, with a prior.
    """

    rows: slice
    conditional: Any
    unconditional: Any | None
    posteriors: list[ScorePosterior] | None


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
        groups = list(self._groups(video, at_once=max(1, _BATCH // noise.shape[1]), guided=w > 0))
        state = self._denoise(noise, ddim, video, groups, w=w, seed=seed, on_progress=on_progress)

        own = self._mean(video, groups) if has_own_mean else None
        if mirrored and own is not None:
            pairs = np.stack([state, 2 * facts.space.to_signal(own)[:, None] - state], axis=2)
            state = pairs.reshape(len(pairs), -1)[:, :samples]
        drawn = facts.space.to_scores(state).T
        mean = drawn.mean(axis=0) if own is None else own.clip(0, 1)
        spread = drawn.std(axis=0)
        if facts.prior is not None:
            deviations = (np.stack([each.deviation for each in group.posteriors or ()]) for group in groups)
            spread = windows.blend(part.astype(np.float32) for part in deviations)
        return self._at_steps(cells, mean, spread, drawn, known)

    def _encode(self, condition: Condition, known: Array | None, *, rate: float) -> _Encoded:
        """Encode a video, window by window."""
        network, facts = self.network, self.network.facts
        windows = Windows.over(len(condition), size=self.config.window, overlap=self.config.window // 4)
        seconds = (np.arange(windows.size) / rate).astype(np.float32)
        places = None if facts.prior is None else condition.places
        cut = windows.cut(condition.inputs)
        parts = [network.encode(cut[i : i + _BATCH], seconds) for i in range(0, len(cut), _BATCH)]
        mean = scale = None
        if facts.mean is not None:
            raw = _joined(parts, "curves")
            if facts.prior is not None and places is not None:
                raw = np.stack(
                    [
                        facts.prior.smooth(curve[:, 0], where, seconds, noise=facts.guess_noise)[:, None]
                        for curve, where in zip(raw, windows.cut(places), strict=True)
                    ]
                ).astype(np.float32)
            mean = self.finite(facts.mean.finalize(windows.blend([raw]).T))
        if facts.prior is not None:
            scale = np.exp(windows.blend([_joined(parts, "log_scale")]))
        return _Encoded(windows, seconds, windows.blend([_joined(parts, "tokens")]), mean, scale, places, known)

    def _groups(self, video: _Encoded, *, at_once: int, guided: bool) -> Iterator[_Group]:
        """Prepare a few windows at a time, and with guidance the null video beside them."""
        windows = video.windows
        null = null_tokens = None
        if guided:
            null, nothing = _without_video(video), np.zeros((1, windows.size, self.network.facts.inputs), np.float32)
            null_tokens = self.network.encode(nothing, video.seconds, null=True).tokens  # (1, L, C)
        for first in range(0, len(windows.starts), at_once):
            parts = [slice(start, start + windows.size) for start in windows.starts[first : first + at_once]]
            tokens = np.stack([video.tokens[part] for part in parts])
            conditional, posteriors = self._prepare(video, tokens, parts)
            unconditional = None
            if null is not None and null_tokens is not None:
                unconditional, _ = self._prepare(null, null_tokens.repeat(len(parts), axis=0), parts)
            yield _Group(slice(first, first + at_once), conditional, unconditional, posteriors)

    def _prepare(self, video: _Encoded, tokens: Array, parts: list[slice]) -> tuple[Any, list[ScorePosterior] | None]:
        """Return what the network prepares of windows with tokens (W, L, C), and their posteriors with a prior."""
        posteriors = self._posteriors(video, parts)
        mean = self._window_means(video.mean, parts, posteriors)
        return self.network.prepare(tokens, video.seconds, mean=mean, posteriors=posteriors), posteriors

    def _posteriors(self, video: _Encoded, parts: list[slice]) -> list[ScorePosterior] | None:
        """Return the Gaussian over each window's curve, given the known scores in it; None without a prior."""
        prior = self.network.facts.prior
        if prior is None or video.mean is None or video.places is None or video.scale is None:
            return None
        found = []
        for part in parts:
            covariance = prior.covariance(video.places[part], video.seconds, video.scale[part])
            known = None if video.known is None else video.known[part]
            found.append(ScorePosterior.of(video.mean[part], covariance, known))
        return found

    def _window_means(
        self, mean: Array | None, parts: list[slice], posteriors: list[ScorePosterior] | None
    ) -> Array | None:
        """Return means (W, L): the posteriors', or the mean curve as it is."""
        if posteriors is not None:
            return np.stack([posterior.mean for posterior in posteriors]).astype(np.float32)
        return None if mean is None else np.stack([mean[part] for part in parts])

    def _mean(self, video: _Encoded, groups: list[_Group]) -> Array:
        """Return the network's own mean curve (N,), given known scores if it has a prior."""
        if self.network.facts.prior is None:
            assert video.mean is not None  # noqa: S101 (the facts say that there is one)
            return video.mean
        means = (np.stack([each.mean for each in group.posteriors or ()]) for group in groups)
        return video.windows.blend(part.astype(np.float32) for part in means)

    def _denoise(
        self,
        noise: Array,
        ddim: DDIM,
        video: _Encoded,
        groups: list[_Group],
        *,
        w: float,
        seed: int,
        on_progress: Callable[[float], None] | None,
    ) -> Array:
        """Return the clean signals (N, M) that noise (N, M) is denoised to."""
        windows, space = video.windows, self.network.facts.space
        there = None if video.known is None else ~np.isnan(video.known)
        state, eta_noise = noise, np.random.default_rng([seed, 1])
        for done, t in enumerate(ddim.timesteps, start=1):
            signal = float(ddim.alphas_cumprod[t]) ** 0.5
            steered = w if done < len(ddim.timesteps) or self.config.guide_final else 0.0
            noisy = np.ascontiguousarray(windows.cut(state).transpose(0, 2, 1))  # (W, M, L)
            clean = windows.blend(
                self._clean(noisy[group.rows], t, signal, group, w=steered).transpose(0, 2, 1) for group in groups
            )
            self.finite(clean)
            if there is not None and video.known is not None:
                clean[there] = space.to_signal(video.known[there])[:, None]
            state = ddim.step(clean, t, state, eta=self.config.eta, generator=eta_noise)
            if on_progress is not None:
                on_progress(done / len(ddim.timesteps))
        return state

    def _clean(self, noisy: Array, t: int, signal: float, group: _Group, *, w: float) -> Array:
        """Return clean signals (W, M, L) of noisy ones, guided where there is a null video."""
        clean = self._predicted(noisy, t, signal, group.conditional)
        if group.unconditional is not None:
            if w > 0:
                clean = guide(clean, self._predicted(noisy, t, signal, group.unconditional), w)
            clean = self.network.facts.space.bounded(clean)
        return clean

    def _predicted(self, noisy: Array, t: int, signal: float, condition: Any) -> Array:
        """Return clean signals (W, M, L) under one condition."""
        scores = self.network.denoise(noisy, t, signal, condition)
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
