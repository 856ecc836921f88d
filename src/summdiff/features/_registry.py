"""Backbones by name: modules of this package, and plug-ins of other packages.

    <name>                                      efficientnet_lite0
    <name>:<option>=<path>[,<option>=<path>]    inception_v3_yt8m:weights=inception.pth,pca=pca.safetensors
    <name>:<model>[:<option>=<path>...]         timm:resnet50.a1_in1k:weights=resnet50.safetensors

Every option is the path of a file or folder. Commas and colons in a path need no quoting, as only those followed by
`<option>=` separate.

A module `NAME.py` in `summdiff/features/backbones` or, if it needs PyTorch, `summdiff/research/backbones` is the
backbone NAME; its variable `BACKBONE` is the class to call. It is imported only when the backbone is loaded. Other
packages register their class as an entry point of the group "summdiff.backbones".
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from summdiff._plugins import load_plugin, plugin_names
from summdiff.errors import BackboneError

if TYPE_CHECKING:
    from summdiff.features.backbone import Backbone

DEFAULT = "efficientnet_lite0"

_PACKAGES = ("summdiff.features.backbones", "summdiff.research.backbones")


def backbone_ids() -> tuple[str, ...]:
    """Return the names that `load_backbone` knows: the default, the others of this package, then plug-ins."""
    names = sorted(_modules(), key=lambda name: (name != DEFAULT, name))
    return tuple(dict.fromkeys((*names, *plugin_names("summdiff.backbones"))))


def load_backbone(spec: str = DEFAULT, *, threads: int | None = None, device: str = "cpu") -> Backbone:
    """Load a backbone.

    Args:
        spec: a name of `backbone_ids`, with a model and options if it takes any (see this module).
        threads: threads to compute with; None for one per core.
        device: where to compute, see `summdiff._runtime.inference_session`.

    Raises:
        UsageError: the device does not exist, or a plug-in cannot be imported.
        BackboneError: the name, model or an option is unknown, or a library or weights are missing.
    """
    name, options = parse_spec(spec)
    family, _, model = name.partition(":")
    factory = _find(family)
    if getattr(factory, "takes_model", False) != bool(model):
        fault = f"takes no model, got '{model}'" if model else f"needs a model: '{family}:<model>'"
        raise BackboneError(f"The backbone '{family}' {fault}.")
    known = getattr(factory, "options", ())
    for option in options:
        if option not in known:
            takes = ", ".join(f"'{key}'" for key in known) or "none"
            raise BackboneError(f"The backbone '{name}' has no option '{option}'; it takes {takes}.")
    return factory(*([model] if model else []), threads=threads, device=device, **options)


def parse_spec(spec: str) -> tuple[str, dict[str, str]]:
    """Split `<name>:<option>=<value>,...` into the name and its options.

    Raises:
        BackboneError: an option is given twice or without a value.
    """
    name, *rest = re.split(r":(?=[a-z_]+=)", spec.strip(), maxsplit=1)
    options: dict[str, str] = {}
    for item in re.split(r",(?=[a-z_]+=)", rest[0]) if rest else ():
        option, _, value = item.partition("=")
        if not value or option in options:
            fault = "is given twice" if value else "has no value"
            raise BackboneError(f"The option '{option}' of the backbone '{spec}' {fault}.")
        options[option] = value
    return name, options


def _find(name: str) -> Callable[..., Backbone]:
    """Return the class of a backbone."""
    modules = _modules()
    factory: Callable[..., Backbone]
    if name in modules:
        factory = import_module(modules[name]).BACKBONE
    elif name in plugin_names("summdiff.backbones"):
        factory = load_plugin("summdiff.backbones", name)
    else:
        names = backbone_ids()
        matches = difflib.get_close_matches(name, names, n=1)
        hint = f" (did you mean '{matches[0]}'?)" if matches else ""
        raise BackboneError(f"There is no backbone '{name}'{hint}; known are {', '.join(names)}.")
    return factory


def _modules() -> dict[str, str]:
    """Return the module of each backbone of this package, without importing any."""
    root = Path(__file__).parents[2]
    return {
        module.name: f"{package}.{module.name}"
        for package in _PACKAGES
        for module in iter_modules([str(root.joinpath(*package.split(".")))])
        if not module.name.startswith("_")
    }
