"""Videos of different lengths side by side: the one place where padding and masks are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Example:
    """What one video gives to training.

    Attributes:
        inputs: (N, P) float32, what conditions the network.
        targets: (S, N) float32 clean scores in [0, 1], one row for each annotator to learn from.
        rate: steps per second.
    """

    inputs: NDArray[np.float32]
    targets: NDArray[np.float32]
    rate: float


@dataclass(frozen=True, slots=True)
class Batch:
    """B videos padded with zeros to the longest, N steps.

    Attributes:
        inputs: (B, N, P).
        targets: (B, S, N).
        seconds: (B, N) time of each step, in the padding too.
        mask: (B, N) true where there is a step.
    """

    inputs: Tensor
    targets: Tensor
    seconds: Tensor
    mask: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        return Batch(*(tensor.to(device) for tensor in (self.inputs, self.targets, self.seconds, self.mask)))


def collate(examples: Sequence[Example]) -> Batch:
    """Pad examples, all with the same P and S, to one batch."""
    lengths = [len(example.inputs) for example in examples]
    n = max(lengths)
    first = examples[0]
    inputs = torch.zeros(len(examples), n, first.inputs.shape[1])
    targets = torch.zeros(len(examples), len(first.targets), n)
    for i, (example, length) in enumerate(zip(examples, lengths, strict=True)):
        inputs[i, :length] = torch.from_numpy(example.inputs)
        targets[i, :, :length] = torch.from_numpy(example.targets)
    steps = torch.arange(n)
    rates = torch.tensor([example.rate for example in examples])
    return Batch(inputs, targets, seconds=steps / rates[:, None], mask=steps < torch.tensor(lengths)[:, None])
