"""The store of features: every video is read as it was written, wherever the writer is killed."""

import dataclasses
import json
import pickle
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import summdiff
from summdiff.audio import Sound
from summdiff.errors import DataError, UsageError
from summdiff.features import files
from summdiff.features import store as module
from summdiff.features.files import VideoFeatures, file_identity
from summdiff.features.store import FeatureStore, StoreWriter, loose_file, open_store, write_loose
from summdiff.summary import VideoInfo


def make(folder, name="a.mp4", *, seed=0, steps=20):
    """A file that stands for a video, and its features."""
    path = folder / name
    path.write_bytes(np.random.default_rng([seed, *name.encode()]).bytes(1000))
    rng = np.random.default_rng(seed)
    times = np.arange(steps, dtype=np.float64)
    return path, VideoFeatures(
        features=rng.normal(size=(steps, 8)).astype(np.float16),
        times=times,
        boundaries=np.maximum(times - rng.random(steps), 0),
        video=VideoInfo(str(path), float(steps), 29.97, 1280, 720, 90, has_audio=True),
        corrupt_frames=3,
        transitions=np.sort(rng.uniform(0, steps, size=6)).reshape(3, 2),
        blank=rng.random(steps) < 0.5,
    )


def same(found, stored):
    for name in ("features", "times", "boundaries", "transitions", "blank"):
        np.testing.assert_array_equal(getattr(found, name), getattr(stored, name), strict=True)
    return found.video == stored.video and found.corrupt_frames == stored.corrupt_frames


@pytest.fixture
def films(tmp_path):
    """Five videos: features by path."""
    (tmp_path / "films").mkdir()
    return dict(make(tmp_path / "films", f"Vortrag {n} “ü”.mp4", seed=n, steps=5 + n) for n in range(5))


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


def writer(store, *, shard_bytes=10**9, backbone="b", rate=1.0):
    return StoreWriter(store, backbone=backbone, rate=rate, shard_bytes=shard_bytes)


def put(store, films, into):
    for path, seen in films.items():
        into.add(write_loose(store, seen, file_identity(path)).id)


def check(store, films):
    opened = open_store(store)
    assert opened.names == tuple(sorted(map(str, films)))
    assert list(opened) == list(opened.names)
    assert len(opened) == len(films)
    assert all(same(opened[path], seen) for path, seen in films.items())
    return opened


@pytest.mark.parametrize("shard_bytes", [1, 1500, 10**9])
def test_features_are_read_as_written_loose_and_packed(store, films, shard_bytes):
    into = writer(store, shard_bytes=shard_bytes)
    put(store, films, into)
    check(store, films)
    into.pack()
    opened = check(store, films)
    assert not list((store / "loose").iterdir())
    assert (opened.backbone, opened.rate) == ("b", 1.0)
    path, seen = next(iter(films.items()))
    assert path in opened
    assert str(path) in opened
    assert "elsewhere.mp4" not in opened
    assert opened.entry(path).steps == len(seen.times)
    assert opened.entry(path).video == seen.video
    assert into.pack() is None


def test_shards_are_never_changed(store, films):
    first = dict(list(films.items())[:3])
    into = writer(store)
    put(store, first, into)
    shard = into.pack()
    before = shard.read_bytes()
    again = writer(store)
    put(store, films, again)  # three of them once more
    assert again.pack().name == "000002.safetensors"
    assert shard.read_bytes() == before
    check(store, films)
    index = [json.loads(line) for line in (store / "index.jsonl").read_text().splitlines()]
    assert [len(line["videos"]) for line in index] == [3, 2]


def test_killed_between_any_two_steps_of_packing(store, films, tmp_path):
    into = writer(store)
    put(store, films, into)
    loose = tmp_path / "loose"
    shutil.copytree(store / "loose", loose)
    into.pack()
    states = {
        "before the shard has its name": ["shards", "index.jsonl"],
        "before the index has a line": ["index.jsonl"],
        "before the loose files are gone": [],
    }
    for name, absent in states.items():
        copy = tmp_path / name
        shutil.copytree(store, copy)
        shutil.copytree(loose, copy / "loose", dirs_exist_ok=True)
        for entry in absent:
            path = copy / entry
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        (copy / "shards").mkdir(exist_ok=True)
        (copy / "shards" / ".summdiff-0123456789abcdef-01234567.tmp").write_bytes(b"half")
        check(copy, films)
        again = writer(copy)
        again.pack()
        assert not list((copy / "loose").iterdir())
        assert [path.name for path in (copy / "shards").iterdir()] == ["000001.safetensors"]
        check(copy, films)


@pytest.mark.parametrize("cut", [1, 40, 200])
def test_videos_are_listed_from_shards_where_the_index_was_cut_off(store, films, cut):
    into = writer(store, shard_bytes=1)
    put(store, films, into)
    index = store / "index.jsonl"
    index.write_bytes(index.read_bytes()[:-cut])
    check(store, films)
    path, seen = make(Path(store).parent, "late.mp4", seed=9)
    put(store, {path: seen}, writer(store, shard_bytes=1))
    check(store, films | {path: seen})


def test_an_open_store_can_be_read_after_it_was_packed(store, films):
    into = writer(store)
    put(store, films, into)
    opened = open_store(store)
    into.pack()
    assert all(same(opened[path], seen) for path, seen in films.items())


def test_the_features_of_a_changed_file_replace_the_earlier_ones(store, films):
    into = writer(store, shard_bytes=1)
    put(store, films, into)
    path = next(iter(films))
    changed, seen = make(path.parent, path.name, seed=77, steps=31)
    put(store, {changed: seen}, into)
    check(store, films | {changed: seen})


