import math

import pytest
import torch

from summdiff.errors import ModelError, UsageError
from summdiff.research.networks import registry
from summdiff.research.networks.base import Architecture
from summdiff.research.networks.mlp import MLP, MLPConfig
from summdiff.research.networks.registry import architectures, build_network
from summdiff.research.networks.summdiff import SummDiff, SummDiffConfig
from summdiff.scoring.config_checks import check_fields
from summdiff.scoring.sampling import SamplingConfig


@pytest.mark.parametrize("name", architectures())
def test_every_network_of_the_default_sizes_can_be_built(name):
    one = architectures()[name]
    assert one.name == name
    torch.manual_seed(0)
    network = build_network(one, one.config(inputs=8))
    assert all(not weight.is_meta for weight in network.state_dict().values())
    assert math.isfinite(sum(float(weight.double().sum()) for weight in network.state_dict().values()))


def test_measuring_a_network_draws_no_random_numbers():
    config = SummDiffConfig(inputs=5, width=16, heads=2, feed_forward=16)
    torch.manual_seed(0)
    first = SummDiff(config).state_dict()
    torch.manual_seed(0)
    second = build_network(architectures()["summdiff"], config).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_too_large_a_network_names_what_to_lower():
    with pytest.raises(ModelError, match=r"million weights.*lower one of .*width=80000"):
        build_network(architectures()["summdiff"], SummDiffConfig(inputs=5, width=80_000, heads=2))
    with pytest.raises(ModelError, match=r"encoder_layers=1000000: 1,000 is the most"):
        build_network(architectures()["summdiff"], SummDiffConfig(inputs=5, encoder_layers=1_000_000))


def test_fields_are_looked_at_by_their_types():
    check_fields(SamplingConfig(id="tiny", step_seconds=2))
    with pytest.raises(ModelError, match="guide_final=1: it is of the wrong type"):
        check_fields(SamplingConfig(id="tiny", guide_final=1))


@pytest.fixture
def plugins(monkeypatch):
    """Register plug-ins by name, as if a package had; a value that is an error is raised when loading."""
    offered = {}

    def load(group, name):
        assert group == "summdiff.networks"
        if isinstance(offered[name], Exception):
            raise offered[name]
        return offered[name]

    monkeypatch.setattr(registry, "plugin_names", lambda group: tuple(offered))
    monkeypatch.setattr(registry, "load_plugin", load)
    architectures.cache_clear()
    yield offered
    architectures.cache_clear()


def test_a_plug_in_is_an_architecture_like_any_other(plugins):
    plugins["other"] = Architecture("other", MLP, MLPConfig)
    found = architectures()
    assert found["other"] is plugins["other"]
    assert isinstance(build_network(found["other"], MLPConfig(inputs=3)), MLP)


@pytest.mark.parametrize(
    ("name", "offered", "said"),
    [
        ("broken", UsageError("'broken' cannot be loaded."), "'broken' cannot be loaded"),
        ("mlp", Architecture("mlp", MLP, MLPConfig), "'mlp' is ignored: summdiff has a network of that name"),
        ("other", MLP, "'other' is ignored: it is no `Architecture`"),
        ("other", Architecture("another", MLP, MLPConfig), "'other' is ignored: it is no `Architecture` of that name"),
    ],
)
def test_a_plug_in_that_cannot_be_used_is_left_out_with_a_warning(plugins, name, offered, said):
    before = dict(architectures())
    architectures.cache_clear()
    plugins[name] = offered
    with pytest.warns(UserWarning, match=said):
        found = architectures()
    assert dict(found) == before
