"""Batches of videos of different lengths: padding, masks, and batches of similar length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from summdiff.errors import UsageError
from summdiff.scoring.inputs import Condition

_BATCHES_IN_A_CHUNK = 50  # videos are sorted by length within a chunk


@dataclass(frozen=True, slots=True)
class Example:
    """A training example: one video, or a window of it.

    Attributes:
        condition: of the network, N steps.
        targets: (S, N) float32 clean scores in [0, 1], one row for each annotator to learn from.
        rate: steps per second.
        seed: seed of the loss's random numbers, except dropout.
        mean: (N,) mean curve from models that were not trained on the video, for networks that learn residuals.
    """

    condition: Condition
    targets: NDArray[np.float32]
    rate: float
    seed: int = 0
    mean: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """B videos padded with zeros to the longest, N steps.

    Attributes:
        inputs: (B, N, P) float32.
        targets: (B, S, N).
        seconds: (B, N) time of each step, also in the padding.
        mask: (B, N) true for steps, false for padding.
        seeds: (B,) int64; always on the CPU, where generators are seeded.
        means: (B, N) mean curves; 0 without them.
        places: (B, N, E) of the Gaussian prior; E is 0 without one.
    """

    inputs: Tensor
    targets: Tensor
    seconds: Tensor
    mask: Tensor
    seeds: Tensor
    means: Tensor
    places: Tensor

    def to(self, device: torch.device) -> Batch:
        """Copy to another device; asynchronously from pinned memory."""
        return self._with(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> Batch:
        """Copy to pinned memory; data loaders call this."""
        return self._with(lambda tensor: tensor.pin_memory())

    def _with(self, change: Callable[[Tensor], Tensor]) -> Batch:
        inputs, targets, seconds, mask, means, places = (
            change(tensor) for tensor in (self.inputs, self.targets, self.seconds, self.mask, self.means, self.places)
        )
        return Batch(inputs, targets, seconds, mask, self.seeds, means, places)


def collate(examples: Sequence[Example]) -> Batch:
    """Pad examples, all with the same P and S, to one batch in single precision."""
    lengths = [len(example.condition) for example in examples]
    n = max(lengths)
    first = examples[0]
    inputs = torch.zeros(len(examples), n, first.condition.inputs.shape[1])
    places = torch.zeros(len(examples), n, 0 if first.condition.places is None else first.condition.places.shape[1])
    targets = torch.zeros(len(examples), len(first.targets), n)
    means = torch.zeros(len(examples), n)
    for i, (example, length) in enumerate(zip(examples, lengths, strict=True)):
        inputs[i, :length] = torch.from_numpy(example.condition.inputs)
        if example.condition.places is not None:
            places[i, :length] = torch.from_numpy(example.condition.places)
        targets[i, :, :length] = torch.from_numpy(example.targets)
        if example.mean is not None:
            means[i, :length] = torch.from_numpy(example.mean)
    steps = torch.arange(n)
    rates = torch.tensor([example.rate for example in examples])
    return Batch(
        inputs,
        targets,
        seconds=steps / rates[:, None],
        mask=steps < torch.tensor(lengths)[:, None],
        seeds=torch.tensor([example.seed for example in examples], dtype=torch.int64),
        means=means,
        places=places,
    )


def length_buckets(
    lengths: Sequence[int] | NDArray[np.integer], *, batch_size: int, seed: int | None = None, epoch: int = 0
) -> list[list[int]]:
    """Group videos of similar length into batches, for less padding; every video is in exactly one.

    Videos are shuffled, then sorted by length within chunks of 50 batches, or of a quarter of the batches if there are
    fewer than 200, so batches differ between epochs. Then the batches are shuffled.

    Args:
        lengths: (videos,) steps of each.
        batch_size: videos in a batch; one batch may have fewer.
        seed: seed of the shuffling; None sorts all by length without shuffling, for evaluation.
        epoch: number of the epoch, mixed with the seed.

    Returns:
        Lists of indices into `lengths`.

    Raises:
        UsageError: a batch size below 1.
    """
    if batch_size < 1:
        raise UsageError(f"The batch size must be at least 1, got {batch_size}.")
    steps = np.asarray(lengths)
    if seed is None:
        order = np.argsort(steps, kind="stable")
        return [order[first : first + batch_size].tolist() for first in range(0, len(order), batch_size)]
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(steps))
    batches_in_all = -(-len(steps) // batch_size)
    chunk = batch_size * min(_BATCHES_IN_A_CHUNK, max(2, batches_in_all // 4))
    batches = []
    for start in range(0, len(order), chunk):
        block = order[start : start + chunk]
        block = block[np.argsort(steps[block], kind="stable")]
        batches += [block[first : first + batch_size].tolist() for first in range(0, len(block), batch_size)]
    return [batches[i] for i in rng.permutation(len(batches))]
