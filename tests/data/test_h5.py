import multiprocessing
import os
import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import h5py
import numpy as np
import pytest

from summdiff.data.check import check
from summdiff.data.datasets import open_dataset
from summdiff.errors import DataError


def complaint(path, name, kind):
    """The message of reading a video, or "" """
    try:
        open_dataset(path, kind)[name]
    except DataError as error:
        return str(error)
    return ""


def test_every_kind_is_read_and_steps_are_known_without_reading_features(any_file):
    kind, path = any_file
    with open_dataset(path) as data:
        assert data.kind == kind
        assert list(data) == list(data.names)
        assert data.names[0] in data
        assert "video_99" not in data
        assert 3 not in data
        assert data.identity(data.names[0]).endswith(f"/{data.names[0]}")
        for name in data:
            video, bare = data[name], data.annotations(name)
            assert (video.name, video.kind, video.file) == (name, kind, str(path))
            assert bare.features is None
            assert (np.diff(video.picks) > 0).all()
            assert video.picks[-1] < video.n_frames == bare.n_frames
            assert len(video.gtscore) == len(video.picks)
            assert len(bare.gtscore) == len(bare.picks) == data.n_steps(name)
            if video.features is not None:
                assert video.features.shape == data.feature_shape(name)
                assert len(video.features) == len(video.picks)


def test_annotations_need_no_features(any_file):
    kind, path = any_file
    name = open_dataset(path).names[-1]
    with h5py.File(path, "a") as file:
        for key in set(file[name]) & {"features", "features_dino"}:
            del file[name][key]
    data = open_dataset(path, kind)
    assert data.annotations(name).gtscore.size
    if kind in ("tvsum", "youtube_highlights"):
        with pytest.raises(DataError, match="'features' is missing"):
            data[name]
    else:
        assert data[name].features is None
        with pytest.raises(DataError, match=f"{name} has no features: its group needs a key 'features'"):
            data[name].need_features()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_features_may_have_any_precision(write, tmp_path, dtype):
    path = write["tvsum"](tmp_path / "small.h5")
    wanted = np.linspace(0, 1, 60 * 8).reshape(60, 8).astype(dtype)
    with h5py.File(path, "a") as file:
        del file["video_2/features"]
        file["video_2/features"] = wanted
    video = open_dataset(path)["video_2"]
    assert video.features.dtype == ("float16" if dtype == "float16" else "float32")
    assert video.need_features().dtype == np.float32
    assert np.array_equal(video.need_features(), wanted.astype(np.float32))


def _as_text(values):
    return np.full(values.shape, "1", dtype=h5py.string_dtype())


DAMAGE = {
    "missing": (lambda values: None, "is missing"),
    "text": (_as_text, "holds text or objects, expected numbers"),
    "bytes": (lambda values: np.full(values.shape, b"1"), "holds text, expected numbers"),
    "complex": (lambda values: values * 1j, "holds complex numbers"),
    "an axis more": (lambda values: values[None] if values.ndim else values[None, None], "axes, expected"),
    "nothing": (lambda values: h5py.Empty("f4"), "is empty"),
    "no rows": (lambda values: values[:0] if values.ndim else np.zeros(0), "is empty|axes, expected"),
    "a step less": (lambda values: values[..., :-1] if values.ndim else values - 1, "expected|contiguous|frames"),
    "NaN": (lambda values: np.full(values.shape, np.nan), "not finite"),
    "infinity": (lambda values: np.full(values.shape, -np.inf), "not finite"),
}
# Keys that any video of the kind must have, and that cannot be a step shorter without another key noticing.
NEEDED = {
    "tvsum": ("features", "picks", "gtscore", "n_frames"),
    "summe": ("picks", "gtscore", "n_frames", "change_points", "user_summary"),
    "mr_hisum": ("gtscore",),
    "youtube_highlights": ("features", "match", "picks", "clips", "n_frames"),
}
OPTIONAL = {
    "tvsum": ("user_scores", "user_summary", "change_points", "gtsummary"),
    "summe": (),
    "mr_hisum": ("features", "change_points", "gt_summary"),
    "youtube_highlights": ("gtscore",),
}
LAST_AXIS_FREE = {("mr_hisum", "features"), ("tvsum", "features"), ("youtube_highlights", "features")}


