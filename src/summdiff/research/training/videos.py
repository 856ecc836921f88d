"""The videos of a run or of each fold: from the recipe's file and splits, and from further data sets."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from summdiff.data.datasets import open_dataset
from summdiff.data.frame_rates import rate_note
from summdiff.data.h5 import AnnotatedFile
from summdiff.data.names import VideoNames
from summdiff.data.splits import Split, k_fold, read_splits, with_validation
from summdiff.errors import DataError, UsageError
from summdiff.research.training.recipe import Recipe
from summdiff.research.training.targets import SINGLE_CURVE_KINDS


@dataclass(frozen=True)
class Videos:
    """A data set's file and its split.

    Attributes:
        data: the file.
        split: names of the videos; `summdiff train` has no test part.
        elsewhere: further training videos, each by its file and its name there.
    """

    data: AnnotatedFile
    split: Split
    elsewhere: tuple[tuple[AnnotatedFile, str], ...] = ()

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the file."""
        return self.data.fingerprint()

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the file and of the names in each part of the split."""
        names = "\n".join((*self.split.train, "", *self.split.validation, "", *self.split.test))
        names += "".join(f"\n{file.path.name}/{name}" for file, name in self.elsewhere)
        return hashlib.sha256(f"{self.sha256}\n{names}".encode()).hexdigest()

    def describe(self) -> dict[str, Any]:
        """Return a record of the data for results."""
        return {"file": self.data.path.name, "kind": self.data.kind, "sha256": self.sha256, "videos": len(self.data)}


def open_data(recipe: Recipe) -> AnnotatedFile:
    """Open the recipe's data file.

    Raises:
        DataError, UsageError: the file is missing, or of another kind than the recipe's.
    """
    return open_dataset(recipe.data_path(), recipe.kind, recipe.annotations, fps=recipe.fps)


def further_data(recipe: Recipe) -> list[AnnotatedFile]:
    """Open the files of the recipe's further data sets.

    Raises:
        DataError, UsageError: a file is missing, or of another kind than the recipe's.
    """
    files = []
    for path, also in zip(recipe.also_paths(), recipe.also, strict=True):
        files.append(open_dataset(path, also.kind, fps=None if also.kind == "mr_hisum" else recipe.fps))
        files[-1].dataset = also.name
    return files


def names_with_features(data: AnnotatedFile) -> tuple[str, ...]:
    """Return the names of the videos that have features."""
    return tuple(name for name in data.names if data.feature_shape(name) is not None)


def to_train(recipe: Recipe, say: Callable[[str], None]) -> Videos:
    """Return the videos of one run: a fold of the recipe's `splits` or the whole file, with `hold_out` for validation.

    A run with `select: best` needs validation videos: without `hold_out` it holds out `validation`, like a fold.

    Raises:
        DataError: no video has features, or the splits do not match the file.
        UsageError: the file of splits does not have the fold, or no training video remains.
    """
    data = open_data(recipe)
    names = _with_features(data, say)
    if recipe.splits is None:
        split = Split(train=names, validation=(), test=())
    else:
        split = replace(_published(recipe, data, names, say, fold=recipe.fold)[0], test=())
    share = recipe.hold_out or (recipe.validation if recipe.select == "best" else 0)
    if share and not split.validation:
        split = with_validation(split, share, recipe.split_seed)
        say(f"{len(split.validation)} of {len(names)} videos are held out for validation.")
    return _with_elsewhere(recipe, data, [split], share, say)[0]


def to_cross_validate(recipe: Recipe, say: Callable[[str], None]) -> list[Videos]:
    """Return the videos of each fold: of the recipe's `splits`, or k folds in which every video is tested once.

    Raises:
        DataError, UsageError: as for `to_train`, or too few videos for that many folds.
    """
    data = open_data(recipe)
    names = _with_features(data, say)
    if recipe.splits is None and not recipe.own_videos:
        splits: tuple[Split, ...] = (Split(train=(), validation=(), test=names),)
    elif recipe.splits is None:
        splits = k_fold(names, folds=recipe.folds, validation=recipe.validation, seed=recipe.split_seed)
    else:
        splits = tuple(
            split if split.validation else with_validation(split, recipe.validation, recipe.split_seed)
            for split in _published(recipe, data, names, say)
        )
    return _with_elsewhere(recipe, data, splits, recipe.validation, say)


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
    if data.kind in ("tvsum", "summe") and (note := rate_note(data.annotations(name) for name in names)):
        say(note)
    return names


def _published(
    recipe: Recipe,
    data: AnnotatedFile,
    names: Sequence[str],
    say: Callable[[str], None],
    *,
    fold: int | None = None,
) -> tuple[Split, ...]:
    """Return the recipe's splits, or only the one with the number `fold`, without videos that have no features."""
    assert recipe.splits is not None  # noqa: S101 (callers check)
    available = set(names)
    splits = []
    if recipe.drop_missing:
        _say_missing(recipe.splits, data, say)
    published = read_splits(recipe.splits, data.names, find=VideoNames(data).find, drop=recipe.drop_missing)
    if fold is not None:
        if fold > len(published):
            raise UsageError(f"'{recipe.splits}' has {len(published)} splits; there is no {fold}.")
        published = published[fold - 1 : fold]
    for split in published:
        parts = {
            part: tuple(name for name in getattr(split, part) if name in available)
            for part in ("train", "validation", "test")
        }
        splits.append(replace(split, **parts))
    return tuple(splits)


