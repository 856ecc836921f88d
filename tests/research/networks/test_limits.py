import math

import pytest
import torch

from summdiff.errors import ModelError
from summdiff.research.networks.registry import ARCHITECTURES, network_of
from summdiff.research.networks.summdiff import NetworkConfig, SummDiff
from summdiff.scoring.config_checks import check_fields
from summdiff.scoring.sampling import SamplingConfig


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_is_within_them(name):
    kind = ARCHITECTURES[name]
    known = {"relations": 1} if "relations" in kind.config.__dataclass_fields__ else {}
    torch.manual_seed(0)
    network = network_of(kind.network, kind.config(inputs=8, **known))
    assert all(not weight.is_meta for weight in network.state_dict().values())
    assert math.isfinite(sum(float(weight.double().sum()) for weight in network.state_dict().values()))


def test_the_sketch_draws_no_random_numbers():
    """So that networks are those of before, seed by seed."""
    config = NetworkConfig(inputs=5, width=16, heads=2, feed_forward=16)
    torch.manual_seed(0)
    first = SummDiff(config).state_dict()
    torch.manual_seed(0)
    second = network_of(SummDiff, config).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_too_large_a_network_names_what_to_lower():
    with pytest.raises(ModelError, match=r"million weights.*lower one of .*width=80000"):
        network_of(SummDiff, NetworkConfig(inputs=5, width=80_000, heads=2))
    with pytest.raises(ModelError, match=r"encoder_layers=1000000: 1,000 is the most"):
        network_of(SummDiff, NetworkConfig(inputs=5, encoder_layers=1_000_000))


def test_fields_are_looked_at_by_their_types():
    check_fields(SamplingConfig(id="tiny", step_seconds=2))
    with pytest.raises(ModelError, match="guide_final=1: it is of the wrong type"):
        check_fields(SamplingConfig(id="tiny", guide_final=1))
