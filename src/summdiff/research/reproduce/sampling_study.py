"""Measure the benefits of a sampling model on test videos, compared with simpler methods.

Three claims: the model's spread predicts where annotators disagree and how likely a shot is in a summary; a few samples
cover several annotators; some known scores of an annotator improve the rest of the curve.

Simpler methods: for samples, the mean curve plus white or smooth noise, scaled so that a single noisy curve agrees with
annotators as well as a single sample; for the spread, the mean curve itself; for known scores, the mean curve shifted
near them by their difference from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from summdiff.data.video import AnnotatedVideo
from summdiff.evaluation import Measure
from summdiff.metrics.fscore import f1_scores
from summdiff.metrics.rank import kendall_tau, rank_correlation_table, spearman_rho
from summdiff.metrics.segments import Segments
from summdiff.research.training.targets import ranks, smooth
from summdiff.scoring.model import Model

SAMPLES = 64
GROUP = 4  # samples that together cover the annotators
KNOWN_SHARE = 0.1  # of the steps
WIDTHS_S = (2.0, 4.0, 8.0, 16.0, 32.0)  # of the Gaussian by which known scores shift the curve around them
_SMOOTH_STEPS = 0.52  # deviation of the Gaussian at which neighbors correlate by 0.39, as annotators' residuals do
_BINS = 10
_NOISE = ("white noise", "smooth noise")

MEASURES = (
    Measure("spread_rho", "rho with disagreement", False, "Spearman's rho over steps with annotators' disagreement"),
    Measure("brier", "Brier score", False, "squared error of the probability that a shot is in an annotator's summary"),
    Measure("group_tau", f"best tau of {GROUP}", False, f"tau of each annotator with the best of {GROUP} curves"),
    Measure("group_f1", f"best F1 of {GROUP}", False, f"F1 of each annotator's summary with the best of {GROUP}"),
    Measure("single_tau", "tau of one curve", False, "tau of a single curve with an annotator"),
    Measure(
        "known_tau",
        f"tau, {KNOWN_SHARE:.0%} known",
        False,
        f"tau with an annotator at the other steps, given the annotator's scores at {KNOWN_SHARE:.0%}",
    ),
)
LOWER_IS_BETTER = frozenset({"brier"})

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SampledVideo:
    """A video with samples of a model.

    Attributes:
        video, model: the two.
        curves: (M, N) samples.
        mean, spread: (N,) the model's own mean curve and standard deviation.
        noise: (2, M, N) white and smooth noise of deviation 1.
    """

    video: AnnotatedVideo
    model: Model
    curves: Array
    mean: Array
    spread: Array
    noise: Array

    @classmethod
    def draw(cls, model: Model, video: AnnotatedVideo, *, seed: int) -> SampledVideo:
        """Draw samples and noise, in pairs of opposite sign."""
        drawn = model.score(video.need_features(), rate=video.rate, samples=SAMPLES, seed=seed)
        curves, mean, spread = (curve.astype(np.float64) for curve in (drawn.samples, drawn.mean, drawn.spread))
        rng = np.random.default_rng([seed, len(video.picks)])
        half = rng.standard_normal((SAMPLES // 2, curves.shape[1])).astype(np.float32)
        noise = []
        for values in (half, smooth(half, _SMOOTH_STEPS)):
            unit = values / values.std()
            noise.append(np.stack([unit, -unit], axis=1).reshape(SAMPLES, -1))
        return cls(video, model, curves, mean, spread, np.array(noise, dtype=np.float64))

    def noisy(self, noise: int, size: float) -> Array:
        """Return the mean curve plus white (0) or smooth (1) noise of a deviation, (M, N)."""
        curves: Array = self.mean + size * self.noise[noise]
        return curves

    def segments(self) -> Segments:
        """Return the data set's segments, from which a summary of 15% is chosen."""
        return Segments.of(self.video.picks, self.video.n_frames, self.video.need_change_points())


def study_samples(videos: Sequence[tuple[Model, AnnotatedVideo]], *, seed: int) -> dict[str, Any]:
    """Measure samples and the simpler methods on test videos of their model.

    Returns:
        The fields of `MeasuredValues`; rows are "samples" and the simpler methods.
    """
    drawn = sorted((SampledVideo.draw(model, video, seed=seed) for model, video in videos), key=lambda d: d.video.name)
    sizes = [equal_noise(drawn, noise) for noise in range(len(_NOISE))]
    rows: dict[str, dict[str, list[float]]] = {}
    probabilities: dict[str, list[tuple[Array, Array]]] = {"samples": [], "white noise": []}

    def add(row: str, **values: float) -> None:
        for measure, value in values.items():
            rows.setdefault(row, {}).setdefault(measure, []).append(float(value))

    for one in drawn:
        curves = {"samples": one.curves} | {name: one.noisy(i, sizes[i]) for i, name in enumerate(_NOISE)}
        for name, row_curves in curves.items():
            tau, f1 = coverage(one, row_curves)
            add(name, group_tau=tau, group_f1=f1, single_tau=single_tau(one, row_curves))
        for name, pairs in probabilities.items():
            pairs.append(in_summary(one, curves[name]))
            add(name, brier=brier(*pairs[-1]))
        share = probabilities["samples"][-1][1]
        add("same chance", brier=brier(np.full_like(share, share.mean()), share))
        for name, rho in disagreement_rho(one).items():
            add(name, spread_rho=rho)
        for name, tau in known_scores(one, seed=seed).items():
            add(name, known_tau=tau)
    columns = {name: {"calibration_error": calibration_error(pairs)} for name, pairs in probabilities.items()}
    return {
        "names": [one.video.name for one in drawn],
        "groups": None,
        "rows": rows,
        "about": {"selection": "as the run that was trained", "noise": sizes, "columns": columns},
    }


