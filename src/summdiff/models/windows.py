"""Long videos as overlapping windows, and what was found in each blended to one whole, so that no seam shows."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

WINDOW = 256  # steps; 47 of TVSum's 50 videos fit in one


@dataclass(frozen=True, slots=True)
class Windows:
    """Overlapping windows over N steps.

    Attributes:
        steps: N.
        size: L, steps of each window.
        index: (W, L) the steps in each window.
        weights: (W, L) how much each window's value counts; per step they add up to one.
    """

    steps: int
    size: int
    index: Tensor
    weights: Tensor

    @classmethod
    def over(
        cls, steps: int, *, size: int = WINDOW, overlap: int = WINDOW // 4, device: torch.device | None = None
    ) -> Windows:
        """Windows of at most `size` steps, evenly placed, each sharing at least `overlap` steps with the next.

        Values to cut and blend must lie on the same device.
        """
        size = min(size, steps)
        count = 1 if size == steps else 1 + math.ceil((steps - size) / (size - overlap))
        starts = torch.linspace(0, steps - size, count, dtype=torch.float64).round().long()
        index = starts[:, None] + torch.arange(size)
        # Rising from one end, flat, falling to the other: where two windows overlap one fades into the other.
        edge = torch.minimum(torch.arange(size), torch.arange(size).flip(0)) + 0.5
        weights = edge.clamp(max=overlap).expand(count, size)
        total = torch.zeros(steps).index_add_(0, index.flatten(), weights.flatten())
        return cls(steps=steps, size=size, index=index.to(device), weights=(weights / total[index]).to(device))

    def cut(self, values: Tensor) -> Tensor:
        """The windows (W, L, ...) of values (N, ...)."""
        return values[self.index]

    def blend(self, parts: Iterable[Tensor]) -> Tensor:
        """Values (N, ...) from those of the windows, (W, L, ...), given in order as pieces (w, L, ...)."""
        blended = torch.zeros(0, device=self.index.device)
        first = 0
        for part in parts:
            rows = slice(first, first + len(part))
            if first == 0:
                blended = part.new_zeros(self.steps, *part.shape[2:])
            weights = self.weights[rows].reshape(len(part), self.size, *[1] * (part.ndim - 2))
            blended.index_add_(0, self.index[rows].flatten(), (part * weights).flatten(0, 1))
            first += len(part)
        return blended