def test_get_finds_a_video_by_content_backbone_and_rate(store, films, tmp_path):
    into = writer(store)
    put(store, films, into)
    opened = open_store(store)
    path, seen = next(iter(films.items()))
    assert same(opened.get(path, "b", 1), seen)
    assert opened.get(path, "c", 1.0) is None
    assert opened.get(path, "b", 2.0) is None
    assert opened.get(tmp_path / "none.mp4", "b", 1.0) is None
    moved = path.rename(tmp_path / "moved.mp4")
    assert same(opened.get(moved, "b", 1.0), replace(seen, video=replace(seen.video, path=str(moved))))
    moved.write_bytes(b"edited")
    assert opened.get(moved, "b", 1.0) is None
    opened.put(moved, "b", 1.0, seen)
    assert opened.get(moved, "b", 1.0) is None


def test_a_pickled_store_can_be_read_in_another_process(store, films):
    into = writer(store)
    put(store, films, into)
    into.pack()
    code = (
        "import pickle, sys; opened = pickle.load(sys.stdin.buffer); "
        "print([opened[path].features.shape for path in opened])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(open_store(store)), capture_output=True, check=True
    )
    shapes = [seen.features.shape for _, seen in sorted(films.items(), key=lambda item: str(item[0]))]
    assert result.stdout.decode().strip() == str(shapes)


def test_a_missing_or_damaged_store_is_reported(store, films, tmp_path):
    with pytest.raises(DataError, match="not a store of features"):
        open_store(tmp_path / "nothing")
    into = writer(store)
    put(store, films, into)
    path = next(iter(films))
    with pytest.raises(DataError, match="not among the 5 videos"):
        open_store(store)["elsewhere.mp4"]
    shard = into.pack()
    opened = open_store(store)
    shard.write_bytes(shard.read_bytes()[:-10])
    with pytest.raises(DataError, match="is damaged"):
        opened[path]
    (store / "index.jsonl").unlink()
    with pytest.raises(DataError, match="is damaged"):
        open_store(store)
    shard.unlink()
    with pytest.raises(DataError, match="not among the 0"):
        opened[path]
    (store / "store.json").write_text("{}")
    with pytest.raises(DataError, match="is damaged"):
        open_store(store)
    (store / "store.json").write_text('{"schema": "other/1"}')
    with pytest.raises(DataError, match="has the schema 'other/1'"):
        open_store(store)


def test_a_store_holds_features_of_one_backbone_at_one_rate(store):
    writer(store)
    with pytest.raises(UsageError, match="features of 'b' at 1 steps per second, not of 'c' at 1"):
        writer(store, backbone="c")
    with pytest.raises(UsageError, match="not of 'b' at 2"):
        writer(store, rate=2)


def test_open_store_is_in_the_public_interface(store, films):
    put(store, films, writer(store))
    assert isinstance(summdiff.open_store(store), FeatureStore)
    assert loose_file(store, "x").parent == store / "loose"
    assert len(list((store / "loose").iterdir())) == len(films)


def test_a_damaged_loose_file_is_deleted(store, films):
    put(store, films, writer(store))
    damaged = sorted((store / "loose").iterdir())[1]
    damaged.write_bytes(b"")
    again = writer(store)
    assert damaged.stem not in again
    again.pack()
    assert len(open_store(store)) == len(films) - 1


@pytest.mark.parametrize("packed", [False, True])
def test_a_changed_byte_in_the_features_is_noticed(store, films, packed):
    into = writer(store)
    put(store, films, into)
    file = into.pack() if packed else sorted((store / "loose").iterdir())[0]
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    opened = open_store(store)
    with pytest.raises(DataError, match="wrong checksum"):
        [opened[path] for path in opened]


@pytest.mark.parametrize("packed", [False, True])
def test_stores_without_what_was_added_later_can_be_read(store, films, packed, monkeypatch):
    """As earlier versions wrote them."""
    into = writer(store)
    with monkeypatch.context() as patched:
        patched.setattr(files, "_ADDED_ARRAYS", ())
        put(store, films, into)
        if packed:
            into.pack()
    lacking = {"transitions": np.empty((0, 2)), "blank": np.empty(0, dtype=np.bool_)}
    check(store, {path: replace(features, **lacking) for path, features in films.items()})


@pytest.mark.parametrize("packed", [False, True])
def test_stores_without_checksums_can_be_read(store, films, packed, monkeypatch):
    """As earlier versions wrote them."""
    as_dict = dataclasses.asdict

    def without_checksum(video):
        facts = as_dict(video)
        facts.pop("sha256", None)
        return facts

    into = writer(store)
    with monkeypatch.context() as patched:
        patched.setattr(files, "asdict", without_checksum)
        patched.setattr(module, "asdict", without_checksum)
        put(store, films, into)
        if packed:
            into.pack()
    assert not any(b"sha256" in file.read_bytes() for file in store.rglob("*") if file.is_file())
    check(store, films)


def test_what_was_heard_survives_packing(tmp_path, store):
    path, seen = make(tmp_path)
    generator = np.random.default_rng(0)
    speech, loudness = (generator.integers(0, 256, n, dtype=np.uint8) for n in (30, 60))
    into = writer(store)
    put(store, {path: replace(seen, sound=Sound(0.25, speech, loudness))}, into)
    into.pack()
    sound = open_store(store)[path].sound
    assert sound.start == 0.25
    np.testing.assert_array_equal(sound.speech, speech)
    np.testing.assert_array_equal(sound.loudness, loudness)