def single_tau(drawn: SampledVideo, curves: Array) -> float:
    """Return Kendall's tau of a single curve of (M, N) with an annotator, on average."""
    return float(rank_correlation_table(curves, drawn.video.need_user_scores())[0].mean())


def equal_noise(videos: Sequence[SampledVideo], noise: int) -> float:
    """Return the size of noise at which a single noisy curve is as good as a single sample, over all videos."""
    target = np.mean([single_tau(drawn, drawn.curves) for drawn in videos])
    low, high = 0.0, 3.0
    for _ in range(20):
        middle = (low + high) / 2
        tau = np.mean([single_tau(drawn, drawn.noisy(noise, middle)) for drawn in videos])
        low, high = (middle, high) if tau > target else (low, middle)
    return (low + high) / 2


def coverage(drawn: SampledVideo, curves: Array) -> tuple[float, float]:
    """Measure how well groups of `GROUP` curves out of (M, N) cover the annotators, on average over groups.

    Returns:
        For each annotator and the best of a group: Kendall's tau of the curves, and F1 of their summaries.
    """
    taus = rank_correlation_table(curves, drawn.video.need_user_scores())[0]  # (M, U)
    segments = drawn.segments()
    f1 = f1_scores(segments.summary(segments.choose(curves)), drawn.video.need_user_summary())
    tau_of_best, f1_of_best = (t.reshape(-1, GROUP, t.shape[1]).max(axis=1).mean() for t in (taus, f1))
    return float(tau_of_best), float(f1_of_best)


def disagreement_rho(drawn: SampledVideo) -> dict[str, float]:
    """Return Spearman's rho over steps of the annotators' disagreement with predictors of it, by row.

    "samples" is the model's own standard deviation, "spread of samples" that of the drawn samples.
    """
    disagreement = ranks(drawn.video.need_user_scores()).std(axis=0)
    predictors = {"samples": drawn.spread, "spread of samples": drawn.curves.std(axis=0), "mean curve": drawn.mean}
    return {name: spearman_rho(curve, disagreement) for name, curve in predictors.items()}


def in_summary(drawn: SampledVideo, curves: Array) -> tuple[Array, Array]:
    """Return for each segment the share of curves (M, N) and of annotators whose summary contains it, (S,) each."""
    segments = drawn.segments()
    length = segments.ends - segments.starts
    chosen = segments.counts(drawn.video.need_user_summary()) > length / 2  # (U, S)
    return segments.choose(curves).mean(axis=0), chosen.mean(axis=0)


def brier(predicted: Array, share: Array) -> float:
    """Return the mean squared error (Brier score) of predicted probabilities (S,) against shares (S,) of annotators."""
    return float((share * (1 - predicted) ** 2 + (1 - share) * predicted**2).mean())


def calibration_error(pairs: Sequence[tuple[Array, Array]]) -> float:
    """Return the mean distance of predicted and actual shares in ten bins of the predicted, weighted by bin size."""
    predicted, actual = (np.concatenate([pair[i] for pair in pairs]) for i in (0, 1))
    bins = np.minimum((predicted * _BINS).astype(int), _BINS - 1)
    return float(
        sum(
            (bins == b).mean() * abs(predicted[bins == b].mean() - actual[bins == b].mean())
            for b in range(_BINS)
            if (bins == b).any()
        )
    )


def known_scores(drawn: SampledVideo, *, seed: int) -> dict[str, float]:
    """Return Kendall's tau with an annotator at 90% of the steps, given the annotator's scores at the others, by row.

    "samples" is the model's mean curve given the known scores, "mean curve" its mean curve without them. "shifted
    within 8 s" and so on is the mean curve plus the known differences from it, weighted by a Gaussian of the distance
    in time. Values are means over annotators.
    """
    video = drawn.video
    scores, targets = video.need_user_scores(), ranks(video.need_user_scores())
    rng = np.random.default_rng([seed, len(video.picks)])
    n = scores.shape[1]
    times = np.arange(n) / video.rate
    taus: dict[str, list[float]] = {}
    for own_scores, target in zip(scores, targets, strict=True):
        at = np.sort(rng.choice(n, size=max(1, round(KNOWN_SHARE * n)), replace=False))
        other_steps = np.setdiff1d(np.arange(n), at)
        known = np.full(n, np.nan, dtype=np.float32)
        known[at] = target[at]
        conditioned = drawn.model.score(
            video.need_features(), rate=video.rate, samples=2, steps=1, seed=seed, known=known
        ).mean.astype(np.float64)
        curves: dict[str, Array] = {"samples": conditioned, "mean curve": drawn.mean}
        difference = target[at] - drawn.mean[at]
        for width in WIDTHS_S:
            near = np.exp(-(((times[:, None] - times[at]) / width) ** 2) / 2)
            curves[f"shifted within {width:g} s"] = drawn.mean + near @ difference / (near.sum(axis=1) + 0.5)
        for name, curve in curves.items():
            taus.setdefault(name, []).append(kendall_tau(curve[other_steps], own_scores[other_steps]))
    return {name: float(np.mean(values)) for name, values in taus.items()}
