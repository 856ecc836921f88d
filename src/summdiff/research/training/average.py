"""The moving average of a network's weights."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

from summdiff.research.networks.base import Network


class MovingAverage:
    """The exponential moving average of a network's weights, which is what training returns.

    Attributes:
        network: a copy that holds the average, on the same device.
    """

    def __init__(self, network: Network, decay: float) -> None:
        """Start from the network's present weights; a decay of 0 follows them without delay."""
        self.network = copy.deepcopy(network).requires_grad_(False)
        self._source, self._decay, self._updates = network, decay, 0

    @torch.no_grad()
    def update(self) -> None:
        """Take in the source's weights; at first with more weight, so that the random start is soon forgotten."""
        self._updates += 1
        decay = min(self._decay, self._updates / (self._updates + 10))
        averages: list[Tensor] = [*self.network.parameters()]
        sources: list[Tensor] = [*self._source.parameters()]
        torch._foreach_lerp_(averages, sources, 1 - decay)  # one call on an accelerator instead of one a tensor

    def copied(self) -> Network:
        """The average as a network of its own, on the processor, with weights that may be trained on."""
        copied = copy.deepcopy(self.network).cpu()
        for ours, theirs in zip(copied.parameters(), self._source.parameters(), strict=True):
            ours.requires_grad_(theirs.requires_grad)
        return copied

    def state_dict(self) -> dict[str, Any]:
        """Everything that it is."""
        return {"network": self.network.state_dict(), "updates": self._updates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Be as another was."""
        self.network.load_state_dict(state["network"])
        self._updates = state["updates"]
