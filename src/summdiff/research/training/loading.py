"""The steps of an epoch: batches of examples, loaded and shared out among processes."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

from torch.utils.data import DataLoader, Sampler

from summdiff.research.training.batches import Batch, collate
from summdiff.research.training.examples import Examples
from summdiff.research.training.processes import ignore_signals
from summdiff.research.training.recipe import Recipe


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
