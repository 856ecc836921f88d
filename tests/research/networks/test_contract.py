"""Properties of all networks except SummDiff and its relational form, which have their own tests."""

import contextlib

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from small_networks import DENOISERS, INPUTS, SCORERS
from small_networks import scorer as made

from summdiff.errors import ModelError
from summdiff.research.networks import _key_shots
from summdiff.research.networks.base import Detector
from summdiff.research.networks.inference import in_torch, module_of
from summdiff.research.networks.registry import architectures
from summdiff.research.networks.storage import load_network, write_model
from summdiff.scoring import load_model
from summdiff.scoring.detection import curve_of, suppress
from summdiff.scoring.model import ModelConfig
from summdiff.scoring.scorer import ScoringModel

DETECTORS = [name for name in SCORERS if name.startswith(("dsnet", "a2summ", "iptnet"))]
LENGTHS = (40, 1, 23)
MASK = torch.arange(40) < torch.tensor(LENGTHS)[:, None]
SEEDS = torch.tensor([5, 6, 7])


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
    assert {architecture for architecture, _ in SCORERS.values()} == set(architectures()) - {
        *DENOISERS,
        "relational",
        "ridge",
    }


@torch.inference_mode()
@pytest.mark.parametrize("name", SCORERS)
def test_padding_changes_nothing(name):
    network = made(name).eval()
    features, _, _ = videos()
    targets = wanted(network)
    losses = network.loss(features, targets, MASK, SEEDS)
    assert losses.shape == (3,)
    scores = network.predict(features, MASK)
    assert scores.shape == (3, 40)
    assert (scores[~MASK] == 0).all()
    assert ((scores >= 0) & (scores <= 1)).all()
    boxes, of_boxes = network.boxes(features, MASK) if isinstance(network, Detector) else (None, None)
    for video, steps in enumerate(LENGTHS):
        one = features[video : video + 1, :steps], MASK[video : video + 1, :steps]
        assert torch.allclose(network.predict(*one)[0], scores[video, :steps], atol=1e-5)
        if boxes is not None:
            own, of_own = (part[0] for part in network.boxes(*one))
            each = len(of_own) // steps  # a step's boxes lie together, so those of the padding come last
            assert torch.allclose(own, boxes[video, : each * steps], atol=1e-4)
            assert torch.allclose(of_own, of_boxes[video, : each * steps], atol=1e-5)
            assert not of_boxes[video, each * steps :].any()
            assert ((own >= 0) & (own <= steps)).all()
    for video, steps in enumerate(LENGTHS):
        alone = (part[video : video + 1, :steps] for part in (features, targets, MASK))
        assert torch.allclose(network.loss(*alone, SEEDS[video : video + 1])[0], losses[video], atol=1e-4)


@pytest.mark.parametrize("name", SCORERS)
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


@pytest.mark.parametrize("name", SCORERS)
def test_overfits_one_video(name):
    """Within 600 updates, of which most need 200: it is looked at now and then, so that it can end early."""
    network = made(name).train()
    features, _, _ = videos()
    features, targets, mask = features[:1], wanted(network)[:1], MASK[:1]
    optimizer = torch.optim.Adam(network.parameters(), 0.005 if name.endswith("anchor_based") else 0.002)
    losses = []
    for number in range(600):
        optimizer.zero_grad()
        loss = network.loss(features, targets, mask, SEEDS[:1] + number).mean()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
        if number % 25 == 24:
            with contextlib.suppress(AssertionError, ValueError):  # ValueError: of no box at all
                return assert_it_fits(name, network.eval(), features, targets, mask, losses)
            network.train()
    return assert_it_fits(name, network.eval(), features, targets, mask, losses)


@torch.inference_mode()
def assert_it_fits(name, network, features, targets, mask, losses):
    if not isinstance(network, Detector):
        assert spearmanr(network.predict(features, mask)[0], targets[0]).statistic > 0.95
        return
    if name.endswith("anchor_based"):
        # Anchors that overlap a segment by 0.3 to 0.6 are never trained, so what is left of all boxes is no measure
        around = _key_shots.anchors(40, network.head.widths, device=features.device).flatten(0, 1)
        segments = _key_shots.segments_of(targets[0]).float()
        positive, which, negative = _key_shots.match(around, segments, seed=0)
        boxes, scores = (part[0] for part in network.head.boxes(network.encode(features, mask), mask))
        overlaps = _key_shots.overlap(boxes[positive], segments)
        assert overlaps[torch.arange(len(which)), which].min() > 0.8
        assert scores[positive].min() > 0.9
        assert scores[negative].mean() < 0.2
        assert losses[-1] < losses[0] / 30
        return
    inside = targets[0].numpy() > 0.5
    boxes, scores = (part[0].numpy() for part in network.boxes(features, mask))
    kept = suppress(boxes, scores, network.facts().threshold)
    boxes, scores = boxes[kept], scores[kept]
    curve = curve_of(boxes, scores, 40)
    assert curve[inside].mean() > curve[~inside].mean() + 0.3
    for start, end in ((4, 12), (20, 30)):
        assert np.abs(boxes[scores > 0.5] - np.array([start, end])).max(axis=1).min() < 1


