import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from summdiff.research.networks import _key_shots
from summdiff.research.networks._heads import AnchorBased

CURVES = st.lists(st.integers(0, 1), min_size=1, max_size=40).map(lambda bits: torch.tensor(bits, dtype=torch.float32))
BOXES = st.lists(st.tuples(st.integers(-5, 40), st.integers(0, 20)), min_size=1, max_size=25).map(
    lambda pairs: torch.tensor([(start, start + length) for start, length in pairs], dtype=torch.float32)
)


def steps_in_both(a, b):
    """The overlap of two boxes with whole ends, by counting unit steps."""
    ours, theirs = set(range(int(a[0]), int(a[1]))), set(range(int(b[0]), int(b[1])))
    return len(ours & theirs) / len(ours | theirs) if ours | theirs else 0.0


@given(BOXES, BOXES)
def test_overlap_counts_steps(boxes, others):
    expected = [[steps_in_both(a, b) for b in others] for a in boxes]
    assert torch.allclose(_key_shots.overlap(boxes, others), torch.tensor(expected))


@given(CURVES)
def test_segments_are_runs_of_ones(curve):
    drawn = torch.zeros_like(curve)
    bounds = _key_shots.segments_of(curve)
    for start, end in bounds:
        drawn[start:end] = 1
    assert torch.equal(drawn, curve)
    assert (bounds[:, 1] > bounds[:, 0]).all()
    assert (bounds[1:, 0] > bounds[:-1, 1]).all()  # neighbors would be one


@given(st.lists(CURVES, min_size=1, max_size=3))
def test_distances_lead_to_the_segments_ends(rows):
    curves = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    left, right = _key_shots.distances(curves)
    boxes = _key_shots.boxes_around(left, right, torch.tensor([len(row) for row in rows]))
    for video, row in enumerate(rows):
        inside = {
            step: (start, end) for start, end in _key_shots.segments_of(row).tolist() for step in range(start, end)
        }
        for step in range(curves.shape[1]):
            if step in inside:
                assert tuple(boxes[video, step].tolist()) == inside[step]
            else:
                assert (left[video, step], right[video, step]) == (-1, -1)


def test_boxes_end_with_their_video():
    boxes = _key_shots.boxes_around(torch.full((2, 4), 9.0), torch.full((2, 4), 9.0), torch.tensor([4, 2]))
    assert boxes[0].tolist() == [[0, 4]] * 4
    assert boxes[1].tolist() == [[0, 2]] * 4


def test_centreness_is_one_in_the_middle_and_nothing_at_the_ends():
    left = torch.arange(5.0)
    assert torch.allclose(_key_shots.centreness(left, left.flip(0)), torch.tensor([0, 1 / 3, 1, 1 / 3, 0]))
    assert _key_shots.centreness(torch.zeros(1), torch.zeros(1)) == 0


def test_focal_loss_is_what_both_weighted_channels_add_up_to():
    logits = torch.linspace(-6, 6, 13).repeat(2)
    inside = torch.arange(26) < 13
    p = logits.sigmoid()
    true = torch.where(inside, p, 1 - p)
    both = sum(alpha * -((1 - true) ** 2) * true.log() for alpha in (0.25, 0.75))
    assert torch.allclose(_key_shots.focal(logits, inside), both, atol=1e-6)
    assert _key_shots.focal(torch.tensor([-300.0]), torch.tensor([True])).isfinite()


def test_overlap_loss():
    ends = [torch.tensor([value]) for value in (2.0, 3.0, 1.0, 6.0)]
    assert float(_key_shots.overlap_loss(*ends)) == pytest.approx(-math.log((1 + 3) / (2 + 6)))
    assert float(_key_shots.overlap_loss(ends[0], ends[1], ends[0], ends[1])) == pytest.approx(0)
    one_step = [torch.ones(1, requires_grad=True), torch.ones(1), torch.zeros(1), torch.zeros(1)]
    loss = _key_shots.overlap_loss(*one_step)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(-math.log(1e-8))  # a constant, as published
    assert one_step[0].grad == 0


def test_anchors_lie_around_the_start_of_their_step():
    found = _key_shots.anchors(3, (4, 8), device=torch.device("cpu"))
    assert found.tolist() == [[[k - 2, k + 2], [k - 4, k + 4]] for k in range(3)]


@given(BOXES)
def test_codes_make_boxes_of_anchors(boxes):
    boxes = boxes[boxes[:, 1] > boxes[:, 0]]
    around = _key_shots.anchors(len(boxes), (8,), device=torch.device("cpu"))[:, 0]
    assert torch.allclose(_key_shots.decode(_key_shots.encode(boxes, around), around), boxes, atol=1e-3)


def test_no_code_makes_an_endless_box():
    around = _key_shots.anchors(1, (4,), device=torch.device("cpu"))
    assert _key_shots.decode(torch.full((1, 1, 2), 1e4), around).isfinite().all()


def test_which_anchors_are_to_find_what():
    around = _key_shots.anchors(60, (4, 8, 16, 32), device=torch.device("cpu")).flatten(0, 1)
    segments = torch.tensor([[5.0, 15.0], [30.0, 34.0]])
    best = _key_shots.overlap(around, segments).amax(dim=1)
    positive, which, negative = _key_shots.match(around, segments, seed=3)
    assert positive.tolist() == (best > 0.6).nonzero()[:, 0].tolist()
    assert set(which.tolist()) == {0, 1}
    for anchor, segment in zip(positive, which, strict=True):
        assert steps_in_both(around[anchor], segments[segment]) > 0.6
    assert len(set(negative.tolist())) == len(negative)
    untouched, incomplete = (best[negative] == 0).sum(), ((best[negative] > 0) & (best[negative] <= 0.3)).sum()
    assert (untouched, incomplete) == (2 * len(positive), len(positive))
    again, other = (_key_shots.match(around, segments, seed=seed)[2] for seed in (3, 4))
    assert torch.equal(again, negative)
    assert not torch.equal(other, negative)


def test_nothing_to_find():
    around = _key_shots.anchors(9, (4,), device=torch.device("cpu")).flatten(0, 1)
    assert [len(part) for part in _key_shots.match(around, torch.zeros(0, 2), seed=0)] == [0, 0, 0]
    tiny = _key_shots.match(around, torch.tensor([[3.0, 4.0]]), seed=0)
    assert [len(part) for part in tiny] == [0, 0, 0]  # no anchor overlaps it enough


def test_pooled_anchors_cover_what_the_boxes_say():
    """The mean over each anchor's box, where beyond the video are zeros that count."""
    x = torch.randn(1, 20, 3)
    head = AnchorBased(torch.nn.Identity(), hidden=3)
    seen = head.covered(x, torch.ones(1, 20, dtype=torch.bool))
    wide = F.pad(x[0], (0, 0, 16, 16))
    for step, boxes in enumerate(_key_shots.anchors(20, head.widths, device=x.device).int().tolist()):
        for number, (start, end) in enumerate(boxes):
            assert torch.allclose(seen[0, step, number], wide[start + 16 : end + 16].mean(dim=0), atol=1e-6)
