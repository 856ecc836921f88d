"""Which networks there are, by the name that recipes and model folders use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from summdiff.models.a2summ import A2Summ, A2SummConfig
from summdiff.models.contract import Network
from summdiff.models.dsnet import DSNet, DSNetConfig
from summdiff.models.iptnet import IPTNet, IPTNetConfig
from summdiff.models.mlp import MLP, MLPConfig
from summdiff.models.model import ModelConfig
from summdiff.models.pgl_sum import PGLSum, PGLSumConfig
from summdiff.models.ridge import Ridge, RidgeConfig
from summdiff.models.scoring import ScoringModel
from summdiff.models.sl_module import SLModule, SLModuleConfig
from summdiff.models.summdiff import NetworkConfig, SummDiff
from summdiff.models.summdiff.relational import Relational, RelationalConfig
from summdiff.models.summdiff.sampling import SamplingConfig, SamplingModel
from summdiff.models.vasnet import VASNet, VASNetConfig


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
