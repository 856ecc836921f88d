"""Writing a model folder from a torch network, and reading the network back for further training.

`summdiff.scoring.model_files` says what such a folder holds.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load, save

from summdiff.atomic import make_folder, written_whole
from summdiff.errors import ModelError
from summdiff.research.networks.base import Network
from summdiff.research.networks.export import export_graphs
from summdiff.research.networks.inference import TorchNetwork, in_torch, module_of
from summdiff.research.networks.registry import architecture_of, architectures, build_network
from summdiff.scoring import _old_formats
from summdiff.scoring.config_checks import check_fields
from summdiff.scoring.graphs import GraphDenoiser, GraphScorer
from summdiff.scoring.inputs import count_relations
from summdiff.scoring.model import Model
from summdiff.scoring.model_files import CONFIG, FORMAT, WEIGHTS, facts_to_dict, read_config, read_file
from summdiff.scoring.networks import DenoiserFacts

LARGEST_DIFFERENCE = 1e-5
"""Between scores by torch and by the exported graphs, above which a model is not written."""

_COMPARED_STEPS = (1, 2, 13, 40)


def write_model(
    model: Model, directory: str | os.PathLike[str], *, provenance: dict[str, Any], graphs: bool = True
) -> Path:
    """Write a model that training made into a folder, replacing the model that is there.

    Args:
        model: what to write; its network is torch's.
        directory: the folder; made if missing. Other files in it stay.
        provenance: how it was trained (recipe, data, seeds, measures), kept in the config.
        graphs: whether to write what scoring without torch needs; `export_folder` can add it later.

    Raises:
        OutputError: the folder cannot be written.
        ModelError: the exported graphs score differently from the network.
    """
    directory, module = Path(directory), module_of(model)
    exported = export_graphs(module) if graphs else {}
    if exported:
        compare(model, exported)
    files = {f"{name}.onnx": graph for name, graph in exported.items()}
    files[WEIGHTS] = save({name: tensor.contiguous().cpu() for name, tensor in module.state_dict().items()})
    document = {
        "format": FORMAT,
        "architecture": architecture_of(module).name,
        "model": asdict(model.config),
        "inference": facts_to_dict(model.network.facts),
        "network": asdict(module.config),
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        "provenance": provenance,
    }
    files[CONFIG] = (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()
    make_folder(directory)
    # All whole before any gets its name; a break between the renames is seen by the checksums.
    with ExitStack() as stack:
        for name, content in files.items():
            stack.enter_context(written_whole(directory / name)).write_bytes(content)
    return directory


def compare(model: Model, graphs: dict[str, bytes]) -> float:
    """Score a few fixed inputs by the network and by its graphs, and return the largest difference.

    Raises:
        ModelError: they differ by more than `LARGEST_DIFFERENCE`.
    """
    both = beside_graphs(model, graphs)
    beside = both.network
    rate = 1 / (model.config.step_seconds or 1.0)
    for steps in _COMPARED_STEPS:
        x, known = _fixed(model, steps), np.full(steps, np.nan)
        known[:: max(2, steps // 3)] = 0.9
        for given in (None, known) if both.conditions_on_known else (None,):
            for readout in both.readouts:
                both.score(x, rate=rate, steps=3, samples=3, known=given, readout=readout)
            if not beside.largest <= LARGEST_DIFFERENCE:
                raise ModelError(
                    f"The graphs exported from '{model.id}' score differently from the network, by "
                    f"{beside.largest:.1e} at {steps} steps, where {LARGEST_DIFFERENCE:.0e} is allowed: nothing was "
                    "written. A Python number made of a tensor may have become a constant when it was traced."
                )
    return float(beside.largest)


def beside_graphs(model: Model, graphs: dict[str, bytes]) -> Model:
    """Return the model with a network that also runs the graphs; `network.largest` is the largest difference.

    Both get the noisy signals that the network leads to at each denoising step. A signal at the edge of two score
    levels may round to either, which is no fault of the graphs.
    """
    network = model.network
    sampled = isinstance(network.facts, DenoiserFacts)
    exported: Any = (GraphDenoiser if sampled else GraphScorer)(network.facts, graphs)
    beside: Any = (_DenoiserBeside if sampled else _ScorerBeside)(network, exported)
    return type(model)(model.config, beside)


def load_network(directory: Path) -> Network:
    """Load the torch network of a model folder, of the present or an older format.

    Raises:
        ModelError: a file is missing, damaged, of another format, or config and weights do not fit together.
    """
    document = read_config(directory)
    weights = read_file(directory, WEIGHTS, document)
    try:
        name, section, tensors = document.get("architecture", "summdiff"), document["network"], load(weights)
        if document["format"] in _old_formats.FORMATS:
            name, section = _old_formats.modernised_network(name, section)
            tensors = {_old_formats.modernised_weight(name, old): tensor for old, tensor in tensors.items()}
        architecture = architectures()[name]
        network = build_network(architecture, architecture.config(**section))
        network.load_state_dict(tensors)
    except ModelError as error:
        raise ModelError(f"The model in '{directory}' cannot be used: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError, SafetensorError, RuntimeError) as error:
        raise ModelError(f"Config and weights in '{directory}' do not fit together; train the model anew.") from error
    if not all(bool(torch.isfinite(tensor).all()) for tensor in network.state_dict().values()):
        raise ModelError(f"'{directory / WEIGHTS}' holds numbers that are not finite.")
    return network


def load_in_torch(directory: Path) -> Model:
    """Load a model folder with its network in torch, for experiments on the network and for writing it again.

    Raises:
        ModelError: as `load_network`.
    """
    document, network = read_config(directory), load_network(directory)
    architecture = architecture_of(network)
    try:
        config = architecture.model_config(**document["model"])
        check_fields(config)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"The config in '{directory}' describes no model; train the model anew.") from error
    provenance = document.get("provenance")
    about = provenance if isinstance(provenance, dict) else None
    model: Model = architecture.model(config, in_torch(network), provenance=about)
    return model


def export_folder(directory: Path) -> Path:
    """Write a model folder's graphs from its weights: of a cross-validation's fold, or of the format without graphs.

    Raises:
        ModelError, OutputError: as `load_network` and `write_model`.
    """
    model = load_in_torch(directory)
    return write_model(model, directory, provenance=model.provenance)


def _fixed(model: Model, steps: int) -> NDArray[np.float32]:
    """Return features (N, D) that the model takes, the same each time."""
    D = model.network.facts.inputs - count_relations(model.conditioning)
    D = D if model.conditioning in ("features", "both") else 24
    return np.random.default_rng([steps, D]).standard_normal((steps, D), dtype=np.float32)


class _Beside:
    """Runs a network and its graphs, returns the network's output, and records the largest difference."""

    def __init__(self, network: TorchNetwork, graphs: Any) -> None:
        self.network: Any = network
        self.graphs, self.facts, self.largest = graphs, self.network.facts, 0.0

    def _compared(self, ours: Any, theirs: Any) -> Any:
        if ours is not None:
            difference = np.abs(ours - theirs)
            self.largest = max(self.largest, float(difference.max()) if np.isfinite(difference).all() else np.inf)
        return ours


