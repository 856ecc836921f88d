import itertools
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from summdiff.selection import knapsack
from summdiff.selection.knapsack import choose_many, forced_optima, knapsack_rows

problems = st.tuples(
    st.lists(st.tuples(st.integers(-3, 20), st.integers(0, 12)), max_size=10),
    st.integers(0, 40),
)


def arrays_of(items):
    return np.array([v for v, _ in items], dtype=float), np.array([w for _, w in items], dtype=int)


def every_subset(values, weights, capacity):
    """Return (value, subset) of each subset that fits."""
    n = len(values)
    for size in range(n + 1):
        for subset in itertools.combinations(range(n), size):
            if weights[list(subset)].sum() <= capacity:
                yield values[list(subset)].sum(), set(subset)


@settings(max_examples=200, deadline=None)
@given(problems)
def test_the_choice_is_as_good_as_the_best_subset(problem):
    items, capacity = problem
    values, weights = arrays_of(items)
    taken = knapsack(values, weights, capacity)
    assert weights[taken].sum() <= capacity
    best = max(value for value, _ in every_subset(values, weights, capacity))
    assert values[taken].sum() == pytest.approx(best)


@settings(max_examples=300, deadline=None)
@given(
    items=st.integers(1, 12),
    levels=st.sampled_from([2, 5, 1000]),  # few levels: many equally good choices
    like_weights=st.booleans(),
    near=st.sampled_from([1, 64]),
    seed=st.integers(0, 10_000),
)
def test_reducing_a_problem_does_not_change_its_answer(items, levels, like_weights, near, seed):
    rng = np.random.default_rng(seed)
    weights = rng.integers(0, 12, size=items)
    values = rng.integers(0, levels, size=items).astype(float) + (weights if like_weights else 0)
    capacity = int(rng.integers(0, 40))
    module = sys.modules["summdiff.selection.knapsack"]
    whole = knapsack(values, weights, capacity)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_LARGE", 0)
        patch.setattr(module, "_EXCHANGED", near)
        assert np.array_equal(knapsack(values, weights, capacity), whole)


@pytest.mark.parametrize("worth", ["any", "five levels", "near to the weight", "the weight"])
def test_large_problems_have_the_same_answer_without_reduction(worth, monkeypatch):
    rng = np.random.default_rng(3)
    weights = rng.integers(50, 750, size=300)
    values = {
        "any": rng.random(300),
        "five levels": rng.integers(1, 6, size=300) / 5,
        "near to the weight": weights * (0.5 + 0.01 * rng.random(300)),
        "the weight": weights / 750,
    }[worth]
    quick = knapsack(values, weights, 9000)
    monkeypatch.setattr(sys.modules["summdiff.selection.knapsack"], "_LARGE", 1 << 60)
    assert np.array_equal(quick, knapsack(values, weights, 9000))


def test_bounds_decide_most_items(monkeypatch):
    module = sys.modules["summdiff.selection.knapsack"]
    monkeypatch.setattr(module, "_LARGE", 1 << 60)
    left = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        value, weight = module._exact(rng.random(300)), rng.integers(50, 750, size=300)
        within, open_ = module._decided(value, weight, 9000)
        best = knapsack(value, weight, 9000)
        assert not (within & ~best).any()
        assert not (best & ~within & ~open_).any()
        left.append(open_.sum())
    assert sum(left) <= 262  # of 20 x 300, as measured; a weaker bound leaves more, and the programme takes longer


def test_everything_is_taken_if_it_fits():
    assert knapsack([1.0, 2.0, 3.0], [4, 5, 6], 15).all()


@settings(max_examples=150, deadline=None)
@given(
    rows=st.integers(1, 6),
    items=st.integers(0, 9),
    levels=st.sampled_from([3, 1000]),  # few levels: many equally good choices
    shared=st.booleans(),
    cells=st.sampled_from([1, 60, 1 << 15]),
    seed=st.integers(0, 10_000),
)
def test_rows_have_the_answers_of_single_problems(rows, items, levels, shared, cells, seed):
    rng = np.random.default_rng(seed)
    values = rng.integers(-1, levels, size=(rows, items)) / 7
    weights = rng.integers(0, 12, size=items if shared else (rows, items))
    capacities = rng.integers(0, 40, size=rows)
    module = sys.modules["summdiff.selection.knapsack"]  # the name in the package is the function
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_CELLS", cells)
        together = knapsack_rows(values, weights, capacities)
        one_capacity = knapsack_rows(values, weights, 17)
    each = np.broadcast_to(weights, values.shape)
    for row in range(rows):
        assert np.array_equal(together[row], knapsack(values[row], each[row], int(capacities[row])))
        assert np.array_equal(one_capacity[row], knapsack(values[row], each[row], 17))


