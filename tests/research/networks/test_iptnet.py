import math

import pytest
import torch
import torch.nn.functional as F

from summdiff.errors import ModelError
from summdiff.research.networks.iptnet import IPTNet, IPTNetConfig, divergence, propagate

SMALL = {"inputs": 6, "width": 16, "hidden": 16, "layers": 1, "heads": 2, "feed_forward": 16}
MASK = torch.ones(1, 30, dtype=torch.bool)
SEEDS = torch.tensor([1])


def example():
    torch.manual_seed(1)
    features, keyshots = torch.randn(1, 30, 6), torch.zeros(1, 30)
    keyshots[0, 5:12] = 1
    return features, keyshots


def by_definition(scores, looks, zeta, steps):
    """One video's importance, step by step."""
    shared = []
    for i in range(steps):
        near = range(max(0, i - 10), min(steps, i + 11))
        shared.append(scores[i] + 0.5 * sum(F.cosine_similarity(looks[i], looks[j], dim=0) * scores[j] for j in near))
    found = []
    for i in range(steps):
        near = range(max(0, i - 10), min(steps, i + 11))
        peak = max(near, key=lambda j: float(shared[j]))
        found.append(shared[i] * math.exp(-((peak - i) ** 2) / 32) + zeta[i])
    return torch.stack(found)


def test_importance_spreads_as_defined():
    torch.manual_seed(0)
    lengths = (40, 7)
    mask = torch.arange(40) < torch.tensor(lengths)[:, None]
    scores, looks, zeta = torch.rand(2, 40) * mask, torch.randn(2, 40, 5), torch.randn(2, 40)
    found = propagate(scores, looks, zeta, mask)
    for video, steps in enumerate(lengths):
        expected = by_definition(scores[video], looks[video], zeta[video], steps)
        assert torch.allclose(found[video, :steps], expected, atol=1e-5)


def test_divergence_is_torchs():
    torch.manual_seed(0)
    ours, theirs = torch.randn(2, 9), torch.randn(2, 9)
    mask = torch.arange(9) < torch.tensor([[9], [5]])
    found = divergence(ours, theirs, mask)
    for video, steps in enumerate((9, 5)):
        a, b = (x[video, :steps].log_softmax(dim=0) for x in (ours, theirs))
        assert float(found[video]) == pytest.approx(float(F.kl_div(a, b, reduction="sum", log_target=True)), abs=1e-6)
    assert torch.allclose(divergence(ours, ours, mask), torch.zeros(2), atol=1e-6)


@pytest.mark.parametrize("head", ["anchor_based", "anchor_free"])
def test_the_teacher_follows_in_every_hundredth_update(head):
    torch.manual_seed(0)
    network = IPTNet(IPTNetConfig(**SMALL, head=head)).train()
    before = {name: value.clone() for name, value in network.teacher.state_dict().items()}
    with torch.no_grad():
        for weights in network.student.parameters():
            weights.add_(1)
    for update in range(1, 101):
        network.loss(*example(), MASK, SEEDS)
        moved = [not torch.equal(value, before[name]) for name, value in network.teacher.state_dict().items()]
        assert any(moved) == (update == 100)
    for name, value in network.teacher.state_dict().items():
        assert torch.allclose(value, before[name] + 0.7, atol=1e-5)


def test_consistency_is_added_in_that_update_only():
    torch.manual_seed(0)
    network = IPTNet(IPTNetConfig(**SMALL, input_dropout=0.0, dropout=0.0)).train()
    for weights in network.teacher.parameters():
        weights.add_(0.1 * torch.randn_like(weights))
    own = float(network.student.head.loss(network.encode(example()[0], MASK), example()[1], MASK, SEEDS).detach())
    assert float(network.loss(*example(), MASK, SEEDS).detach()) == pytest.approx(own)
    network.updates += 98
    assert float(network.loss(*example(), MASK, SEEDS).detach()) > own + 1e-6


def test_evaluation_leaves_the_teacher_alone():
    network = IPTNet(IPTNetConfig(**SMALL)).eval()
    for _ in range(3):
        network.loss(*example(), MASK, SEEDS)
    assert network.updates == 0
    assert not network.train().teacher.training


def test_without_consistency_there_is_no_teacher():
    network = IPTNet(IPTNetConfig(**SMALL, consistency=0.0))
    assert not [name for name in network.state_dict() if name.startswith("teacher")]
    assert network.train().loss(*example(), MASK, SEEDS).isfinite().all()


def test_published_attention_takes_padding_for_steps():
    torch.manual_seed(0)
    features, _ = example()
    padded, mask = F.pad(features, (0, 0, 0, 10)), F.pad(MASK, (0, 10))
    for variant, same in (("corrected", True), ("published", False)):
        network = IPTNet(IPTNetConfig(**SMALL, variant=variant)).eval()
        alone, beside = network.predict(features, MASK), network.predict(padded, mask)[:, :30]
        assert torch.allclose(alone, beside, atol=1e-5) is same


def test_a_negative_weight_is_refused():
    with pytest.raises(ModelError, match="`consistency` must be at least 0, got -1"):
        IPTNetConfig(inputs=6, consistency=-1)