class _DenoiserBeside(_Beside):
    def encode(self, *inputs: Any, **how: Any) -> Any:
        ours, theirs = self.network.encode(*inputs, **how), self.graphs.encode(*inputs, **how)
        curves = ours.curves
        if curves is not None:  # each on a scale of its own
            size = max(1.0, float(np.abs(curves).max()))
            self._compared(curves / size, theirs.curves / size)
        return replace(ours, log_scale=self._compared(ours.log_scale, theirs.log_scale))

    def prepare(self, *inputs: Any, **beside: Any) -> Any:
        return self.network.prepare(*inputs, **beside), self.graphs.prepare(*inputs, **beside)

    def denoise(self, noisy: Any, timestep: int, signal: float, condition: Any) -> Any:
        ours = self.network.denoise(noisy, timestep, signal, condition[0])
        theirs = self.graphs.denoise(noisy, timestep, signal, condition[1])
        # Compare means over samples: single samples may differ where a score level flips
        self._compared(ours.clip(0, 1).mean(axis=1), theirs.clip(0, 1).mean(axis=1))
        return ours


class _ScorerBeside(_Beside):
    def score(self, inputs: Any) -> Any:
        return self._compared(self.network.score(inputs), self.graphs.score(inputs))

    def detect(self, inputs: Any) -> Any:
        (boxes, scores), (their_boxes, their_scores) = self.network.detect(inputs), self.graphs.detect(inputs)
        steps = len(inputs)
        self._compared(boxes / steps, their_boxes / steps)
        return boxes, self._compared(scores, their_scores)
