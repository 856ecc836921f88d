"""The paper's network, compared with its equations."""

import pytest
import torch
import torch.nn.functional as F

from summdiff.research.networks._layers import quantise, to_scores
from summdiff.research.networks.summdiff import SummDiff, SummDiffConfig

SMALL = {"width": 16, "heads": 2, "feed_forward": 32, "n_bins": 10}


def network(**sizes):
    torch.manual_seed(0)
    return SummDiff(SummDiffConfig(**({"inputs": 6} | sizes))).eval()


def score_tokens(network, noisy, t, seconds):
    """Q_t = S_t + Emb_t + pos (1, N, C) of noisy scores (N,)."""
    bins = quantise(to_scores(network.space, noisy), network.config.n_bins)
    return network.levels.weight[bins] + network.time_encoding(torch.tensor(t)) + network.position_encoding(seconds)


def weights(network, q, z):
    """The attention (H, N, N) of score tokens q (N, C) to the video z (N, C) in the first layer of the denoiser."""
    attention = network.denoiser[0].attention
    heads = attention.heads
    queries, keys = (x.unflatten(-1, (heads, -1)).movedim(1, 0) for x in (attention.query(q), attention.key(z)))
    return (queries @ keys.transpose(1, 2) * attention.scale).softmax(-1)


@torch.inference_mode()
def test_a_layer_of_the_denoiser_is_equation_2_by_hand():
    """Per head softmax(Q Kᵀ) V + Q, no maps to queries and keys and no scale; then norm, MLP and norm."""
    summdiff = network(**SMALL)
    layer = summdiff.denoiser[0]
    q, z = torch.randn(5, 16), torch.randn(5, 16)
    heads = []
    for h in (slice(0, 8), slice(8, 16)):
        products = torch.tensor([[float(q[i, h] @ z[j, h]) for j in range(5)] for i in range(5)])
        shares = products.exp() / products.exp().sum(dim=1, keepdim=True)
        heads.append(shares @ layer.attention.value(z)[:, h])
    gathered = layer.attention.out(torch.cat(heads, dim=1))
    normed = layer.attention_norm(gathered + q)
    wanted = layer.mlp_norm(layer.mlp(normed) + normed)
    memory = layer.attention.project_memory(z[None])
    assert torch.allclose(layer(q[None, None], None, memory)[0, 0], wanted, atol=1e-5)
    assert torch.allclose(layer.attention.project_memory(z[None])[0], z.view(1, 5, 2, 8).transpose(1, 2))


@torch.inference_mode()
def test_the_video_is_encoded_by_equation_1_by_hand():
    """Per head softmax(Q Kᵀ / sqrt(d)) V of projected tokens, joined and projected."""
    attention = network(**SMALL).encoder[0].attention
    z = torch.randn(5, 16)
    queries, keys, values = (projected(z) for projected in (attention.query, attention.key, attention.value))
    heads = [
        F.softmax(queries[:, h] @ keys[:, h].T / 8**0.5, dim=1) @ values[:, h] for h in (slice(0, 8), slice(8, 16))
    ]
    assert torch.allclose(attention(z[None])[0], attention.out(torch.cat(heads, dim=1)), atol=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize("step", [1.0, 2.0])
def test_at_the_start_a_score_token_attends_to_its_own_step(step):
    seconds, generator = torch.arange(200) * step, torch.Generator().manual_seed(1)

    def own_and_near(**options):
        summdiff = network(inputs=64, **options)
        z = summdiff.encode(torch.randn(1, 200, 64, generator=generator), seconds).tokens[0]
        q = score_tokens(summdiff, torch.randn(200, generator=generator), 500, seconds)[0]
        return weights(summdiff, q, z)

    written, projected = own_and_near(), own_and_near(projected_attention=True)
    strongest = written.amax(dim=0)  # over heads: those that hold positions
    places = torch.arange(200)
    distance = (strongest.argmax(dim=1) - places).abs()
    assert distance.median() <= 1
    assert strongest.diagonal().mean() > 0.3
    assert projected.diagonal(dim1=1, dim2=2).max() < 0.05  # 0.005 would be uniform
