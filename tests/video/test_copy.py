"""Copied groups of pictures decode as in the source, wherever a player starts."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import av
import numpy as np
import pytest

from summdiff.options import MovieOptions
from summdiff.summary import Interval
from summdiff.video import VideoReader, write_cut
from summdiff.video._h264 import SequenceParameterSet, parameter_sets
from video_frames import decoded, lightness, pictures

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
    "mp4, B-frames": {
        "path": "a.mp4",
        "options": {"preset": "veryfast", "bf": "3", "x264-params": X264},
        "sound": True,
    },
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
    "mkv": {"path": "a.mkv", "options": {"preset": "veryfast", "x264-params": X264}, "sound": True},
    "ts, which repeats its parameter sets": {
        "path": "a.ts",
        "options": {"preset": "veryfast", "x264-params": X264},
        "sound": True,
    },
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
        "allowed": {*range(150)},  # the first group is closed, and others that no B-frame precedes
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


def numbers_in(path, made):
    return [made.number(image) for image in pictures(decoded(path))]


@pytest.fixture(scope="module")
def cut(make_video, tmp_path_factory):
    """A function that cuts PARTS out of a kind of video, once for all tests, and returns (source, its frames, cut)."""
    done = {}

    def once(kind):
        if kind not in done:
            options = dict({**COPYABLE, **ENCODED}[kind])
            options.pop("allowed", None)
            folder = tmp_path_factory.mktemp("cut")
            second = 25 / options.get("fps", 25)  # 150 frames in all
            scenes = [(3 * second, "red"), (2 * second, 7), (second, "blue")]
            made = make_video(folder / options.pop("path"), scenes=scenes, **options)
            times = [*made.frame_times, made.duration]
            kept = MovieOptions(quality="high", keep_interlaced=True)
            write_cut(made.path, [Interval(times[a], times[b]) for a, b in PARTS], folder / "cut.mp4", options=kept)
            done[kind] = made, decoded(made.path), folder / "cut.mp4"
        return done[kind]

    return once


def same_as_source(made, source, target, threads="AUTO"):
    """Check number, order, time and similarity of all frames; return the numbers of those identical to the source."""
    found = decoded(target, threads=threads)
    numbers = [n for a, b in PARTS for n in range(a, b)]
    assert [made.number(image) for image in pictures(found)] == numbers
    step = made.frame_times[1]
    assert [frame.time - found[0].time for frame in found] == pytest.approx(
        [step * n for n in range(len(numbers))], abs=0.0011
    )
    same = set()
    originals = [source[n] for n in numbers]
    compared = zip(numbers, originals, found, lightness(originals), lightness(found), strict=True)
    for n, original, frame, before, after in compared:
        assert 10 * math.log10(255**2 / max(((before - after) ** 2).mean(), 1e-9)) > 34
        if original.format.name == "yuv420p" and (luma(original) == luma(frame)).all():
            same.add(n)
    return same


@pytest.mark.parametrize("threads", ["AUTO", "NONE"])
@pytest.mark.parametrize("kind", COPYABLE)
def test_whole_groups_of_pictures_are_copied_bit_by_bit(kind, threads, cut):
    assert same_as_source(*cut(kind), threads) == COPIED


ENDS = {
    "no reordering": ({"bf": "0"}, 0),
    "two B-frames": ({"bf": "2", "x264-params": "b-adapt=0:b-pyramid=none"}, 2),
    "a pyramid of B-frames": ({"bf": "3", "x264-params": "b-adapt=0:b-pyramid=normal"}, 3),
    "many references": ({"bf": "8", "x264-params": "ref=8:b-pyramid=normal:b-adapt=2"}, 8),
}


@pytest.mark.parametrize("kind", ENDS)
def test_a_group_is_copied_up_to_the_end_of_a_part(kind, make_video, tmp_path):
    """All but the few frames for which a later one was decoded; at every place of a group."""
    options, most = ENDS[kind]
    made = make_video(
        scenes=[(4, "red"), (4, 5)], gop=50, options={"preset": "veryfast", "sc_threshold": "0", **options}
    )
    source = decoded(made.path)
    ends = [*range(63, 75), 88, 99]
    times = [*made.frame_times, made.duration]
    for end in ends:
        parts = [(45, end), (120, 130)]  # the last one lies within a group
        cut = [Interval(times[a], times[b]) for a, b in parts]
        write_cut(made.path, cut, tmp_path / "cut.mp4", options=MovieOptions(quality="high"))
        for threads in ("AUTO", "NONE"):
            found = decoded(tmp_path / "cut.mp4", threads=threads)
            numbers = [n for a, b in parts for n in range(a, b)]
            assert [made.number(image) for image in pictures(found)] == numbers
            same = {n for n, frame in zip(numbers, found, strict=True) if (luma(source[n]) == luma(frame)).all()}
            assert set(range(50, end - most)) <= same <= set(range(50, end))


@pytest.mark.parametrize("kind", ENCODED)
def test_what_cannot_be_copied_is_encoded(kind, cut):
    assert same_as_source(*cut(kind)) <= ENCODED[kind].get("allowed", set())


@pytest.mark.parametrize("kind", COPYABLE)
def test_every_frame_can_be_reached_by_seeking(kind, cut):
    """Seeking lands at or before the frame, and the frame is the same as in a full pass."""
    *_, target = cut(kind)
    straight = [(frame.pts * frame.time_base, luma(frame)) for frame in decoded(target)]
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


def test_decode_timestamps_increase_and_never_exceed_presentation_timestamps(cut):
    *_, target = cut("mp4, many references")
    with av.open(str(target)) as container:
        packets = [(packet.dts, packet.pts) for packet in container.demux(video=0) if packet.size]
    decoding = [dts for dts, _ in packets]
    assert decoding == sorted(set(decoding))
    assert all(dts <= pts for dts, pts in packets)
    assert any(dts < pts for dts, pts in packets)


def test_nothing_is_copied_if_parameter_sets_change_midway(make_video, tmp_path):
    """Two recordings joined in one transport stream use the same identifier for different parameter sets."""
    options = {"preset": "veryfast", "bf": "0"}
    first = make_video(tmp_path / "1.ts", scenes=[(4, "red")], options={**options, "x264-params": X264})
    second = make_video(
        tmp_path / "2.ts", scenes=[(4, "blue")], start=4.0, options={**options, "x264-params": X264 + ":cabac=0"}
    )
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.path.read_bytes() + second.path.read_bytes())
    write_cut(joined, [Interval(1.0, 3.0), Interval(5.0, 7.0)], tmp_path / "cut.mp4")
    assert numbers_in(tmp_path / "cut.mp4", first) == [*range(25, 75), *range(25, 75)]


def test_frames_are_scaled_to_the_first_size_if_the_size_changes_midway(make_video, tmp_path):
    first = make_video(tmp_path / "1.ts", scenes=[(2, "red")])
    second = make_video(tmp_path / "2.ts", scenes=[(2, "blue")], start=2.0, size=(256, 144))
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.path.read_bytes() + second.path.read_bytes())
    write_cut(joined, [Interval(1.0, 3.0)], tmp_path / "cut.mp4")
    found = decoded(tmp_path / "cut.mp4")
    assert {(frame.width, frame.height) for frame in found} == {(192, 108)}
    assert [first.number(image) for image in pictures(found)] == [*range(25, 50), *range(25)]


def test_joined_recordings_with_a_break_in_the_clock_are_cut_correctly(make_video, tmp_path):
    """Both halves start at the same timestamp; picture and sound go on together."""
    halves = [make_video(tmp_path / f"{n}.ts", scenes=[(4, n)], sound=True, gop=10) for n in (1, 2)]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(half.path.read_bytes() for half in halves))
    with VideoReader(joined) as reader:
        steps = list(reader.steps())
        assert reader.info.duration == pytest.approx(8.0, abs=0.1)
        assert [halves[0].number(step.image) for step in steps][:8] == [0, 25, 50, 75, 0, 25, 50, 75]
    write_cut(joined, [Interval(1.0, 3.0), Interval(5.0, 7.0)], tmp_path / "cut.mp4")
    assert numbers_in(tmp_path / "cut.mp4", halves[0]) == [*range(25, 75), *range(25, 75)]


def test_half_of_the_sintel_trailer_is_copied(data_dir, tmp_path):
    """The trailer has NAL unit lengths of two bytes, and its audio stream comes first."""
    path = data_dir / "videos" / "sintel_trailer_52s.mp4"
    source = decoded(path)
    cuts = sorted(random.Random(3).sample(range(len(source)), 6))
    parts = [(cuts[0], cuts[1]), (cuts[2], cuts[3]), (cuts[4], cuts[5])]
    write_cut(path, [Interval(source[a].time, source[b].time) for a, b in parts], tmp_path / "cut.mp4")
    found = decoded(tmp_path / "cut.mp4")
    numbers = [n for a, b in parts for n in range(a, b)]
    assert len(found) == len(numbers)
    noise = [
        ((luma(source[n]).astype(float) - luma(frame)) ** 2).mean() for n, frame in zip(numbers, found, strict=True)
    ]
    assert 10 * math.log10(255**2 / max(noise)) > 34
    assert noise.count(0.0) > 0.4 * len(noise)


class TestParameterSets:
    """Parameter sets, compared with what FFmpeg reads."""

    @pytest.mark.parametrize("kind", [*COPYABLE, "interlaced", "10 bit", "4:4:4"])
    def test_sequence_parameter_sets_agree_with_ffmpeg(self, kind, make_video, tmp_path):
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
    def test_invalid_decoder_configurations_are_refused(self, extradata):
        with pytest.raises(ValueError, match="configuration"):
            parameter_sets(extradata)
