"""Splits of videos into training, validation and test parts."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from summdiff._untrusted import parse_json, read_text
from summdiff.atomic import written_whole
from summdiff.data.yaml_text import parse_yaml
from summdiff.errors import DataError, UsageError, reason


@dataclass(frozen=True, slots=True)
class Split:
    """Disjoint groups of video names of one file.

    Attributes:
        train, validation, test: names; published splits have no validation part (see `with_validation`).
        train_elsewhere: further training videos of other files (the settings "augmented" and "transfer"), each as
            `file.h5/video_7`.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    train_elsewhere: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Coverage:
    """Videos that a set of splits tests.

    Attributes:
        splits: number of splits.
        tested: videos tested at least once.
        repeated: videos tested in more than one split.
        never: videos tested in no split, of the given names or else of those in any part.
    """

    splits: int
    tested: tuple[str, ...]
    repeated: tuple[str, ...]
    never: tuple[str, ...]

    @property
    def is_cross_validation(self) -> bool:
        """Whether every video is tested exactly once."""
        return not self.repeated and not self.never


def k_fold(videos: Sequence[str], *, folds: int = 5, validation: float = 0.2, seed: int = 0) -> tuple[Split, ...]:
    """True k-fold cross-validation: every video is tested exactly once, validation videos come from the training part.

    Args:
        videos: names, each once; their order does not matter.
        folds: k, at least 2.
        validation: share of each fold's training videos, in [0, 1), held out for early stopping and the choice of
            settings.
        seed: seed of the shuffling.

    Raises:
        UsageError: there are fewer videos than folds, a name occurs twice, or a number is out of range.
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
        remaining = [name for name in shuffled if name not in test]
        remaining = [str(name) for name in rng.permutation(remaining)]
        validation_count = round(validation * len(remaining))
        splits.append(
            Split(
                train=tuple(sorted(remaining[validation_count:])),
                validation=tuple(sorted(remaining[:validation_count])),
                test=tuple(sorted(test)),
            )
        )
    return tuple(splits)


def with_validation(split: Split, share: float, seed: int = 0) -> Split:
    """Move a random share of the training videos to the validation part.

    A share above 0 moves at least one video, if one remains for training.

    Raises:
        UsageError: the split has a validation part, or the share is not in [0, 1).
    """
    if split.validation:
        raise UsageError(f"The split has {len(split.validation)} validation videos already: leave the share out.")
    if not 0 <= share < 1:
        raise UsageError(f"The validation share must be in [0, 1), got {share}.")
    shuffled = [str(name) for name in np.random.default_rng(seed).permutation(sorted(split.train))]
    count = round(share * len(shuffled)) or int(share > 0 and len(shuffled) > 1)
    return replace(split, train=tuple(sorted(shuffled[count:])), validation=tuple(sorted(shuffled[:count])))


def describe_splits(splits: Sequence[Split], names: Collection[str] | None = None) -> Coverage:
    """Count the tests of each video: results on different sets of splits are not comparable.

    Args:
        splits: at least one split.
        names: names of all videos.

    Raises:
        DataError: a video is in two parts of a split.
    """
    for number, split in enumerate(splits, 1):
        _check_disjoint(split, f"Split {number}")
    times = Counter(name for split in splits for name in split.test)
    every = names if names is not None else {name for split in splits for name in split.train + split.validation}
    return Coverage(
        splits=len(splits),
        tested=tuple(sorted(times)),
        repeated=tuple(sorted(name for name, count in times.items() if count > 1)),
        never=tuple(sorted(set(every) - set(times))),
    )


def read_splits(
    path: str | os.PathLike[str],
    names: Collection[str] | None = None,
    *,
    find: Callable[[str], str | None] = lambda key: None,
    drop: bool = False,
) -> tuple[Split, ...]:
    """Read published splits.

    Accepts a JSON list of `{"train_keys": [...], "test_keys": [...]}`, optionally with `val_keys` (PGL-SUM);
    the same as YAML (VASNet, DSNet); one such object (Mr.HiSum); lines `SumMe/split0/video_1,…/video_2,…` of training
    and test videos (CSTA). A key is a video's name or a path such as
    `../datasets/eccv16_dataset_tvsum_google_pool5.h5/video_7`, whose last part is the name. The splits
    belong to the file of the test keys; training keys of other files become `train_elsewhere`.

    Args:
        path: JSON, lines if the suffix is `.txt`, else YAML.
        names: names of all videos; others are refused.
        find: returns the name of a video by another name, such as its title; see `summdiff.data.names.VideoNames`.
        drop: leave out videos that are not in `names` instead of refusing them.

    Raises:
        DataError: the file cannot be read or has another form, test keys are in several files, or a name is unknown or
            in two parts of a split.
    """
    path = Path(path)
    document = _load(path)
    entries = [document] if isinstance(document, dict) else document
    if not isinstance(entries, list) or not entries:
        raise DataError(f"'{path}' has no splits: expected a list of objects with 'train_keys' and 'test_keys'.")
    known = None if names is None else set(names)
    splits = []
    for number, entry in enumerate(entries, 1):
        where = f"'{path}', split {number}"
        train, validation, test = (
            _keys(entry, key, where, needed=key != "val_keys") for key in ("train_keys", "val_keys", "test_keys")
        )
        homes = {_home(key) for key in test}
        if len(homes) > 1:
            raise DataError(f"{where} tests videos of several files: {', '.join(sorted(homes))}.")
        home = homes.pop()
        if any(_home(key) != home for key in validation):
            raise DataError(f"{where} validates on videos of another file than it tests.")
        # A name without a file may be one of the test videos.
        if home and any(not _home(key) for key in train):
            raise DataError(f"{where} tests videos of '{home}' but names no file for some to train on.")
        parts = {
            "train": [_video(key) for key in train if _home(key) == home],
            "validation": [_video(key) for key in validation],
            "test": [_video(key) for key in test],
        }
        if known is not None:
            parts = {part: [_found(name, known, find) for name in listed] for part, listed in parts.items()}
            strange = [name for listed in parts.values() for name in listed if name not in known]
            if strange and not drop:
                raise DataError(
                    f"{where} names '{strange[0]}', which is not in the data ({len(strange)} such names): leave such "
                    "videos out by drop_missing=true (train, crossval) or --drop-missing (data splits)."
                )
            parts = {part: [name for name in listed if name in known] for part, listed in parts.items()}
            if not parts["test"]:
                raise DataError(f"{where} tests no video that is in the data.")
        split = Split(
            **{part: tuple(listed) for part, listed in parts.items()},
            train_elsewhere=tuple(key for key in train if _home(key) != home),
        )
        _check_disjoint(split, where)
        splits.append(split)
    return tuple(splits)


def write_splits(path: str | os.PathLike[str], splits: Sequence[Split]) -> None:
    """Write splits as the JSON that `read_splits` reads.

    Raises:
        OutputError: the file cannot be written.
    """
    entries = [
        {
            "train_keys": [*split.train, *split.train_elsewhere],
            "val_keys": list(split.validation),
            "test_keys": list(split.test),
        }
        for split in splits
    ]
    with written_whole(Path(path)) as partial:
        partial.write_text(json.dumps(entries if len(entries) != 1 else entries[0], indent=1) + "\n", encoding="utf-8")


def _load(path: Path) -> Any:
    try:
        text = read_text(path)
    except OSError as error:
        raise DataError(f"The splits '{path}' cannot be read: {reason(error)}.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"The splits '{path}' cannot be read: not text in UTF-8.") from error
    if path.suffix.lower() == ".txt":
        return _lines(text, path)
    name, parse = ("JSON", parse_json) if path.suffix.lower() == ".json" else ("YAML", parse_yaml)
    try:
        return parse(text)
    except ValueError as error:
        raise DataError(f"The splits '{path}' are not {name}: {error}.") from error


def _lines(text: str, path: Path) -> list[dict[str, list[str]]]:
    """Return the splits of lines `name/split/training videos/test videos`, videos separated by commas."""
    entries = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        fields = line.strip().split("/")
        if len(fields) != 4:
            raise DataError(
                f"'{path}', line {number}: expected `name/split/training videos/test videos`, videos with commas."
            )
        train, test = ([name.strip() for name in field.split(",") if name.strip()] for field in fields[2:])
        entries.append({"train_keys": train, "test_keys": test})
    return entries


def _keys(entry: Any, key: str, where: str, *, needed: bool) -> list[str]:
    """Return the names under a key of a split, with file but without folders, which may differ within a list."""
    if not isinstance(entry, dict) or (needed and key not in entry):
        raise DataError(f"{where} has no '{key}'.")
    listed = entry.get(key) or []
    if not isinstance(listed, list) or not all(isinstance(name, str) and _video(name) for name in listed):
        raise DataError(f"{where}: '{key}' is not a list of video names.")
    if needed and not listed and key == "test_keys":
        raise DataError(f"{where}: '{key}' is empty.")
    listed = ["/".join(name.split("/")[-2:]) for name in listed]
    if len(set(listed)) != len(listed):
        twice = Counter(listed).most_common(1)[0][0]
        raise DataError(f"{where}: '{key}' names '{twice}' more than once.")
    return listed


def _found(name: str, known: Collection[str], find: Callable[[str], str | None]) -> str:
    return name if name in known else find(name) or name


def _video(key: str) -> str:
    return key.rpartition("/")[2]


def _home(key: str) -> str:
    """Return the file of a key; "" for a key without a file."""
    return key.rpartition("/")[0]


def _check_disjoint(split: Split, where: str) -> None:
    parts = {"training": set(split.train), "validation": set(split.validation), "test": set(split.test)}
    for one, other in (("training", "test"), ("validation", "test"), ("training", "validation")):
        shared = sorted(parts[one] & parts[other])
        if shared:
            raise DataError(f"{where} has '{shared[0]}' in its {one} and its {other} part ({len(shared)} such videos).")
