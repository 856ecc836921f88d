from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from summdiff.atomic import temporary_path
from summdiff.audio import Sound
from summdiff.features import cache as module
from summdiff.features.cache import FeatureCache, default_directory
from summdiff.features.files import VideoFeatures, file_identity, write_video
from summdiff.summary import VideoInfo


@pytest.fixture
def cache(tmp_path) -> FeatureCache:
    return FeatureCache(tmp_path / "cache")


@pytest.fixture
def video(tmp_path) -> Path:
    """A file that stands for a video; the cache looks at its bytes only."""
    path = tmp_path / "talk.mp4"
    path.write_bytes(np.random.default_rng(5).bytes(300_000))
    return path


def extracted(path: Path, *, seed: int = 0, steps: int = 20) -> VideoFeatures:
    generator = np.random.default_rng(seed)
    times = np.arange(steps, dtype=np.float64)
    return VideoFeatures(
        features=generator.normal(size=(steps, 8)).astype(np.float16),
        times=times,
        boundaries=np.maximum(times - generator.random(steps), 0),
        video=VideoInfo(str(path.absolute()), float(steps), 29.97, 1280, 720, 90, has_audio=True),
        corrupt_frames=3,
        transitions=np.sort(generator.uniform(0, steps, size=6)).reshape(3, 2),
        blank=generator.random(steps) < 0.5,
    )


def assert_same(found: VideoFeatures | None, stored: VideoFeatures) -> None:
    assert found is not None
    for name in ("features", "times", "boundaries", "transitions", "blank"):
        np.testing.assert_array_equal(getattr(found, name), getattr(stored, name), strict=True)
    assert found.video == stored.video
    assert found.corrupt_frames == stored.corrupt_frames


def with_sound(features: VideoFeatures, frames: int = 40) -> VideoFeatures:
    generator = np.random.default_rng(frames)
    speech, loudness = (generator.integers(0, 256, n, dtype=np.uint8) for n in (frames, 2 * frames))
    return replace(features, sound=Sound(-0.01, speech, loudness))


def entries(cache: FeatureCache) -> list[Path]:
    return sorted(cache.directory.iterdir())


@pytest.mark.parametrize("frames", [0, 40])
def test_gives_back_what_was_heard(cache, video, frames):
    stored = with_sound(extracted(video), frames)
    cache.put(video, "b", 1.0, stored)
    found = cache.get(video, "b", 1.0)
    assert_same(found, stored)
    assert found.sound.start == stored.sound.start
    np.testing.assert_array_equal(found.sound.speech, stored.sound.speech)
    np.testing.assert_array_equal(found.sound.loudness, stored.sound.loudness)


def test_an_entry_may_get_its_sound_later(cache, video):
    cache.put(video, "b", 1.0, extracted(video))
    assert cache.get(video, "b", 1.0).sound is None
    cache.put(video, "b", 1.0, with_sound(extracted(video)))
    assert cache.get(video, "b", 1.0).sound is not None


def test_damaged_sound_counts_as_absent(cache, video):
    stored = with_sound(extracted(video))
    cache.put(video, "b", 1.0, stored)
    (entry,) = entries(cache)
    content = entry.read_bytes()
    place = content.rindex(stored.sound.loudness.tobytes())
    entry.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    assert cache.get(video, "b", 1.0) is None
    assert entries(cache) == []


def test_the_entry_of_the_features_is_the_same_with_and_without_sound(tmp_path, video):
    """Earlier versions, which check it, can read both."""
    identity = file_identity(video)
    silent = write_video(tmp_path / "silent", extracted(video), id="a", identity=identity)
    heard = write_video(tmp_path / "heard", with_sound(extracted(video)), id="a", identity=identity)
    assert replace(heard, sound=None) == silent


def test_gives_back_what_was_put(cache, video):
    assert cache.get(video, "b", 1.0) is None
    cache.put(video, "b", 1.0, extracted(video))
    assert_same(cache.get(video, "b", 1.0), extracted(video))
    assert_same(cache.get(str(video), "b", 1), extracted(video))
    assert_same(FeatureCache(cache.directory).get(video, "b", 1.0), extracted(video))


