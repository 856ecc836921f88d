import h5py
import numpy as np
import pytest

from summdiff.data.youtube_highlights import YouTubeHighlights
from summdiff.errors import DataError


@pytest.fixture
def path(write, tmp_path):
    return write["youtube_highlights"](tmp_path / "small.h5")


def test_reads_clips_and_their_labels(path):
    data = YouTubeHighlights(path)
    assert data.convention is None
    video = data["zyooMDuAgCA"]
    assert (video.category, video.youtube_id) == ("dog", "zyooMDuAgCA")
    assert set(video.match.tolist()) <= {-1, 0, 1}
    assert np.array_equal(video.gtscore, (video.match + 1) / 2)
    assert np.array_equal(video.clips[:, 0], video.picks)
    assert video.rate == pytest.approx(30 / 49)
    assert video.user_summary is None
    assert video.change_points is None
    assert data["-FHmVZWWgcE"].rate == pytest.approx(30 / 50)


def test_missing_scores_are_made_from_the_labels(path):
    with h5py.File(path, "a") as file:
        del file["zyooMDuAgCA/gtscore"]
    video = YouTubeHighlights(path)["zyooMDuAgCA"]
    assert video.gtscore.dtype == np.float32
    assert np.array_equal(video.gtscore, (video.match + 1) / 2)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("match", np.full(12, 3), "other than -1, 0 and 1"),
        ("clips", np.tile([5, 3], (12, 1)), "end before they start"),
        ("clips", np.ones((11, 2)), "has 11 rows, expected 12"),
        ("features", np.ones((11, 2)), "has 11 rows, expected 12"),
    ],
)
def test_reports_bad_input(path, key, value, said):
    with h5py.File(path, "a") as file:
        del file["zyooMDuAgCA"][key]
        file["zyooMDuAgCA"][key] = value
    with pytest.raises(DataError, match=f"small.h5', zyooMDuAgCA: '{key}' .*{said}"):
        YouTubeHighlights(path)["zyooMDuAgCA"]


def test_reads_the_real_file(data_dir):
    data = YouTubeHighlights(data_dir / "youtube_highlights_i3d.h5")
    assert len(data) == 360
    videos = [data.annotations(name) for name in data]
    assert sum(len(video.picks) for video in videos) == 19_577
    domains = {video.category for video in videos}
    assert domains == {"surfing", "skiing", "gymnastics", "dog", "parkour", "skating"}
    assert data[data.names[0]].need_features().shape == (len(videos[0].picks), 1024)
