"""Training data: the videos of a run, their examples with random copy, window and curves, and the batches of an epoch.

A generator seeded by the recipe's seed, the epoch and the item's number makes all random choices of an item. So a
resumed run needs no data loader state, and several processes draw the same numbers as one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Sampler

from summdiff.data.datasets import open_dataset
from summdiff.data.frame_rates import rate_note
from summdiff.data.h5 import AnnotatedFile
from summdiff.data.names import VideoNames
from summdiff.data.splits import Split, k_fold, read_splits, with_validation
from summdiff.data.video import AnnotatedVideo
from summdiff.errors import DataError, UsageError
from summdiff.research.networks.relational_fit import AnnotatedView, WeightedCurve
from summdiff.research.training.augmentation import augmented
from summdiff.research.training.batches import Batch, Example, collate, length_buckets
from summdiff.research.training.processes import ignore_signals
from summdiff.research.training.recipe import Recipe, TargetRecipe
from summdiff.research.training.targets import SINGLE_CURVE_KINDS, draw_targets, for_single_curves
from summdiff.scoring.inputs import Condition

_VIEWS, _ITEMS, _ORDER = 0, 1, 2  # purposes of generators, so that no two are seeded alike
_MEMORY = 2 * 2**30  # bytes of training videos up to which they are kept in memory
_LOOKED_AT = 1024  # views that are enough to know the inputs by


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


class Examples(Dataset[Example]):
    """The examples of a run, indexed by epoch and item; an item is a video, or an annotator of a video.

    The examples have curves (K, N); the first ones are noised.

    Attributes:
        in_memory: whether the videos are kept in memory.
        lengths: (items,) steps of each example, at most a window.
    """

    def __init__(self, videos: Videos, recipe: Recipe) -> None:
        """Read the videos' lengths, and nothing else yet."""
        self._recipe = recipe
        self._sources = [*((videos.data, name) for name in videos.split.train), *videos.elsewhere]
        self._names = [
            *videos.split.train,
            *(f"{file.path.name}/{name}" for file, name in videos.elsewhere),
        ]
        self._how = self._how_of(0)
        shapes = [file.feature_shape(name) or (0, 0) for file, name in self._sources]
        size = 4 * sum(n * d for n, d in shapes) * recipe.augmentation.count
        self.in_memory = recipe.in_memory if recipe.in_memory is not None else size <= _MEMORY
        files = list(dict.fromkeys(file for file, _ in self._sources))
        in_file = {file: {name: place for place, name in enumerate(file.names)} for file in files}
        self._places = [(files.index(file), in_file[file][name]) for file, name in self._sources]
        self._kept: dict[tuple[int, int], Example] = {}
        self._means: dict[tuple[int, int], NDArray[np.float32]] = {}
        self._items: list[tuple[int, int | None]] = [(video, None) for video in range(len(self._names))]
        if self._how.people == "each":
            people = [len(self.view(video, 0).targets) for video in range(len(self._names))]
            self._items = [(video, annotator) for video, count in enumerate(people) for annotator in range(count)]
        longest = recipe.window or max(n for n, _ in shapes)
        self.lengths = np.array([min(shapes[video][0], longest) for video, _ in self._items], dtype=np.int64)

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, at: tuple[int, int]) -> Example:
        epoch, index = at
        recipe = self._recipe
        rng = np.random.default_rng([recipe.seed, _ITEMS, epoch, index])
        video, annotator = self._items[index]
        number = int(rng.integers(recipe.augmentation.count))
        video_view, mean = self.view(video, number), self._means.get((video, number))
        n = len(video_view.condition)
        window = recipe.window or n
        start = int(rng.integers(max(1, n - window + 1)))
        window_slice = slice(start, start + window)
        curves = draw_targets(video_view.targets[:, window_slice], self._how_of(video), annotator=annotator, rng=rng)
        return replace(
            video_view,
            condition=video_view.condition[window_slice],
            targets=curves,
            seed=int(rng.integers(2**63)),
            mean=None if mean is None else mean[window_slice],
        )

    def __getitems__(self, batch: Sequence[tuple[int, int]]) -> list[Example]:
        """Return a batch; its videos are read in the order of the file, which is faster on disks."""
        order = sorted(range(len(batch)), key=lambda i: self._places[self._items[batch[i][1]][0]])
        examples = {i: self[batch[i]] for i in order}
        return [examples[i] for i in range(len(batch))]

    @property
    def how(self) -> TargetRecipe:
        """The recipe's section `targets`, adapted to the data set."""
        return self._how

    def videos(self) -> dict[str, AnnotatedVideo]:
        """Return the unchanged training videos by name."""
        return {key: file[name] for key, (file, name) in zip(self._names, self._sources, strict=True)}

    def _how_of(self, video: int) -> TargetRecipe:
        """Return the section `targets`, adapted to the data set of a video."""
        targets = self._recipe.targets
        return for_single_curves(targets) if self._sources[video][0].kind in SINGLE_CURVE_KINDS else targets

    def view(self, video: int, number: int) -> Example:
        """Return a copy of a video with all annotators' curves; repeated calls return the same copy."""
        cached = self._kept.get((video, number))
        if cached is None:
            rng = np.random.default_rng([self._recipe.seed, _VIEWS, video, number])
            file, name = self._sources[video]
            cached = augmented(file[name], self._recipe, number, rng)
            if self.in_memory:
                self._kept[video, number] = cached
        return cached

    def look(self) -> dict[str, Any]:
        """Return the properties that a network depends on: `inputs` (P) and `step_seconds`, the median step length."""
        seconds = [1 / self.view(video, 0).rate for video in self._looked_at(1)]
        return {"inputs": self.view(0, 0).condition.inputs.shape[1], "step_seconds": float(np.median(seconds))}

    def conditions_and_means(self) -> Iterator[tuple[Condition, NDArray[np.floating]]]:
        """Yield condition and mean curve (N,) of all views, or of 1024 evenly chosen ones."""
        views = self._recipe.augmentation.count
        for at in self._looked_at(views):
            view = self.view(at // views, at % views)
            yield view.condition, view.targets.mean(axis=0)

    def annotated(self) -> list[AnnotatedView]:
        """Return all copies of all videos, with all annotators' curves."""
        annotated_views = []
        for video in range(len(self._names)):
            for number in range(self._recipe.augmentation.count):
                view = self.view(video, number)
                seconds = np.arange(len(view.condition)) / view.rate
                annotated_views.append(AnnotatedView(video, view.condition, view.targets, seconds))
        return annotated_views

    def elsewhere(self) -> Iterator[WeightedCurve]:
        """Yield conditions and weighted mean curves of all views of the recipe's further data sets."""
        recipe = self._recipe
        how = recipe.augmentation
        for also, data in zip(recipe.also, further_data(recipe), strict=True):
            names = names_with_features(data)
            own = recipe.model_copy(update={"targets": for_single_curves(recipe.targets)})
            weight = also.weight * len(self._names) / max(1, len(names))
            for i, name in enumerate(names):
                for number in range(how.count):
                    rng = np.random.default_rng([recipe.seed, _VIEWS, i, number])
                    view = augmented(data[name], own, number, rng)
                    yield WeightedCurve(view.condition, view.targets.mean(axis=0), weight)

    def take_means(self, means: Sequence[NDArray[np.float32]]) -> None:
        """Set the predicted mean curve (N,) of each view in `annotated`."""
        views = self._recipe.augmentation.count
        self._means = {(at // views, at % views): mean for at, mean in enumerate(means)}

    def _looked_at(self, views: int) -> list[int]:
        count = len(self._names) * views
        places: list[int] = np.unique(np.linspace(0, count - 1, min(count, _LOOKED_AT)).round().astype(int)).tolist()
        return places

    def order(self, epoch: int) -> list[list[int]]:
        """Return the batches of an epoch, with each item in exactly one."""
        recipe = self._recipe
        size = recipe.videos_per_batch
        if recipe.length_buckets:
            return length_buckets(self.lengths, batch_size=size, seed=recipe.seed, epoch=epoch)
        order = np.random.default_rng([recipe.seed, _ORDER, epoch]).permutation(len(self)).tolist()
        return [order[first : first + size] for first in range(0, len(order), size)]


@dataclass(frozen=True, slots=True)
class Part:
    """Videos of one forward pass.

    Attributes:
        batch: the videos.
        share: weight of their mean loss. The sum over a process's parts, averaged over the processes, is the batch's
            mean loss, however its items were distributed.
    """

    batch: Batch
    share: float


Step = list[Part]
"""The parts of one update in one process; at least one."""


class Batches:
    """The steps of an epoch for one of `world` processes, each of which gets every `world`-th item of a batch.

    With several processes or micro-batches a batch is sorted by length first, so that the processes have about the same
    amount of work and parts have little padding.
    """

    def __init__(
        self, examples: Examples, recipe: Recipe, *, rank: int = 0, world: int = 1, pinned: bool = False
    ) -> None:
        """Store the arguments; data-loading processes start later and live over all epochs.

        Pinned batches can be copied to an accelerator asynchronously.
        """
        self._examples, self._rank, self._world = examples, rank, world
        self._at_once = recipe.micro_batch
        self._plan = _Plan()
        workers = 0 if examples.in_memory else recipe.workers
        self._loader = DataLoader(
            examples,
            batch_sampler=self._plan,
            collate_fn=collate,
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=pinned,
            # Spawned: a forked torch may hang on locks of threads that do not exist in the child.
            multiprocessing_context="spawn" if workers else None,
            worker_init_fn=ignore_signals if workers else None,
        )

    @property
    def count(self) -> int:
        """Number of steps in an epoch."""
        return len(self._examples.order(0))

    def of(self, epoch: int, *, first: int = 0) -> Generator[Step]:
        """Yield the steps of an epoch, from step `first` on."""
        whole = self._examples.order(epoch)[first:]
        mine = [self._parts(batch) for batch in whole]
        # A process without an item of a small last batch joins the update with an item of weight 0.
        self._plan.batches = [
            [(epoch, index) for index in part or batch[:1]]
            for parts, batch in zip(mine, whole, strict=True)
            for part in parts
        ]
        loaded = iter(self._loader)
        for parts, batch in zip(mine, whole, strict=True):
            yield [Part(next(loaded), share=len(part) / len(batch) * self._world) for part in parts]

    def largest(self, epoch: int) -> Step:
        """Return the part of an epoch that needs the most memory, as a step."""
        lengths = self._examples.lengths
        parts = [part or batch[:1] for batch in self._examples.order(epoch) for part in self._parts(batch)]
        part = max(parts, key=lambda part: int(lengths[part].max()) * len(part))
        return [Part(collate([self._examples[epoch, index] for index in part]), share=1.0)]

    def _parts(self, batch: list[int]) -> list[list[int]]:
        """Return the parts of this process, each a list of items of a batch; one empty part if it has none."""
        if self._world > 1 or self._at_once is not None:
            batch = sorted(batch, key=lambda index: int(self._examples.lengths[index]))
        mine = batch[self._rank :: self._world]
        size = self._at_once or max(1, len(mine))
        return [mine[first : first + size] for first in range(0, max(1, len(mine)), size)]


class _Plan(Sampler[list[tuple[int, int]]]):
    """The batches that the data loader returns next."""

    def __init__(self) -> None:
        self.batches: list[list[tuple[int, int]]] = []

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)