def test_a_later_put_replaces_an_earlier_one(cache, video):
    cache.put(video, "b", 1.0, extracted(video))
    cache.put(video, "b", 1.0, extracted(video, seed=1))
    assert_same(cache.get(video, "b", 1.0), extracted(video, seed=1))
    assert len(entries(cache)) == 1


def test_another_backbone_rate_or_way_of_decoding_is_another_entry(cache, video):
    cache.put(video, "b", 1.0, extracted(video))
    assert cache.get(video, "b", 1.0, decoding="fast") is None
    cache.put(video, "b", 1.0, extracted(video, seed=1), decoding="fast")
    assert_same(cache.get(video, "b", 1.0, decoding="fast"), extracted(video, seed=1))
    assert_same(cache.get(video, "b", 1.0), extracted(video))
    assert cache.get(video, "c", 1.0) is None
    assert cache.get(video, "b", 2.0) is None


def test_another_format_is_another_entry(cache, video, monkeypatch):
    cache.put(video, "b", 1.0, extracted(video))
    monkeypatch.setattr(module, "_FORMAT", module._FORMAT + 1)
    assert cache.get(video, "b", 1.0) is None


def test_a_moved_video_is_found_under_its_new_name(cache, video, tmp_path):
    cache.put(video, "b", 1.0, extracted(video))
    (tmp_path / "other").mkdir()
    moved = video.rename(tmp_path / "other" / "Vortrag ü.mkv")
    found = cache.get(moved, "b", 1.0)
    assert_same(found, extracted(moved))
    assert found.video.path == str(moved)


@pytest.mark.parametrize("position", [0, 70_000, 299_999])
def test_an_edited_video_is_not_found(cache, video, position):
    cache.put(video, "b", 1.0, extracted(video))
    with video.open("r+b") as file:
        file.seek(position)
        file.write(b"edited")
    os.utime(video, ns=(1, 1))
    assert cache.get(video, "b", 1.0) is None


