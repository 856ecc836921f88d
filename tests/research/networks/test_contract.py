"""What holds for every network but SummDiff and its relational form, which have tests of their own."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from summdiff.errors import ModelError
from summdiff.research.networks import detection, load_model
from summdiff.research.networks.base import Detector, Segments
from summdiff.research.networks.folder import write_model
from summdiff.research.networks.registry import ARCHITECTURES
from summdiff.scoring.model import ModelConfig
from summdiff.scoring.scorer import ScoringModel

INPUTS = 6
# Small ones; each as the papers mean it
SMALL = {
    "vasnet": ("vasnet", {"width": 16, "dropout": 0.0}),
    "pgl_sum": (
        "pgl_sum",
        {"width": 16, "heads": 2, "segment_width": 8, "segment_heads": 2, "dropout": 0.0},
    ),
    "sl_module": (
        "sl_module",
        {"width": 16, "layers": 2, "heads": 2, "feed_forward": 32, "hidden": 16, "dropout": 0.0},
    ),
    "mlp": ("mlp", {"width": 64}),
    "dsnet_anchor_based": ("dsnet", {"head": "anchor_based", "width": 16, "hidden": 16, "heads": 2, "dropout": 0.0}),
    "dsnet_anchor_free": ("dsnet", {"head": "anchor_free", "width": 16, "hidden": 16, "heads": 2, "dropout": 0.0}),
    "a2summ": (
        "a2summ",
        {"width": 16, "hidden": 16, "heads": 2, "feed_forward": 32, "input_dropout": 0.0, "dropout": 0.0},
    ),
    "iptnet_anchor_based": (
        "iptnet",
        {"head": "anchor_based", "width": 16, "hidden": 16, "heads": 2, "input_dropout": 0.0, "dropout": 0.0},
    ),
    "iptnet_anchor_free": (
        "iptnet",
        {"width": 16, "hidden": 16, "layers": 2, "heads": 2, "feed_forward": 16, "input_dropout": 0.0, "dropout": 0.0},
    ),
}
DETECTORS = [name for name in SMALL if name.startswith(("dsnet", "a2summ", "iptnet"))]
LENGTHS = (40, 1, 23)
MASK = torch.arange(40) < torch.tensor(LENGTHS)[:, None]
SEEDS = torch.tensor([5, 6, 7])


def made(name, **options):
    architecture, sizes = SMALL[name]
    kind = ARCHITECTURES[architecture]
    torch.manual_seed(0)
    return kind.network(kind.config(inputs=INPUTS, **sizes, **options))


def videos():
    """Features (3, 40, P) of videos of 40, 1 and 23 steps, their curves and key-shots; the second has no key-shot."""
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(3, 40, INPUTS, generator=generator) * MASK[..., None]
    curves = torch.rand(3, 40, generator=generator) * MASK
    keyshots = torch.zeros(3, 40)
    keyshots[0, 4:12] = keyshots[0, 20:30] = keyshots[2, 3:10] = 1
    return features, curves, keyshots


def wanted(network):
    _, curves, keyshots = videos()
    return keyshots if network.learns == "keyshots" else curves


def test_all_are_here():
    assert {architecture for architecture, _ in SMALL.values()} == set(ARCHITECTURES) - {
        "summdiff",
        "relational",
        "ridge",
    }


@torch.inference_mode()
@pytest.mark.parametrize("name", SMALL)
def test_padding_changes_nothing(name):
    network = made(name).eval()
    features, _, _ = videos()
    targets = wanted(network)
    ways = [network.predict] + ([network.predict_by_segments] if isinstance(network, Detector) else [])
    losses = network.loss(features, targets, MASK, SEEDS)
    assert losses.shape == (3,)
    for way in ways:
        scores = way(features, MASK)
        assert scores.shape == (3, 40)
        assert (scores[~MASK] == 0).all()
        assert ((scores >= 0) & (scores <= 1)).all()
        for video, steps in enumerate(LENGTHS):
            alone = way(features[video : video + 1, :steps], MASK[video : video + 1, :steps])
            assert torch.allclose(alone[0], scores[video, :steps], atol=1e-5)
    for video, steps in enumerate(LENGTHS):
        alone = (part[video : video + 1, :steps] for part in (features, targets, MASK))
        assert torch.allclose(network.loss(*alone, SEEDS[video : video + 1])[0], losses[video], atol=1e-4)


@pytest.mark.parametrize("name", SMALL)
def test_every_weight_learns(name):
    network = made(name).train()
    features, _, _ = videos()
    if name.startswith("iptnet"):  # its teacher counts in every 100th update, once it is not the same as the network
        network.updates += 99
        for weights in network.teacher.parameters():
            weights.add_(0.1 * torch.randn_like(weights))
    network.loss(features, wanted(network), MASK, SEEDS).sum().backward()
    learning = {which: weights.grad for which, weights in network.named_parameters() if weights.requires_grad}
    assert all(grad is not None and grad.isfinite().all() for grad in learning.values())
    silent = {which for which, grad in learning.items() if not grad.any()}
    assert silent <= {"student.zeta.bias"}  # a softmax forgets what is added to all steps alike


@pytest.mark.parametrize("name", SMALL)
def test_overfits_one_video(name):
    network = made(name).train()
    features, _, _ = videos()
    features, targets, mask = features[:1], wanted(network)[:1], MASK[:1]
    optimizer = torch.optim.Adam(network.parameters(), 0.002)
    losses = []
    for number in range(1500 if name.endswith("anchor_based") else 600):
        optimizer.zero_grad()
        loss = network.loss(features, targets, mask, SEEDS[:1] + number).mean()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    network.eval()
    with torch.inference_mode():
        if not isinstance(network, Detector):
            assert spearmanr(network.predict(features, mask)[0], targets[0]).statistic > 0.95
            return
        if name.endswith("anchor_based"):
            # Anchors that overlap a segment by 0.3 to 0.6 are never trained, so what is left of all boxes is no measure
            around = detection.anchors(40, network.head.widths, device=features.device).flatten(0, 1)
            segments = detection.segments_of(targets[0]).float()
            positive, which, negative = detection.match(around, segments, seed=0)
            boxes, scores = (part[0] for part in network.head.boxes(network.encode(features, mask), mask))
            overlaps = detection.overlap(boxes[positive], segments)
            assert overlaps[torch.arange(len(which)), which].min() > 0.8
            assert scores[positive].min() > 0.9
            assert scores[negative].mean() < 0.2
            assert losses[-1] < losses[0] / 30
            return
        inside = targets[0] > 0.5
        curve = network.predict_by_segments(features, mask)[0]
        assert curve[inside].mean() > curve[~inside].mean() + 0.3
        found = network.segments(features, mask)[0]
        for start, end in ((4, 12), (20, 30)):
            assert (found.bounds[found.scores > 0.5] - torch.tensor([start, end])).abs().amax(dim=1).min() < 1


@pytest.mark.parametrize("name", SMALL)
def test_a_saved_model_is_read_back(name, tmp_path):
    model = ScoringModel(ModelConfig(id=name, conditioning="features"), made(name))
    read = load_model(write_model(model, tmp_path / name, provenance={}))
    assert sorted(path.name for path in (tmp_path / name).iterdir()) == ["config.json", "model.safetensors"]
    assert type(read.network) is type(model.network)
    assert read.network.config == model.network.config
    x = np.random.default_rng(0).normal(size=(30, INPUTS))
    for readout in model.readouts:
        given = model.sample(x, rate=2.0, readout=readout)
        assert given.shape == (1, 30)
        assert np.array_equal(read.sample(x, rate=2.0, readout=readout), given)
    assert model.readouts == (("scores", "segments") if name in DETECTORS else ("scores",))


@pytest.mark.parametrize("name", SMALL)
def test_predict_is_the_one_curve(name):
    model = ScoringModel(ModelConfig(id=name, conditioning="features"), made(name))
    x = torch.randn(1, 30, INPUTS, generator=torch.Generator().manual_seed(0))
    scores = model.predict(x, torch.ones(1, 30, dtype=torch.bool), rate=2.0)
    assert np.allclose(scores[0], model.sample(x[0].numpy(), rate=2.0)[0], atol=1e-6)


@torch.no_grad()
def test_scores_that_are_no_numbers_are_refused():
    network = made("mlp")
    for weight in network.parameters():
        weight.mul_(1e30)
    model = ScoringModel(ModelConfig(id="diverged", conditioning="features"), network)
    x = np.random.default_rng(0).normal(size=(9, INPUTS))
    with pytest.raises(ModelError, match="'diverged' gives scores that are not finite numbers"):
        model.sample(x, rate=1.0)


@pytest.mark.parametrize("name", SMALL)
def test_sizes_that_make_no_network_are_refused(name):
    for wrong in ({"width": 0}, {"inputs": 0}):
        architecture, sizes = SMALL[name]
        with pytest.raises(ModelError):
            ARCHITECTURES[architecture].config(**{"inputs": INPUTS, **sizes, **wrong})
    if "variant" in ARCHITECTURES[SMALL[name][0]].config.__dataclass_fields__:
        with pytest.raises(ModelError, match="published or corrected"):
            made(name, variant="original")
    if "head" in SMALL[name][1]:
        with pytest.raises(ModelError, match="anchor_based or anchor_free"):
            ARCHITECTURES[SMALL[name][0]].config(inputs=INPUTS, head="both")


def test_a_curve_of_segments_has_the_best_at_each_step():
    bounds = torch.tensor([[2.0, 5.6], [4.0, 9.0], [7.6, 8.4]])
    found = Segments(bounds, torch.tensor([0.9, 0.5, 0.8]))
    expected = torch.tensor([0, 0, 0.9, 0.9, 0.9, 0.9, 0.5, 0.5, 0.5, 0])
    assert torch.equal(found.curve(10), expected)
    assert not Segments(torch.zeros(0, 2), torch.zeros(0)).curve(4).any()


# The published sizes, as counted in the public code
COUNTS = [
    ("vasnet", {}, 5_249_025),
    ("pgl_sum", {}, 9_443_329),
    ("sl_module", {}, 52_753_793),
    ("dsnet", {"head": "anchor_based"}, 4_328_195),
    ("dsnet", {"head": "anchor_free"}, 4_328_324),
    ("a2summ", {}, 987_268),
    ("a2summ", {"shared_layers": False}, 1_185_540),
    ("iptnet", {"head": "anchor_free"}, 56_849_157),
    ("iptnet", {"head": "anchor_free", "feed_forward": 4096}, 113_499_909),
    ("iptnet", {"head": "anchor_based"}, 4_328_324),
]


@pytest.mark.parametrize(("name", "options", "count"), COUNTS)
@pytest.mark.parametrize("variant", ["corrected", "published"])
def test_parameter_counts(name, options, count, variant):
    kind = ARCHITECTURES[name]
    if name != "a2summ":
        options = options | {"variant": variant}
    with torch.device("meta"):
        network = kind.network(kind.config(inputs=1024, **options))
    assert sum(weights.numel() for weights in network.parameters() if weights.requires_grad) == count
