import json

import h5py
import numpy as np
import pytest

from small_data import write_data
from summdiff._untrusted import BYTES_VARIABLE
from summdiff.data.datasets import open_dataset
from summdiff.data.video import AnnotatedVideo
from summdiff.errors import DataError, OutputError, UsageError
from summdiff.evaluation import Predictions, is_predictions, read_predictions, write_predictions


@pytest.fixture
def video():
    return AnnotatedVideo(
        kind="tvsum", name="video_1", n_frames=60, picks=np.arange(4) * 15, gtscore=np.zeros(4, np.float32)
    )


@pytest.mark.parametrize("suffix", [".json", ".h5"])
def test_written_predictions_can_be_read(tmp_path, suffix, video):
    rng = np.random.default_rng(0)
    curves = {"video_1": rng.random((3, 4)), "video_2": rng.random(7)}
    path = write_predictions(tmp_path / f"ours{suffix}", curves, about={"selection": "last epoch"})
    read = read_predictions(path)
    assert read.name == f"ours{suffix}"
    assert read.about["selection"] == "last epoch"
    assert len(read.sha256) == 64
    assert np.array_equal(read.curves["video_1"], curves["video_1"])
    assert np.array_equal(read.curves["video_2"], curves["video_2"][None])
    assert np.array_equal(read.at_steps(video), curves["video_1"])


def test_simple_files_of_other_tools_are_read(tmp_path, video):
    (tmp_path / "a.json").write_text(json.dumps({"video_1": [1, 2, 3, 4], "video_2": {"scores": [0.5]}}))
    assert read_predictions(tmp_path / "a.json").at_steps(video).tolist() == [[1, 2, 3, 4]]
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["video_1/importance_scores"] = np.arange(60.0)  # one a frame
        file["video_2"] = np.ones(3, np.float16)
    read = read_predictions(tmp_path / "b.h5")
    assert read.at_steps(video).tolist() == [[7, 22, 37, 52]]
    assert read.curves["video_2"].dtype == np.float64


def test_scores_of_another_length_are_refused(tmp_path, video):
    (tmp_path / "a.json").write_text(json.dumps({"video_1": [1, 2, 3], "video_2": [1]}))
    read = read_predictions(tmp_path / "a.json")
    with pytest.raises(DataError, match=r"'a.json', video_1: 3 scores, but the video has 4 steps and 60 frames"):
        read.at_steps(video)
    with pytest.raises(DataError, match="no scores for video_9, only for video_1, video_2: judge those by --partial"):
        read.at_steps(AnnotatedVideo("tvsum", "video_9", n_frames=1, picks=np.zeros(1, int), gtscore=np.zeros(1)))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("not json", "cannot be read as JSON"),
        ("[1, 2]", "not an object"),
        ("{}", "has no scores"),
        ('{"video_1": ["a"]}', "video_1: the scores are not numbers"),
        ('{"video_1": [1, NaN]}', "video_1: the scores are not all finite"),
        ('{"video_1": [[[1]]]}', "video_1: the scores have shape"),
        ('{"video_1": []}', "video_1: the scores have shape"),
        ('{"video_1": {"other": 1}}', "video_1: there is no 'scores'"),
        ('{"video_1": [[1, 2], [3]]}', "video_1: the scores are not numbers"),
    ],
)
def test_bad_json_is_refused(tmp_path, content, said):
    path = tmp_path / "bad.json"
    path.write_text(content)
    with pytest.raises(DataError, match=said) as raised:
        read_predictions(path)
    assert "bad.json" in str(raised.value)


def test_bad_hdf5_is_refused(tmp_path):
    path = tmp_path / "bad.h5"
    with pytest.raises(DataError, match="no predictions file"):
        read_predictions(path)
    path.write_bytes(b"no hdf5 here")
    with pytest.raises(DataError, match="cannot be read as HDF5"):
        read_predictions(path)
    write_predictions(path, {"video_1": np.random.default_rng(0).random(50_000)}, about={})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="cannot be read as HDF5"):
        read_predictions(path)
    damaged = bytearray(whole)
    middle = len(whole) // 2
    damaged[middle : middle + 64] = bytes(64)
    path.write_bytes(damaged)
    with pytest.raises(DataError, match=r"video_1.*cannot be read"):
        read_predictions(path)
    with h5py.File(path, "w") as file:
        file.create_group("video_1")
    with pytest.raises(DataError, match="video_1: there is no 'scores'"):
        read_predictions(path)


def test_an_unwritable_path_is_refused_before_writing(tmp_path):
    with pytest.raises(UsageError, match="must end in"):
        write_predictions(tmp_path / "ours.txt", {}, about={})
    with pytest.raises(OutputError):
        write_predictions(tmp_path / "nowhere" / "ours.json", {"video_1": [1.0]}, about={})


@pytest.mark.parametrize(
    ("scores", "said"), [("1" + "0" * 400, "are not numbers"), ("1e300", "beyond"), ("-1e300", "beyond")]
)
def test_scores_that_overflow_are_refused(tmp_path, scores, said):
    (tmp_path / "a.json").write_text(f'{{"video_1": [0, {scores}]}}')
    with pytest.raises(DataError, match=rf"'.*a\.json', video_1: .*{said}"):
        read_predictions(tmp_path / "a.json")


