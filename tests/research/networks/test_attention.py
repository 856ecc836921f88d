import math

import pytest
import torch
from torch import nn

from summdiff.errors import ModelError
from summdiff.research.networks._attention import Attention, init_xavier, rotary_positions, rotate

LENGTHS = (7, 1, 4)
MASK = torch.arange(7) < torch.tensor(LENGTHS)[:, None]


def videos(width=12, seed=1):
    """Three videos (3, 7, width) of 7, 1 and 4 steps, 0 in the padding."""
    return torch.randn(3, 7, width, generator=torch.Generator().manual_seed(seed)) * MASK[..., None]


def attention(width=12, **options):
    torch.manual_seed(0)
    return Attention(width, **options).eval()


@torch.inference_mode()
@pytest.mark.parametrize("heads", [1, 3])
@pytest.mark.parametrize("energies", [False, True])
def test_torchs_own_attention_agrees(heads, energies):
    ours = attention(heads=heads, bias=True, out_bias=True)
    theirs = nn.MultiheadAttention(12, heads, batch_first=True).eval()
    theirs.in_proj_weight.copy_(torch.cat([of.weight for of in (ours.query, ours.key, ours.value)]))
    theirs.in_proj_bias.copy_(torch.cat([of.bias for of in (ours.query, ours.key, ours.value)]))
    theirs.out_proj.weight.copy_(ours.out.weight)
    theirs.out_proj.bias.copy_(ours.out.bias)
    x, added = videos(), torch.randn(7, 7, generator=torch.Generator().manual_seed(2)) if energies else None
    padding = torch.where(MASK, 0.0, -math.inf)
    expected = theirs(x, x, x, key_padding_mask=padding, attn_mask=added, need_weights=False)[0]
    assert torch.allclose(ours(x, MASK, added)[MASK], expected[MASK], atol=1e-5)


def by_definition(module, x, energies, *, scale, transposed):
    """One head of one video (N, C), written as sums over single steps."""
    q, k, v = (of(x) for of in (module.query, module.key, module.value))
    steps = range(len(x))
    rows = []
    for i in steps:
        exps = [math.exp(float(q[i] @ k[j]) * scale + float(energies[i, j])) for j in steps]
        rows.append([e / sum(exps) for e in exps])
    out = [sum((rows[i][j] if transposed else rows[j][i]) * v[i] for i in steps) for j in steps]
    return torch.stack([module.out(row) for row in out])


@torch.inference_mode()
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("scale", [None, 0.5])
def test_what_each_step_gathers_is_as_defined(transposed, scale):
    """Transposed, weights of a row still sum to 1, but those that a step gathers by do not."""
    module = attention(inner=6, scale=scale, transposed=transposed)
    energies = torch.randn(7, 7, generator=torch.Generator().manual_seed(2))
    x = videos()
    found = module(x, MASK, energies)
    for video, length, got in zip(x, LENGTHS, found, strict=True):
        expected = by_definition(
            module, video[:length], energies[:length, :length], scale=scale or 6**-0.5, transposed=transposed
        )
        assert torch.allclose(got[:length], expected, atol=1e-5)


@torch.inference_mode()
def test_transposed_weights_are_those_of_the_columns():
    """Constant values come back unchanged if weights sum to 1; transposed, only their mean over steps does."""
    x = videos()[:1]
    for transposed in (False, True):
        module = attention(transposed=transposed)
        module.value.weight.zero_()
        module.value.bias = nn.Parameter(torch.ones(12))
        module.out.weight.copy_(torch.eye(12))
        gathered = module(x)
        assert float(gathered.mean()) == pytest.approx(1, abs=1e-5)
        assert torch.allclose(gathered, torch.ones_like(gathered), atol=1e-5) != transposed


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("shape", [(7, 7), (3, 7, 7), (3, 1, 7, 7)])
def test_padding_neither_says_nor_breaks_anything(transposed, shape):
    module = attention(heads=2, bias=True, out_bias=True, transposed=transposed)
    energies = torch.randn(shape, generator=torch.Generator().manual_seed(2))
    x = videos().requires_grad_()
    padded = module(x, MASK, energies)
    for i, length in enumerate(LENGTHS):
        own = energies if len(shape) == 2 else energies[i : i + 1]
        alone = module(x[i : i + 1, :length], None, own[..., :length, :length])
        assert torch.allclose(padded[i : i + 1, :length], alone, atol=1e-5)
    padded[MASK].square().sum().backward()
    assert torch.isfinite(padded).all()
    assert torch.isfinite(x.grad).all()
    assert not x.grad[~MASK].any()
    assert all(torch.isfinite(weight.grad).all() for weight in module.parameters())


