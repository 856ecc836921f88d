"""The program at a price is exact; the choice within a budget keeps every limit and is hardly ever beaten."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from summdiff.selection.priced_intervals import AllowedIntervals

SHORTEST, LONGEST, GAP = 2.0, 5.0, 1.5


def problem(n, seed, *, kept_share=0.0, highest_cost=0.5):
    """Return uneven steps, values, costs, kept steps (R, 2) and what is allowed."""
    rng = np.random.default_rng(seed)
    edges = np.append(0.0, np.cumsum(rng.uniform(0.5, 1.5, n)))
    starts = np.flatnonzero(rng.random(n) < kept_share)
    kept = np.stack([starts, starts + 1], axis=1)
    kept = kept[np.append(True, np.diff(starts) > 1)] if len(kept) else kept  # runs do not touch
    costs = rng.uniform(0, highest_cost, (2, n + 1))
    allowed = AllowedIntervals.within(edges, *costs, shortest=SHORTEST, longest=LONGEST, gap=GAP, kept=kept)
    return edges, rng.normal(size=n) * np.diff(edges), costs, kept, allowed


def every_choice(edges, kept):
    """List all choices of intervals [a, b] that keep the limits, by trying all of them."""
    n, runs = len(edges) - 1, [tuple(run) for run in kept.tolist()]

    def inside(a, b):
        return [(c, d) for c, d in runs if a <= c and d <= b]

    def fits(a, b):
        length, free = edges[b] - edges[a], edges[b] - edges[a] - sum(edges[d] - edges[c] for c, d in inside(a, b))
        return (length >= SHORTEST or inside(a, b)) and (free <= LONGEST or b == a + 1)

    def follows(end, start):
        return edges[start] - edges[end] >= GAP or ((end in [d for _, d in runs]) and (start in [c for c, _ in runs]))

    def extend(chosen, first):
        if all(any(a <= c and d <= b for a, b in chosen) for c, d in runs):
            yield chosen
        for a in range(first, n):
            if chosen and not (a > chosen[-1][1] and follows(chosen[-1][1], a)):
                continue
            for b in range(a + 1, n + 1):
                if fits(a, b):
                    yield from extend([*chosen, (a, b)], b)

    return list(extend([], 0))


def value_and_length(choice, edges, values, costs):
    total = sum(values[a:b].sum() - costs[0][a] - costs[1][b] for a, b in choice)
    return total, sum(edges[b] - edges[a] for a, b in choice)


@settings(max_examples=30)
@given(n=st.integers(1, 13), seed=st.integers(0, 10_000), price=st.floats(-1, 1), kept=st.sampled_from([0.0, 0.2]))
def test_the_program_at_a_price_equals_brute_force(n, seed, price, kept):
    edges, values, costs, runs, allowed = problem(n, seed, kept_share=kept)
    best = max(
        value - price * length
        for value, length in (value_and_length(c, edges, values, costs) for c in every_choice(edges, runs))
    )
    bonus = np.zeros(n)
    bonus[runs[:, 0]] = 1e4
    found = allowed.best(values + bonus, price)
    assert found.value - bonus.sum() - price * found.seconds == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize("highest_cost", [0.0, 0.5])
def test_the_choice_within_a_budget_is_nearly_always_the_best_one(highest_cost):
    lost, exact = [], []
    for seed in range(60):
        n = 5 + seed % 9
        edges, values, costs, runs, allowed = problem(n, seed, highest_cost=highest_cost)
        budget = 2.0 + 0.5 * (edges[-1] - 2.0) * (seed % 5) / 4
        z = values / np.diff(edges)
        found, _ = allowed.choose(values, budget, least=z.min(), greatest=z.max(), guess=0.5)
        assert found.seconds <= budget + 1e-5
        worth = [
            value - (z.min() - 1.0) * length  # a second is worth at least 1
            for value, length in (value_and_length(c, edges, values, costs) for c in every_choice(edges, runs))
            if length <= budget
        ]
        lost.append(max(worth) - (found.value - (z.min() - 1.0) * found.seconds))
        exact.append(lost[-1] < 1e-6)
    assert np.mean(exact) > 0.8
    assert np.mean(lost) < 0.15


@pytest.mark.parametrize("longest", [15.0, np.inf])
def test_a_long_choice_keeps_every_limit(longest):
    rng = np.random.default_rng(0)
    n = 2000
    edges, z = np.append(0.0, np.cumsum(rng.uniform(0.5, 1.5, n))), np.convolve(rng.normal(size=n), np.ones(5), "same")
    costs = rng.uniform(0, 0.2, (2, n + 1))
    allowed = AllowedIntervals.within(edges, *costs, shortest=2, longest=longest, gap=2)
    found, _ = allowed.choose(z * np.diff(edges), 300.0, least=z.min(), greatest=z.max(), guess=0.0)
    start, end = edges[found.intervals.T]
    assert 0.99 * 300 < (end - start).sum() <= 300 + 1e-5
    assert (end - start).min() >= 2 - 1e-6
    assert (end - start).max() <= longest + 1e-6
    assert (start[1:] - end[:-1]).min() >= 2 - 1e-6