@pytest.mark.parametrize("what", DAMAGE)
def test_errors_name_file_video_and_key_and_the_check_reports_them(any_file, what):
    kind, path = any_file
    damage, said = DAMAGE[what]
    name = open_dataset(path).names[0]
    for key in NEEDED[kind] + OPTIONAL[kind]:
        if what == "missing" and key in OPTIONAL[kind]:
            continue
        if what == "a step less" and (
            (kind, key) in LAST_AXIS_FREE or (kind, key) == ("youtube_highlights", "n_frames")
        ):
            continue  # fewer dimensions, fewer frames: another video, nothing that the reader could know
        bad = path.with_name(f"bad_{key}.h5")
        bad.write_bytes(path.read_bytes())
        with h5py.File(bad, "a") as file:
            values = file[name][key][()]
            del file[name][key]
            if (damaged := damage(values)) is not None:
                file[name][key] = damaged
        text = complaint(bad, name, kind)
        assert text.startswith(f"'{bad}', {name}: '"), (key, text)
        assert text.endswith(".")
        assert "\n" not in text
        if what != "a step less":
            assert f"'{key}'" in text
        with pytest.raises(AssertionError if not text else DataError, match=said):
            open_dataset(bad, kind)[name]
        assert any(problem.startswith(f"{name}: '") for problem in check(bad, kind).problems), (key, text)
        for other in open_dataset(bad, kind).names[1:]:
            open_dataset(bad, kind)[other]


def test_a_damaged_chunk_is_reported(any_file):
    """Bytes within compressed values turned round: zlib notices."""
    kind, path = any_file
    name, key = open_dataset(path).names[0], "gtscore"
    with h5py.File(path, "a") as file:
        values = file[name][key][()]
        del file[name][key]
        file[name].create_dataset(key, data=values, compression=4)
    with h5py.File(path) as file:
        chunk = file[name][key].id.get_chunk_info(0)
    raw = bytearray(path.read_bytes())
    middle = chunk.byte_offset + chunk.size // 2
    raw[middle : middle + 8] = bytes(255 - byte for byte in raw[middle : middle + 8])
    path.write_bytes(raw)
    data = open_dataset(path, kind)
    with pytest.raises(DataError, match=f"{name}: '{key}' cannot be read, the file may be damaged"):
        data[name]
    assert data[data.names[1]].name == data.names[1]
    assert [problem.split("'")[1] for problem in check(path, kind).problems] == [key]


def test_a_truncated_file_is_reported(any_file):
    kind, path = any_file
    raw = path.read_bytes()
    for share in (0, 0.01, 0.3, 0.9, 0.999):
        path.write_bytes(raw[: int(share * len(raw))])
        with pytest.raises(DataError, match="cannot be read as HDF5") as raised:
            open_dataset(path, kind)
        assert str(path) in str(raised.value)
        assert ("cut off" in str(raised.value)) == (share > 0)


def test_damage_anywhere_gives_a_data_error(any_file):
    kind, path = any_file
    raw = path.read_bytes()
    rng = np.random.default_rng(0)
    complaints = 0
    for number in range(25):
        bad = path.with_name(f"bad_{number}.h5")  # HDF5 shares what it knows of a file that is open twice
        damaged = np.frombuffer(raw, np.uint8).copy()
        damaged[rng.integers(len(raw), size=20)] ^= np.uint8(1 << rng.integers(8))
        bad.write_bytes(damaged.tobytes())
        try:
            names = open_dataset(bad, kind).names
            check(bad, kind)
        except DataError:
            complaints += 1
            continue
        complaints += sum(bool(complaint(bad, name, kind)) for name in names)
    assert complaints > 5


def test_a_dataset_in_place_of_a_group_is_reported(any_file):
    kind, path = any_file
    with h5py.File(path, "a") as file:
        file["video_77"] = np.zeros(3)
    data = open_dataset(path, kind)
    with pytest.raises(DataError, match="video_77 is a single array; expected a group"):
        data["video_77"]
    assert any(problem.startswith("video_77 is a single array") for problem in check(path, kind).problems)


