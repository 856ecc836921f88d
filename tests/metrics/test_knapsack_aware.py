import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from summdiff.errors import DataError
from summdiff.metrics.knapsack_aware import knapsack_aware_errors
from summdiff.selection import knapsack

segments = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(1, 9)), min_size=1, max_size=7
)  # predicted, true, weight


def best_value(values, weights, capacity, *, forced=None):
    """Greatest value of all subsets that fit; `forced` = (item, whether it is in)."""
    n = len(values)
    return max(
        (
            sum(values[i] for i in subset)
            for size in range(n + 1)
            for subset in itertools.combinations(range(n), size)
            if sum(weights[i] for i in subset) <= capacity and (forced is None or (forced[0] in subset) == forced[1])
        ),
    )


@settings(max_examples=100, deadline=None)
@given(segments, st.integers(1, 25))
def test_the_four_measures_equal_an_exhaustive_search(items, capacity):
    everything = np.array(items)
    found = knapsack_aware_errors(everything[:, 0], everything[:, 1], everything[:, 2], capacity)
    p, v, w = everything[everything[:, 2] <= capacity].T
    if not len(v):
        assert (found.wse, found.cis, found.wir, found.ir) == (0, 0, 1, 1)
        return
    selected = knapsack(v, w, capacity)
    optimum = best_value(v, w, capacity)
    forced = [best_value(v, w, capacity, forced=(i, not selected[i])) for i in range(len(v))]
    harm = [max(v_ - p_, 0) if s else max(p_ - v_, 0) for p_, v_, s in zip(p, v, selected, strict=True)]
    inside = [
        p_ - v_ >= -(optimum - f) if s else p_ - v_ <= optimum - f
        for p_, v_, s, f in zip(p, v, selected, forced, strict=True)
    ]
    assert found.wse == sum(w_ * h for w_, h in zip(w, harm, strict=True))
    largest = max((f for f, h in zip(forced, harm, strict=True) if h > 0), default=None)
    assert found.cis == (0 if largest is None else sum(harm) - optimum + largest)
    assert found.ir == pytest.approx(np.mean(inside))
    assert found.wir == pytest.approx(sum(w_ for w_, i in zip(w, inside, strict=True) if i) / sum(w))


@settings(max_examples=150, deadline=None)
@given(segments, st.integers(1, 25))
def test_only_tolerated_errors_keep_the_selection_optimal(items, capacity):
    """The tolerance interval is exact: each error alone, on top of the true values."""
    everything = np.array(items)
    p, v, w = everything[everything[:, 2] <= capacity].T
    if not len(v):
        return
    selected = knapsack(v, w, capacity)
    tolerated = 0
    for i in range(len(v)):
        disturbed = v.copy()
        disturbed[i] = p[i]
        tolerated += disturbed[selected].sum() == best_value(disturbed, w, capacity)
    assert knapsack_aware_errors(p, v, w, capacity).ir == pytest.approx(tolerated / len(v))


def test_perfect_predictions_have_no_error():
    rng = np.random.default_rng(0)
    values, weights = rng.random(30), rng.integers(20, 90, size=30)
    found = knapsack_aware_errors(values, values, weights, 300)
    assert (found.wse, found.cis, found.wir, found.ir) == (0, 0, 1, 1)


def test_harmless_errors_count_nothing():
    selected = knapsack([3.0, 2.0, 1.0], [1, 1, 1], 2)
    assert selected.tolist() == [True, True, False]
    found = knapsack_aware_errors([9.0, 7.0, 0.0], [3.0, 2.0, 1.0], [1, 1, 1], 2)
    assert (found.wse, found.cis, found.wir, found.ir) == (0, 0, 1, 1)
    found = knapsack_aware_errors([3.0, 0.5, 1.5], [3.0, 2.0, 1.0], [1, 4, 5], 5)  # 1.5 < 0.5 too low; 0.5 too high
    assert found.wse == 4 * 1.5 + 5 * 0.5
    assert found.cis == 1.5 + 0.5 - 5 + 3  # forced: without the second 3, with the third 1
    assert found.ir == 1.0


def test_segments_of_length_zero_count_equally():
    found = knapsack_aware_errors([1.0, 3.0, -1.0], [1.0, 2.0, 4.0], [0, 0, 0], 5)
    assert (found.wse, found.wir, found.ir) == (0, 2 / 3, 2 / 3)


def test_bad_input_is_refused():
    with pytest.raises(DataError, match=r"\(2,\), \(1,\)"):
        knapsack_aware_errors([1.0, 2.0], [1.0], [1, 1], 3)
    with pytest.raises(DataError, match="finite"):
        knapsack_aware_errors([np.nan], [1.0], [1], 3)