def _say_missing(path: Path, data: AnnotatedFile, say: Callable[[str], None]) -> None:
    """Say which videos of splits the data lacks."""
    find = VideoNames(data).find
    listed = {name for split in read_splits(path) for name in split.train + split.validation + split.test}
    missing = sorted(name for name in listed if find(name) is None)
    if missing:
        say(f"{len(missing)} videos of '{path}' are left out, the data lacks them: {', '.join(missing)}.")


def _with_elsewhere(
    recipe: Recipe, data: AnnotatedFile, splits: Sequence[Split], share: float, say: Callable[[str], None]
) -> list[Videos]:
    """Add the training videos of other files: those that a split names, otherwise all of the files in `also`."""
    files = [] if recipe.network.model == "relational" else further_data(recipe)
    available = {file.path.name: (file, set(names_with_features(file))) for file in files}
    every = [(file, name) for file, names in available.values() for name in file.names if name in names]
    left_out: set[str] = set()
    videos = []
    for whole in splits:
        split = whole if recipe.own_videos else replace(whole, train=(), validation=())
        chosen = every
        if split.train_elsewhere:
            keys = [key.rpartition("/")[::2] for key in split.train_elsewhere]
            chosen = [(available[home][0], name) for home, name in keys if name in available.get(home, (None, ()))[1]]
            left_out |= {f"{home}/{name}" for home, name in keys if name not in available.get(home, (None, ()))[1]}
        _check_together(recipe, data, split, chosen)
        if not chosen:
            _need_training_videos(split, share)
        kept = tuple(f"{file.path.name}/{name}" for file, name in chosen)
        videos.append(Videos(data, replace(split, train_elsewhere=kept), tuple(chosen)))
    if left_out:
        homes = sorted({key.rpartition("/")[0] for key in left_out})
        say(f"{len(left_out)} videos of {', '.join(homes)} are left out: name these files in `also` to train on them.")
    if every and videos[0].elsewhere:
        say(f"{len(videos[0].elsewhere)} videos of {', '.join(available)} are trained on too.")
    return videos


def _check_together(
    recipe: Recipe, data: AnnotatedFile, split: Split, elsewhere: Sequence[tuple[AnnotatedFile, str]]
) -> None:
    """Check that videos of several files can be in one batch.

    Raises:
        DataError: their features have different dimensions.
        UsageError: some have single annotators, by whom the targets are drawn, and some have not.
    """
    files = list(dict.fromkeys([*([data] if split.train else []), *(file for file, _ in elsewhere)]))
    shapes = {file.path.name: file.feature_shape(names_with_features(file)[0]) for file in files}
    dimensions = {name: shape[1] for name, shape in shapes.items() if shape is not None}
    if recipe.conditioning in ("features", "both") and len(set(dimensions.values())) > 1:
        listed = ", ".join(f"{size} ({name})" for name, size in dimensions.items())
        raise DataError(f"The files have features of different dimensions: {listed}; they must be the same.")
    single = {file.kind in SINGLE_CURVE_KINDS for file in files}
    if len(single) > 1 and recipe.targets.people in ("panels", "each"):
        raise UsageError("Some of the files have no single annotators: set targets.people to mean or gtscore.")


def _need_training_videos(split: Split, share: float) -> None:
    if not split.train:
        why = (
            "all are held out for validation; choose a smaller share"
            if share and split.validation
            else ("its training part has no video of the data that has features")
        )
        raise UsageError(f"The split leaves no video to train on: {why}.")
