"""Report of a check, and counts of the videos that keep each rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from summdiff.data.check._videos import VideoCheck
from summdiff.data.video import DatasetKind


@dataclass(frozen=True, slots=True)
class RuleCount:
    """Number of videos that keep a rule about their keys.

    Attributes:
        videos: videos that have the keys.
        kept: videos that keep the rule.
        exactly: for summaries, videos whose stored summary equals our knapsack's, not only in value.
    """

    videos: int = 0
    kept: int = 0
    exactly: int | None = None


@dataclass(frozen=True, slots=True)
class FileReport:
    """Content and problems of a file.

    Attributes:
        file, kind, fingerprint: name, data set and SHA-256 of the file.
        videos, with_features: number of videos, and of those with features.
        steps, frames, hours: totals; hours is None if a frame rate is missing.
        feature_steps: rows of features that are at other frames than the steps.
        shortest, longest: steps of the shortest and longest video.
        annotators: fewest and most; None without any.
        dimension, dtype: of the features; None or "mixed" if videos differ.
        segment_ends: "inclusive", "half_open" or "mixed" ends of `change_points`; None without segments.
        rates: number of videos by the source of their frame rate, see `AnnotatedVideo.fps_source`.
        impossible: what cannot be done with the file, a sentence each.
        rules: counts by the text of the rule. If more than half of the videos keep a rule, breaking it is a problem.
        problems: one sentence each, video and key first.
    """

    file: str
    kind: DatasetKind
    fingerprint: str
    videos: int
    with_features: int
    steps: int
    feature_steps: int
    frames: int
    hours: float | None
    shortest: int
    longest: int
    annotators: tuple[int, int] | None
    dimension: int | None
    dtype: str | None
    segment_ends: str | None
    rates: dict[str, int]
    impossible: tuple[str, ...]
    rules: dict[str, RuleCount]
    problems: tuple[str, ...]

    def facts(self) -> dict[str, str]:
        """Return the content as text by heading."""
        features = "none"
        if self.with_features:
            features = f"{self.dimension or 'mixed'} {self.dtype}, in {self.with_features} videos"
            if self.feature_steps:
                features += f", at {self.feature_steps:,} frames of their own"
        users = self.annotators
        return {
            "file": self.file,
            "kind": self.kind,
            "videos": f"{self.videos:,}",
            "steps": f"{self.steps:,}, {self.shortest} to {self.longest} per video",
            "frames": f"{self.frames:,}",
            "frame rate": self._rates(),
            "hours": "unknown, there is no frame rate" if self.hours is None else f"{self.hours:.2f}",
            "annotators": "none"
            if users is None
            else str(users[0])
            if users[0] == users[1]
            else f"{users[0]} to {users[1]}",
            "features": features,
            "segments": "none" if self.segment_ends is None else f"{self.segment_ends.replace('_', '-')} ends",
            "sha256": self.fingerprint,
        }

    def _rates(self) -> str:
        texts = {
            "file": "in the file",
            "known": "of the original videos, recognized by frames and steps",
            "given": "as given",
            "": "missing",
        }
        parts = [(texts[source], self.rates[source]) for source in texts if source in self.rates]
        return parts[0][0] if len(parts) == 1 else ", ".join(f"{text} in {count} videos" for text, count in parts)

    def as_json(self) -> dict[str, Any]:
        """Return everything for `json.dumps`."""
        return asdict(self)


def impossible(kind: DatasetKind, checks: Sequence[VideoCheck]) -> tuple[str, ...]:
    """Say what cannot be done with videos of a data set, for lack of keys."""

    def lacking(*keys: str) -> int:
        return sum(not video.keys.intersection(keys) for video in checks)

    every = len(checks)
    rateless = sum(not video.rate_source for video in checks)
    featureless = sum(video.dimension is None for video in checks)
    says = []
    if featureless:
        says.append(f"training, and judging a model: {featureless} of {every} videos have no features")
    if rateless:
        shots = "" if kind == "summe" else ", and MAP"
        says.append(
            f"training, judging a model{shots}: {rateless} of {every} videos have no frame rate; add --fps (recipes: "
            "fps=) or an attribute 'fps'"
        )
    if kind == "tvsum" and (count := lacking("user_scores")):
        says.append(
            f"tau and rho: {count} of {every} videos have no 'user_scores'; add --annotations with the original ones"
        )
    for key in ("change_points", "gt_summary") if kind == "mr_hisum" else ("change_points", "user_summary"):
        count = lacking(key, "gtsummary") if key == "gt_summary" else lacking(key)
        if kind in ("tvsum", "mr_hisum") and count:
            says.append(f"F1: {count} of {every} videos have no '{key}'")
    return tuple(says)


def count_rules(checks: Sequence[VideoCheck]) -> tuple[dict[str, RuleCount], list[str]]:
    """Count the videos that keep each rule; return a sentence for each breach of a rule that most videos keep."""
    rules: dict[str, RuleCount] = {}
    for video in checks:
        for text, (kept, exactly) in video.rules.items():
            rule = rules.get(text, RuleCount(exactly=None if exactly is None else 0))
            rules[text] = replace(
                rule,
                videos=rule.videos + 1,
                kept=rule.kept + kept,
                exactly=None if exactly is None else (rule.exactly or 0) + exactly,
            )
    # Among conventions of the same key, use the one that most videos follow.
    best: dict[str, str] = {}
    for text, rule in rules.items():
        family = text.partition(" by the convention ")[0]
        if family not in best or rule.kept > rules[best[family]].kept:
            best[family] = text
    broken = []
    for text in best.values():
        rule = rules[text]
        if rule.videos / 2 < rule.kept < rule.videos:
            key, _, sentence = text.partition(" ")
            broken += [
                f"{video.name}: '{key}' is unlike the other videos', where it {sentence}."
                for video in checks
                if text in video.rules and not video.rules[text][0]
            ]
    return rules, broken
