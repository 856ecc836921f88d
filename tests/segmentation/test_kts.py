import sys

import numpy as np
import pytest
import ruptures
from hypothesis import given, settings
from hypothesis import strategies as st

from summdiff.segmentation import Rows, centered, kts, unit_rows
from summdiff.segmentation.cost import within_segment_scatter

kts_module = sys.modules["summdiff.segmentation.kts"]  # the name in the package is the function


def segments(change_points, n):
    """Return the half-open segments (S, 2) of n steps."""
    edges = np.concatenate(([0], change_points, [n])).astype(int)
    return np.stack([edges[:-1], edges[1:]], axis=1)


def scenes(rng, lengths, dimension=16, noise=0.2):
    """Return features that change at the end of each scene."""
    centres = rng.normal(size=(len(lengths), dimension))
    x = np.repeat(centres, lengths, axis=0)
    return (x + noise * rng.normal(size=x.shape)).astype(np.float32)


def plain_kts(x, shortest, longest, v_max):
    """Tabulate J(m) for every m by dynamic programming, as the usual implementation does."""
    n = len(x)
    x = x.astype(np.float64) / np.linalg.norm(x, axis=1, keepdims=True)
    cost = {(a, b): float(((x[a:b] - x[a:b].mean(axis=0)) ** 2).sum()) for a in range(n) for b in range(a + 1, n + 1)}
    best = np.full((n + 1, n + 1), np.inf)
    best[0, 0] = 0.0
    for count in range(1, n + 1):
        for t in range(1, n + 1):
            ways = [best[count - 1, s] + cost[s, t] for s in range(t) if shortest <= t - s <= longest]
            best[count, t] = min(ways, default=np.inf)
    m = np.arange(n)
    penalty = np.where(m > 0, 0.5 * v_max * m * (np.log(n / np.maximum(m, 1)) + 1), 0.0)
    return float((best[1:, n] + penalty).min()), cost


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 24),
    shortest=st.integers(1, 4),
    extra=st.integers(0, 12),
    v_max=st.sampled_from([0.1, 0.3, 1.0, 2.0]),
    noise=st.sampled_from([0.0, 0.1, 1.0]),
)
def test_the_objective_equals_that_of_the_full_table(seed, n, shortest, extra, v_max, noise):
    rng = np.random.default_rng(seed)
    lengths = rng.multinomial(n, [0.25] * 4)
    x = scenes(rng, lengths, dimension=4, noise=noise)
    longest = shortest + extra
    change_points = kts(x, min_length=shortest, max_length=longest, v_max=v_max)

    # As documented, halved until the steps can be cut so.
    feasible = shortest
    while not any(feasible * count <= n <= longest * count for count in range(1, n + 1)):
        feasible /= 2
    least, cost = plain_kts(x, feasible, longest, v_max)
    parts = segments(change_points, n)
    m = len(change_points)
    reached = sum(cost[int(a), int(b)] for a, b in parts)
    reached += 0.5 * v_max * m * (np.log(n / m) + 1) if m else 0.0
    assert reached == pytest.approx(least, abs=1e-5)
    lengths = parts[:, 1] - parts[:, 0]
    assert lengths.min() >= feasible
    assert lengths.max() <= longest


@pytest.mark.parametrize("first_prices", [1, 2])
@pytest.mark.parametrize("v_max", [0.02, 0.1, 0.3])
def test_corners_that_the_first_prices_miss_are_found(first_prices, v_max, monkeypatch):
    """24 first prices find all corners of small videos; one or two leave some to the search."""
    monkeypatch.setattr(kts_module, "_FIRST_PRICES", first_prices)
    for seed in range(12):
        rng = np.random.default_rng(seed)
        x = scenes(rng, rng.multinomial(20, [0.2] * 5), dimension=4, noise=rng.choice([0.05, 0.3]))
        change_points = kts(x, max_length=12, v_max=v_max)
        least, cost = plain_kts(x, 1, 12, v_max)
        reached = sum(cost[int(a), int(b)] for a, b in segments(change_points, 20))
        m = len(change_points)
        reached += 0.5 * v_max * m * (np.log(20 / m) + 1) if m else 0.0
        assert reached == pytest.approx(least, abs=1e-5)


