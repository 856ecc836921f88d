"""Quick graphs: each architecture is exported once, and later models put their weights in its graphs."""

from contextlib import contextmanager, nullcontext

import onnx
import pytest
import torch
from onnx import numpy_helper

from summdiff.research.networks import storage
from summdiff.research.networks.export import export_graphs

_TEMPLATES = {}


def graphs_by_template(network):
    """Graphs of a network. `write_model` compares them with the network, so a wrong template cannot stay unnoticed."""
    key = (type(network), repr(network.config), tuple(network.state_dict()))
    if key not in _TEMPLATES:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch.onnx, "export", _keeping_names(torch.onnx.export))
            _TEMPLATES[key] = export_graphs(network)
    weights = {f"module.{name}": tensor.detach().cpu().numpy() for name, tensor in network.state_dict().items()}
    return {name: _filled(graph, weights) for name, graph in _TEMPLATES[key].items()}


def _keeping_names(export):
    """The exporter without folding of constants, after which weights have other names and are transposed."""
    return lambda *arguments, **options: export(*arguments, **options, do_constant_folding=False)


def _filled(graph, weights):
    model = onnx.load_from_string(graph)
    for tensor in model.graph.initializer:
        if tensor.name in weights:
            tensor.CopyFrom(numpy_helper.from_array(weights[tensor.name], tensor.name))
    return model.SerializeToString()


@contextmanager
def _quick_graphs():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storage, "export_graphs", graphs_by_template)
        patch.setattr(storage, "_COMPARED_STEPS", (13,))
        yield


@pytest.fixture(scope="session")
def quick_graphs():
    """A context with quick graphs, for fixtures of the session that train."""
    return _quick_graphs


@pytest.fixture(autouse=True, scope="module")
def _quick_graphs_in_modules(request):
    """Only where training is tested: the tests of networks test the export."""
    with nullcontext() if "networks" in request.path.parts else _quick_graphs():
        yield
