"""The examples of a run: a random copy, window and curves of each video.

A generator seeded by the recipe's seed, the epoch and the item's number makes all random choices of an item. So a
resumed run needs no data loader state, and several processes draw the same numbers as one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from summdiff.data.video import AnnotatedVideo
from summdiff.research.networks.relational_fit import AnnotatedView, WeightedCurve
from summdiff.research.training.augmentation import augmented
from summdiff.research.training.batches import Example, length_buckets
from summdiff.research.training.recipe import Recipe
from summdiff.research.training.recipe_sections import TargetRecipe
from summdiff.research.training.targets import SINGLE_CURVE_KINDS, draw_targets, for_single_curves
from summdiff.research.training.videos import Videos, further_data, names_with_features
from summdiff.scoring.inputs import Condition

_VIEWS, _ITEMS, _ORDER = 0, 1, 2  # purposes of generators, so that no two are seeded alike
_MEMORY = 2 * 2**30  # bytes of training videos up to which they are kept in memory
_LOOKED_AT = 1024  # views that are enough to know the inputs by


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
