"""Plug-ins: backbones, networks and export formats of other installed packages, found by their entry points."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

from summdiff.errors import UsageError

Group = Literal["summdiff.backbones", "summdiff.networks", "summdiff.exports"]


def plugin_names(group: Group) -> tuple[str, ...]:
    """Names that installed packages register in a group of entry points, sorted."""
    return tuple(sorted({entry.name for entry in entry_points(group=group)}))


def load_plugin(group: Group, name: str) -> Any:
    """Import what an installed package registers under a name.

    Raises:
        UsageError: no package registers the name, two packages do, or the import fails.
    """
    found = list(dict.fromkeys(entry_points(group=group, name=name)))
    if len(found) != 1:
        packages = " and ".join(sorted(_package(entry) for entry in found)) or "no installed package"
        raise UsageError(f"'{name}' of '{group}' is registered by {packages}; exactly one package may do so.")
    try:
        return found[0].load()
    except Exception as error:  # a plug-in may fail in any way while it is imported
        raise UsageError(
            f"'{name}' from the package {_package(found[0])} cannot be loaded ({type(error).__name__}: {error}): "
            "update or uninstall that package."
        ) from error


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.value
