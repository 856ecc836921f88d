"""Everything together against the protocol in plain Python, which shares no line with it."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from summdiff.metrics import f1_score, highlight_map, kendall_tau, spearman_rho, summary_from_scores

PLAIN = Path(__file__).resolve().parents[2] / "benchmarks" / "plain_evaluation.py"


@pytest.fixture(scope="module")
def plain():
    spec = importlib.util.spec_from_file_location("plain_evaluation", PLAIN)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    convention=st.sampled_from(["eccv16", "mr_hisum"]),
    annotators=st.integers(0, 3),
    reduce=st.sampled_from(["mean", "max"]),
    rate=st.sampled_from([1.0, 2.0, 0.5]),
)
def test_all_measures_equal_a_plain_implementation(plain, seed, convention, annotators, reduce, rate):
    rng = np.random.default_rng(seed)
    n_steps = int(rng.integers(2, 60))
    every = 1 if convention == "mr_hisum" else 15
    n_frames = n_steps * every + int(rng.integers(0, every))
    picks = np.arange(n_steps) * every
    half_open = convention == "mr_hisum"
    last = n_frames - half_open
    edges = rng.choice(np.arange(1, last), min(int(rng.integers(0, 12)), last - 1), replace=False)
    edges = np.concatenate(([0], np.sort(edges), [last])).astype(int)
    rows = np.stack([edges[:-1], edges[1:] - (not half_open)], axis=1)
    scores = rng.random(n_steps)
    gtscore = rng.integers(0, 9, size=n_steps) / 8
    given_scores = rng.integers(1, 6, size=(annotators, n_steps)) if annotators else None
    users = (rng.random((3, n_frames)) < 0.2).astype(int)

    expected = plain.evaluate_video(
        scores.tolist(),
        gtscore.tolist(),
        None if given_scores is None else given_scores.tolist(),
        users.tolist(),
        picks.tolist(),
        n_frames,
        rows.tolist(),
        convention,
        rate,
        reduce,
    )
    reference = gtscore if given_scores is None else given_scores
    summary = summary_from_scores(scores, picks, n_frames, rows, convention=convention)
    found = {
        "f1": f1_score(summary, users, reduce),
        "tau": kendall_tau(scores, reference),
        "rho": spearman_rho(scores, reference),
        "map50": highlight_map(scores, gtscore, 0.5, rate=rate),
        "map15": highlight_map(scores, gtscore, 0.15, rate=rate),
    }
    assert found == pytest.approx(expected, abs=1e-12)
