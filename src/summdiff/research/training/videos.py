"""The training, validation and test videos of a run."""

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
    """A data set's file and its split.

    Attributes:
        data: the file.
        split: names of the videos; `summdiff train` has no test part.
    """

    data: AnnotatedFile
    split: Split

    @cached_property
    def sha256(self) -> str:
        """Digest of the file."""
        return self.data.fingerprint()

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the file and of the names in each part of the split."""
        names = "\n".join((*self.split.train, "", *self.split.validation, "", *self.split.test))
        return hashlib.sha256(f"{self.sha256}\n{names}".encode()).hexdigest()

    def describe(self) -> dict[str, Any]:
        """Return a record of the data for results."""
        return {"file": self.data.path.name, "kind": self.data.kind, "sha256": self.sha256, "videos": len(self.data)}


def open_data(recipe: Recipe) -> AnnotatedFile:
    """Open the recipe's data file.

    Raises:
        DataError, UsageError: it is missing, or of another kind than the recipe says.
    """
    return open_dataset(recipe.data_path(), recipe.kind, recipe.annotations)


def further_data(recipe: Recipe) -> list[AnnotatedFile]:
    """Open the files of the recipe's further data sets.

    Raises:
        DataError, UsageError: one is missing, or of another kind than the recipe says.
    """
    return [open_dataset(path, also.kind) for path, also in zip(recipe.also_paths(), recipe.also, strict=True)]


def names_with_features(data: AnnotatedFile) -> tuple[str, ...]:
    """Return the names of the videos that have features."""
    return tuple(name for name in data.names if data.feature_shape(name) is not None)


def to_train(recipe: Recipe, say: Callable[[str], None]) -> Videos:
    """Return the videos of one run: a fold of the recipe's `splits` or the whole file, with `hold_out` for validation.

    A run with `select: best` needs validation videos: without `hold_out` it holds out `validation`, like a fold.

    Raises:
        DataError: no video has features, or the splits do not match the file.
        UsageError: the file of splits has no such fold, or no video is left to train on.
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
        say(f"{len(split.validation)} of {len(names)} videos are held out for validation.")
    _need_training_videos(split)
    return Videos(data, split)


def to_cross_validate(recipe: Recipe, say: Callable[[str], None]) -> list[Videos]:
    """Return the videos of each fold: of the recipe's `splits`, or k folds in which every video is tested once.

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
    """Return the names of the videos with features, which must have the same dimension."""
    names = names_with_features(data)
    if not names:
        raise DataError(f"No video in '{data.path}' has features to train on.")
    if len(names) < len(data):
        say(f"{len(data) - len(names)} of {len(data)} videos in '{data.path}' are left out: they have no features.")
    sizes = {data.feature_shape(name): name for name in names}
    dimensions = {shape[1]: name for shape, name in sizes.items() if shape}
    if len(dimensions) > 1:
        (one, a), (other, b), *_ = dimensions.items()
        raise DataError(
            f"'{data.path}' has features of {one} dimensions ({a}) and of {other} ({b}): they must be the same."
        )
    return names


def _published(
    recipe: Recipe, data: AnnotatedFile, names: Sequence[str], say: Callable[[str], None]
) -> tuple[Split, ...]:
    """Return the recipe's splits, without videos that have no features."""
    assert recipe.splits is not None  # noqa: S101 (callers check)
    available = set(names)
    splits = []
    for split in read_splits(recipe.splits, data.names):
        if split.train_elsewhere:
            say(f"{len(split.train_elsewhere)} videos of other files that '{recipe.splits}' names are left out.")
        parts = {
            part: tuple(name for name in getattr(split, part) if name in available)
            for part in ("train", "validation", "test")
        }
        splits.append(replace(split, **parts, train_elsewhere=()))
    return tuple(splits)


def _need_training_videos(split: Split) -> None:
    if not split.train:
        raise UsageError("No video is left to train on: choose a smaller hold_out, or other splits.")
