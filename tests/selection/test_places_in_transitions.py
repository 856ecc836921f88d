"""Parts neither start nor end within a dissolve or a fade."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from summdiff.selection import CutPlaces, avoid_transitions, move_to_transitions


def places(n, hard=()):
    edges = np.arange(n + 1.0)
    return CutPlaces(edges, np.zeros(n + 1), np.array(hard, dtype=float), np.zeros(n + 1), np.zeros(n + 1))


spans = st.lists(st.floats(0, 30), min_size=2, max_size=12, unique=True).map(
    lambda times: np.array(sorted(times)[: len(times) // 2 * 2]).reshape(-1, 2)
)


@settings(max_examples=25)
@given(spans, st.lists(st.integers(1, 29), max_size=3, unique=True))
def test_no_cheap_start_or_end_lies_within_a_transition(transitions, hard):
    before = places(30, sorted(hard))
    after = avoid_transitions(move_to_transitions(before, transitions, fps=25), transitions)
    assert (after.edges[0], after.edges[-1], len(after.edges)) == (0, 30, 31)
    assert set(map(float, hard)) <= set(after.edges)
    for start, end in transitions:
        for edge, start_cost, end_cost in zip(after.edges, after.start_cost, after.end_cost, strict=True):
            assert start_cost >= 1000 or not start <= edge < end
            assert end_cost >= 1000 or not start < edge <= end
    away = [all(abs(edge - time) > 1.5 for time in transitions.ravel()) for edge in before.edges]
    inside = [any(start <= edge <= end for start, end in transitions) for edge in before.edges]
    untouched = np.array(away) & ~np.array(inside)
    assert np.array_equal(after.edges[untouched], before.edges[untouched])
    assert not after.start_cost[untouched].any() and not after.end_cost[untouched].any()


def test_parts_may_end_where_a_transition_starts_and_start_where_it_ends():
    after = avoid_transitions(move_to_transitions(places(10), [[4.21, 5.39]], fps=25), [[4.21, 5.39]])
    starts, ends = after.costs()
    assert after.edges[4:6].tolist() == [4.2, 5.4]
    assert ends[4] < 1 and starts[4] >= 1000
    assert starts[5] < 1 and ends[5] >= 1000
