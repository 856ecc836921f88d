"""The items of an epoch: which view, window, curves, times and noise, and how they become batches.

All that chance decides of an item comes from a generator seeded by the recipe's seed, the epoch and the item's number.
So a run that goes on needs no state of a loader, and several processes draw just what one would.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Sampler

from summdiff.data.video import AnnotatedVideo
from summdiff.research.networks.summdiff.relational_fit import Annotated, Curve
from summdiff.research.training.augmentation import augmented
from summdiff.research.training.batches import Batch, Example, collate, length_buckets
from summdiff.research.training.processes import ignore_signals
from summdiff.research.training.recipe import Recipe, TargetRecipe
from summdiff.research.training.targets import SINGLE_CURVE_KINDS, draw_targets, for_single_curves
from summdiff.research.training.videos import Videos, further_data, names_with_features

_VIEWS, _ITEMS, _ORDER = 0, 1, 2  # what a generator is for, so that no two share their numbers
_MEMORY = 2 * 2**30  # bytes of training videos that are kept in memory
_LOOKED_AT = 1024  # views that are enough to know the inputs by


class Examples(Dataset[Example]):
    """What a run trains on. An index is a pair of epoch and item; the items are videos, or their annotators.

    Its examples have curves (K, N), those that are noised first.

    Attributes:
        lengths: (items,) steps of each, a window at most.
    """

    def __init__(self, videos: Videos, recipe: Recipe) -> None:
        """Look how long the videos are; nothing else is read yet."""
        self._recipe, self._data, self._names = recipe, videos.data, videos.split.train
        self._how = for_single_curves(recipe.targets) if self._data.kind in SINGLE_CURVE_KINDS else recipe.targets
        shapes = [self._data.feature_shape(name) or (0, 0) for name in self._names]
        size = 4 * sum(n * d for n, d in shapes) * recipe.augmentation.count
        self.in_memory = recipe.in_memory if recipe.in_memory is not None else size <= _MEMORY
        self._places = {name: place for place, name in enumerate(self._data.names)}
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
        seen, mean = self.view(video, number), self._means.get((video, number))
        n = len(seen.inputs)
        window = recipe.window or n
        start = int(rng.integers(max(1, n - window + 1)))
        part = slice(start, start + window)
        curves = draw_targets(seen.targets[:, part], self._how, annotator=annotator, rng=rng)
        return replace(
            seen,
            inputs=seen.inputs[part],
            targets=curves,
            seed=int(rng.integers(2**63)),
            mean=None if mean is None else mean[part],
        )

    def __getitems__(self, batch: Sequence[tuple[int, int]]) -> list[Example]:
        """A batch, whose videos are read in the order in which they lie in the file, which disks like."""
        order = sorted(range(len(batch)), key=lambda i: self._places[self._names[self._items[batch[i][1]][0]]])
        found = {i: self[batch[i]] for i in order}
        return [found[i] for i in range(len(batch))]

    @property
    def how(self) -> TargetRecipe:
        """What the curves are: the recipe's section, as far as it applies to the data."""
        return self._how

    def videos(self) -> dict[str, AnnotatedVideo]:
        """The training videos as they are, by name."""
        return {name: self._data[name] for name in self._names}

    def view(self, video: int, number: int) -> Example:
        """A view of a video with all annotators' curves: the same whenever it is asked for, kept or made anew."""
        kept = self._kept.get((video, number))
        if kept is None:
            rng = np.random.default_rng([self._recipe.seed, _VIEWS, video, number])
            kept = augmented(self._data[self._names[video]], self._recipe, number, rng)
            if self.in_memory:
                self._kept[video, number] = kept
        return kept

    def look(self) -> dict[str, Any]:
        """What has to be known to build a network: `inputs` (P) and `step_seconds`, the usual length of a step."""
        seconds = [1 / self.view(video, 0).rate for video in self._looked_at(1)]
        return {"inputs": self.view(0, 0).inputs.shape[1], "step_seconds": float(np.median(seconds))}

    def inputs_and_means(self) -> Iterator[tuple[NDArray[np.floating], NDArray[np.floating]]]:
        """Inputs (N, P) and mean curve (N,) of all views, or of 1024 evenly chosen ones."""
        views = self._recipe.augmentation.count
        for at in self._looked_at(views):
            seen = self.view(at // views, at % views)
            yield seen.inputs, seen.targets.mean(axis=0)

    def annotated(self) -> list[Annotated]:
        """All views of all videos."""
        found = []
        for video in range(len(self._names)):
            for number in range(self._recipe.augmentation.count):
                seen = self.view(video, number)
                found.append(Annotated(video, seen.inputs, seen.targets, np.arange(len(seen.inputs)) / seen.rate))
        return found

    def elsewhere(self) -> Iterator[Curve]:
        """Inputs (N, P), mean curve (N,) and weight of all views of the videos of the recipe's further data sets."""
        recipe = self._recipe
        how = recipe.augmentation
        for also, data in zip(recipe.also, further_data(recipe), strict=True):
            names = names_with_features(data)
            own = recipe.model_copy(update={"targets": for_single_curves(recipe.targets)})
            weight = also.weight * len(self._names) / max(1, len(names))
            for i, name in enumerate(names):
                for number in range(how.count):
                    rng = np.random.default_rng([recipe.seed, _VIEWS, i, number])
                    seen = augmented(data[name], own, number, rng)
                    yield seen.inputs, seen.targets.mean(axis=0), weight

    def take_means(self, means: Sequence[NDArray[np.float32]]) -> None:
        """Have a foreseen mean curve (N,) for each of `annotated`."""
        views = self._recipe.augmentation.count
        self._means = {(at // views, at % views): mean for at, mean in enumerate(means)}

    def _looked_at(self, views: int) -> list[int]:
        count = len(self._names) * views
        places: list[int] = np.unique(np.linspace(0, count - 1, min(count, _LOOKED_AT)).round().astype(int)).tolist()
        return places

    def order(self, epoch: int) -> list[list[int]]:
        """The batches of an epoch, each item in exactly one."""
        recipe = self._recipe
        size = recipe.videos_per_batch
        if recipe.length_buckets:
            return length_buckets(self.lengths, batch_size=size, seed=recipe.seed, epoch=epoch)
        order = np.random.default_rng([recipe.seed, _ORDER, epoch]).permutation(len(self)).tolist()
        return [order[first : first + size] for first in range(0, len(order), size)]


@dataclass(frozen=True, slots=True)
class Part:
    """Videos that a process works off at a time.

    Attributes:
        batch: the videos.
        share: what the mean of their losses counts in the mean over all processes of the sums over their parts, so that
            this is the batch's mean loss however its items were shared out.
    """

    batch: Batch
    share: float


Step = list[Part]
"""One process's parts of one update, at least one."""


class Batches:
    """Steps of an epoch for one of `world` processes, each of which gets every `world`-th item of a batch.

    With several processes or with micro-batches a batch is sorted by length first: so the processes have about as much
    to do as each other, and little of a part is padding.
    """

    def __init__(
        self, examples: Examples, recipe: Recipe, *, rank: int = 0, world: int = 1, pinned: bool = False
    ) -> None:
        """Start no process yet; those that read, if any, stay from one epoch to the next.

        Pinned batches can be copied to an accelerator while the processor goes on.
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
            # Spawned, not forked: a forked torch may hang on locks of threads that the child does not have.
            multiprocessing_context="spawn" if workers else None,
            worker_init_fn=ignore_signals if workers else None,
        )

    @property
    def count(self) -> int:
        """Steps of an epoch, the same of each."""
        return len(self._examples.order(0))

    def of(self, epoch: int, *, first: int = 0) -> Generator[Step]:
        """The steps of an epoch from the `first` on."""
        whole = self._examples.order(epoch)[first:]
        mine = [self._parts(batch) for batch in whole]
        # Who has nothing in a last, small batch still takes part in the update, with an item that counts nothing.
        self._plan.batches = [
            [(epoch, index) for index in part or batch[:1]]
            for parts, batch in zip(mine, whole, strict=True)
            for part in parts
        ]
        loaded = iter(self._loader)
        for parts, batch in zip(mine, whole, strict=True):
            yield [Part(next(loaded), share=len(part) / len(batch) * self._world) for part in parts]

    def largest(self, epoch: int) -> Step:
        """The part of an epoch that takes most memory, as a step."""
        lengths = self._examples.lengths
        parts = [part or batch[:1] for batch in self._examples.order(epoch) for part in self._parts(batch)]
        part = max(parts, key=lambda part: int(lengths[part].max()) * len(part))
        return [Part(collate([self._examples[epoch, index] for index in part]), share=1.0)]

    def _parts(self, batch: list[int]) -> list[list[int]]:
        """A batch's items of this process, in the parts that it works off at a time; one empty part if it has none."""
        if self._world > 1 or self._at_once is not None:
            batch = sorted(batch, key=lambda index: int(self._examples.lengths[index]))
        mine = batch[self._rank :: self._world]
        size = self._at_once or max(1, len(mine))
        return [mine[first : first + size] for first in range(0, max(1, len(mine)), size)]


class _Plan(Sampler[list[tuple[int, int]]]):
    """The batches that the loader is to give next."""

    def __init__(self) -> None:
        self.batches: list[list[tuple[int, int]]] = []

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)
