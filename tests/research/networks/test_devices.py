"""Where and how networks compute. No accelerator is at hand where these run: that no tensor is left behind on the
processor is seen on torch's "meta" device, which has shapes but no numbers, and refuses a mixture as others do."""

import numpy as np
import pytest
import torch

from summdiff.errors import UsageError
from summdiff.research.networks.registry import ARCHITECTURES
from summdiff.research.networks.summdiff import PRESETS, NetworkConfig, SummDiff
from summdiff.research.networks.summdiff.denoising import Denoising
from summdiff.research.training.recipe import read_recipe
from summdiff.scoring import load_model
from summdiff.scoring.sampling import SamplingConfig, SamplingModel

SMALL = {"width": 16, "heads": 2, "feed_forward": 32}


def network(preset, **changes):
    torch.manual_seed(0)
    return SummDiff(NetworkConfig.preset(preset, inputs=24, **SMALL, **changes))


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("changes", [{}, {"mean_head": True, "squash": False, "score_space": "linear"}])
def test_training_leaves_nothing_on_the_processor(preset, changes):
    learner = Denoising(network(preset, **changes), curves=2).to("meta")
    shapes = {"inputs": (3, 20, 24), "targets": (3, 4, 20), "seconds": (3, 20), "mask": (3, 20)}
    given = {name: torch.ones(shape, device="meta") for name, shape in shapes.items()}
    loss = learner(**given | {"mask": given["mask"].bool()}, seeds=torch.arange(3))
    assert loss.device.type == "meta"
    loss.mean().backward()


@pytest.mark.parametrize("preset", PRESETS)
def test_sampling_leaves_nothing_on_the_processor(preset):
    network_ = network(preset).to("meta")
    seconds = torch.arange(20, device="meta") / 2
    for prepared in (
        network_.prepare(network_.encode(torch.ones(2, 20, 24, device="meta"), seconds), seconds),
        network_.prepare_null(seconds),
    ):
        when = torch.ones(2, 1, dtype=torch.int64, device="meta")
        found = network_.denoise(torch.ones(2, 3, 20, device="meta"), when, when.float(), prepared)
        assert (found.shape, found.device.type) == ((2, 3, 20), "meta")


def test_the_shipped_network_leaves_nothing_on_the_processor():
    network_ = load_model("default").network.to("meta")
    seconds = torch.arange(20, device="meta") / 2
    inputs = torch.ones(2, 20, network_.config.inputs, device="meta")
    prepared = network_.prepare(network_.encode(inputs, seconds), seconds)
    when = torch.ones(2, 1, dtype=torch.int64, device="meta")
    assert network_.denoise(torch.ones(2, 3, 20, device="meta"), when, when.float(), prepared).device.type == "meta"


BASELINES = ["vasnet", "pgl_sum", "sl_module", "dsnet_anchor_free", "dsnet_anchor_based", "a2summ", "iptnet", "mlp"]


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_learns_in_half_precision_too(name):
    """Nearly the same, by autocast on the processor."""
    section = read_recipe(f"{name}_tvsum").network
    torch.manual_seed(0)
    one = ARCHITECTURES[section.model].network(section.config(inputs=24, relations=0)).eval()
    features, mask = torch.randn(2, 20, 24), torch.ones(2, 20, dtype=torch.bool)
    targets = torch.zeros(2, 20)
    targets[:, 5:9] = 1
    exact = one.loss(features, targets, mask, torch.arange(2))
    with torch.autocast("cpu", torch.bfloat16):
        half = one.loss(features, targets, mask, torch.arange(2))
    assert torch.allclose(exact, half.float(), rtol=0.1, atol=0.02)


def test_half_precision_gives_nearly_the_same_curves():
    """Of the shipped model. A score near the edge between two levels may fall to the other one."""
    model = load_model("default")
    features = np.random.default_rng(0).normal(size=(60, 32)).repeat(3, axis=0)
    exact = model.sample(features, rate=1.0)
    half = model.to("cpu", precision="bfloat16").sample(features, rate=1.0)
    assert 0 < np.abs(exact.mean(axis=0) - half.mean(axis=0)).max() < 0.02
    assert np.quantile(np.abs(exact - half), 0.9) < 0.02
    again = model.to("cpu").sample(features, rate=1.0)
    assert np.array_equal(exact, again)


@pytest.mark.parametrize(
    ("device", "precision", "said"),
    [("tpu9", "float32", "no device 'tpu9'"), ("cuda:77", "float32", "no device 'cuda:77'"), ("cpu", "int4", "int4")],
)
def test_says_what_is_not_there(device, precision, said):
    with pytest.raises(UsageError, match=said):
        load_model("default").to(device, precision=precision)


def test_auto_is_the_processor_where_there_is_no_accelerator():
    if torch.cuda.is_available():
        pytest.skip("there is one")
    assert load_model("default").to("auto").device.type == "cpu"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_an_accelerator_gives_the_same_curves():
    model = SamplingModel(SamplingConfig(id="own", conditioning="features"), network("joint"))
    features = np.random.default_rng(0).normal(size=(300, 24))
    here = model.sample(features, rate=1.0, guidance_scale=0.2)
    assert np.quantile(np.abs(here - model.to("cuda").sample(features, rate=1.0, guidance_scale=0.2)), 0.9) < 1e-3
