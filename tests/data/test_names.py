"""Other names of a data set's videos."""

import h5py
import pytest

from small_data import write_data
from summdiff.data.datasets import open_dataset
from summdiff.data.names import VideoNames
from summdiff.errors import DataError


@pytest.fixture
def names(tmp_path):
    """SumMe's videos 1, 2 and 20, of which the file states one title; and a YouTube id."""
    path = write_data(tmp_path / "summe.h5", "summe", videos=20)
    with h5py.File(path, "a") as file:
        for group in file.values():
            del group["video_name"]
        file["video_1"].attrs["title"] = "Air_Force_One"
        file["video_3"].attrs["youtube_id"] = "aBc-_1"
    return VideoNames(open_dataset(path))


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("video_2", "video_2"),
        ("../datasets/eccv16_dataset_summe_google_pool5.h5/video_2", "video_2"),
        ("features/video_2.npy", "video_2"),
        ("C:\\videos\\Base jumping.mp4", "video_2"),
        ("Base_jumping", "video_2"),
        ("statue of liberty.webm", "video_20"),
        ("Air_Force_One.mp4", "video_1"),
        ("aBc-_1", "video_3"),
        ("ABC-_1.mp4", "video_3"),
        ("somebody's", None),
        ("playing_ball", None),
    ],
)
def test_a_video_is_found_by_name_title_id_and_path(names, key, name):
    assert names.find(key) == name


def test_two_names_of_one_video_are_refused(names):
    with pytest.raises(DataError, match="'x' names video_2 twice, as 'video_2' and as 'Base jumping'"):
        names.rename({"video_2": 1, "Base jumping": 2}.items(), "'x'")


def test_a_title_of_several_videos_is_no_name(tmp_path):
    path = write_data(tmp_path / "tvsum.h5", "tvsum")
    with h5py.File(path, "a") as file:
        for group in file.values():
            group.attrs["title"] = "the same"
    assert VideoNames(open_dataset(path)).find("the same") is None
