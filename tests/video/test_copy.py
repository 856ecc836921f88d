"""Groups of pictures taken over as they are: the result has to decode like the source, wherever a player starts."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import av
import numpy as np
import pytest

from summdiff.summary import Interval
from summdiff.video import VideoReader, write_cut
from summdiff.video._h264 import SequenceParameterSet, parameter_sets

GROUP = 12
PARTS = (
    (7, 50),
    (61, 70),
    (84, 120),
    (125, 140),
    (144, 150),
)  # frames: edges on both sides, none, exact, up to the end
# Frames of these parts that lie in whole groups [12, 48), [84, 120), [144, 150).
COPIED = {*range(12, 48), *range(84, 120), *range(144, 150)}
X264 = f"keyint={GROUP}:scenecut=0"

COPYABLE = {
    "mp4, no reordering": {"path": "a.mp4", "options": {"preset": "veryfast", "bf": "0", "x264-params": X264}},
    "mp4, B-frames": {"path": "a.mp4", "options": {"preset": "veryfast", "bf": "3", "x264-params": X264}},
    "mp4, many references": {
        "path": "a.mp4",
        "options": {"preset": "veryfast", "bf": "8", "x264-params": X264 + ":ref=8:b-pyramid=normal:b-adapt=2"},
    },
    "mp4, main profile": {
        "path": "a.mp4",
        "options": {"preset": "veryfast", "profile": "main", "x264-params": X264},
    },
    "mp4, baseline profile": {
        "path": "a.mp4",
        "options": {"preset": "veryfast", "profile": "baseline", "x264-params": X264},
    },
    "mp4, other parameter sets' number": {
        "path": "a.mp4",
        "options": {"preset": "veryfast", "x264-params": X264 + ":sps-id=31"},
    },
    "cropped size": {
        "path": "a.mp4",
        "size": (200, 110),
        "options": {"preset": "veryfast", "x264-params": X264},
    },
    "mkv": {"path": "a.mkv", "options": {"preset": "veryfast", "x264-params": X264}},
    "ts, which repeats its parameter sets": {"path": "a.ts", "options": {"preset": "veryfast", "x264-params": X264}},
    "mov": {"path": "a.mov", "options": {"preset": "veryfast", "x264-params": X264}, "start": 2.0},
    "30000/1001 fps": {
        "path": "a.mp4",
        "fps": Fraction(30000, 1001),
        "options": {"preset": "veryfast", "bf": "2", "x264-params": X264},
    },
}

ENCODED = {
    "open groups": {
        "path": "a.mp4",
        "options": {"preset": "veryfast", "bf": "3", "x264-params": X264 + ":open-gop=1"},
        "allowed": {*range(150)},  # the first group is a closed one, others may be where no B-frame leads
    },
    "interlaced": {"path": "a.mp4", "options": {"preset": "veryfast", "x264-params": X264 + ":tff=1"}},
    "10 bit": {"path": "a.mp4", "pix_fmt": "yuv420p10le", "options": {"preset": "veryfast", "x264-params": X264}},
    "4:4:4": {"path": "a.mp4", "pix_fmt": "yuv444p", "options": {"preset": "veryfast", "x264-params": X264}},
    "full range": {"path": "a.mp4", "pix_fmt": "yuvj420p", "options": {"preset": "veryfast", "x264-params": X264}},
    "one endless group": {
        "path": "a.mp4",
        "options": {"preset": "veryfast", "x264-params": "keyint=infinite:scenecut=0"},
    },
}


def luma(frame):
    return np.frombuffer(frame.planes[0], np.uint8).reshape(frame.height, -1)[:, : frame.width].copy()


def decoded(path, *, threads="AUTO"):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = threads
        return [(frame.pts * frame.time_base, frame) for frame in container.decode(stream)]


@pytest.fixture(scope="module")
def cut(make_video, tmp_path_factory):
    """A function that cuts PARTS out of a video of some kind, once for all tests: (source, cut)."""
    done = {}

    def once(kind):
        if kind not in done:
            options = dict({**COPYABLE, **ENCODED}[kind])
            options.pop("allowed", None)
            folder = tmp_path_factory.mktemp("cut")
            second = 25 / options.get("fps", 25)  # 150 frames in all
            scenes = [(3 * second, "red"), (2 * second, 7), (second, "blue")]
            made = make_video(folder / options.pop("path"), scenes=scenes, sound=True, **options)
            times = [*made.frame_times, made.duration]
            write_cut(made.path, [Interval(times[a], times[b]) for a, b in PARTS], folder / "cut.mp4")
            done[kind] = made, folder / "cut.mp4"
        return done[kind]

    return once


def same_as_source(made, target, threads="AUTO"):
    """Numbers of the frames that are bit by bit those of the source; checks number, order, time and likeness of all."""
    source = decoded(made.path)
    found = decoded(target, threads=threads)
    numbers = [n for a, b in PARTS for n in range(a, b)]
    assert [made.number(frame.to_ndarray(format="rgb24")) for _, frame in found] == numbers
    step = made.frame_times[1]
    assert [float(time - found[0][0]) for time, _ in found] == pytest.approx(
        [step * n for n in range(len(numbers))], abs=0.0011
    )
    same = set()
    for n, (_, frame) in zip(numbers, found, strict=True):
        before, after = (
            f.reformat(format="gray", dst_color_range="MPEG").to_ndarray().astype(float) for f in (source[n][1], frame)
        )
        assert 10 * math.log10(255**2 / max(((before - after) ** 2).mean(), 1e-9)) > 34
        if source[n][1].format.name == "yuv420p" and (luma(source[n][1]) == luma(frame)).all():
            same.add(n)
    return same


@pytest.mark.parametrize("threads", ["AUTO", "NONE"])
@pytest.mark.parametrize("kind", COPYABLE)
def test_whole_groups_are_copied(kind, threads, cut):
    made, target = cut(kind)
    assert same_as_source(made, target, threads) == COPIED


@pytest.mark.parametrize("kind", ENCODED)
def test_what_cannot_be_copied_is_encoded(kind, cut):
    made, target = cut(kind)
    assert same_as_source(made, target) <= ENCODED[kind].get("allowed", set())


@pytest.mark.parametrize("kind", COPYABLE)
def test_playing_from_anywhere(kind, cut):
    """After a jump to any frame, the first picture is at or before it, and the frame itself looks as in a full pass."""
    _, target = cut(kind)
    straight = [(time, luma(frame)) for time, frame in decoded(target)]
    order = random.Random(0).sample(range(len(straight)), len(straight))
    with av.open(str(target)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for n in order[:40]:
            time, picture = straight[n]
            container.seek(int(time / stream.time_base), stream=stream)
            frames = container.decode(stream)
            frame = next(frames)
            assert frame.pts * frame.time_base <= time
            while frame.pts * frame.time_base < time:
                frame = next(frames)
            assert frame.pts * frame.time_base == time
            assert (luma(frame) == picture).all()


def test_decoding_times_rise_and_never_pass_display(cut):
    _, target = cut("mp4, many references")
    with av.open(str(target)) as container:
        packets = [(packet.dts, packet.pts) for packet in container.demux(video=0) if packet.size]
    decoding = [dts for dts, _ in packets]
    assert decoding == sorted(set(decoding))
    assert all(dts <= pts for dts, pts in packets)
    assert any(dts < pts for dts, pts in packets)


def test_settings_that_change_midway(make_video, tmp_path):
    """Two recordings joined in one transport stream, under one number of parameter sets: nothing may be copied."""
    options = {"preset": "veryfast", "bf": "0"}
    first = make_video(tmp_path / "1.ts", scenes=[(4, "red")], options={**options, "x264-params": X264})
    second = make_video(
        tmp_path / "2.ts", scenes=[(4, "blue")], start=4.0, options={**options, "x264-params": X264 + ":cabac=0"}
    )
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.path.read_bytes() + second.path.read_bytes())
    write_cut(joined, [Interval(1.0, 3.0), Interval(5.0, 7.0)], tmp_path / "cut.mp4")
    found = decoded(tmp_path / "cut.mp4")
    numbers = [first.number(frame.to_ndarray(format="rgb24")) for _, frame in found]
    assert numbers == [*range(25, 75), *range(25, 75)]


def test_size_that_changes_midway(make_video, tmp_path):
    first = make_video(tmp_path / "1.ts", scenes=[(2, "red")])
    second = make_video(tmp_path / "2.ts", scenes=[(2, "blue")], start=2.0, size=(256, 144))
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.path.read_bytes() + second.path.read_bytes())
    write_cut(joined, [Interval(1.0, 3.0)], tmp_path / "cut.mp4")
    found = decoded(tmp_path / "cut.mp4")
    assert {(frame.width, frame.height) for _, frame in found} == {(192, 108)}
    assert [first.number(frame.to_ndarray(format="rgb24")) for _, frame in found] == [*range(25, 50), *range(25)]


def test_recordings_joined_with_a_break_in_the_clock(make_video, tmp_path):
    """Both halves start at the same time stamp: the video goes on, and sound stays with it."""
    halves = [make_video(tmp_path / f"{n}.ts", scenes=[(4, n)], sound=True, gop=10) for n in (1, 2)]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(half.path.read_bytes() for half in halves))
    with VideoReader(joined) as reader:
        steps = list(reader.steps())
        assert reader.info.duration == pytest.approx(8.0, abs=0.1)
        assert [halves[0].number(step.image) for step in steps][:8] == [0, 25, 50, 75, 0, 25, 50, 75]
    write_cut(joined, [Interval(1.0, 3.0), Interval(5.0, 7.0)], tmp_path / "cut.mp4")
    numbers = [halves[0].number(frame.to_ndarray(format="rgb24")) for _, frame in decoded(tmp_path / "cut.mp4")]
    assert numbers == [*range(25, 75), *range(25, 75)]


def test_real_video(data_dir, tmp_path):
    """Units with lengths of two bytes and a sound stream before the picture: the Sintel trailer."""
    path = data_dir / "videos" / "sintel_trailer_52s.mp4"
    source = decoded(path)
    cuts = sorted(random.Random(3).sample(range(len(source)), 6))
    parts = [(cuts[0], cuts[1]), (cuts[2], cuts[3]), (cuts[4], cuts[5])]
    write_cut(path, [Interval(float(source[a][0]), float(source[b][0])) for a, b in parts], tmp_path / "cut.mp4")
    found = decoded(tmp_path / "cut.mp4")
    numbers = [n for a, b in parts for n in range(a, b)]
    assert len(found) == len(numbers)
    noise = [
        ((luma(source[n][1]).astype(float) - luma(frame)) ** 2).mean()
        for n, (_, frame) in zip(numbers, found, strict=True)
    ]
    assert 10 * math.log10(255**2 / max(noise)) > 34
    assert noise.count(0.0) > 0.4 * len(noise)


class TestParameterSets:
    """What is read from parameter sets is what FFmpeg reads from the same stream."""

    @pytest.mark.parametrize("kind", [*COPYABLE, "interlaced", "10 bit", "4:4:4"])
    def test_sequences(self, kind, make_video, tmp_path):
        options = dict({**COPYABLE, **ENCODED}[kind])
        made = make_video(tmp_path / options.pop("path"), scenes=[(0.4, "red")], **options)
        with av.open(str(made.path)) as container:
            context = container.streams.video[0].codec_context
            sets = parameter_sets(context.extradata)
            sequence = SequenceParameterSet.parse(sets.sequence[0])
            assert (sequence.width, sequence.height) == (context.width, context.height)
            assert sequence.plain == (kind in COPYABLE)
            assert sequence.limits_reordering
            assert sets.unused_id() == (30 if sequence.id == 31 else 31)
            if context.extradata[0] == 1:
                assert sets.configuration()[:6] == context.extradata[:6]

    @pytest.mark.parametrize("extradata", [b"", b"\x01", b"\x01\x64\x00\x1f\xff\xe1\x00\x99\x67", b"\0\0\1\x09\x10"])
    def test_nonsense(self, extradata):
        with pytest.raises(ValueError, match="configuration"):
            parameter_sets(extradata)
