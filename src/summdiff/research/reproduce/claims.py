"""What only a generative summariser can do, measured on videos that the model did not see, beside simpler ways.

Each function gives rows for one TVSum video; `summdiff.research.reproduce.default_model` draws intervals over videos.

Simpler ways: for samples, copies of the mean curve with noise, white or smooth, whose size is set so that a single copy
agrees with annotators just as well as a single sample does; for the spread, the mean curve itself; for a few known
scores, shifting the curve by what is known nearby.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from summdiff.data.video import AnnotatedVideo
from summdiff.metrics.fscore import f1_scores
from summdiff.metrics.rank import kendall_tau, rank_correlation_table, spearman_rho
from summdiff.metrics.segments import Segments
from summdiff.research.training.targets import ranks, smooth
from summdiff.scoring.model import Model

SAMPLES = 64
TOGETHER = 4  # samples that are to cover the annotators
SMOOTH_STEPS = 0.52  # deviation of the Gaussian that makes neighbours correlate by 0.39, as annotators' departures do
KNOWN = 0.1  # share of the steps
SHIFTS = (2.0, 4.0, 8.0, 16.0, 32.0)  # seconds
BINS = 10

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A video with the model's samples (M, N), mean curve and spread (N,), and noise (2, M, N), white and smooth."""

    video: AnnotatedVideo
    model: Model
    curves: Array
    mean: Array
    spread: Array
    noise: Array

    @classmethod
    def of(cls, model: Model, video: AnnotatedVideo, *, seed: int) -> Drawn:
        """Draw them; samples and noise in pairs of opposite sign."""
        found = model.score(video.need_features(), rate=video.rate, samples=SAMPLES, seed=seed)
        curves, mean, spread = (each.astype(np.float64) for each in (found.samples, found.mean, found.spread))
        rng = np.random.default_rng([seed, len(video.picks)])
        half = rng.standard_normal((SAMPLES // 2, curves.shape[1])).astype(np.float32)
        noise = []
        for one in (half, smooth(half, SMOOTH_STEPS)):
            unit = one / one.std()
            noise.append(np.stack([unit, -unit], axis=1).reshape(SAMPLES, -1))
        return cls(video, model, curves, mean, spread, np.array(noise, dtype=np.float64))

    def copies(self, kind: int, size: float) -> Array:
        """(M, N) copies of the mean curve with white (0) or smooth (1) noise of a deviation."""
        noisy: Array = self.mean + size * self.noise[kind]
        return noisy

    def segments(self) -> Segments:
        """The data set's, under a budget of 15 %."""
        return Segments.of(self.video.picks, self.video.n_frames, self.video.need_change_points())


def quality_of_one(drawn: Drawn, curves: Array) -> float:
    """Kendall's tau of a single curve of (M, N) with an annotator, on average."""
    return float(rank_correlation_table(curves, drawn.video.need_user_scores())[0].mean())


def equal_noise(videos: Sequence[Drawn], kind: int) -> float:
    """The size of noise at which a single copy is as good as a single sample, over all videos."""
    wanted = np.mean([quality_of_one(drawn, drawn.curves) for drawn in videos])
    low, high = 0.0, 3.0
    for _ in range(20):
        middle = (low + high) / 2
        good = np.mean([quality_of_one(drawn, drawn.copies(kind, middle)) for drawn in videos])
        low, high = (middle, high) if good > wanted else (low, middle)
    return (low + high) / 2


def coverage(drawn: Drawn, curves: Array) -> tuple[float, float]:
    """How well a few samples cover the annotators, on average over groups of `TOGETHER` of (M, N).

    Returns:
        Of each annotator with the best of a group: Kendall's tau of the curves, and F1 of the summaries they give.
    """
    taus = rank_correlation_table(curves, drawn.video.need_user_scores())[0]  # (M, U)
    segments = drawn.segments()
    f1 = f1_scores(segments.summary(segments.choose(curves)), drawn.video.need_user_summary())
    of_groups = [table.reshape(-1, TOGETHER, table.shape[1]).max(axis=1).mean() for table in (taus, f1)]
    return float(of_groups[0]), float(of_groups[1])


def spread_and_disagreement(drawn: Drawn) -> dict[str, float]:
    """Spearman's rho over steps of annotators' disagreement with what might foretell it.

    Returns:
        "spread": the standard deviation that the model says samples have; "of samples": that of those drawn; "mean
        curve": the mean curve itself.
    """
    video = drawn.video
    disagreement = ranks(video.need_user_scores()).std(axis=0)
    said = {"spread": drawn.spread, "of samples": drawn.curves.std(axis=0), "mean curve": drawn.mean}
    return {name: spearman_rho(curve, disagreement) for name, curve in said.items()}


def in_summary(drawn: Drawn, curves: Array) -> tuple[Array, Array]:
    """For each segment the share of curves (M, N), and of annotators, in whose summary it is, (S,) each."""
    segments = drawn.segments()
    length = segments.ends - segments.starts
    theirs = segments.counts(drawn.video.need_user_summary()) > length / 2  # (U, S)
    return segments.choose(curves).mean(axis=0), theirs.mean(axis=0)


def brier(foreseen: Array, found: Array) -> float:
    """Mean squared error of probabilities (S,) against each annotator's yes or no, of whom a share (S,) says yes."""
    return float((found * (1 - foreseen) ** 2 + (1 - found) * foreseen**2).mean())


def calibration_error(pairs: Sequence[tuple[Array, Array]]) -> float:
    """Mean distance of what is foreseen and what is found, in bins of what is foreseen, weighted by their size."""
    foreseen, found = (np.concatenate([pair[i] for pair in pairs]) for i in (0, 1))
    which = np.minimum((foreseen * BINS).astype(int), BINS - 1)
    return float(
        sum(
            (which == b).mean() * abs(foreseen[which == b].mean() - found[which == b].mean())
            for b in range(BINS)
            if (which == b).any()
        )
    )


def known_scores(drawn: Drawn, *, seed: int) -> dict[str, float]:
    """Kendall's tau with an annotator at 90 % of the steps when that annotator's scores at the others are known.

    Returns:
        Means over annotators: "conditioned", the mean of what is sampled given them; "unconditioned"; and "shifted by
        8 s" and so on, the unconditioned curve plus what is known of the difference, weighted by a Gaussian of the
        distance in time.
    """
    video = drawn.video
    scores, theirs = video.need_user_scores(), ranks(video.need_user_scores())
    rng = np.random.default_rng([seed, len(video.picks)])
    n = scores.shape[1]
    times = np.arange(n) / video.rate
    found: dict[str, list[float]] = {}
    for said, wanted in zip(scores, theirs, strict=True):
        at = np.sort(rng.choice(n, size=max(1, round(KNOWN * n)), replace=False))
        rest = np.setdiff1d(np.arange(n), at)
        known = np.full(n, np.nan, dtype=np.float32)
        known[at] = wanted[at]
        given: Array = drawn.model.score(
            video.need_features(), rate=video.rate, samples=2, steps=1, seed=seed, known=known
        ).mean.astype(np.float64)
        curves: dict[str, Array] = {"conditioned": given, "unconditioned": drawn.mean}
        surprise = wanted[at] - drawn.mean[at]
        for seconds in SHIFTS:
            near = np.exp(-(((times[:, None] - times[at]) / seconds) ** 2) / 2)
            curves[f"shifted by {seconds:g} s"] = drawn.mean + near @ surprise / (near.sum(axis=1) + 0.5)
        for name, curve in curves.items():
            found.setdefault(name, []).append(kendall_tau(curve[rest], said[rest]))
    return {name: float(np.mean(values)) for name, values in found.items()}
