import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from summdiff.scoring.detection import curve_of, suppress

BOXES = st.lists(st.tuples(st.integers(-5, 40), st.integers(0, 20)), min_size=1, max_size=25).map(
    lambda pairs: np.array([(start, start + length) for start, length in pairs], dtype=np.float32)
)


def steps_in_both(a, b):
    """Return the overlap of two boxes with whole ends, by counting unit steps."""
    ours, theirs = set(range(int(a[0]), int(a[1]))), set(range(int(b[0]), int(b[1])))
    return len(ours & theirs) / len(ours | theirs) if ours | theirs else 0.0


@given(BOXES, st.sampled_from([0.0, 0.3, 0.5, 1.0]), st.integers(0, 9))
def test_suppression_is_greedy(boxes, threshold, seed):
    scores = np.random.default_rng(seed).integers(0, 6, len(boxes)) / 5
    kept = []
    for number in sorted(range(len(boxes)), key=lambda k: (-scores[k], k)):
        empty = boxes[number, 1] <= boxes[number, 0]
        if not empty and all(steps_in_both(boxes[number], boxes[k]) <= threshold for k in kept):
            kept.append(number)
    assert suppress(boxes, scores, threshold).tolist() == kept


def test_of_no_boxes_none_is_kept():
    assert suppress(np.zeros((0, 2)), np.zeros(0), 0.5).tolist() == []
    assert suppress(np.array([[3.0, 3.0]]), np.ones(1), 0.5).tolist() == []


def test_a_curve_of_segments_has_the_best_at_each_step():
    boxes = np.array([[2.0, 5.6], [4.0, 9.0], [7.6, 8.4]])
    curve = curve_of(boxes, np.array([0.9, 0.5, 0.8]), 10)
    assert curve.dtype == np.float32
    assert curve.tolist() == pytest.approx([0, 0, 0.9, 0.9, 0.9, 0.9, 0.5, 0.5, 0.5, 0])


def test_without_segments_the_curve_is_zero():
    assert not curve_of(np.zeros((0, 2)), np.zeros(0), 4).any()


def test_segments_beyond_the_video_count_within_it():
    assert curve_of(np.array([[-3.0, 2.0], [3.0, 9.0]]), np.array([0.25, 0.5]), 5).tolist() == [0.25, 0.25, 0, 0.5, 0.5]


def test_a_segment_covers_the_steps_whose_middle_lies_in_it():
    assert curve_of(np.array([[1.5, 3.5]]), np.ones(1), 5).tolist() == [0, 1, 1, 0, 0]
