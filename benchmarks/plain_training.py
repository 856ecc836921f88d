"""Training as it is usually written, for comparison; see `benchmarks/training.py`.

Every batch is padded to its longest video, or to the longest of the whole set. Attention is explicit: the matrix of all
products, a softmax over it, and its product with the values, each kept for the gradient. The weights, other layers and
the loss are the package's.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from summdiff.research.networks import _attention
from summdiff.research.networks._attention import Memory, rotate
from summdiff.research.training.batches import Batch
from summdiff.research.training.build import new_network, objective
from summdiff.research.training.examples import Examples
from summdiff.research.training.loading import Batches
from summdiff.research.training.recipe import Recipe


class PlainAttention(_attention.Attention):
    """The package's attention, with explicit matrices, for denoisers."""

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        energies: Tensor | None = None,
        *,
        shift: Tensor | None = None,
        rope: Tensor | None = None,
        memory: Memory | None = None,
    ) -> Tensor:
        """See `summdiff.research.networks._attention.Attention.forward`; x (B, N, C) or (B, S, N, C)."""
        if x.ndim == 3:
            return self.forward(x[:, None], mask, energies, shift=shift, rope=rope, memory=memory)[:, 0]
        placed = x if shift is None else x + shift
        q = rotate(self._split(self.query(placed)), rope).transpose(2, 3)  # (B, S, H, N, d)
        if memory is None:
            k = rotate(self._split(self.key(placed)), rope).transpose(2, 3)
            v = self._split(self.value(x)).transpose(2, 3)
        else:
            k, v = (part[:, None] for part in memory)
        products = q @ k.transpose(-2, -1) * self.scale
        if mask is not None:
            products = products.masked_fill(~mask[:, None, None, None], -math.inf)
        gathered = torch.softmax(products, dim=-1) @ v
        y: Tensor = self.out(gathered.transpose(2, 3).flatten(-2))
        return y


class PlainRun:
    """A run's weights and optimizer, with a plain update."""

    def __init__(self, recipe: Recipe, examples: Examples, *, longest: int) -> None:
        """Start from the weights of `summdiff.research.training.state.TrainingState`; pad to `longest` steps."""
        torch.manual_seed(recipe.seed)
        self.network = new_network(recipe, examples.look(), examples)
        self.learner = objective(recipe, self.network, examples)
        for module in self.network.modules():
            if type(module) is _attention.Attention:
                module.__class__ = PlainAttention
        weights = [weight for weight in self.network.parameters() if weight.requires_grad]
        self.optimizer = torch.optim.AdamW(weights, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
        self.clip_norm, self.longest = recipe.clip_norm, longest

    def update(self, batch: Batch) -> float:
        """Update the weights once and return the loss."""
        if self.longest:
            batch = padded(batch, self.longest)
        losses = self.learner(
            batch.inputs, batch.targets, batch.seconds, batch.mask, batch.seeds, batch.means, batch.places
        )
        loss = losses.mean()
        self.optimizer.zero_grad()
        loss.backward()
        if self.clip_norm:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.clip_norm)
        self.optimizer.step()
        return float(loss.detach())

    def epoch(self, batches: Batches, number: int) -> list[float]:
        """Train one epoch and return the losses."""
        self.learner.train()
        return [self.update(part.batch) for step in batches.of(number) for part in step]


def padded(batch: Batch, steps: int) -> Batch:
    """Pad a batch to a number of steps."""
    more = steps - batch.mask.shape[1]
    second = batch.seconds[:, 1:2] - batch.seconds[:, :1]
    after = batch.seconds[:, -1:] + second * torch.arange(1, more + 1)
    return replace(
        batch,
        inputs=F.pad(batch.inputs, (0, 0, 0, more)),
        targets=F.pad(batch.targets, (0, more)),
        seconds=torch.cat([batch.seconds, after], dim=1),
        mask=F.pad(batch.mask, (0, more)),
        means=F.pad(batch.means, (0, more)),
        places=F.pad(batch.places, (0, 0, 0, more)),
    )
