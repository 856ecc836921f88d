"""Networks by the name that recipes and model folders use.

Every module of this package that declares an `ARCHITECTURE`, and every `Architecture` that an installed package
registers as an entry point of the group "summdiff.networks", is here.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import Any

import torch

import summdiff.research.networks
from summdiff._plugins import load_plugin, plugin_names
from summdiff.errors import ModelError, UsageError
from summdiff.research.networks.base import Architecture, Network
from summdiff.scoring.config_checks import check_fields, sizes_of

_MOST_WEIGHTS = 500_000_000  # 2 GB; training needs four times as much


@cache
def architectures() -> Mapping[str, Architecture]:
    """Return all networks by name: the package's, then those of plug-ins.

    A plug-in that cannot be loaded, or whose name is taken, is left out with a warning.
    """
    package = summdiff.research.networks
    modules = [info.name for info in iter_modules(package.__path__) if not info.name.startswith("_")]
    declared = [getattr(import_module(f"{package.__name__}.{name}"), "ARCHITECTURE", None) for name in modules]
    found = {one.name: one for one in declared if isinstance(one, Architecture)}
    for name in plugin_names("summdiff.networks"):
        try:
            found[name] = _plugin(name, taken=name in found)
        except UsageError as error:
            warnings.warn(str(error), stacklevel=2)
    return MappingProxyType(found)


def _plugin(name: str, *, taken: bool) -> Architecture:
    if taken:
        raise UsageError(f"The plug-in network '{name}' is ignored: summdiff has a network of that name.")
    loaded = load_plugin("summdiff.networks", name)
    if not isinstance(loaded, Architecture) or loaded.name != name:
        raise UsageError(f"The plug-in network '{name}' is ignored: it is no `Architecture` of that name.")
    return loaded


def architecture_of(network: Network) -> Architecture:
    """Return the architecture that a network is of."""
    return next(one for one in architectures().values() if type(network) is one.network)


def build_network(architecture: Architecture, config: Any) -> Network:
    """Build a network with random weights.

    Raises:
        ModelError: a field of the config is out of range, or the network would take gigabytes.
    """
    check_fields(config)
    with torch.device("meta"):  # shapes without memory
        sketch: Network = architecture.network(config)
    weights = sum(tensor.numel() for tensor in (*sketch.parameters(), *sketch.buffers()))
    if weights > _MOST_WEIGHTS:
        sizes = ", ".join(f"{name}={value}" for name, value in sizes_of(config).items() if value >= 64)
        raise ModelError(
            f"The network would have {weights / 1e6:,.0f} million weights; at most {_MOST_WEIGHTS / 1e6:.0f} million "
            f"are allowed: lower one of {sizes}."
        )
    network: Network = architecture.network(config)
    return network
