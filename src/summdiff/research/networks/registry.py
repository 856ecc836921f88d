"""Networks by the name that recipes and model folders use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from summdiff.errors import ModelError
from summdiff.research.networks.a2summ import A2Summ, A2SummConfig
from summdiff.research.networks.base import Network
from summdiff.research.networks.dsnet import DSNet, DSNetConfig
from summdiff.research.networks.iptnet import IPTNet, IPTNetConfig
from summdiff.research.networks.mlp import MLP, MLPConfig
from summdiff.research.networks.pgl_sum import PGLSum, PGLSumConfig
from summdiff.research.networks.ridge import Ridge, RidgeConfig
from summdiff.research.networks.sl_module import SLModule, SLModuleConfig
from summdiff.research.networks.summdiff import NetworkConfig, SummDiff
from summdiff.research.networks.summdiff.relational import Relational, RelationalConfig
from summdiff.research.networks.vasnet import VASNet, VASNetConfig
from summdiff.scoring.config_checks import check_fields, sizes_of
from summdiff.scoring.model import ModelConfig
from summdiff.scoring.sampling import SamplingConfig, SamplingModel
from summdiff.scoring.scorer import ScoringModel

_MOST_WEIGHTS = 500_000_000  # 2 GB, and in training four times as much


@dataclass(frozen=True, slots=True)
class Architecture:
    """A kind of network, and the model that is made of it.

    Attributes:
        network, config: `network(config(inputs=P, ...))`.
        model, model_config: `model(model_config(id=...), network)`.
    """

    network: type[Any]
    config: type[Any]
    model: type[Any] = ScoringModel
    model_config: type[ModelConfig] = ModelConfig


ARCHITECTURES: dict[str, Architecture] = {
    "summdiff": Architecture(SummDiff, NetworkConfig, SamplingModel, SamplingConfig),
    "relational": Architecture(Relational, RelationalConfig, SamplingModel, SamplingConfig),
    "vasnet": Architecture(VASNet, VASNetConfig),
    "pgl_sum": Architecture(PGLSum, PGLSumConfig),
    "sl_module": Architecture(SLModule, SLModuleConfig),
    "dsnet": Architecture(DSNet, DSNetConfig),
    "a2summ": Architecture(A2Summ, A2SummConfig),
    "iptnet": Architecture(IPTNet, IPTNetConfig),
    "mlp": Architecture(MLP, MLPConfig),
    "ridge": Architecture(Ridge, RidgeConfig),
}


def architecture_of(network: Network) -> str:
    """The name of a network's architecture."""
    return next(name for name, kind in ARCHITECTURES.items() if type(network) is kind.network)


def network_of(kind: type[Any], config: Any) -> Network:
    """Make a network with random weights, `kind(config)`.

    Raises:
        ModelError: it would take gigabytes; or its numbers fit no network.
    """
    check_fields(config)
    with torch.device("meta"):  # shapes without memory
        sketch: Network = kind(config)
    weights = sum(each.numel() for each in (*sketch.parameters(), *sketch.buffers()))
    if weights > _MOST_WEIGHTS:
        sizes = ", ".join(f"{name}={value}" for name, value in sizes_of(config).items() if value >= 64)
        raise ModelError(
            f"A network of these sizes has {weights / 1e6:,.0f} million weights, and {_MOST_WEIGHTS / 1e6:.0f} million "
            f"are the most: lower one of {sizes}."
        )
    network: Network = kind(config)
    return network