def test_deeply_nested_json_is_refused(tmp_path):
    (tmp_path / "a.json").write_text("[" * 100_000)
    with pytest.raises(DataError, match="cannot be read as JSON"):
        read_predictions(tmp_path / "a.json")


@pytest.mark.parametrize("content", ["about is a number", "group", "type", "complex"])
def test_hdf5_without_numeric_scores_is_refused(tmp_path, content):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        if content == "about is a number":
            file.attrs["about"] = 5
            file["video_1"] = np.ones(3)
        elif content == "group":
            file.create_group("video_1/scores")
        else:
            file["video_1"] = np.dtype("f4") if content == "type" else np.ones(3, complex)
    with pytest.raises(DataError, match=r"'.*a\.h5'"):
        read_predictions(tmp_path / "a.h5")


CURVES = {"video_1": [0.25, 0.5, 0.75, 1.0], "video_2": [0.5, 0.125]}


def _write(folder, form):
    """Write `CURVES` in a form that other tools use."""
    path = folder / f"theirs{form.partition(' ')[0]}"
    if form == ".npz":
        np.savez(path, **{name: np.array(curve) for name, curve in CURVES.items()}, about='{"selection": "last"}')
    elif form == "/ of .npy":
        for name, curve in CURVES.items():
            path.mkdir(exist_ok=True)
            np.save(path / f"{name}.npy", np.array(curve, np.float32))
    elif form == ".csv with a row per score":
        rows = [f"{name},{step},{score}" for name, curve in CURVES.items() for step, score in enumerate(curve)]
        path.write_text("\n".join(["Video,Step,Score", *rows]))
    elif form == ".csv with a row per video":
        path.write_text("\n".join(",".join([name, *map(str, curve)]) for name, curve in CURVES.items()))
    elif form == ".json with columns":
        path.write_text(json.dumps({name: {"score": [[score] for score in curve]} for name, curve in CURVES.items()}))
    elif form == ".h5 with columns":
        with h5py.File(path, "w") as file:
            for name, curve in CURVES.items():
                file[f"{name}/score"] = np.array(curve)[:, None]
    return path


FORMS = [".npz", "/ of .npy", ".csv with a row per score", ".csv with a row per video", ".json with columns"]


@pytest.mark.parametrize("form", [*FORMS, ".h5 with columns"])
def test_forms_of_other_tools_are_read(tmp_path, form):
    path = _write(tmp_path, form)
    assert is_predictions(path)
    read = read_predictions(path)
    assert {name: curve.tolist() for name, curve in read.curves.items()} == {n: [c] for n, c in CURVES.items()}
    assert len(read.sha256) == 64
    assert read.about == ({"selection": "last"} if form == ".npz" else {})


def test_one_array_is_the_video_of_its_name(tmp_path):
    np.save(tmp_path / "video_1.npy", [1.0, 2.0])
    assert read_predictions(tmp_path / "video_1.npy").curves["video_1"].tolist() == [[1, 2]]


def test_a_model_folder_is_no_folder_of_predictions(tmp_path):
    np.save(tmp_path / "video_1.npy", [1.0])
    assert is_predictions(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    assert not is_predictions(tmp_path)
    assert not is_predictions(tmp_path / "scores.pkl")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"video,score\nvideo_1,much", "line 2: could not convert.*needed are columns `video` and `score`"),
        ("a.csv", b"video,score\nvideo_1", "line 2: list index"),
        ("a.csv", b"video_1,1\nvideo_1,2", "line 2: 'video_1' has a row already"),
        ("a.csv", b"\xff\xfe", "cannot be read"),
        ("a.csv", b"", "has no scores"),
        ("a.npy", b"no array", "cannot be read as NumPy array"),
        ("a.npz", b"no archive", "cannot be read as NumPy archive"),
    ],
)
def test_damaged_forms_are_refused(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said) as raised:
        read_predictions(tmp_path / name)
    assert name in str(raised.value)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_pickled_objects_are_refused(tmp_path, suffix):
    path, objects = tmp_path / f"a{suffix}", np.array([{"video_1": 1}], dtype=object)
    if suffix == ".npy":
        np.save(path, objects, allow_pickle=True)
    else:
        np.savez(path, video_1=objects)
    with pytest.raises(DataError, match="cannot be read as NumPy"):
        read_predictions(path)


def test_a_false_size_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv(BYTES_VARIABLE, "1000")
    for name, write in (("a.npy", np.save), ("a.npz", np.savez)):
        write(tmp_path / name, np.zeros(1000))
        with pytest.raises(DataError, match="more than the limit of 1,000"):
            read_predictions(tmp_path / name)


def test_videos_are_found_by_their_other_names(tmp_path):
    data = open_dataset(write_data(tmp_path / "summe.h5", "summe"))
    curves = {"Air_Force_One.mp4": np.ones((1, 24)), "videos/Base jumping": np.zeros((1, 25))}
    named = Predictions("x", curves).named_as_in(data)
    assert list(named.curves) == ["video_1", "video_2"]
    assert Predictions("x", named.curves).named_as_in(data).curves is named.curves
    with pytest.raises(DataError, match=r"'x' has no video of 'summe.h5': it has other, the data video_1, video_2"):
        Predictions("x", {"other": np.ones((1, 3))}).named_as_in(data)
