"""What a check of a file found, and what it makes of rules that relate keys to each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from summdiff.data.check.look import Found
from summdiff.data.video import DatasetKind


@dataclass(frozen=True, slots=True)
class Rule:
    """How many videos keep a rule that relates their keys to each other.

    Attributes:
        videos: those that have the keys.
        kept: those that keep the rule.
        exactly: for summaries, those where the knapsack gives just what is stored, not only something as good.
    """

    videos: int = 0
    kept: int = 0
    exactly: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What a file holds and what is wrong with it.

    Attributes:
        file, kind, fingerprint: name, data set and SHA-256 of the file.
        videos: groups; with_features: those that have features.
        steps, frames, hours: in total; hours None where a frame rate is missing, or frames are seconds.
        shortest, longest: steps.
        annotators: fewest and most, None without any.
        dimension, dtype: of the features, "mixed" or None where videos differ or there are none.
        segment_ends: how rows of `change_points` end, "inclusive" or "half_open" or "mixed", None without segments.
        rules: by what they say. A rule that more than half of the videos keep is taken to be meant: the others are
            problems then.
        problems: a sentence each, video and key first.
    """

    file: str
    kind: DatasetKind
    fingerprint: str
    videos: int
    with_features: int
    steps: int
    frames: int
    hours: float | None
    shortest: int
    longest: int
    annotators: tuple[int, int] | None
    dimension: int | None
    dtype: str | None
    segment_ends: str | None
    rules: dict[str, Rule]
    problems: tuple[str, ...]

    def facts(self) -> dict[str, str]:
        """What it holds, to print."""
        features = "none"
        if self.with_features:
            features = f"{self.dimension or 'mixed'} {self.dtype}, in {self.with_features} videos"
        users = self.annotators
        return {
            "file": self.file,
            "kind": self.kind,
            "videos": f"{self.videos:,}",
            "steps": f"{self.steps:,}, {self.shortest} to {self.longest} a video",
            "frames": f"{self.frames:,}",
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

    def as_json(self) -> dict[str, Any]:
        """For `json.dumps`."""
        return asdict(self)


def count_rules(found: Sequence[Found]) -> tuple[dict[str, Rule], list[str]]:
    """How many videos keep each rule, and a sentence for those that break one that most keep."""
    rules: dict[str, Rule] = {}
    for video in found:
        for text, (kept, exactly) in video.rules.items():
            rule = rules.get(text, Rule(exactly=None if exactly is None else 0))
            rules[text] = replace(
                rule,
                videos=rule.videos + 1,
                kept=rule.kept + kept,
                exactly=None if exactly is None else (rule.exactly or 0) + exactly,
            )
    # Of several conventions for one key the best is taken to be meant.
    best: dict[str, str] = {}
    for text, rule in rules.items():
        family = text.partition(" by the convention ")[0]
        if family not in best or rule.kept > rules[best[family]].kept:
            best[family] = text
    broken = []
    for text in best.values():
        rule = rules[text]
        if rule.videos / 2 < rule.kept < rule.videos:
            key, _, what = text.partition(" ")
            broken += [
                f"{video.name}: '{key}' is unlike the other videos', where it {what}."
                for video in found
                if text in video.rules and not video.rules[text][0]
            ]
    return rules, broken
