"""Weight files for the tests of backbones."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "features"))  # its pictures
from optional_libraries import optional
from torch import nn


@pytest.fixture(scope="package", autouse=True)
def one_thread() -> Iterator[None]:
    # Beside other work, PyTorch's threads wait for each other far longer than they compute.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def weights_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A function that makes a file of random weights in the form in which those of a network are published.

    The published ones cannot be had in a test. Running statistics are taken from noise, as those of a trained network
    are from its training set; with the initial ones everything would fade on the way through the layers.
    """
    made: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in made:
            torch.manual_seed(7)
            network, side = _network(name)
            for module in network.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.momentum = 1.0
            with torch.no_grad():
                network.train()(torch.randn(4, 3, side, side))
            made[name] = tmp_path_factory.mktemp("weights") / f"{name}.pth"
            torch.save(network.state_dict(), made[name])
        return made[name]

    return make


def _network(name: str) -> tuple[nn.Module, int]:
    """The network as it is published, with classifier and auxiliary heads, and a picture side that it takes."""
    if name in {"googlenet", "inception_v3"}:
        build = getattr(optional("torchvision").models, name)
        return build(weights=None, aux_logits=True, init_weights=False), 299
    timm = optional("timm")
    return timm.create_model(name, pretrained=False), 160
