import h5py
import numpy as np
import pytest

from summdiff.data.tvsum import TVSum
from summdiff.errors import DataError


@pytest.fixture
def path(tmp_path):
    """Two videos of the expected form."""
    rng = np.random.default_rng(0)
    with h5py.File(tmp_path / "small.h5", "w") as file:
        for name, n in (("video_10", 4), ("video_2", 6)):
            group = file.create_group(name)
            group["features"] = rng.random((n, 8)).astype(np.float32)
            group["user_scores"] = rng.integers(1, 6, (3, n)).astype(np.uint8)
            group["gtscore"] = rng.random(n)
            group["picks"] = np.arange(n) * 15
            group["n_frames"] = n * 15
            group.attrs["fps"] = 30.0
            group.attrs["category"] = "VT"
    return tmp_path / "small.h5"


def test_reads_one_video_at_a_time(path):
    data = TVSum(path)
    assert data.names == ("video_2", "video_10")
    assert len(data) == 2
    video = data["video_10"]
    assert video.features.shape == (4, 8)
    assert video.features.dtype == np.float32
    assert video.user_scores.shape == (3, 4)
    assert video.rate == 2.0
    assert (video.n_frames, video.category) == (60, "VT")


def test_fingerprint_follows_the_content(path):
    before = TVSum(path).fingerprint()
    with h5py.File(path, "a") as file:
        file["video_2/gtscore"][0] = 0.123
    assert len(before) == 64
    assert TVSum(path).fingerprint() != before


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("features", None, "'features' is missing"),
        ("features", np.full((6, 8), np.nan), "not finite"),
        ("features", np.zeros(6), "1 axes, expected 2"),
        ("features", np.zeros((0, 8)), "empty"),
        ("user_scores", np.ones((3, 5)), "5 entries, expected 6"),
        ("user_scores", np.zeros((3, 6)), "goes from 0 to 0, expected 1 to 5"),
        ("gtscore", None, "'gtscore' is missing"),
        ("picks", np.zeros(6), "does not rise"),
        ("n_frames", None, "'n_frames' is missing"),
    ],
)
def test_errors_name_file_video_and_key(path, key, value, said):
    with h5py.File(path, "a") as file:
        del file["video_2"][key]
        if value is not None:
            file["video_2"][key] = value
    data = TVSum(path)
    with pytest.raises(DataError, match=said) as raised:
        data["video_2"]
    assert "small.h5" in str(raised.value)
    assert "video_2" in str(raised.value)
    assert data["video_10"].name == "video_10"


def test_a_missing_frame_rate_is_reported_on_use(path):
    with h5py.File(path, "a") as file:
        del file["video_2"].attrs["fps"]
    video = TVSum(path)["video_2"]
    assert video.fps is None
    with pytest.raises(DataError, match=r"video_2 has no frame rate: .* 'fps'"):
        _ = video.rate


def test_unusable_files_are_refused(path, tmp_path):
    with pytest.raises(DataError, match="no data file"):
        TVSum(tmp_path / "nowhere.h5")
    (tmp_path / "text.h5").write_text("no data")
    with pytest.raises(DataError, match="cannot be read as HDF5"):
        TVSum(tmp_path / "text.h5")
    h5py.File(tmp_path / "empty.h5", "w").close()
    with pytest.raises(DataError, match="no video"):
        TVSum(tmp_path / "empty.h5")
    with pytest.raises(DataError, match="no video 'video_3'"):
        TVSum(path)["video_3"]


def test_reads_the_real_file(data_dir):
    data = TVSum(data_dir / "tvsum_i3d.h5")
    assert len(data) == 50
    assert sum(data[name].n_frames for name in data.names) == 352_353
    video = data["video_1"]
    assert video.user_scores.shape == (20, 176)
    assert np.allclose((video.user_scores.mean(axis=0) - 1) / 4, video.gtscore, atol=1e-6)
    assert video.rate == pytest.approx(0.5, abs=0.002)


@pytest.fixture
def usual(write, tmp_path):
    """The usual file without scores of annotators, and the original annotations of ten videos, a row an annotator."""
    path = write["tvsum"](tmp_path / "eccv16.h5", usual=True)
    rng = np.random.default_rng(5)
    wanted, lines = {}, []
    with h5py.File(path) as file:
        frames = {name: int(file[name]["n_frames"][()]) for name in file}
    for number in range(1, 11):
        n_frames = frames.get(f"video_{number}", 30)
        scores = rng.integers(1, 6, (20, n_frames))
        wanted[f"video_{number}"] = scores
        lines += [f"id{11 - number}\tVT\t{','.join(map(str, row))}" for row in scores]
    annotations = tmp_path / "ydata-tvsum50-anno.tsv"
    annotations.write_text("\n".join(lines) + "\n")
    return path, annotations, wanted


def test_reads_scores_from_the_original_annotations(usual):
    """video_i is the i-th video there, whatever its YouTube id; scores are taken at the steps."""
    path, annotations, wanted = usual
    data = TVSum(path, annotations)
    for name in ("video_2", "video_10"):
        video = data.annotations(name)
        assert np.array_equal(video.need_user_scores(), wanted[name][:, video.picks])
        assert video.user_scores.dtype == np.float32
        assert video.category == "VT"


def test_annotations_of_other_videos_are_refused(usual, tmp_path):
    path, annotations, _ = usual
    with pytest.raises(DataError, match=r"eccv16.h5', video_2 has no scores of single annotators: .*ydata-tvsum50"):
        TVSum(path)["video_2"].need_user_scores()
    lines = annotations.read_text().splitlines()
    swapped = tmp_path / "swapped.tsv"
    swapped.write_text("\n".join(lines[20:] + lines[:20]) + "\n")
    with pytest.raises(DataError, match=r"swapped.tsv', id8 has 30 frames but '.*eccv16.h5', video_2 has 897"):
        TVSum(path, swapped)["video_2"]
    few = tmp_path / "few.tsv"
    few.write_text("\n".join(lines[:40]) + "\n")
    assert TVSum(path, few)["video_2"].need_user_scores().size
    with pytest.raises(DataError, match=r"few.tsv' has 2 videos, so 'video_10'"):
        TVSum(path, few)["video_10"]
    with pytest.raises(DataError, match=r"nowhere.tsv"):
        TVSum(path, tmp_path / "nowhere.tsv")["video_2"]