@pytest.mark.parametrize("name", SCORERS)
def test_a_saved_model_is_read_back(name, tmp_path):
    model = ScoringModel(ModelConfig(id=name, conditioning="features"), in_torch(made(name)))
    folder = write_model(model, tmp_path / name, provenance={})
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors", "score.onnx"]
    read, network = load_model(folder), load_network(folder)
    assert type(network) is type(module_of(model))
    assert network.config == module_of(model).config
    assert read.network.facts == model.network.facts
    x = np.random.default_rng(0).normal(size=(30, INPUTS))
    for readout in model.readouts:
        given = model.sample(x, rate=2.0, readout=readout)
        assert given.shape == (1, 30)
        again = ScoringModel(model.config, in_torch(network)).sample(x, rate=2.0, readout=readout)
        assert np.array_equal(again, given)
    assert np.allclose(read.sample(x, rate=2.0), model.sample(x, rate=2.0), atol=1e-5)
    assert read.readouts == model.readouts == (("scores", "segments") if name in DETECTORS else ("scores",))


@pytest.mark.parametrize("name", DETECTORS)
def test_segments_are_the_boxes_that_are_left_of_all(name):
    network = made(name)
    model = ScoringModel(ModelConfig(id=name, conditioning="features"), in_torch(network))
    x = torch.randn(1, 30, INPUTS, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        boxes, scores = (part[0].numpy() for part in network.boxes(x, torch.ones(1, 30, dtype=torch.bool)))
    kept = suppress(boxes, scores, network.head.threshold)
    expected = curve_of(boxes[kept], scores[kept], 30)
    assert expected.any()
    assert np.allclose(model.sample(x[0].numpy(), rate=2.0, readout="segments")[0], expected, atol=1e-6)


@pytest.mark.parametrize("name", SCORERS)
def test_a_model_scores_as_its_network_predicts(name):
    network = made(name)
    model = ScoringModel(ModelConfig(id=name, conditioning="features"), in_torch(network))
    x = torch.randn(1, 30, INPUTS, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        scores = network.predict(x, torch.ones(1, 30, dtype=torch.bool))
    assert np.allclose(scores[0], model.sample(x[0].numpy(), rate=2.0)[0], atol=1e-6)


@torch.no_grad()
def test_scores_that_are_no_numbers_are_refused():
    network = made("mlp")
    for weight in network.parameters():
        weight.mul_(1e30)
    model = ScoringModel(ModelConfig(id="diverged", conditioning="features"), in_torch(network))
    x = np.random.default_rng(0).normal(size=(9, INPUTS))
    with pytest.raises(ModelError, match="'diverged' gives scores that are not finite numbers"):
        model.sample(x, rate=1.0)


@pytest.mark.parametrize("name", SCORERS)
def test_sizes_that_make_no_network_are_refused(name):
    for wrong in ({"width": 0}, {"inputs": 0}):
        architecture, sizes = SCORERS[name]
        with pytest.raises(ModelError):
            architectures()[architecture].config(**{"inputs": INPUTS, **sizes, **wrong})
    if "variant" in architectures()[SCORERS[name][0]].config.__dataclass_fields__:
        with pytest.raises(ModelError, match="`variant` must be published or corrected"):
            made(name, variant="original")
    if "head" in SCORERS[name][1]:
        with pytest.raises(ModelError, match="`head` must be anchor_based or anchor_free"):
            architectures()[SCORERS[name][0]].config(inputs=INPUTS, head="both")


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
    kind = architectures()[name]
    if name != "a2summ":
        options = options | {"variant": variant}
    with torch.device("meta"):
        network = kind.network(kind.config(inputs=1024, **options))
    assert sum(weights.numel() for weights in network.parameters() if weights.requires_grad) == count
