"""A model on disk: a folder with `model.safetensors` (the weights) and `config.json` (everything else).

Loading runs no code from the folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import reprlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from summdiff.atomic import written_whole
from summdiff.errors import ModelError, OutputError
from summdiff.models.limits import check_fields, network_of
from summdiff.models.model import Model
from summdiff.models.registry import ARCHITECTURES, architecture_of

FORMAT = "summdiff.model/1"
WEIGHTS = "model.safetensors"
CONFIG = "config.json"


def read_model(directory: Path) -> Model:
    """The model in a folder.

    Raises:
        ModelError: a file is missing, damaged, of another format, or config and weights do not fit together.
    """
    try:
        document = json.loads((directory / CONFIG).read_text(encoding="utf-8"))
        weights = (directory / WEIGHTS).read_bytes()
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"The model in '{directory}' cannot be read: {error}.") from error
    found = document.get("format") if isinstance(document, dict) else None
    if found != FORMAT:
        raise ModelError(
            f"'{directory / CONFIG}' is not a model's config: its format is {reprlib.repr(found)}, not '{FORMAT}'."
        )
    if hashlib.sha256(weights).hexdigest() != document.get("sha256"):
        raise ModelError(f"'{directory / WEIGHTS}' is damaged or belongs to another config: its checksum differs.")
    try:
        architecture = ARCHITECTURES[document.get("architecture", "summdiff")]
        network = network_of(architecture.network, architecture.config(**document["network"]))
        network.load_state_dict(load(weights))
        config = architecture.model_config(**document["model"])
        check_fields(config)
    except ModelError as error:
        raise ModelError(f"The model in '{directory}' cannot be used: {error}") from error
    except (KeyError, TypeError, ValueError, ZeroDivisionError, SafetensorError, RuntimeError) as error:
        raise ModelError(f"Config and weights in '{directory}' do not fit together; train the model anew.") from error
    if not all(bool(torch.isfinite(tensor).all()) for tensor in network.state_dict().values()):
        raise ModelError(f"'{directory / WEIGHTS}' holds numbers that are not finite.")
    provenance = document.get("provenance")
    model: Model = architecture.model(config, network, provenance=provenance if isinstance(provenance, dict) else None)
    return model


def write_model(model: Model, directory: str | os.PathLike[str], *, provenance: dict[str, Any]) -> Path:
    """Write a model into a folder, replacing the model that is there.

    Args:
        model: what to write.
        directory: the folder; made if missing. Other files in it stay.
        provenance: how it was trained (recipe, data, seeds, measures), kept in the config.

    Raises:
        OutputError: the folder cannot be written.
    """
    directory = Path(directory)
    weights = save({name: tensor.contiguous().cpu() for name, tensor in model.network.state_dict().items()})
    document = {
        "format": FORMAT,
        "architecture": architecture_of(model.network),
        "model": asdict(model.config),
        "network": asdict(model.network.config),
        "sha256": hashlib.sha256(weights).hexdigest(),
        "provenance": provenance,
    }
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder '{directory}' cannot be made: {error.strerror or error}.") from error
    # Both whole before either gets its name; a break between the two renames is seen by the checksum.
    with written_whole(directory / WEIGHTS) as first, written_whole(directory / CONFIG) as second:
        first.write_bytes(weights)
        second.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return directory