def test_narrow_number_types_do_not_overflow():
    """200 + 200 exceeds uint8, and float16 cannot represent 2049."""
    values, weights = np.array([200, 200, 210], dtype=np.uint8), np.array([5, 5, 6], dtype=np.uint8)
    assert knapsack(values, weights, 10).tolist() == [True, True, False]
    assert knapsack_rows(values[None], weights, 10).tolist() == [[True, True, False]]
    _, best, opposite = forced_optima(values, weights, 10)
    assert (best, opposite.tolist()) == (400, [210, 210, 210])
    halves = np.array([2048, 1, 2048], dtype=np.float16)
    assert knapsack(halves, [1, 1, 2], 2).tolist() == [True, True, False]
    assert knapsack_rows(halves[None], [1, 1, 2], [2]).tolist() == [[True, True, False]]


def test_rows_of_different_scales_keep_their_own_precision():
    values, weights = np.random.default_rng(2).random((3, 12)), np.arange(1, 13)
    values[1] *= 1e-12
    values[2] *= 1e12
    chosen = knapsack_rows(values, weights, 30)
    assert np.array_equal(chosen, [knapsack(row, weights, 30) for row in values])
    assert chosen[1].any()


def test_no_rows_give_no_choices():
    assert knapsack_rows(np.zeros((0, 3)), [1, 2, 3], np.zeros(0, dtype=int)).shape == (0, 3)


def test_items_of_value_0_are_padding():
    rng = np.random.default_rng(0)
    values, weights = rng.random((4, 6)), rng.integers(1, 9, size=(4, 6))
    padded = knapsack_rows(np.pad(values, ((0, 0), (0, 3))), np.pad(weights, ((0, 0), (0, 3))), 15)
    assert np.array_equal(padded[:, :6], knapsack_rows(values, weights, 15))
    assert not padded[:, 6:].any()


def test_many_videos_have_the_answers_of_single_ones():
    rng = np.random.default_rng(1)
    asked = []
    for _ in range(60):
        segments, curves = int(rng.integers(1, 30)), int(rng.integers(1, 5))
        weights = rng.integers(1, 90, size=segments)
        asked.append((rng.random((curves, segments)), weights, int(0.3 * weights.sum())))
    asked.append((rng.random((40, 20)), rng.integers(10, 300, size=20), 1000))  # large enough for a table of its own
    answers = choose_many(asked)
    assert len(answers) == len(asked)
    for (values, weights, capacity), chosen in zip(asked, answers, strict=True):
        expected = [knapsack(row, weights, capacity) for row in values]
        assert np.array_equal(chosen, expected)
    assert choose_many([]) == []


@settings(max_examples=150, deadline=None)
@given(problems)
def test_forced_optima_are_those_of_every_subset(problem):
    items, capacity = problem
    values, weights = arrays_of(items)
    chosen, optimum, values_opposite = forced_optima(values, weights, capacity)
    assert np.array_equal(chosen, knapsack(values, weights, capacity))
    subsets = list(every_subset(values, weights, capacity))
    assert optimum == pytest.approx(max(value for value, _ in subsets))
    for item in range(len(values)):
        opposite = [value for value, subset in subsets if (item in subset) != chosen[item]]
        assert values_opposite[item] == (pytest.approx(max(opposite)) if opposite else -np.inf)


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
def test_bad_input_is_refused(values, weights, capacity, message):
    with pytest.raises(ValueError, match=message):
        knapsack(values, weights, capacity)


@pytest.mark.parametrize(
    ("values", "weights", "capacities", "message"),
    [
        ([1.0], [1], 3, "R, S"),
        ([[1.0]], [1, 2], 3, "R, S"),
        ([[1.0]], [1], [3, 4], "capacities"),
        ([[1.0]], [1], 3.5, "capacities"),
        ([[1.0]], [1], -1, "negative"),
        ([[np.inf]], [1], 1, "finite"),
    ],
)
def test_bad_rows_are_refused(values, weights, capacities, message):
    with pytest.raises(ValueError, match=message):
        knapsack_rows(values, weights, capacities)
