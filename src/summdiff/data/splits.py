"""Which videos train, validate and test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from summdiff.errors import UsageError


@dataclass(frozen=True, slots=True)
class Split:
    """Three disjoint groups of video names that together are the whole set."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


def k_fold(videos: Sequence[str], *, folds: int = 5, validation: float = 0.2, seed: int = 0) -> tuple[Split, ...]:
    """True k-fold cross-validation: every video is tested exactly once, validation videos come from the training part.

    Args:
        videos: names, each once; their order does not matter.
        folds: k, at least 2.
        validation: share of each fold's training videos that is set apart for choosing when to stop and which settings
            to keep, in [0, 1). Never the test videos.
        seed: of the shuffling.

    Raises:
        UsageError: fewer videos than folds, a name that occurs twice, or a number out of range.
    """
    if len(set(videos)) != len(videos):
        raise UsageError("A video name occurs more than once in the list to split.")
    if not 2 <= folds <= len(videos):
        raise UsageError(f"The number of folds must be from 2 to the number of videos ({len(videos)}), got {folds}.")
    if not 0 <= validation < 1:
        raise UsageError(f"The validation share must be in [0, 1), got {validation}.")
    rng = np.random.default_rng(seed)
    shuffled = [str(name) for name in rng.permutation(sorted(videos))]
    splits = []
    for fold in range(folds):
        test = shuffled[fold::folds]
        rest = [name for name in shuffled if name not in test]
        rest = [str(name) for name in rng.permutation(rest)]
        held = round(validation * len(rest))
        splits.append(
            Split(train=tuple(sorted(rest[held:])), validation=tuple(sorted(rest[:held])), test=tuple(sorted(test)))
        )
    return tuple(splits)
