"""Where and how networks compute. No accelerator is at hand where these run: that no tensor is left behind on the
processor is seen on torch's "meta" device, which has shapes but no numbers, and refuses a mixture as others do."""

import numpy as np
import pytest
import torch
from small_networks import DENOISERS, denoiser, relational, scorer

from summdiff.errors import UsageError
from summdiff.research.networks.inference import TorchDenoiser, TorchScorer, in_torch, module_of
from summdiff.research.networks.registry import architecture_of, architectures
from summdiff.research.networks.storage import load_in_torch, load_network
from summdiff.research.training.recipe_files import read_recipe
from summdiff.scoring import model_folder
from summdiff.scoring.sampling import SamplingConfig, SamplingModel


def network(name, **changes):
    return denoiser(name, inputs=24, **changes)


@pytest.mark.parametrize(("name", "changes"), [*((name, {}) for name in DENOISERS), ("joint", {"mean_curve": True})])
def test_training_leaves_nothing_on_the_processor(name, changes):
    one = network(name, **changes)
    learner = architecture_of(one).objective(one, curves=2).to("meta")
    shapes = {"inputs": (3, 20, 24), "targets": (3, 4, 20), "seconds": (3, 20), "mask": (3, 20)}
    given = {name: torch.ones(shape, device="meta") for name, shape in shapes.items()}
    loss = learner(**given | {"mask": given["mask"].bool()}, seeds=torch.arange(3))
    assert loss.device.type == "meta"
    loss.mean().backward()


@pytest.mark.parametrize(("name", "changes"), [*((name, {}) for name in DENOISERS), ("joint", {"mean_curve": True})])
def test_sampling_leaves_nothing_on_the_processor(name, changes):
    network_ = network(name, **changes).to("meta")
    seconds = torch.arange(20, device="meta") / 2
    mean = torch.ones(2, 20, device="meta") if changes else None
    for dropped in (None, torch.ones(2, dtype=torch.bool, device="meta")):
        encoded = network_.encode(torch.ones(2, 20, 24, device="meta"), seconds, dropped=dropped)
        prepared = network_.prepare(encoded.tokens, seconds, mean=mean)
        when = torch.ones(2, 1, dtype=torch.int64, device="meta")
        found = network_.denoise(torch.ones(2, 3, 20, device="meta"), when, when.float(), prepared)
        assert (found.shape, found.device.type) == ((2, 3, 20), "meta")


def test_the_shipped_network_leaves_nothing_on_the_processor():
    network_ = load_network(model_folder("default")).to("meta")
    seconds = torch.arange(20, device="meta") / 2
    encoded = network_.encode(torch.ones(2, 20, network_.config.inputs, device="meta"), seconds)
    assert {encoded.tokens.device.type, encoded.curves.device.type, encoded.log_scale.device.type} == {"meta"}
    beside = {"mean": (2, 20), "directions": (2, 20, 20), "variances": (2, 20)}
    given = {name: torch.ones(shape, device="meta") for name, shape in beside.items()}
    prepared = network_.prepare(encoded.tokens, seconds, **given)
    when = torch.ones(2, 1, dtype=torch.int64, device="meta")
    assert network_.denoise(torch.ones(2, 3, 20, device="meta"), when, when.float(), prepared).device.type == "meta"


BASELINES = ["vasnet", "pgl_sum", "sl_module", "dsnet_anchor_free", "dsnet_anchor_based", "a2summ", "iptnet", "mlp"]


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_learns_in_half_precision_too(name):
    """Nearly the same, by autocast on the processor."""
    section = read_recipe(f"{name}_tvsum").network
    torch.manual_seed(0)
    one = architectures()[section.model].network(section.config(inputs=24)).eval()
    features, mask = torch.randn(2, 20, 24), torch.ones(2, 20, dtype=torch.bool)
    targets = torch.zeros(2, 20)
    targets[:, 5:9] = 1
    exact = one.loss(features, targets, mask, torch.arange(2))
    with torch.autocast("cpu", torch.bfloat16):
        half = one.loss(features, targets, mask, torch.arange(2))
    assert torch.allclose(exact, half.float(), rtol=0.1, atol=0.02)


@pytest.mark.parametrize("with_known", [False, True])
def test_half_precision_gives_nearly_the_same_curves(with_known):
    """Curves of the shipped model. A score near the edge between two levels may fall to the other one."""
    model = load_in_torch(model_folder("default"))
    halved = SamplingModel(model.config, in_torch(module_of(model), precision="bfloat16"))
    features = np.random.default_rng(0).normal(size=(60, 32)).repeat(3, axis=0)
    known = np.where(np.arange(180) % 50 == 7, 0.9, np.nan) if with_known else None
    exact, half = (each.score(features, rate=1.0, known=known) for each in (model, halved))
    assert np.abs(exact.mean - half.mean).max() < 0.02
    assert 0 < np.quantile(np.abs(exact.samples - half.samples), 0.9) < 0.02


def test_each_network_gets_the_interface_that_fits_it():
    assert type(in_torch(denoiser())) is TorchDenoiser
    assert type(in_torch(relational(videos=3))) is TorchDenoiser
    assert type(in_torch(scorer("mlp"))) is TorchScorer


def test_a_network_in_torch_is_put_to_evaluation():
    """Dropout would change what it says."""
    trained = denoiser(dropout=0.5).train()
    model = SamplingModel(SamplingConfig(id="own", conditioning="features"), in_torch(trained))
    assert module_of(model) is trained
    assert not trained.training


@pytest.mark.parametrize(
    ("device", "precision", "said"),
    [("tpu9", "float32", "no device 'tpu9'"), ("cuda:77", "float32", "no device 'cuda:77'"), ("cpu", "int4", "int4")],
)
def test_says_what_is_not_there(device, precision, said):
    with pytest.raises(UsageError, match=said):
        in_torch(denoiser(), device=device, precision=precision)


def test_auto_is_the_processor_where_there_is_no_accelerator():
    if torch.cuda.is_available():
        pytest.skip("there is one")
    assert in_torch(denoiser(), device="auto").device.type == "cpu"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_an_accelerator_gives_the_same_curves():
    features = np.random.default_rng(0).normal(size=(300, 24))
    here, there = (
        SamplingModel(
            SamplingConfig(id="own", conditioning="features"), in_torch(network("joint"), device=device)
        ).sample(features, rate=1.0, guidance_scale=0.2)
        for device in ("cpu", "cuda")
    )
    assert np.quantile(np.abs(here - there), 0.9) < 1e-3
