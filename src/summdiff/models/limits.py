"""How large a network may be, checked before any memory is taken for it."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import torch

from summdiff.errors import ModelError
from summdiff.models.contract import Network

_MOST_WEIGHTS = 500_000_000  # 2 GB, and in training four times as much
_LARGEST_SIZE = 1_000_000
_MOST_LAYERS = 1000  # and heads, and segments with heads of their own


def network_of(kind: type[Any], config: Any) -> Network:
    """A network with random weights, `kind(config)`.

    Raises:
        ModelError: it would take gigabytes; or its numbers fit no network.
    """
    check_fields(config)
    with torch.device("meta"):  # shapes without memory
        sketch: Network = kind(config)
    weights = sum(each.numel() for each in (*sketch.parameters(), *sketch.buffers()))
    if weights > _MOST_WEIGHTS:
        sizes = ", ".join(f"{name}={value}" for name, value in _sizes(config).items() if value >= 64)
        raise ModelError(
            f"A network of these sizes has {weights / 1e6:,.0f} million weights, and {_MOST_WEIGHTS / 1e6:.0f} million "
            f"are the most: lower one of {sizes}."
        )
    network: Network = kind(config)
    return network


def check_fields(config: Any) -> None:
    """Raise a ModelError where one size alone is out of all bounds."""
    for name, value in _sizes(config).items():
        most = _MOST_LAYERS if name.endswith(("layers", "segments", "heads")) else _LARGEST_SIZE
        if value > most:
            raise ModelError(f"A network cannot have {name}={value}: {most:,} is the most.")


def _sizes(config: Any) -> dict[str, int]:
    """The whole numbers of a network's config, those of lists by their greatest."""
    found: dict[str, int] = {}
    for field in fields(config):
        value = getattr(config, field.name)
        numbers = [n for n in (value if isinstance(value, list | tuple) else (value,)) if type(n) is int]
        if numbers:
            found[field.name] = max(numbers)
    return found