class Table:
    """Finds corners in a table of J(m), with the interface of `_PricedSearch`."""

    def __init__(self, scatter):
        self.scatter = scatter

    def solve(self, prices):
        best = [int(np.argmin(self.scatter + price * np.arange(len(self.scatter)))) for price in prices]
        return [kts_module._Corner(price, self.scatter[m], np.arange(m)) for m, price in zip(best, prices, strict=True)]


@settings(max_examples=400, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(2, 80),
    v_max=st.sampled_from([0.05, 0.3, 1.0, 4.0]),
    bend=st.sampled_from([0.5, 1.0, 3.0, 10.0, None]),
    first_prices=st.sampled_from([1, 2, 24]),
)
def test_the_best_entry_of_any_table_is_found(seed, n, v_max, bend, first_prices):
    rng = np.random.default_rng(seed)
    m = np.arange(n)
    penalty = np.where(m > 0, 0.5 * v_max * m * (np.log(n / np.maximum(m, 1)) + 1), 0.0)
    if bend is None:  # all numbers of cuts are nearly alike, so that hardly a bound is far from the best
        scatter = penalty[-1] - penalty + 10.0 ** -rng.integers(1, 6) * rng.random(n)
    else:
        scatter = np.append(np.cumsum(np.sort(rng.random(n - 1) ** bend * 3))[::-1], 0.0)  # of fewer and fewer cuts
        scatter += rng.random(n) * rng.choice([0.0, 0.3])
        scatter[-1] = 0.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kts_module, "_FIRST_PRICES", first_prices)
        found = kts_module._best_corner(Table(scatter), n, v_max, highest_price=float(scatter[0])).m
    assert scatter[found] + penalty[found] == pytest.approx((scatter + penalty).min(), abs=1e-7)


def test_two_similar_steps_are_separated_if_that_lowers_the_objective():
    """The last cut lowers the scatter by 0.04 and costs 0.032, less than any first price except 0."""
    x = np.eye(24)
    x[8, 7], x[8, 8] = 1 - 0.04, np.sqrt(1 - 0.96**2)
    assert kts(x).tolist() == list(range(1, 24))
    x[8, 7], x[8, 8] = 1 - 0.03, np.sqrt(1 - 0.97**2)
    assert kts(x).tolist() == [*range(1, 8), *range(9, 24)]


def test_defaults_are_those_of_the_literature():
    x = scenes(np.random.default_rng(1), [3, 1, 9, 6], noise=0.3)
    assert kts(x).tolist() == kts(x, min_length=1, max_length=19, v_max=1.0, normalize=True, center=False).tolist()
    # One step by itself may be a segment.
    assert kts(scenes(np.random.default_rng(0), [8, 1, 8], dimension=64, noise=0.01), v_max=0.2).tolist() == [8, 9]


def test_the_number_type_of_the_features_does_not_matter():
    x = (40 * scenes(np.random.default_rng(2), [7, 12, 5], noise=0.05)).round()
    expected = kts(x).tolist()
    assert expected
    assert (
        kts(x.astype(np.int16)).tolist() == kts(x.astype(np.float16)).tolist() == kts(x.tolist()).tolist() == expected
    )
    assert kts(x, edges=np.arange(25, dtype=np.uint8), min_length=2).tolist() == kts(x, min_length=2).tolist()


def test_without_limits_it_agrees_with_ruptures_for_the_same_number_of_cuts():
    x = scenes(np.random.default_rng(3), [40, 25, 60, 12, 80, 33], noise=0.4)
    found = kts(x, normalize=False, v_max=20.0)
    theirs = ruptures.KernelCPD("linear", min_size=1).fit(x.astype(np.float64)).predict(n_bkps=len(found))
    assert len(found) == 5
    assert found.tolist() == theirs[:-1]


def test_known_changes_are_found():
    x = scenes(np.random.default_rng(0), [12, 7, 20, 5, 9], dimension=64, noise=0.05)
    assert kts(x, min_length=2, max_length=30).tolist() == [12, 19, 39, 44]


def test_a_constant_video_is_divided_by_the_longest_segment():
    lengths = np.diff(segments(kts(np.ones((95, 8)), min_length=2, max_length=30), 95), axis=1)
    assert lengths.max() <= 30
    assert len(lengths) == 4


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_very_short_video_has_valid_segments(n):
    change_points = kts(np.eye(8)[:n], min_length=2, max_length=30)
    assert segments(change_points, n)[-1, 1] == n


