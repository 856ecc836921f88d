"""Parts to keep and to drop are honored to the frame, whatever else is worth more."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from summdiff.errors import UsageError
from summdiff.selection import ShotKnapsack, apply_constraints
from summdiff.summary import Interval

FPS = 25.0


def choose(edges, times, scores, **options):
    return ShotKnapsack(edges, times, **options).choose(scores)


def steps(duration):
    return np.arange(0.0, duration, 1.0)


def seconds_of(parts, duration, resolution=100):
    """Return for each hundredth of a second whether it is in the parts."""
    at = (np.arange(round(duration * resolution)) + 0.5) / resolution
    return ((parts[:, :1] <= at) & (at < parts[:, 1:])).any(axis=0), at


@given(
    lengths=st.lists(st.integers(2, 12), min_size=3, max_size=12),
    constraints=st.lists(st.tuples(st.floats(0, 1), st.floats(0.005, 0.1), st.booleans()), min_size=1, max_size=4),
    budget=st.floats(0.4, 0.9),
    value=st.sampled_from(["sum", "mean"]),
    seed=st.integers(0, 1000),
)
def test_kept_parts_are_in_dropped_parts_are_out_and_the_budget_holds(lengths, constraints, budget, value, seed):
    edges = np.concatenate(([0.0], np.cumsum(lengths).astype(float)))
    duration = edges[-1]
    parts = [(Interval(start * duration, (start + share) * duration), kept) for start, share, kept in constraints]
    keep = [part for part, kept in parts if kept and part.start < duration]
    drop = [part for part, kept in parts if not kept]
    assume(not any(k.start < d.end + 0.1 and d.start < k.end + 0.1 for k in keep for d in drop))
    times = steps(duration)
    scores = np.random.default_rng(seed).random(len(times))
    chosen_parts = choose(
        edges, times, scores, budget=budget * duration, fps=FPS, value=value, keep=keep, drop=drop, shortest=2.0
    )
    chosen, at = seconds_of(chosen_parts, duration)
    frame = 1 / FPS
    for part in keep:
        assert chosen[(at > part.start + frame) & (at < part.end - frame)].all()
    for part in drop:
        assert not chosen[(at > part.start + frame) & (at < part.end - frame)].any()
    assert np.diff(chosen_parts, axis=1).sum() <= budget * duration + frame * (len(chosen_parts) + 1)


def test_shots_are_divided_where_constraints_begin_and_end():
    times, scores = steps(30.0), np.linspace(0, 1, 30)
    edges, constraints = [0.0, 10.0, 20.0, 30.0], {"keep": [Interval(3.2, 9.0)], "drop": [Interval(22.0, 30.0)]}
    divided, status = apply_constraints(np.array(edges), **constraints, shortest=2.0, frame=1 / FPS)
    assert divided.tolist() == [0, 3.2, 9.0, 10.0, 20.0, 22.0, 30.0]
    assert status.tolist() == [0, 1, 0, 0, 0, -1]
    # 5.8 s are kept, which leaves 10.2 s: the second shot
    parts = choose(edges, times, scores, budget=16.0, fps=FPS, shortest=2.0, **constraints)
    assert parts.tolist() == [[3.2, 9.0], [10.0, 20.0]]


def test_a_left_over_piece_is_offered_only_if_it_is_long_enough_or_next_to_a_kept_part():
    times = steps(20.0)
    scores = np.full(20, 0.1)
    scores[9] = scores[12] = 1.0
    dropped = choose(
        [0, 10, 20], times, scores, budget=6.0, fps=FPS, drop=[Interval(0, 9), Interval(14, 20)], shortest=2.0
    )
    assert dropped.tolist() == [[10.0, 14.0]], "the second left of the first shot is too short"
    kept = choose(
        *([0, 10, 20], times, scores),
        budget=6.0,
        fps=FPS,
        keep=[Interval(4, 9)],
        drop=[Interval(10, 20)],
        shortest=2.0,
    )
    assert kept.tolist() == [[4.0, 9.0], [9.0, 10.0]]


def test_an_end_within_half_a_frame_of_an_edge_moves_to_it():
    parts = choose([0, 10, 20], steps(20.0), np.ones(20), budget=10.0, fps=FPS, keep=[Interval(0.01, 9.99)])
    assert parts.tolist() == [[0, 10]]


def test_constraints_end_with_the_video():
    parts = choose([0, 10, 20], steps(20.0), np.ones(20), budget=12.0, fps=FPS, keep=[Interval(15, float("inf"))])
    assert parts[-1].tolist() == [15, 20]


@pytest.mark.parametrize(
    ("keep", "drop", "message"),
    [
        ([Interval(0, 12)], [], "parts to keep last 12 s, but the summary may last only 10 s"),
        ([Interval(0, 8)], [Interval(5, 9)], "5 s to 8 s is both kept and dropped"),
        ([], [Interval(0, 30)], "Everything is dropped"),
    ],
)
def test_constraints_that_cannot_be_met_are_refused(keep, drop, message):
    with pytest.raises(UsageError, match=message):
        choose([0, 10, 20, 30], steps(30.0), np.ones(30), budget=10.0, fps=FPS, keep=keep, drop=drop)
