import json

import h5py
import numpy as np
import pytest

from summdiff.data.mr_hisum import MrHiSum, segment_ends
from summdiff.errors import DataError
from summdiff.metrics.segments import summary_from_scores


@pytest.fixture
def path(write, tmp_path):
    return write["mr_hisum"](tmp_path / "synthetic.h5")


def test_seconds_are_frames_and_steps(path):
    data = MrHiSum(path)
    video = data["video_1"]
    n = video.n_frames
    assert (video.fps, video.rate) == (1.0, 1.0)
    assert np.array_equal(video.picks, np.arange(n))
    assert video.features.shape == (n, 8)
    assert video.user_summary.shape == (1, n)
    assert video.change_points[-1, 1] == n - 1
    assert data.convention == "mr_hisum"
    made = summary_from_scores(video.gtscore, video.picks, n, video.change_points, 0.15, data.convention)
    assert np.array_equal(made, video.user_summary[0])


def test_features_are_optional_and_the_summary_has_two_names(path):
    with h5py.File(path, "a") as file:
        file.move("video_1/gt_summary", "video_1/gtsummary")
        del file["video_1/features"], file["video_2/gt_summary"], file["video_2/change_points"]
    data = MrHiSum(path)
    assert data["video_1"].features is None
    assert data["video_1"].need_user_summary().any()
    with pytest.raises(DataError, match=r"video_2 has no summary to compare with: .* 'gt_summary'"):
        data["video_2"].need_user_summary()
    with pytest.raises(DataError, match=r"video_2 has no segments: .* 'change_points'"):
        data["video_2"].need_change_points()


@pytest.mark.parametrize(
    ("rows", "ends"),
    [
        ([[0, 5], [5, 6], [6, 13]], "half_open"),
        ([[0, 5], [5, 6], [6, 14]], "half_open"),
        ([[0, 4], [5, 5], [6, 13]], "inclusive"),
        ([[0, 13]], "half_open"),
        ([[0, 5], [5, 13], [13, 13]], "half_open"),
        ([[0, 4], [5, 5], [6, 14]], None),
        ([[0, 5], [5, 6], [6, 12]], None),
        ([[0, 5], [6, 13], [5, 6]], None),
        ([[0, 5], [5, 6], [7, 13]], None),
        ([[1, 5], [5, 13]], None),
        ([[0, 5], [5, 4], [4, 13]], None),
    ],
)
def test_the_convention_of_segment_ends_is_recognized(path, rows, ends):
    assert segment_ends(np.array(rows), 14) == ends
    with h5py.File(path, "w") as file:
        group = file.create_group("video_1")
        group["gtscore"], group["gt_summary"] = np.linspace(0, 1, 14), np.zeros(14)
        group["change_points"] = np.array(rows)
    if ends is None:
        with pytest.raises(DataError, match="video_1: 'change_points' does not cut seconds 0 to 14"):
            MrHiSum(path)["video_1"]
        return
    segments = MrHiSum(path)["video_1"].change_points
    assert (segments[1:, 0] == segments[:-1, 1]).all()
    assert segments[0, 0] == 0
    assert segments[-1, 1] >= 13
    assert (segments[:, 1] > segments[:, 0]).all()


def test_the_published_split_is_read(path, tmp_path):
    data = MrHiSum(path, split=tmp_path / "synthetic_split.json")
    assert sorted(data.split.train + data.split.validation + data.split.test) == sorted(data.names)
    assert MrHiSum(path).split is None
    entry = {"train_keys": ["video_1"], "val_keys": ["video_4"], "test_keys": ["video_2"]}
    (tmp_path / "bad.json").write_text(json.dumps(entry))
    with pytest.raises(DataError, match=r"bad.json', split 1 names 'video_4', which is not in the data \(1 such"):
        MrHiSum(path, split=tmp_path / "bad.json")
    (tmp_path / "two.json").write_text(json.dumps([entry | {"val_keys": []}] * 2))
    with pytest.raises(DataError, match=r"has 2 splits, expected one"):
        MrHiSum(path, split=tmp_path / "two.json")


@pytest.mark.parametrize(
    ("stored", "read"), [(np.float64, np.float64), (np.float32, np.float32), (np.float16, np.float32)]
)
def test_true_scores_keep_their_precision(tmp_path, stored, read):
    """The stored summary was made from them: of nearly equal segments the last digit decides."""
    with h5py.File(tmp_path / "small.h5", "w") as file:
        file["video_1/gtscore"] = np.linspace(0, 1, 7).astype(stored)
    assert MrHiSum(tmp_path / "small.h5").annotations("video_1").gtscore.dtype == read
