import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from summdiff.metrics.fscore import f1_score, precision_recall_f1


def test_f1_equals_a_calculation_by_hand():
    users = np.array([[1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 0, 0]])
    assert f1_score([1, 1, 0, 0], users, "max") == 1.0
    assert f1_score([1, 1, 0, 0], users) == pytest.approx((1 + 0 + 2 / 3) / 3)
    assert f1_score([0, 0, 0, 0], users, reduce="max") == 0.0
    assert f1_score([1, 1], users, reduce="max") == 1.0
    assert f1_score([1, 1, 0, 0, 1, 1], users, reduce="max") == 1.0
    assert f1_score([0, 0], [0, 0]) == 0.0
    precision, recall, f1 = precision_recall_f1([[1, 1, 1, 1], [0, 0, 0, 0]], users)
    assert precision.tolist() == [[0.5, 0.5, 0.25], [0, 0, 0]]
    assert recall.tolist() == [[1, 1, 1], [0, 0, 0]]
    assert f1 == pytest.approx(np.array([[2 / 3, 2 / 3, 0.4], [0, 0, 0]]))
    assert precision_recall_f1([[1, 0, 0, 0]], users)[0].tolist() == [[1, 0, 1]]


@given(st.integers(0, 1000))
def test_the_order_of_annotators_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    summary, users = rng.random(90) < 0.2, rng.random((7, 90)) < 0.2
    shuffled = rng.permutation(users)
    assert f1_score(summary, shuffled, "max") == f1_score(summary, users, "max")
    assert f1_score(summary, shuffled, "mean") == pytest.approx(f1_score(summary, users, "mean"), abs=1e-15)


def test_published_results_on_summe_are_reproduced(data_dir):
    """CSNet's stored machine summaries give its stored F1 (the largest over annotators)."""
    with h5py.File(data_dir / "reference_csnet_summe.h5") as file:
        assert len(file) == 23
        for video in file.values():
            f1 = f1_score(video["machine_summary"][()], video["user_summary"][()], reduce="max")
            assert 100 * f1 == pytest.approx(float(video["fscore"][()]), abs=1e-9), video.name