@pytest.mark.parametrize("position", [10, 299_990])
def test_another_video_of_the_same_size_and_time_is_not_found(cache, video, position):
    cache.put(video, "b", 1.0, extracted(video))
    before = video.stat()
    with video.open("r+b") as file:
        file.seek(position)
        file.write(b"edited")
    os.utime(video, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert cache.get(video, "b", 1.0) is None


def test_a_video_that_changes_during_extraction_is_not_stored(cache, video):
    # As a recording that goes on: these features belong to neither the old nor the new file.
    assert cache.get(video, "b", 1.0) is None
    with video.open("ab") as file:
        file.write(b"more")
    cache.put(video, "b", 1.0, extracted(video))
    assert cache.get(video, "b", 1.0) is None
    cache.put(video, "b", 1.0, extracted(video))
    assert_same(cache.get(video, "b", 1.0), extracted(video))


def test_any_flipped_bit_or_missing_end_makes_an_entry_absent(cache, video):
    cache.put(video, "b", 1.0, extracted(video))
    (entry,) = entries(cache)
    whole = entry.read_bytes()
    generator = np.random.default_rng(1)
    for position in {0, 20, 60, len(whole) - 1, *generator.integers(0, len(whole), 200).tolist()}:
        damaged = bytearray(whole)
        damaged[position] ^= 1 << int(generator.integers(8))
        entry.write_bytes(damaged)
        assert cache.get(video, "b", 1.0) is None
        assert not entry.exists()
    for length in (0, 5, 40, 100, len(whole) // 2, len(whole) - 1):
        entry.write_bytes(whole[:length])
        assert cache.get(video, "b", 1.0) is None
        assert not entry.exists()
    entry.write_bytes(whole)
    assert_same(cache.get(video, "b", 1.0), extracted(video))


def test_the_entry_of_another_video_is_absent(cache, video, tmp_path):
    other = tmp_path / "other.mp4"
    other.write_bytes(b"other")
    cache.put(other, "b", 1.0, extracted(other, seed=1))
    (foreign,) = entries(cache)
    cache.put(video, "b", 1.0, extracted(video))
    (own,) = set(entries(cache)) - {foreign}
    shutil.copy(foreign, own)
    assert cache.get(video, "b", 1.0) is None
    assert entries(cache) == [foreign]


def test_a_missing_video_is_absent_and_not_stored(cache, tmp_path):
    gone = tmp_path / "gone.mp4"
    assert cache.get(gone, "b", 1.0) is None
    cache.put(gone, "b", 1.0, extracted(gone))
    assert not cache.directory.exists()
    assert cache.get(tmp_path, "b", 1.0) is None  # a folder


def test_a_place_that_cannot_be_written_is_skipped(video, tmp_path, caplog):
    (tmp_path / "file").write_text("no folder")
    cache = FeatureCache(tmp_path / "file" / "cache")
    with caplog.at_level(logging.DEBUG):
        cache.put(video, "b", 1.0, extracted(video))
    assert "Cannot cache the features" in caplog.text
    assert cache.get(video, "b", 1.0) is None


def test_an_entry_that_cannot_be_replaced_leaves_nothing_behind(cache, video):
    cache.put(video, "b", 1.0, extracted(video))
    (entry,) = entries(cache)
    entry.unlink()
    entry.mkdir()  # in its way
    (entry / "file").touch()
    cache.put(video, "b", 1.0, extracted(video))
    assert entries(cache) == [entry]
    assert cache.get(video, "b", 1.0) is None


def test_the_entries_unused_for_longest_are_removed(tmp_path):
    videos = [tmp_path / f"{i}.mp4" for i in range(4)]
    for i, path in enumerate(videos):
        path.write_bytes(bytes([i]))
    cache = FeatureCache(tmp_path / "cache")
    cache.put(videos[0], "b", 1.0, extracted(videos[0]))
    size = entries(cache)[0].stat().st_size
    cache = FeatureCache(tmp_path / "cache", max_bytes=3 * size + size // 2)
    for age, path in ((300, videos[1]), (200, videos[2])):
        before = set(entries(cache))
        cache.put(path, "b", 1.0, extracted(path))
        (new,) = set(entries(cache)) - before
        os.utime(new, (time.time() - age,) * 2)
    # 0 was written now, 1 is the oldest but is used now, so 2 must go.
    assert cache.get(videos[1], "b", 1.0) is not None
    cache.put(videos[3], "b", 1.0, extracted(videos[3]))
    assert [cache.get(path, "b", 1.0) is not None for path in videos] == [True, True, False, True]


def test_what_is_larger_than_the_cache_is_not_stored(video, tmp_path):
    cache = FeatureCache(tmp_path / "cache", max_bytes=500)
    cache.put(video, "b", 1.0, extracted(video))
    assert cache.get(video, "b", 1.0) is None


def test_only_leftovers_of_dead_processes_and_only_our_files_are_removed(cache, video):
    cache.directory.mkdir()
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    living = temporary_path(cache.directory)
    dead = living.with_name(living.name.replace(f"-{os.getpid()}-", f"-{gone.pid}-"))
    other = cache.directory / "notes.tmp"
    for path in (living, dead, other):
        path.write_text("x")
    cache.put(video, "b", 1.0, extracted(video))
    assert not dead.exists()
    assert living.exists()
    assert other.exists()


def test_where_the_cache_lies(monkeypatch, tmp_path):
    monkeypatch.setenv("SUMMDIFF_CACHE", str(tmp_path / "mine"))
    assert FeatureCache().directory == default_directory() == tmp_path / "mine"
    monkeypatch.delenv("SUMMDIFF_CACHE")
    assert default_directory().parts[-2:] == ("summdiff", "features")


@pytest.mark.parametrize(
    "change",
    [
        {"features": np.zeros((20, 8), np.float32)},
        {"features": np.zeros(20, np.float16)},
        {"times": np.zeros(19)},
        {"boundaries": np.zeros(20, np.float32)},
        {"transitions": np.zeros((2, 3))},
        {"blank": np.zeros(20)},
        {"blank": np.zeros(3, dtype=np.bool_)},
        {"transitions": np.full((1, 2), np.nan)},
        {"times": np.full(20, np.nan)},
    ],
)
def test_arrays_of_another_form_are_refused(video, change):
    with pytest.raises(ValueError, match=next(iter(change))):
        replace(extracted(video), **change)
