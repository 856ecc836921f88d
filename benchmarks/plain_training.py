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

from summdiff.research.networks.summdiff import layers
from summdiff.research.training.batches import Batch
from summdiff.research.training.build import new_network, objective
from summdiff.research.training.data import Batches, Examples
from summdiff.research.training.recipe import Recipe


class PlainAttention(layers.Attention):
    """The package's attention with explicit matrices."""

    def forward(self, x: Tensor, steps: layers.Steps, memory: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """See `summdiff.research.networks.summdiff.layers.Attention.forward`."""
        q = layers.rotate(self.split(self.query(self.placed(x, steps))), steps.turn).transpose(2, 3)  # (B, S, H, N, d)
        if memory is None:
            k, v = (part.transpose(2, 3) for part in self.keys_values(x, steps))
        else:
            k, v = (part[:, None] for part in memory)
        products = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
        if steps.mask is not None:
            products = products.masked_fill(~steps.mask[:, None, None, None], -math.inf)
        gathered = torch.softmax(products, dim=-1) @ v
        seen: Tensor = self.out(gathered.transpose(2, 3).flatten(-2))
        return seen


class PlainRun:
    """A run's weights and optimizer, with a plain update."""

    def __init__(self, recipe: Recipe, examples: Examples, *, longest: int) -> None:
        """Start from the weights of `summdiff.research.training.state.TrainingState`; pad to `longest` steps."""
        torch.manual_seed(recipe.seed)
        self.network = new_network(recipe, examples.look(), examples)
        self.learner = objective(recipe, self.network, examples)
        for module in self.network.modules():
            if type(module) is layers.Attention:
                module.__class__ = PlainAttention
        weights = [weight for weight in self.network.parameters() if weight.requires_grad]
        self.optimizer = torch.optim.AdamW(weights, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
        self.clip_norm, self.longest = recipe.clip_norm, longest

    def update(self, batch: Batch) -> float:
        """Update the weights once and return the loss."""
        if self.longest:
            batch = padded(batch, self.longest)
        losses = self.learner(batch.inputs, batch.targets, batch.seconds, batch.mask, batch.seeds, batch.means)
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
    )