def test_limits_may_be_in_seconds():
    x = scenes(np.random.default_rng(0), [3, 3, 3, 3], dimension=64, noise=0.05)
    edges = np.array([0, 1, 2, 2.2, 4, 5, 6, 7, 8, 9, 10, 11, 12.0])
    assert kts(x, min_length=2, edges=edges).tolist() == [3, 6, 9]
    assert kts(x, min_length=2.5, edges=edges).tolist() != [3, 6, 9]
    for limits in [(2.5, 4.0), (2.0, 3.0), (0.5, 1.9)]:
        change_points = kts(x, min_length=limits[0], max_length=limits[1], edges=edges)
        lengths = np.diff(edges[[0, *change_points, 12]])
        assert limits[0] - 1e-6 <= lengths.min()
        assert lengths.max() <= limits[1] + 1e-6


def test_a_step_longer_than_the_longest_segment_stays_whole():
    assert kts(np.eye(3), min_length=0, max_length=1.0, edges=[0, 5, 6, 7]).tolist() != []


def test_centering_finds_changes_that_a_common_part_hides():
    rng = np.random.default_rng(0)
    x = scenes(rng, [8, 8, 8, 8], dimension=64, noise=0.02) + 40 * rng.random(64)
    assert kts(x).tolist() == []
    assert kts(x, center=True).tolist() == [8, 16, 24]


def test_centering_does_not_divide_a_constant_video():
    x = 5.0 + 1e-3 * np.random.default_rng(0).normal(size=(200, 64))
    assert kts(x, center=True).tolist() == []


def test_a_minimum_that_cannot_be_met_is_lowered():
    parts = segments(kts(np.ones((35, 4)), min_length=20, max_length=30), 35)
    assert np.diff(parts, axis=1).ravel().max() <= 30
    assert np.diff(parts, axis=1).ravel().min() >= 10


def test_zero_features_are_one_segment():
    assert kts(np.zeros((20, 4))).size == 0


def test_scatter_follows_its_definition():
    x = np.random.default_rng(1).normal(size=(300, 5)).astype(np.float32)
    scatter = within_segment_scatter(x, max_length=7)
    for start, length in [(0, 1), (0, 7), (255, 3), (293, 7), (299, 1)]:
        part = x[start : start + length]
        assert scatter[length - 1, start] == pytest.approx(((part - part.mean(axis=0)) ** 2).sum(), abs=1e-4)
    assert np.isinf(scatter[6, 294])


@pytest.mark.parametrize(
    ("features", "options", "message"),
    [
        (np.zeros((0, 4)), {}, "N >= 1"),
        (np.zeros(4), {}, "must be"),
        (np.full((3, 2), np.nan), {}, "finite"),
        (np.zeros((9, 2)), {"min_length": 5, "max_length": 3}, "min_length <= max_length"),
        (np.zeros((9, 2)), {"min_length": -1}, "min_length"),
        (np.zeros((9, 2)), {"min_length": 0, "max_length": 0}, "max_length"),
        (np.zeros((9, 2)), {"edges": np.arange(9)}, r"edges must be \(10,\)"),
        (np.zeros((3, 2)), {"edges": [0, 1, 1, 2]}, "ascending"),
    ],
)
def test_bad_input_is_refused(features, options, message):
    with pytest.raises(ValueError, match=message):
        kts(features, **options)


@pytest.mark.parametrize("block", [1, 7, 100])
def test_blocks_of_rows_change_nothing(block, monkeypatch):
    rng = np.random.default_rng(3)
    x = np.abs(scenes(rng, [9, 12, 7, 20])).astype(np.float16)
    whole = kts(x, min_length=2, max_length=15, center=True)
    by_definition = x / np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True)
    by_definition -= by_definition.mean(axis=0)
    by_definition /= np.maximum(np.linalg.norm(by_definition, axis=1, keepdims=True), 0.05)
    monkeypatch.setattr(unit_rows, "_BLOCK", block)
    assert np.array_equal(kts(x, min_length=2, max_length=15, center=True), whole)
    rows = np.concatenate(list(Rows(x, center=True).blocks()))
    assert np.allclose(rows, by_definition, atol=1e-6)
    assert np.array_equal(rows, centered(x))
