"""Characteristics of each baseline, and the faults of public code that its variant "published" keeps."""

import math

import pytest
import torch
import torch.nn.functional as F

from summdiff.research.networks._attention import position_table
from summdiff.research.networks.a2summ import _POSITIONS, A2Summ, A2SummConfig
from summdiff.research.networks.dsnet import DSNet, DSNetConfig
from summdiff.research.networks.pgl_sum import PGLSum, PGLSumConfig
from summdiff.research.networks.sl_module import SLModule, SLModuleConfig
from summdiff.research.networks.vasnet import UnbiasedLayerNorm, VASNet, VASNetConfig

PGL = {"inputs": 6, "width": 16, "heads": 2, "segment_width": 8, "segment_heads": 2}
SL = {"inputs": 6, "width": 16, "layers": 2, "heads": 2, "feed_forward": 32, "hidden": 16}


def seen(steps=20, videos=1):
    torch.manual_seed(1)
    return torch.randn(videos, steps, 6), torch.ones(videos, steps, dtype=torch.bool)


def network(kind, config):
    torch.manual_seed(0)
    return kind(config).eval()


def padded(x, mask, steps=10):
    return F.pad(x, (0, 0, 0, steps)), F.pad(mask, (0, steps))


@torch.inference_mode()
@pytest.mark.parametrize(
    ("kind", "config", "moves"),
    [
        (VASNet, VASNetConfig(inputs=6, width=16), False),
        (SLModule, SLModuleConfig(**SL), False),
        (DSNet, DSNetConfig(inputs=6, width=16, heads=2), False),
        (DSNet, DSNetConfig(inputs=6, width=16, heads=2, variant="published"), True),
        (PGLSum, PGLSumConfig(**PGL), True),
        (A2Summ, A2SummConfig(inputs=6, width=16, heads=2), True),
    ],
)
def test_who_knows_where_a_step_is(kind, config, moves):
    """Without positions, steps in another order get the same scores in that order."""
    made, (x, mask) = network(kind, config), seen()
    if kind is A2Summ:
        made.places.mul_(50)  # they start small
    order = torch.randperm(20)
    same = torch.allclose(made.predict(x[:, order], mask), made.predict(x, mask)[:, order], atol=1e-5)
    assert same is not moves


@torch.inference_mode()
def test_vasnet_scales_by_the_width_or_as_published():
    assert network(VASNet, VASNetConfig(inputs=6, width=16)).attention.scale == 16**-0.5
    published = network(VASNet, VASNetConfig(inputs=6, width=16, variant="published"))
    assert published.attention.scale == 0.06
    assert published.attention.transposed


def test_vasnets_layer_norm_takes_the_unbiased_deviation():
    x = torch.randn(3, 7)
    expected = (x - x.mean(dim=-1, keepdim=True)) / (x.std(dim=-1, keepdim=True) + 1e-6)
    assert torch.allclose(UnbiasedLayerNorm(7)(x), expected, atol=1e-6)


@torch.inference_mode()
def test_pgl_sum_sees_only_its_quarter_nearby():
    made, (x, mask) = network(PGLSum, PGLSumConfig(**PGL)), seen(18)
    embedded = made.embed(x)
    changed = embedded.clone()
    changed[:, 12] += 1  # of quarters [0, 5), [5, 10), [10, 15), [15, 18)
    moved = (made.nearby(changed, mask) - made.nearby(embedded, mask)).abs().amax(dim=(0, 2)) > 1e-6
    assert moved.nonzero()[:, 0].tolist() == [10, 11, 12, 13, 14]


def test_pgl_sums_table_of_positions():
    table = position_table(9, device=torch.device("cpu"))
    for place in range(9):
        for column in range(9):
            angle = place / 10_000 ** (2 * (column // 2) / 1024)
            assert float(table[place, column]) == pytest.approx((math.cos if column % 2 else math.sin)(angle), abs=1e-5)
    published = position_table(9, device=torch.device("cpu"), published=True)
    assert not published[:, -1].any()
    assert torch.equal(published[:, :-1], table[:, :-1])
    even = (position_table(8, device=torch.device("cpu"), published=way) for way in (True, False))
    assert torch.equal(*even)


@torch.inference_mode()
@pytest.mark.parametrize("segments", [1, 3, 4])
def test_pgl_sum_scores_padded_videos_of_any_length_as_it_does_single_ones(segments):
    """Also of fewer steps than segments, and of every remainder."""
    made = network(PGLSum, PGLSumConfig(**PGL, segments=segments))
    lengths = [20, 1, 2, 3, 4, 5, 7, 9, 13, 16, 17, 18, 19]
    x, _ = seen(20, videos=len(lengths))
    mask = torch.arange(20) < torch.tensor(lengths)[:, None]
    together = made.predict(x * mask[..., None], mask)
    assert not together[~mask].any()
    for video, steps in enumerate(lengths):
        alone = made.predict(x[video : video + 1, :steps], mask[video : video + 1, :steps])
        assert torch.allclose(alone[0], together[video, :steps], atol=1e-5)


@torch.inference_mode()
def test_published_pgl_sum_depends_on_the_video_beside_it():
    """It normalizes along the videos of the batch; alone, every step of a video is normalized in time."""
    x, mask = seen(20, videos=8)
    for variant, same in (("corrected", True), ("published", False)):
        made = network(PGLSum, PGLSumConfig(**PGL, variant=variant))
        together = made.predict(x, mask)
        alone = torch.cat([made.predict(x[k : k + 1], mask[k : k + 1]) for k in range(8)])
        assert torch.allclose(together, alone, atol=1e-5) is same


@torch.inference_mode()
def test_published_sl_module_takes_padding_for_steps():
    x, mask = seen()
    for variant, same in (("corrected", True), ("published", False)):
        made = network(SLModule, SLModuleConfig(**SL, variant=variant))
        beside = made.predict(*padded(x, mask))[:, :20]
        assert torch.allclose(made.predict(x, mask), beside, atol=1e-5) is same
        assert made.layers[0].attention.scale == (8**-0.5 if same else 16**-0.5)


@torch.inference_mode()
@pytest.mark.parametrize("head", ["anchor_based", "anchor_free"])
def test_published_dsnet_is_the_copy_for_mr_hisum(head):
    x, mask = seen()
    published, corrected = (
        network(DSNet, DSNetConfig(inputs=6, width=16, heads=2, head=head, variant=v))
        for v in ("published", "corrected")
    )
    assert (published.attention.transposed, corrected.attention.transposed) == (True, False)
    assert not torch.allclose(published.predict(x, mask), corrected.predict(x, mask), atol=1e-5)


@torch.inference_mode()
def test_a2summ_applies_one_layer_twice():
    x, mask = seen()
    shared = network(A2Summ, A2SummConfig(inputs=6, width=16, heads=2))
    own = network(A2Summ, A2SummConfig(inputs=6, width=16, heads=2, shared_layers=False))
    assert (len(shared.layers), len(own.layers)) == (1, 2)
    twice = {name.replace("layers.0", "layers.1"): value for name, value in shared.state_dict().items()}
    own.load_state_dict(twice | shared.state_dict())
    assert torch.allclose(shared.predict(x, mask), own.predict(x, mask), atol=1e-6)


@torch.inference_mode()
def test_a2summ_goes_beyond_its_table_of_positions():
    made = network(A2Summ, A2SummConfig(inputs=6, width=8, heads=2, layers=1, hidden=8, feed_forward=8))
    x, mask = seen(_POSITIONS + 3)
    assert made.predict(x, mask).isfinite().all()