def test_a_group_in_place_of_an_array_is_reported(any_file):
    kind, path = any_file
    name = open_dataset(path).names[0]
    with h5py.File(path, "a") as file:
        del file[name]["gtscore"]
        file[name].create_group("gtscore")
    with pytest.raises(DataError, match="'gtscore' is a group, expected an array"):
        open_dataset(path, kind)[name]


@pytest.mark.parametrize("fps", [0.0, np.nan, -3.0, "fast", np.arange(3.0)])
def test_impossible_frame_rates_are_refused(write, tmp_path, fps):
    path = write["tvsum"](tmp_path / "small.h5")
    with h5py.File(path, "a") as file:
        file["video_2"].attrs["fps"] = fps
    with pytest.raises(DataError, match=r"'fps' is .*not a frame rate"):
        open_dataset(path)["video_2"]
    assert any("'fps'" in problem for problem in check(path).problems)


def test_titles_stored_as_bytes_are_decoded(write, tmp_path):
    path = write["tvsum"](tmp_path / "small.h5")
    with h5py.File(path, "a") as file:
        file["video_2"].attrs["title"] = np.bytes_("Škoda".encode())
    assert open_dataset(path)["video_2"].title == "Škoda"


def total(data, name):
    """In a worker process."""
    return os.getpid(), float(data[name].gtscore.sum())


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_several_processes_can_share_an_object(write, tmp_path, method):
    opened = [open_dataset(write[kind](tmp_path / f"{kind}.h5"), kind) for kind in write]
    asked = [(data, name) for data in opened for name in data] * 10
    wanted = [total(data, name)[1] for data, name in asked]  # the handles are open before the fork
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as pool:
        found = list(pool.map(total, *zip(*asked, strict=True)))
    assert [value for _, value in found] == wanted
    assert os.getpid() not in {process for process, _ in found}
    assert [total(data, name)[1] for data, name in asked] == wanted


def child_reads(data, wanted):
    """Exit code 0 if a forked child that inherits an open handle reads the same."""
    raise SystemExit(0 if {name: total(data, name)[1] for name in data} == wanted else 1)


def test_a_forked_process_opens_its_own_handle(any_file):
    _, path = any_file
    data = open_dataset(path)
    wanted = {name: total(data, name)[1] for name in data}
    children = [multiprocessing.get_context("fork").Process(target=child_reads, args=(data, wanted)) for _ in range(3)]
    for child in children:
        child.start()
    for _ in range(20):  # at the same time
        assert {name: total(data, name)[1] for name in data} == wanted
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0, 0]


def test_several_threads_can_share_an_object(any_file):
    _, path = any_file
    data = open_dataset(path)
    wanted = {name: total(data, name)[1] for name in data}
    data.close()
    names = list(data) * 50
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda name: total(data, name)[1], names))
    assert found == [wanted[name] for name in names]


def test_a_closed_file_can_be_replaced_and_is_opened_anew(write, tmp_path):
    path = write["tvsum"](tmp_path / "small.h5")
    with open_dataset(path) as data:
        data["video_2"]
    with h5py.File(path, "a") as file:  # fails while it is open for reading
        file["video_2"].attrs["category"] = "new"
    assert data["video_2"].category == "new"
    data.close()
    data.close()


def test_two_objects_of_one_file_do_not_disturb_each_other(any_file):
    _, path = any_file
    one, other = open_dataset(path), open_dataset(path)
    group = other.group(other.names[0])
    one[one.names[0]]
    one.close()
    assert group.array("gtscore", ndim=1).size
    assert other[other.names[0]].gtscore.size


def test_pickles_are_small_and_hold_no_handle(any_file):
    _, path = any_file
    data = open_dataset(path)
    data[data.names[0]]
    again = pickle.loads(pickle.dumps(data))  # noqa: S301 - our own
    assert len(pickle.dumps(data)) < 1000
    assert np.array_equal(again[data.names[0]].gtscore, data[data.names[0]].gtscore)
