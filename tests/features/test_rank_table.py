"""Ranks by a grid of cells are those by searching."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from summdiff.features._rank_table import RankTable


def searched(similarities, among):
    """Return ranks by their definition: the share of 1,025 quantiles below, equal ones counting half."""
    table = np.quantile(among.ravel(), np.linspace(0, 1, 1025))
    below = (table < similarities.ravel()[:, None] - 1e-9).sum(axis=1)
    not_above = (table <= similarities.ravel()[:, None] + 1e-9).sum(axis=1)
    return ((below + not_above) / 2050).reshape(similarities.shape)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(["even", "narrow", "few values", "one value", "at the ends"]),
)
def test_ranks_are_those_of_a_search(seed, kind):
    rng = np.random.default_rng(seed)
    among = {
        "even": rng.uniform(-1, 1, (30, 30)),
        "narrow": rng.normal(0.3, 1e-7, (30, 30)),
        "few values": rng.choice([-0.5, 0.0, 0.25, 1.0], (30, 30)),
        "one value": np.zeros((30, 30)),
        "at the ends": rng.choice([-1 - 2e-16, 1 + 2e-16], (30, 30)),
    }[kind]
    asked = np.concatenate([among, rng.uniform(-1, 1, (10, 30)), among + rng.choice([-2e-9, 2e-9], among.shape)])
    assert np.array_equal(RankTable(among.copy())(asked), searched(asked, among))


def test_ranks_rise_with_similarity():
    rng = np.random.default_rng(0)
    ordered = np.sort(rng.uniform(-1, 1, 5000))
    ranks = RankTable(rng.normal(0, 0.3, (50, 50)).clip(-1, 1))(ordered)
    assert (np.diff(ranks) >= 0).all()
    assert ranks[0] == pytest.approx(0, abs=1e-3)
    assert ranks[-1] == pytest.approx(1, abs=1e-3)
