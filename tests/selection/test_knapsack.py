import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from summdiff.selection import knapsack


@settings(max_examples=200, deadline=None)
@given(
    items=st.lists(st.tuples(st.integers(-3, 20), st.integers(0, 12)), max_size=10),
    capacity=st.integers(0, 40),
)
def test_as_good_as_trying_every_subset(items, capacity):
    values = np.array([value for value, _ in items], dtype=float)
    weights = np.array([weight for _, weight in items], dtype=int)
    taken = knapsack(values, weights, capacity)
    assert weights[taken].sum() <= capacity
    best = max(
        values[list(subset)].sum()
        for size in range(len(items) + 1)
        for subset in itertools.combinations(range(len(items)), size)
        if weights[list(subset)].sum() <= capacity
    )
    assert values[taken].sum() == pytest.approx(best)


def test_capacity_that_takes_everything():
    assert knapsack([1.0, 2.0, 3.0], [4, 5, 6], 15).all()


@pytest.mark.parametrize(
    ("values", "weights", "capacity", "message"),
    [
        ([1.0], [1, 2], 3, "shapes"),
        ([np.nan], [1], 3, "finite"),
        ([1.0], [1.5], 3, "integers"),
        ([1.0], [-1], 3, "negative"),
        ([1.0], [1], -1, "negative"),
    ],
)
def test_bad_input(values, weights, capacity, message):
    with pytest.raises(ValueError, match=message):
        knapsack(values, weights, capacity)
