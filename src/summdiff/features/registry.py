"""Which backbones there are, and how the text that names one is read.

    <name>                                      efficientnet_lite0
    <name>:<option>=<value>[,<option>=<value>]  inception_v3_yt8m:weights=inception.pth,pca=pca.safetensors
                                                timm:resnet50.a1_in1k:weights=resnet50.safetensors

Every option is the path of a file or folder. A comma or colon in a path needs no quoting, as only one that is followed
by `<option>=` separates.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from summdiff.errors import BackboneError

if TYPE_CHECKING:
    from summdiff.features.backbone import Backbone

DEFAULT = "efficientnet_lite0"


@dataclass(frozen=True)
class _Entry:
    """Where a backbone's class is, and the options that it takes; the module is imported only to load it."""

    module: str
    factory: str
    options: tuple[str, ...] = ()


_ENTRIES = {
    DEFAULT: _Entry("summdiff.features.efficientnet_lite0", "EfficientNetLite0"),
    "inception_v3": _Entry("summdiff.research.backbones.inception_v3", "InceptionV3", ("weights",)),
    "inception_v3_yt8m": _Entry(
        "summdiff.research.backbones.inception_v3_yt8m", "InceptionV3YouTube8M", ("weights", "pca")
    ),
    "googlenet_pool5": _Entry("summdiff.research.backbones.googlenet_pool5", "GoogLeNetPool5", ("weights",)),
    "timm:<model>": _Entry("summdiff.research.backbones.timm_model", "TimmModel", ("weights",)),
}


def backbone_ids() -> tuple[str, ...]:
    """The names that `load_backbone` knows, the default first; `<model>` stands for any name that timm knows."""
    return tuple(_ENTRIES)


def load_backbone(spec: str = DEFAULT, *, threads: int | None = None, device: str = "cpu") -> Backbone:
    """Load the backbone that a text names.

    Args:
        spec: a name of `backbone_ids`, with options where it takes some (see this module).
        threads: threads to compute with; None means as many as there are cores.
        device: where to compute, see `summdiff._runtime.inference_session`.

    Raises:
        UsageError: there is no such device here.
        BackboneError: the name or an option is unknown, or a library or weights are missing.
    """
    name, options = parse_spec(spec)
    family, _, model = name.partition(":")
    arguments = (model,) if family == "timm" and model else ()
    entry = _ENTRIES.get("timm:<model>" if arguments else name)
    if entry is None or "<" in name:
        raise BackboneError(f"There is no backbone '{name}'{_closest(name)}; known are {', '.join(_ENTRIES)}.")
    for option in options:
        if option not in entry.options:
            known = ", ".join(f"'{key}'" for key in entry.options) or "none"
            raise BackboneError(f"The backbone '{name}' has no option '{option}'; it takes {known}.")
    factory = getattr(import_module(entry.module), entry.factory)
    backbone: Backbone = factory(*arguments, threads=threads, device=device, **options)
    return backbone


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


def _closest(name: str) -> str:
    matches = difflib.get_close_matches(name, _ENTRIES, n=1)
    return f" (did you mean '{matches[0]}'?)" if matches else ""
