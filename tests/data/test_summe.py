import h5py
import numpy as np
import pytest

from summdiff.data.summe import SumMe
from summdiff.errors import DataError


@pytest.fixture
def path(tmp_path):
    """Two videos of the common form; the second has features."""
    path = tmp_path / "small.h5"
    with h5py.File(path, "w") as file:
        for name in ("video_10", "video_2"):
            group = file.create_group(name)
            group["n_frames"] = 10
            group["picks"] = np.array([0, 4, 8])
            group["gtscore"] = np.array([0.5, 0.5, 0.5], np.float32)
            group["change_points"] = np.array([[0, 3], [4, 9]])
            group["user_summary"] = np.array([[0] * 4 + [3] * 6, [1] * 4 + [0] * 6])
            group.attrs["fps"] = 5.0
            group.attrs["title"] = f"title of {name}"
        file["video_10/features_dino"] = np.ones((2, 3), np.float16)
        file["video_10/features_dino_picks"] = np.array([0, 5])
    return path


def test_reads_a_video(path):
    summe = SumMe(path)
    assert summe.names == ("video_2", "video_10")
    video = summe["video_10"]
    assert video.user_summary.tolist() == [[0] * 4 + [1] * 6, [1] * 4 + [0] * 6]
    assert video.features.shape == (2, 3)
    assert video.rate == 1.0
    assert summe.titled("title of video_2").name == "video_2"
    assert summe["video_2"].features is None


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("user_summary", np.ones((2, 9)), "has 9 entries where 10 are expected"),
        ("change_points", np.array([[0, 3], [5, 9]]), "contiguous"),
        ("change_points", np.array([[0, 3], [4, 10]]), "contiguous"),
        ("n_frames", None, "is missing"),
    ],
)
def test_names_file_video_and_key(path, key, value, said):
    with h5py.File(path, "a") as file:
        del file["video_2"][key]
        if value is not None:
            file["video_2"][key] = value
    with pytest.raises(DataError, match=said) as raised:
        SumMe(path)["video_2"]
    assert "small.h5" in str(raised.value)
    assert "video_2" in str(raised.value)


def test_unknown_titles(path):
    with pytest.raises(DataError, match="'Cooking'"):
        SumMe(path).titled("Cooking")


def test_human_agreement_on_the_real_file(data_dir):
    """Each annotator against each other one: 0.2115 on all 25 videos (Otani et al. 2019); 23 are here."""
    from summdiff.metrics.rank import kendall_tau

    summe = SumMe(data_dir / "summe_annotations.h5")
    assert len(summe) == 23
    agreement = []
    for name in summe.names:
        # Both sides are 0/1, so two frames a second tell nearly as much as all of them, much sooner.
        users = summe[name].user_summary[:, ::15]
        pairs = [kendall_tau(user, np.delete(users, i, axis=0)) for i, user in enumerate(users[:4])]
        agreement.append(np.mean(pairs))
    assert np.mean(agreement) == pytest.approx(0.21, abs=0.03)
