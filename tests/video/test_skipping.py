"""A pass that leaves out frames gives the same steps as one that decodes them all, and its cuts can be made exact."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice
from threading import enumerate as enumerate_threads

import numpy as np
import pytest

from summdiff.features import load_backbone
from summdiff.features.extraction import extract
from summdiff.video import FrameDecoder, SeekingDecoder, VideoReader, _side_by_side, _views, find_cuts, index_frames
from summdiff.video._decode import _NO_HARDWARE
from summdiff.video._views import StretchReader

SCENES = ((3.4, "red"), (3.24, "blue"), (3.0, 7), (2.36, "green"))
FAST = {"preset": "veryfast", "bf": "3"}
X265 = {"preset": "ultrafast", "x265-params": "log-level=0:bframes=4:b-pyramid=1:scenecut=0"}
# Films, and whether frames can be left out of them.
KINDS = {
    "h264 with B-frames": ({"path": "a.mp4", "options": FAST, "sound": True}, True),
    "h264 with B-frames, cuts in groups": ({"path": "a.mp4", "options": FAST | {"sc_threshold": "0"}}, True),
    "h264 in ts": ({"path": "a.ts", "options": FAST, "gop": 20}, True),
    "h264 in mkv, late start": ({"path": "a.mkv", "start": 12.52, "options": FAST}, True),
    "h264 without pyramid": ({"path": "a.mp4", "options": FAST | {"x264-params": "b-pyramid=none"}}, True),
    "h264, open groups": (
        {"path": "a.mp4", "options": FAST | {"x264-params": "open-gop=1:scenecut=0"}, "gop": 20},
        True,
    ),
    "h264 without B-frames": ({"path": "a.mp4", "options": {"preset": "ultrafast", "bf": "0"}}, False),
    "h264, interlaced": ({"path": "a.mp4", "options": FAST | {"flags": "+ildct+ilme"}}, False),
    "h264, times missing": ({"path": "a.avi", "options": FAST}, False),
    "h264 in ts, intra refresh": (
        {"path": "a.ts", "options": FAST | {"x264-params": "intra-refresh=1"}, "gop": 20},
        True,
    ),
    "hevc": ({"path": "a.mp4", "codec": "libx265", "options": X265}, True),
    "hevc 10 bit": ({"path": "a.mp4", "codec": "libx265", "options": X265, "pix_fmt": "yuv420p10le"}, True),
    "mpeg2": ({"path": "a.ts", "codec": "mpeg2video", "options": {"b": "3000000", "bf": "2"}, "gop": 12}, True),
    "mpeg2, interlaced": (
        {"path": "a.ts", "codec": "mpeg2video", "options": {"b": "3000000", "bf": "2", "flags": "+ildct+ilme"}},
        True,
    ),
    "mpeg4": ({"path": "a.mp4", "codec": "mpeg4", "options": {"b": "3000000", "bf": "2"}}, True),
    "vp8": ({"path": "a.webm", "codec": "libvpx"}, False),
    "vp9": ({"path": "a.webm", "codec": "libvpx-vp9"}, False),
    "av1": (
        {"path": "a.mkv", "codec": "libsvtav1", "options": {"preset": "8", "crf": "12"}, "size": (256, 144)},
        False,
    ),
    "vp9, 24 fps": ({"path": "a.webm", "codec": "libvpx-vp9", "fps": 24}, False),  # 41.7 ms, in whole ones
    "motion jpeg": ({"path": "a.avi", "codec": "mjpeg", "pix_fmt": "yuvj420p", "options": {"q:v": "3"}}, False),
    "30000/1001 fps": ({"path": "a.mp4", "fps": Fraction(30000, 1001), "options": FAST}, True),
    "turned by 90": ({"path": "a.mp4", "rotation": 90, "size": (108, 192), "options": FAST}, True),
}


def passed(path, *, skip, rate=1.0):
    with VideoReader(path) as reader:
        steps = list(reader.steps(rate=rate, short_side=108, skip=skip))
        return steps, reader


def stretches_of(path, *, threads=None):
    return StretchReader(str(path), index_frames(path), rate=1.0, short_side=108, pixels=192 * 108, threads=threads)


def film(kind, make_video, tmp_path, **more):
    options = KINDS[kind][0] | more
    return make_video(tmp_path / options.pop("path"), scenes=SCENES, **options)


# Frames per second are 25: the second film has a key frame in each second and is decoded in about eight stretches.
@pytest.mark.parametrize(("rate", "more"), [(1.0, {}), (3.0, {"gop": 20})])
@pytest.mark.parametrize("kind", KINDS)
def test_only_boundaries_depend_on_the_frames_left_out(kind, rate, more, make_video, tmp_path, monkeypatch):
    monkeypatch.setattr(_views, "_LEAST_STRETCH_SECONDS", 1.0)
    monkeypatch.setattr(_views, "_STRETCH_SECONDS", 1.0)
    made, skips = film(kind, make_video, tmp_path, **more), KINDS[kind][1]
    every, exact = passed(made.path, skip=False, rate=rate)
    some, coarse = passed(made.path, skip=True, rate=rate)
    assert coarse.info == exact.info
    assert coarse.corrupt_frames == exact.corrupt_frames == 0
    assert [step.time for step in some] == [step.time for step in every]
    assert all(np.array_equal(one.image, other.image) for one, other in zip(some, every, strict=True))
    assert coarse.transitions == pytest.approx(exact.transitions, abs=0.13)

    spans = {step.time: step.span for step in some if step.span is not None}
    found = dict(zip(spans, find_cuts(made.path, list(spans.values())), strict=True))
    for before, step, exactly in zip([0.0, *(step.time for step in some)], some, every, strict=False):
        at = found.get(step.time, step.boundary)
        if any(cut == pytest.approx(exactly.boundary, abs=0.0011) for cut in made.cuts):
            assert at == pytest.approx(exactly.boundary, abs=1e-9)
        assert before < at <= step.time or step.time == 0
        if step.span is not None:
            assert before - 0.041 <= step.span[0] < step.boundary <= step.span[1] <= step.time
    if not skips:
        assert not spans
        assert [step.boundary for step in some] == [step.boundary for step in every]


@pytest.mark.parametrize("kind", [kind for kind, (_, skips) in KINDS.items() if skips])
def test_frames_are_left_out(kind, make_video, tmp_path):
    made = film(kind, make_video, tmp_path)
    with FrameDecoder(made.path) as decoder:
        frames = iter(decoder)
        next(frames)
        assert decoder.can_skip
        decoder.needed = lambda tick: False
        assert sum(1 for _ in frames) < 0.75 * len(made.frame_times)


def test_a_stretch_that_begins_with_another_frame_counts_as_damage(make_video, tmp_path, monkeypatch):
    """So that the film is decoded in full: a decoder may need more than a key frame to start from."""
    made = film("h264 in ts", make_video, tmp_path)
    with stretches_of(made.path, threads=2) as reader:
        assert len(list(reader)) < len(made.frame_times)
        assert reader.corrupt == 0
    frames = SeekingDecoder.frames
    monkeypatch.setattr(SeekingDecoder, "frames", lambda *given, **more: islice(frames(*given, **more), 1, None))
    with stretches_of(made.path, threads=2) as reader:
        assert [view.image is None for view in reader].count(False) >= 12
        assert reader.corrupt > 1


def test_where_key_frames_are_rare_one_decoder_has_all_threads(make_video, tmp_path, monkeypatch):
    made = film("h264 with B-frames", make_video, tmp_path, gop=1000)
    monkeypatch.setattr(_side_by_side, "_LONG_GROUP_SECONDS", 1)
    monkeypatch.setattr(_side_by_side, "usable_cores", lambda: 4)
    opened = []

    def open_decoder(*given, threads, **named):
        opened.append(threads)
        return SeekingDecoder(*given, threads=threads, **named)

    monkeypatch.setattr(_views, "SeekingDecoder", open_decoder)
    with stretches_of(made.path) as reader:
        assert len(list(reader)) > 0
    assert opened == [None]
    opened.clear()
    with stretches_of(film("h264 with B-frames", make_video, tmp_path, gop=20, path="b.mp4").path) as reader:
        list(reader)
    assert set(opened) == {1}


def test_a_pass_can_be_left_anywhere(make_video, tmp_path):
    made = film("h264 in ts", make_video, tmp_path)
    with VideoReader(made.path) as reader:
        steps = reader.steps(rate=3.0, skip=True)
        assert [next(steps).time for _ in range(5)] == [0, 1 / 3, 2 / 3, 1, 4 / 3]
        assert [step.time for step in reader.steps(rate=1.0, skip=True)] == list(range(12))
        steps = reader.steps(rate=1.0, skip=True)
        next(steps)
    assert not [thread for thread in enumerate_threads() if thread.name.startswith("summdiff-stretch")]


def test_a_still_between_frames_is_no_mixture(make_video, tmp_path):
    """Frames at a variable rate stand until the next one."""
    times = [n / 25 for n in (*range(50), *range(100, 150))]
    made = make_video(tmp_path / "vfr.mkv", times=times, scenes=[(2, "red"), (8, "blue")], options=FAST)
    every, exact = passed(made.path, skip=False)
    some, coarse = passed(made.path, skip=True)
    assert [made.number(step.image) for step in some] == [made.number(step.image) for step in every]
    assert coarse.info == exact.info
    assert len(coarse.transitions) == len(exact.transitions) == 0


def test_a_damaged_film_is_decoded_in_full(make_video, tmp_path):
    made = make_video(tmp_path / "whole.mp4", scenes=SCENES, options=FAST, gop=10)
    content = bytearray(made.path.read_bytes())
    rng = np.random.default_rng(0)
    for at in rng.integers(len(content) // 5, len(content) * 3 // 4, size=40):
        content[at : at + 40] = rng.bytes(40)
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(content)
    backbone = load_backbone(threads=1)
    exact = extract(damaged, backbone, rate=1.0, decoding="exact")
    normal = extract(damaged, backbone, rate=1.0, decoding="normal")
    assert exact.corrupt_frames == normal.corrupt_frames > 0
    assert np.array_equal(exact.features, normal.features)
    assert np.array_equal(exact.boundaries, normal.boundaries)
    assert not len(normal.spans)


def test_ranges_are_the_same_whatever_was_left_out_before_them(make_video, tmp_path):
    made = make_video(tmp_path / "a.mp4", scenes=SCENES, options=FAST | {"sc_threshold": "0"})
    index = index_frames(made.path)
    with FrameDecoder(made.path) as decoder:
        every = {timed.ticks: timed.frame.to_ndarray(format="gray") for timed in decoder}
    with SeekingDecoder(made.path, index) as decoder:
        for first in (200, 7, 63, 64, 101, 280):
            start, end = int(index.ticks[first]), int(index.ticks[first + 9])
            found = [
                (timed.ticks, timed.frame.to_ndarray(format="gray"))
                for timed in decoder.frames(start, end, with_current=True)
            ]
            assert [ticks for ticks, _ in found] == index.ticks[first : first + 9].tolist()
            assert all(np.array_equal(picture, every[ticks]) for ticks, picture in found)


def test_without_a_device_hardware_decoding_falls_back_with_a_sentence(make_video, tmp_path, monkeypatch):
    monkeypatch.setattr("summdiff.video._hardware.hwdevices_available", lambda: ["vaapi"])  # FFmpeg here has none
    made = make_video(tmp_path / "a.mp4", scenes=SCENES, options=FAST)
    every, _ = passed(made.path, skip=False)
    with VideoReader(made.path, hardware=True) as reader:
        steps = list(reader.steps(short_side=108))
        assert reader.notes == (_NO_HARDWARE,)
    assert all(np.array_equal(one.image, other.image) for one, other in zip(steps, every, strict=True))
