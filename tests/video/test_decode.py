"""Sparse passes have the times of a full pass, from a part of its frames."""

from __future__ import annotations

import itertools
import math

import av
import numpy as np
import pytest

from summdiff.errors import UsageError
from summdiff.video import VideoReader

SCENES = ((3.4, "red"), (3.2, "blue"), (3.0, 7))
FAST = {"preset": "veryfast", "bf": "3"}
KINDS = {
    "mp4": {"path": "a.mp4", "options": FAST, "gop": 20, "sound": True},
    "open groups": {"path": "a.mp4", "options": FAST | {"x264-params": "open-gop=1:scenecut=0"}, "gop": 20},
    "open groups in ts": {"path": "a.ts", "options": FAST | {"x264-params": "open-gop=1:scenecut=0"}, "gop": 20},
    "fragmented mp4": {
        "path": "a.mp4",
        "container_options": {"movflags": "frag_keyframe+empty_moov+default_base_moof"},
        "gop": 20,
    },
    "ts, which starts at 1.4 s": {"path": "a.ts", "options": FAST, "gop": 20, "sound": True},
    "late start in mkv": {"path": "a.mkv", "start": 12.52, "options": FAST, "gop": 20},
    "vp9": {"path": "a.webm", "codec": "libvpx-vp9", "gop": 20},
    "av1": {
        "path": "a.mkv",
        "codec": "libsvtav1",
        "options": {"preset": "8", "crf": "12"},
        "size": (256, 144),
        "gop": 20,
    },
    "hevc, open groups": {
        "path": "a.mp4",
        "codec": "libx265",
        "options": {"preset": "ultrafast", "x265-params": "log-level=0:open-gop=1:bframes=3"},
        "gop": 20,
    },
    "mpeg2": {"path": "a.ts", "codec": "mpeg2video", "options": {"b": "3000000", "bf": "2"}, "gop": 15},
}


def passed(path, *, sparse, rate=5.0):
    with VideoReader(path) as reader:
        steps = list(reader.steps(rate=rate, short_side=108, sparse=sparse))
        return steps, reader.info, reader.corrupt_frames


def keys(path):
    """Seconds from the first frame at which key frames are shown."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        first = min(packet.pts for packet in packets)
        return sorted(float((p.pts - first) * stream.time_base) for p in packets if p.is_keyframe)


@pytest.mark.parametrize("kind", KINDS)
def test_only_key_frames_are_decoded_where_they_are_close(kind, make_video, tmp_path):
    options = dict(KINDS[kind])
    made = make_video(tmp_path / options.pop("path"), scenes=SCENES, **options)
    steps, info, corrupt = passed(made.path, sparse=1.0)
    every, exact, _ = passed(made.path, sparse=0.0)
    assert corrupt == 0
    assert (info.duration, info.fps) == pytest.approx((exact.duration, exact.fps))
    assert [step.time for step in steps] == [step.time for step in every]

    entered = keys(made.path)
    assert len(entered) >= len(made.frame_times) // 20
    for step, full in zip(steps, every, strict=True):
        number = made.number(step.image)
        at = made.frame_times[number]
        last_key = max(key for key in entered if key <= step.time + 1e-6)
        if entered[1] <= step.time < entered[-1] - 0.2:
            assert at == pytest.approx(last_key, abs=0.002)
        elif step.time < entered[1] - 0.2:
            assert number == made.number(full.image), "the first group is decoded completely"
    shown = {made.number(step.image) for step in steps}
    assert len(shown) < 0.6 * len({made.number(step.image) for step in every})


def test_long_groups_of_pictures_are_decoded_in_between(make_video, tmp_path):
    """Key frames at cuts only: close together, then 5 s apart, then close again."""
    scenes = [(0.8, "red"), (0.8, "blue"), (0.8, "green"), (5.0, 3), (0.8, 4), (0.8, 5), (0.8, 6)]
    made = make_video(tmp_path / "a.mp4", scenes=scenes, options=FAST | {"x264-params": "min-keyint=1"}, gop=500)
    entered = keys(made.path)
    groups = list(itertools.pairwise(entered))
    alone = [group for group in groups[1:] if group[1] - group[0] <= 2.0]
    assert alone
    assert any(end - start > 4 for start, end in groups[1:])
    steps, info, corrupt = passed(made.path, sparse=2.0)
    assert corrupt == 0
    assert info.duration == pytest.approx(made.duration)
    for step in steps:
        at = made.frame_times[made.number(step.image)]
        key = max(time for time in entered if time <= step.time + 1e-6)
        if any(start <= step.time < end for start, end in alone):
            assert at == pytest.approx(key, abs=0.002)
        else:
            assert step.time - 0.125 <= at <= step.time + 1e-6, "all reference frames are decoded"
    for time in entered[1:]:
        assert steps[math.ceil(time * 5 - 1e-9)].boundary == pytest.approx(time, abs=0.002)


@pytest.mark.parametrize("what", ["no key frames but the first", "avi", "joined", "broken off", "one frame"])
def test_times_are_right_where_little_can_be_skipped(what, make_video, tmp_path):
    path = tmp_path / ("a.avi" if what == "avi" else "a.ts")
    codec = {"codec": "mpeg4", "options": {"b": "2000000"}} if what == "avi" else {"options": FAST}
    scenes = [(0.04, "red")] if what == "one frame" else SCENES
    made = make_video(path, scenes=scenes, gop=500 if what == "no key frames but the first" else 20, **codec)
    content = made.path.read_bytes()
    if what == "joined":
        made.path.write_bytes(content + content)
    if what == "broken off":
        made.path.write_bytes(content[: len(content) * 2 // 3])
    steps, info, _ = passed(made.path, sparse=1.0)
    every, exact, _ = passed(made.path, sparse=0.0)
    assert info.duration == pytest.approx(exact.duration, abs=0.05)
    assert [step.time for step in steps] == [step.time for step in every]
    assert not made.number(steps[-1].image) > made.number(every[-1].image)
    away = [abs(made.number(a.image) - made.number(b.image)) for a, b in zip(steps, every, strict=True)]
    assert np.median(away) <= 20


def test_a_negative_distance_is_refused(make_video):
    with (
        VideoReader(make_video().path) as reader,
        pytest.raises(UsageError, match="`sparse` must be 0 seconds or more"),
    ):
        reader.steps(sparse=-1.0)
