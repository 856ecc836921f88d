"""Which videos of which file a run trains on, validates on and tests."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from summdiff.data.h5 import AnnotatedFile
from summdiff.data.registry import open_dataset
from summdiff.data.splits import Split, k_fold, read_splits, with_validation
from summdiff.errors import DataError, UsageError
from summdiff.research.training.recipe import Recipe


@dataclass(frozen=True)
class Videos:
    """A data set's file and the parts of a run.

    Attributes:
        data: the file.
        split: names; a run by `summdiff train` has no test part.
    """

    data: AnnotatedFile
    split: Split

    @cached_property
    def sha256(self) -> str:
        """Of the file."""
        return self.data.fingerprint()

    @cached_property
    def fingerprint(self) -> str:
        """Of the file and of the names in each part: the same only where a run sees the same."""
        names = "\n".join((*self.split.train, "", *self.split.validation, "", *self.split.test))
        return hashlib.sha256(f"{self.sha256}\n{names}".encode()).hexdigest()

    def describe(self) -> dict[str, Any]:
        """What a result says of its data."""
        return {"file": self.data.path.name, "kind": self.data.kind, "sha256": self.sha256, "videos": len(self.data)}


def open_data(recipe: Recipe) -> AnnotatedFile:
    """The recipe's file.

    Raises:
        DataError, UsageError: there is none, or it is not of the kind that the recipe says.
    """
    return open_dataset(recipe.data_path(), recipe.kind, recipe.annotations)


def further_data(recipe: Recipe) -> list[AnnotatedFile]:
    """The files of the recipe's further data sets.

    Raises:
        DataError, UsageError: one is missing, or is not of the kind that the recipe says.
    """
    return [open_dataset(path, also.kind) for path, also in zip(recipe.also_paths(), recipe.also, strict=True)]


def names_with_features(data: AnnotatedFile) -> tuple[str, ...]:
    """Names of the videos that a model can look at."""
    return tuple(name for name in data.names if data.feature_shape(name) is not None)


def to_train(recipe: Recipe, say: Callable[[str], None]) -> Videos:
    """The recipe's videos for one run: a fold of its `splits`, or all of the file, with `hold_out` of them to validate.

    A run that keeps the best epoch has to have some: without `hold_out` it holds out `validation`, as a fold would.

    Raises:
        DataError: no video has features, or the splits do not fit the file.
        UsageError: the file of splits has no such fold, or nothing is left to train on.
    """
    data = open_data(recipe)
    names = _with_features(data, say)
    if recipe.splits is None:
        split = Split(train=names, validation=(), test=())
    else:
        splits = _published(recipe, data, names, say)
        if recipe.fold >= len(splits):
            raise UsageError(f"'{recipe.splits}' has {len(splits)} splits, so fold is from 0 to {len(splits) - 1}.")
        split = replace(splits[recipe.fold], test=())
    share = recipe.hold_out or (recipe.validation if recipe.select == "best" else 0)
    if share and not split.validation:
        split = with_validation(split, share, recipe.split_seed)
        say(f"{len(split.validation)} of {len(names)} videos are held out to validate on.")
    _need_training_videos(split)
    return Videos(data, split)


def to_cross_validate(recipe: Recipe, say: Callable[[str], None]) -> list[Videos]:
    """The recipe's videos fold by fold: those of its `splits`, or k folds in which every video is tested once.

    Raises:
        DataError, UsageError: as for `to_train`, or too few videos for that many folds.
    """
    data = open_data(recipe)
    names = _with_features(data, say)
    if recipe.splits is None:
        splits = k_fold(names, folds=recipe.folds, validation=recipe.validation, seed=recipe.split_seed)
    else:
        splits = tuple(
            split if split.validation else with_validation(split, recipe.validation, recipe.split_seed)
            for split in _published(recipe, data, names, say)
        )
    for split in splits:
        _need_training_videos(split)
    return [Videos(data, split) for split in splits]


def _with_features(data: AnnotatedFile, say: Callable[[str], None]) -> tuple[str, ...]:
    """Names of the videos with features, all alike; how many are left out is said."""
    names = names_with_features(data)
    if not names:
        raise DataError(f"No video in '{data.path}' has features to train on.")
    if len(names) < len(data):
        say(f"{len(data) - len(names)} of {len(data)} videos in '{data.path}' are left out: they have no features.")
    sizes = {data.feature_shape(name): name for name in names}
    dimensions = {shape[1]: name for shape, name in sizes.items() if shape}
    if len(dimensions) > 1:
        (one, a), (other, b), *_ = dimensions.items()
        raise DataError(f"'{data.path}' has features of {one} dimensions ({a}) and of {other} ({b}): make them alike.")
    return names


def _published(
    recipe: Recipe, data: AnnotatedFile, names: Sequence[str], say: Callable[[str], None]
) -> tuple[Split, ...]:
    """The recipe's splits, without videos that have no features."""
    assert recipe.splits is not None  # noqa: S101 (callers look)
    there = set(names)
    splits = []
    for split in read_splits(recipe.splits, data.names):
        if split.train_elsewhere:
            say(f"{len(split.train_elsewhere)} videos of other files that '{recipe.splits}' names are left out.")
        parts = {
            part: tuple(name for name in getattr(split, part) if name in there)
            for part in ("train", "validation", "test")
        }
        splits.append(replace(split, **parts, train_elsewhere=()))
    return tuple(splits)


def _need_training_videos(split: Split) -> None:
    if not split.train:
        raise UsageError("No video is left to train on: choose a smaller hold_out, or other splits.")