@pytest.mark.parametrize("transposed", [False, True])
def test_a_video_without_steps_is_finite(transposed):
    module = attention(transposed=transposed)
    x = torch.zeros(2, 3, 12, requires_grad=True)
    y = module(x, torch.tensor([[True, False, False], [False, False, False]]))
    y.sum().backward()
    assert torch.isfinite(y).all()
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("transposed", [False, True])
def test_weights_drop_out_in_training_only(transposed):
    module, x = attention(dropout=0.5, transposed=transposed), videos()
    assert torch.equal(module(x, MASK), module(x, MASK))
    module.train()
    assert not torch.equal(module(x, MASK), module(x, MASK))


def test_heads_must_share_the_width():
    with pytest.raises(ModelError, match="`heads` must divide the attention's width 12, got 5"):
        Attention(12, heads=5)


@torch.no_grad()
@pytest.mark.parametrize("per_head", [False, True])
@pytest.mark.parametrize("norms", [False, True])
def test_xavier_start(per_head, norms):
    """A uniform distribution's bound is gain sqrt(6 / (fan in + fan out))."""
    torch.manual_seed(0)
    network = nn.Sequential(Attention(64, heads=8, inner=256, out_bias=True), nn.LayerNorm(64), nn.Linear(64, 32))
    init_xavier(network, per_head=per_head, norms=norms)
    attention, norm, linear = network

    def bound(into, out):
        return pytest.approx(math.sqrt(2) * math.sqrt(6 / (into + out)), rel=0.01)

    for of in (attention.query, attention.key, attention.value):
        assert float(of.weight.abs().max()) == bound(64, 32 if per_head else 256)
    assert float(attention.out.weight.abs().max()) == bound(256, 64)
    assert float(linear.weight.abs().max()) == bound(64, 32)
    assert (attention.out.bias == 0.1).all()
    assert (linear.bias == 0.1).all()
    assert (norm.weight == 1).all()
    assert (norm.bias == (0.1 if norms else 0)).all()


@torch.inference_mode()
@pytest.mark.parametrize("with_memory", [False, True])
def test_samples_of_a_video_attend_as_they_would_alone(with_memory):
    module, x = attention(heads=2), torch.randn(3, 4, 7, 12, generator=torch.Generator().manual_seed(1))
    rope = rotary_positions(torch.arange(7.0)[None], 6)
    memory = module.project_memory(videos(), rope=rope) if with_memory else None
    together = module(x, MASK, rope=rope, memory=memory)
    for sample in range(4):
        alone = module(x[:, sample : sample + 1], MASK, rope=rope, memory=memory)
        assert torch.allclose(together[:, sample], alone[:, 0], atol=1e-5)
    if not with_memory:
        assert torch.allclose(module(x)[:, 0], module(x[:, 0]), atol=1e-5)


def test_rotation_keeps_lengths_and_depends_on_differences_of_time():
    generator = torch.Generator().manual_seed(2)
    q, k = torch.randn(1, 1, 1, 1, 8, generator=generator), torch.randn(1, 1, 1, 1, 8, generator=generator)

    def product(t_q, t_k):
        a, b = (rotate(x, rotary_positions(torch.tensor([[t]]), 8)) for x, t in ((q, t_q), (k, t_k)))
        return float((a * b).sum())

    assert product(5.0, 2.0) == pytest.approx(product(105.0, 102.0), abs=1e-4)
    assert product(5.0, 2.0) != pytest.approx(product(5.0, 3.0), abs=1e-3)
    turned = rotate(q, rotary_positions(torch.tensor([[17.0]]), 8))
    assert float(turned.norm()) == pytest.approx(float(q.norm()), abs=1e-5)
