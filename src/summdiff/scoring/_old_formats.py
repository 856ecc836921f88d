"""Model folders of older formats and recipes with older fields, in terms of the present ones.

Format summdiff.model/1 has no graphs; /2 has them. Both call the default model's conditioning "kinship" and count
places among its inputs, and have one config with all fields for what are now the networks `summdiff`, `release`,
`joint` and `relational`. Recipes name these by `model: summdiff` and a `preset`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from summdiff.errors import ModelError
from summdiff.features.relations import PLACES

FORMATS = ("summdiff.model/1", "summdiff.model/2")

_KEPT = {
    "summdiff": ("score_embedding", "score_scale"),
    "release": ("cross_attention", "kernel", "input_dropout"),
    "joint": ("score_scale", "kernel", "cross_attention", "linear_share", "mean_gain", "input_dropout"),
    "relational": ("score_scale", "kernel", "guess_noise", "input_dropout"),
}
_SHARED = ("inputs", "width", "heads", "feed_forward", "encoder_layers", "denoiser_layers", "n_bins", "dropout")
_RENAMED = {("release", "aligned"): "own_step", ("joint", "mean_head"): "mean_curve"}
_OTHER = {"relations", "aligned", "mean_head", "mean_gain", "squash", "corrects"}
# Every other field must have the one value that the network is built with, or the default that brought nothing
_REMOVED = {"power": 1.0, "components": 0, "encoder_kernel": 1}
_FIXED: dict[str, dict[str, Any]] = {
    "summdiff": {"norm": "post", "activation": "relu", "aligned": False, "self_attention": False, "kernel": 1}
    | {"position": "sinusoidal"}
    | {"cross_attention": True, "fade_scores": False, "null": "video", "squash": False, "score_space": "linear"}
    | {"deep_mlps": False, "global_token": False, "mean_head": False, "linear_share": 0.0, "input_dropout": 0.0},
    "release": {"norm": "adaptive", "activation": "prelu", "self_attention": False, "fade_scores": False}
    | {"null": "video", "squash": True, "score_space": "logit", "score_scale": 1.0, "score_embedding": "learnable"}
    | {"deep_mlps": True, "global_token": True, "position": "relative", "mean_head": False, "linear_share": 0.0},
    "joint": {"norm": "pre", "activation": "gelu", "aligned": True, "self_attention": True, "fade_scores": True}
    | {"null": "condition", "score_space": "linear", "score_embedding": "learnable", "position": "rotary"}
    | {"deep_mlps": False, "global_token": False},
}
_FIXED["relational"] = _FIXED["joint"] | {"cross_attention": True, "mean_head": True, "linear_share": 1.0}


def modernised(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a model folder's config of an older format as the present one writes it, with its own `format`.

    Raises:
        KeyError, TypeError, AttributeError: a section is missing or is no section.
    """
    found = dict(document)
    model = dict(document["model"])
    with_prior = model.get("conditioning") == "kinship"
    if with_prior:
        model["conditioning"] = "gaussian_prior"
    found["model"] = model
    if with_prior and isinstance(document.get("inference"), Mapping):
        found["inference"] = document["inference"] | {"inputs": document["inference"]["inputs"] - PLACES}
    return found


def modernised_network(architecture: str, section: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return name and config fields of a network from its older name and any of its older fields; unknown ones stay.

    Raises:
        ModelError: the network used an option that no longer exists.
    """
    if architecture == "ridge":
        _check_gone(section, {"power": 1.0})
        return architecture, {name: value for name, value in section.items() if name not in ("relations", "power")}
    if architecture not in ("summdiff", "relational"):
        return architecture, dict(section)
    name = architecture
    if architecture == "summdiff":
        name = {"post": "summdiff", "adaptive": "release"}.get(str(section.get("norm", "pre")), "joint")
    _check_gone(section, _REMOVED | _FIXED[name])
    if name == "joint":
        _check_gone(section, {"squash": not section.get("mean_head", False)})
    wanted = _SHARED + _KEPT[name]
    found = {field: section[field] for field in wanted if field in section}
    for (network, old), new in _RENAMED.items():
        if network == name and old in section:
            found[new] = section[old]
    if name == "summdiff":
        found["projected_attention"] = True
    if name == "relational":
        if "corrects" in section:
            found["gaussian_only"] = not section["corrects"]
        if "inputs" in section:
            found["inputs"] = section["inputs"] - PLACES
    unknown = section.keys() - set(wanted) - _REMOVED.keys() - _FIXED[name].keys() - _OTHER
    return name, found | {field: section[field] for field in unknown}


def _check_gone(section: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if name in section and section[name] != value:
            raise ModelError(f"The option {name}={section[name]} no longer exists: leave it out and train a new model.")


_SUBLAYERS = {
    "summdiff": {"attend": "attention", "look": "attention", "feed_forward": "mlp"},
    "release": {"attend": "attention", "look": "attention", "nearby": "convolution", "feed_forward": "mlp"},
    "joint": {"attend": "attention", "look": "cross", "nearby": "convolution", "feed_forward": "mlp"},
}
_SUBLAYERS["relational"] = _SUBLAYERS["joint"]


def modernised_weight(network: str, name: str) -> str:
    """Return the present name of a weight of a network by its present name, from the weight's older name."""
    if network not in _SUBLAYERS:
        return name
    name = {"kinship.logs": "prior_logs", "summary": "global_token"}.get(name, name)
    name = name.replace("considered.", "posterior_in.")
    if network == "summdiff":  # without the dropout that came first
        name = re.sub(r"^embed\.(\d)", lambda found: f"embed.{int(found[1]) - 1}", name)
    layer = re.fullmatch(r"(encoder|denoiser)\.(\d+)\.(\w+)\.(inner|norm|modulate)\.(.+)", name)
    if layer is None:
        return name
    stack, number, part, kind, rest = layer.groups()
    part = _SUBLAYERS[network][part]
    if network == "release" and stack == "denoiser":
        middle = f"{part}.{'module' if kind == 'inner' else kind}"
    else:
        middle = part if kind == "inner" else f"{part}_{kind}"
    return f"{stack}.{number}.{middle}.{rest}"


_PRESETS = {"paper": "post", "release": "adaptive", "joint": "pre"}
_OLD_FIELDS = (_REMOVED.keys() | _OTHER | {"norm", "activation", "score_space", "squash", "null", "preset"}) - {
    "mean_gain"
}


def modernised_recipe(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe's fields with the present names of conditioning and network.

    Raises:
        ModelError: the network uses an option that no longer exists.
    """
    found = dict(fields)
    if found.get("conditioning") == "kinship":
        found["conditioning"] = "gaussian_prior"
    section = found.get("network")
    if isinstance(section, dict) and section.keys() & _OLD_FIELDS:
        given = {name: value for name, value in section.items() if name not in ("model", "preset")}
        name = section.get("model", "summdiff")
        if "preset" in section:
            if section["preset"] not in _PRESETS:
                raise ModelError(f"preset must be one of {', '.join(_PRESETS)}, got {section['preset']!r}")
            name, given = "summdiff", {"norm": _PRESETS[section["preset"]]} | given
        name, given = modernised_network(name, given)
        found["network"] = {"model": name} | given
    return found
