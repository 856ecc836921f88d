import h5py
import numpy as np
import pytest

from summdiff.errors import DataError
from summdiff.metrics.fscore import f1_score, frame_scores, summary_from_scores


def test_a_score_holds_until_the_next_step():
    assert frame_scores([0.5, 1.0], [2, 4], 7).tolist() == [0, 0, 0.5, 0.5, 1, 1, 1]


def test_the_best_segments_fill_the_budget():
    summary = summary_from_scores(
        [0.1, 0.9, 0.5, 0.2], [0, 5, 10, 15], 20, [[0, 4], [5, 9], [10, 14], [15, 19]], budget=0.5
    )
    assert summary.tolist() == [0] * 5 + [1] * 10 + [0] * 5
    assert summary.dtype == np.uint8


def test_f1_by_hand():
    users = np.array([[1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 0, 0]])
    assert f1_score([1, 1, 0, 0], users, reduce="max") == 1.0
    assert f1_score([1, 1, 0, 0], users) == pytest.approx((1 + 0 + 2 / 3) / 3)
    assert f1_score([0, 0, 0, 0], users, reduce="max") == 0.0
    assert f1_score([1, 1], users, reduce="max") == 1.0


def test_bad_shapes():
    with pytest.raises(DataError, match="n_steps"):
        frame_scores([1.0], [0, 1], 3)
    with pytest.raises(DataError, match="change_points"):
        summary_from_scores([1.0], [0], 3, [0, 2])


def test_published_results_on_summe_are_reproduced(data_dir):
    """CSNet's stored machine summaries give its stored F1 (the largest over annotators)."""
    with h5py.File(data_dir / "reference_csnet_summe.h5") as file:
        assert len(file) == 23
        for video in file.values():
            f1 = f1_score(video["machine_summary"][()], video["user_summary"][()], reduce="max")
            assert 100 * f1 == pytest.approx(float(video["fscore"][()]), abs=1e-9), video.name
