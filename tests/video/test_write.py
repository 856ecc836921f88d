"""Cuts read back: number and time of every frame, and a beep at every flash."""

from __future__ import annotations

import itertools
import math
import shutil
from fractions import Fraction

import av
import numpy as np
import pytest
from fuzzing.fault_targets import short_files

from summdiff.errors import OutputError, UsageError, VideoError
from summdiff.summary import Interval
from summdiff.video import VideoReader, probe, write_cut
from summdiff.video._picture import Orientation
from video_frames import decoded, lightness, pictures


def upright(path):
    """(frame, picture) of every frame of a video, the picture as RGB and turned the way a player turns it."""
    frames = decoded(path)
    return [(frame, Orientation.of(frame).apply(image)) for frame, image in zip(frames, pictures(frames), strict=True)]


def frames_of(path, made):
    """(time, number, flash) of every frame of a video, from its first one on."""
    read = upright(path)
    start = read[0][0].time
    return [(frame.time - start, made.number(image), made.flashes(image)) for frame, image in read]


def sound_of(path):
    """(rate, samples) of the sound stream, mono, placed by its time stamps from the time of the first frame."""
    with av.open(str(path)) as container:
        start = next(container.decode(video=0)).time
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    rate = frames[0].sample_rate
    starts = [round((frame.time - start) * rate) for frame in frames]
    wave = np.zeros(max(at + frame.samples for at, frame in zip(starts, frames, strict=True)), np.float32)
    for at, frame in zip(starts, frames, strict=True):
        wave[max(at, 0) : at + frame.samples] = frame.to_ndarray().mean(axis=0)[max(-at, 0) :]
    return rate, wave


def beeps_of(path):
    """Seconds at which beeps of a video start."""
    rate, wave = sound_of(path)
    loud = np.abs(wave) > 0.15
    starts = np.flatnonzero(loud & ~np.pad(loud, (1, 0))[:-1])
    kept = [start for n, start in enumerate(starts) if n == 0 or start - starts[n - 1] > 0.02 * rate]
    return np.array(kept) / rate


def expected_frames(made, parts):
    """(time, number) that the cut should show, for a source whose frames lie on the ends of the parts."""
    offset, frames = 0.0, []
    for start, end in parts:
        frames += [
            (offset + time - start, n) for n, time in enumerate(made.frame_times) if start - 1e-4 <= time < end - 1e-4
        ]
        offset += end - start
    return frames, offset


def cut(made, parts, target, **options):
    write_cut(made.path, [Interval(*part) for part in parts], target, **options)
    return target


KINDS = {
    "mp4": {"path": "a.mp4"},
    "mp4 with B-frames and key frames": {"path": "a.mp4", "options": {"preset": "veryfast", "bf": "3"}, "gop": 12},
    "open groups of pictures": {
        "path": "a.mkv",
        "options": {"preset": "veryfast", "bf": "3", "x264-params": "open-gop=1"},
        "gop": 12,
    },
    "mkv": {"path": "a.mkv", "gop": 12},
    "ts": {"path": "a.ts", "gop": 12},
    "late start": {"path": "a.mkv", "start": 7.0, "gop": 12},
    "webm": {"path": "a.webm", "codec": "libvpx-vp9", "gop": 12},
    "avi h264 without time stamps": {"path": "a.avi", "options": {"preset": "veryfast", "bf": "2"}, "gop": 12},
    "avi mpeg4": {"path": "a.avi", "codec": "mpeg4", "options": {"b": "2000000"}, "gop": 12},
    "mpeg2": {"path": "a.mpg", "codec": "mpeg2video", "options": {"b": "3000000"}, "gop": 12},
    "motion jpeg, full range": {"path": "a.avi", "codec": "mjpeg", "pix_fmt": "yuvj420p", "options": {"q:v": "3"}},
    "10 bit": {"path": "a.mp4", "pix_fmt": "yuv420p10le", "gop": 12},
    "grey": {"path": "a.mkv", "codec": "ffv1", "pix_fmt": "gray"},
    "rgb": {"path": "a.mkv", "codec": "ffv1", "pix_fmt": "bgr0"},
    "odd size": {"path": "a.mkv", "codec": "ffv1", "size": (193, 109)},
    "30000/1001 fps": {"path": "a.mp4", "fps": Fraction(30000, 1001), "gop": 12},
}


@pytest.mark.parametrize("kind", KINDS)
def test_cuts_are_exact_to_the_frame_and_sound_stays_in_step(kind, make_video, tmp_path):
    options = dict(KINDS[kind])
    made = make_video(tmp_path / options.pop("path"), scenes=[(2, "red"), (2, "blue")], sound=True, **options)
    times = made.frame_times
    parts = [(times[10], times[33]), (times[45], times[60]), (times[70], made.duration)]
    # Rounded as in JSON, and out of order.
    rounded = [(round(start, 6), round(end, 6)) for start, end in parts]
    target = cut(made, [rounded[1], rounded[0], rounded[2]], tmp_path / "cut.mp4")

    expected, duration = expected_frames(made, parts)
    found = frames_of(target, made)
    assert [number for _, number, _ in found] == [number for _, number in expected]
    assert [time for time, _, _ in found] == pytest.approx([time for time, _ in expected], abs=0.0011)

    flashes = np.array([time for time, _, flash in found if flash])
    assert len(flashes) == sum(any(start <= flash < end for start, end in parts) for flash in made.flash_times)
    beeps = beeps_of(target)
    for flash in flashes:
        assert np.abs(beeps - flash).min() < 0.02

    with VideoReader(target) as reader:
        list(reader.steps())
        assert reader.info.duration == pytest.approx(duration, abs=0.002)
    with av.open(str(target)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, video.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert audio.codec_context.name == "aac"
        assert float(audio.duration * audio.time_base) == pytest.approx(duration, abs=0.03)
        width, height = options.get("size", (192, 108))
        assert (video.width, video.height) == (width + width % 2, height + height % 2)


@pytest.fixture(scope="module")
def long_video(make_video, tmp_path_factory):
    """More than 200 seconds at a rate that no full second is a frame of."""
    return make_video(
        tmp_path_factory.mktemp("long") / "a.mov",
        scenes=[(202, "red")],
        fps=Fraction(15000, 1001),
        gop=5,
        sound=True,
        sound_rate=44100,
        sound_layout="mono",
        sound_codec="pcm_s16le",
        size=(96, 64),
    )


@pytest.mark.parametrize("method", ["auto", pytest.param("encode", marks=pytest.mark.slow)])
def test_hundreds_of_parts_stay_in_step(method, long_video, tmp_path):
    """200 parts with a flash and a beep in each: the last beep is as close to its flash as the first."""
    made = long_video
    frames = made.frame_times
    parts = []
    for flash in made.flash_times[:-1]:
        n = frames.index(flash)
        parts.append((frames[max(n - 2, 0)], frames[n + 4]))
    target = cut(made, parts, tmp_path / "cut.mp4", method=method)
    expected, _ = expected_frames(made, parts)
    found = frames_of(target, made)
    assert [number for _, number, _ in found] == [number for _, number in expected]
    flashes = np.array([time for time, _, flash in found if flash])
    assert len(flashes) == len(parts) >= 200
    beeps = beeps_of(target)
    # The source's beep comes up to a frame before its flash, which waits for the first frame after the full second.
    wait = np.array([flash - n for n, flash in enumerate(made.flash_times[:-1])])
    apart = np.array([beeps[np.abs(beeps - flash).argmin()] - flash for flash in flashes]) + wait
    assert np.abs(apart[1:]).max() < 0.005
    assert abs(np.median(apart[-20:]) - np.median(apart[1:20])) < 0.001


@pytest.mark.parametrize(
    ("options", "layout", "rate"),
    [
        ({"sound_layout": "mono", "sound_rate": 8000}, "mono", 8000),
        ({"sound_layout": "stereo", "sound_rate": 44100}, "stereo", 44100),
        ({"sound_layout": "5.1", "sound_rate": 48000}, "5.1", 48000),
        ({"sound_layout": "5.1(side)", "sound_rate": 48000, "sound_codec": "ac3"}, "5.1", 48000),
        ({"sound_layout": "7.1", "sound_rate": 48000, "sound_codec": "flac"}, "stereo", 48000),
        ({"sound_layout": "mono", "sound_rate": 6000, "sound_codec": "pcm_s16le"}, "mono", 48000),
        ({"sound_layout": "stereo", "sound_rate": 48000, "sound_codec": "libopus"}, "stereo", 48000),
        ({"sound_layout": "stereo", "sound_rate": 44100, "sound_codec": "mp2"}, "stereo", 44100),
    ],
)
def test_channel_layouts_and_sample_rates(options, layout, rate, make_video, tmp_path):
    made = make_video(tmp_path / "a.mkv", scenes=[(6, "red")], sound=True, **options)
    target = cut(made, [(0.48, 2.6), (4.48, 5.6)], tmp_path / "cut.mp4")
    with av.open(str(target)) as container:
        audio = container.streams.audio[0]
        assert (audio.layout.name, audio.rate) == (layout, rate)
        # channelConfiguration of ISO 14496-3: 0 is a layout of its own, which few players read
        assert audio.codec_context.extradata[1] >> 3 & 15 == {"mono": 1, "stereo": 2, "5.1": 6}[layout]
    assert beeps_of(target) == pytest.approx([0.52, 1.52, 2.64], abs=0.01)


def test_missing_sound_becomes_silence(make_video, tmp_path):
    made = make_video(tmp_path / "a.mkv", scenes=[(8, "red")], sound=True, sound_start=2.5, sound_seconds=3.0)
    target = cut(made, [(0.0, 1.2), (1.8, 3.4), (4.8, 8.0)], tmp_path / "cut.mp4")
    assert beeps_of(target) == pytest.approx([2.4, 3.0], abs=0.01)
    with av.open(str(target)) as container:
        audio = container.streams.audio[0]
        assert float(audio.duration * audio.time_base) == pytest.approx(6.0, abs=0.03)


def test_a_video_without_sound_stays_without(make_video, tmp_path):
    made = make_video(tmp_path / "a.mp4")
    target = cut(made, [(1.0, 2.0)], tmp_path / "cut.mp4")
    assert not probe(target).has_audio


def test_a_variable_frame_rate_is_kept(make_video, tmp_path):
    times = [0.0, 0.04, 0.1, 0.5, 0.52, 1.0, 1.3, 1.31, 2.0, 2.5, 2.52, 2.9]
    made = make_video(tmp_path / "vfr.mkv", times=times, scenes=[(9, "red")], sound=True)
    target = cut(made, [(0.1, 1.3), (2.0, 2.9)], tmp_path / "cut.mp4")
    found = frames_of(target, made)
    assert [number for _, number, _ in found] == [2, 3, 4, 5, 8, 9, 10]
    assert [time for time, _, _ in found] == pytest.approx([0.0, 0.4, 0.42, 0.9, 1.2, 1.7, 1.72], abs=0.0011)
    with VideoReader(target) as reader:
        list(reader.steps())
        assert reader.info.duration == pytest.approx(2.1, abs=0.002)  # the last frame stays until its part's end


def test_a_still_picture_is_shown_from_the_start_of_a_part(make_video, tmp_path):
    """Slides: the frame on display appeared long before the part."""
    times = [0.0, 0.04, 0.08, 5.0, 5.04, 5.08, 9.0]
    made = make_video(tmp_path / "slides.mkv", times=times, scenes=[(9, "red")], sound=True)
    target = cut(made, [(2.0, 6.0), (7.0, 8.0)], tmp_path / "cut.mp4")
    found = frames_of(target, made)
    assert [number for _, number, _ in found] == [2, 3, 4, 5, 5]
    assert [time for time, _, _ in found] == pytest.approx([0.0, 3.0, 3.04, 3.08, 4.0], abs=0.0011)


@pytest.mark.parametrize("method", ["auto", "encode"])
@pytest.mark.parametrize("turn", [(90, False), (180, False), (270, False), (0, True), (90, True), (270, True)])
def test_rotation_is_kept(method, turn, make_video, tmp_path):
    rotation, mirrored = turn
    size = (108, 192) if rotation % 180 else (192, 108)
    made = make_video(tmp_path / "a.mp4", rotation=rotation, mirrored=mirrored, size=size, gop=10)
    target = cut(made, [(0.2, 1.6), (2.0, 3.0)], tmp_path / "cut.mp4", method=method)
    expected, _ = expected_frames(made, [(0.2, 1.6), (2.0, 3.0)])
    assert [number for _, number, _ in frames_of(target, made)] == [number for _, number in expected]
    assert probe(target).rotation == rotation


@pytest.mark.parametrize("method", ["auto", "encode"])
def test_pixel_aspect_and_colour_tags_are_kept(method, make_video, tmp_path):
    tags = {"color_primaries": 9, "color_trc": 16, "colorspace": 9, "color_range": 1}
    made = make_video(tmp_path / "a.mp4", pixel_aspect=Fraction(4, 3), color=tags, gop=10)
    target = cut(made, [(0.2, 1.6)], tmp_path / "cut.mp4", method=method)
    with av.open(str(target)) as container:
        stream = container.streams.video[0]
        assert stream.sample_aspect_ratio == Fraction(4, 3)
        frame = next(container.decode(stream))
        assert {name: getattr(frame, name) for name in tags} == tags


@pytest.mark.parametrize("method", ["auto", "encode"])
def test_encoding_hardly_changes_the_pictures(method, make_video, tmp_path):
    made = make_video(
        tmp_path / "a.mp4", scenes=[(2, "red"), (2, 5)], gop=10, options={"preset": "veryfast", "crf": "10"}
    )
    target = cut(made, [(0.2, 1.6), (2.04, 3.6)], tmp_path / "cut.mp4", method=method)

    def luma(path):
        read = upright(path)
        return {
            made.number(image): grey
            for (_, image), grey in zip(read, lightness(frame for frame, _ in read), strict=True)
        }

    before, after = luma(made.path), luma(target)
    assert set(after) == {*range(5, 40), *range(51, 90)}
    for number, picture in after.items():
        noise = ((picture - before[number]) ** 2).mean()
        assert 10 * math.log10(255**2 / max(noise, 1e-9)) > 38


def test_the_index_comes_before_the_media_so_that_the_file_can_be_streamed(make_video, tmp_path):
    made = make_video(tmp_path / "a.mp4", sound=True)
    content = cut(made, [(1.0, 2.0)], tmp_path / "cut.mp4").read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")


def test_picture_and_sound_are_interleaved(make_video, tmp_path):
    made = make_video(tmp_path / "a.mp4", scenes=[(8, "red")], sound=True)
    target = cut(made, [(0.0, 8.0)], tmp_path / "cut.mp4")
    with av.open(str(target)) as container:
        times = {"video": 0.0, "audio": 0.0}
        for packet in container.demux():
            if packet.pts is not None:
                times[packet.stream.type] = float(packet.pts * packet.time_base)
                assert abs(times["video"] - times["audio"]) < 2.5


def test_title_is_kept(make_video, tmp_path):
    made = make_video(tmp_path / "plain.mkv", scenes=[(1, "red")])
    with av.open(str(made.path)) as source, av.open(str(tmp_path / "titled.mkv"), "w") as output:
        output.metadata["title"] = "Ein schöner Tag"
        stream = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
    write_cut(tmp_path / "titled.mkv", [Interval(0, 0.4)], tmp_path / "cut.mp4")
    with av.open(str(tmp_path / "cut.mp4")) as container:
        assert container.metadata["title"] == "Ein schöner Tag"


def test_the_timecode_is_dropped_and_the_language_of_the_sound_is_kept(make_video, tmp_path):
    made = make_video(tmp_path / "plain.mkv", scenes=[(1, "red")], sound=True)
    with av.open(str(made.path)) as source, av.open(str(tmp_path / "tagged.mkv"), "w") as output:
        output.metadata["timecode"] = "01:00:00:00"
        streams = {each.index: output.add_stream_from_template(each) for each in source.streams}
        streams[source.streams.audio[0].index].metadata.update({"language": "deu", "title": "Kommentar"})
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                output.mux(packet)
    write_cut(tmp_path / "tagged.mkv", [Interval(0.4, 0.8)], tmp_path / "cut.mp4")
    with av.open(str(tmp_path / "cut.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
        assert "timecode" not in container.metadata
        assert container.streams.audio[0].metadata["language"] == "deu"


@pytest.mark.parametrize(
    "name", ["ü 日本 .mp4", "-y.mp4", "100%d.mp4", 'it\'s "q".mp4', "a:b.mp4", "no suffix", "x" * 250]
)
def test_any_file_name_can_be_written(name, make_video, tmp_path, monkeypatch):
    made = make_video(tmp_path / "plain.mp4", scenes=[(0.4, "red")])
    (tmp_path / "out").mkdir()
    shutil.copy(made.path, tmp_path / name)
    monkeypatch.chdir(tmp_path / "out")
    write_cut(f"../{name}", [Interval(0, 0.2)], name)
    assert len(frames_of(tmp_path / "out" / name, made)) == 5


def test_progress_increases_to_the_duration(make_video, tmp_path):
    made = make_video(tmp_path / "a.mp4", scenes=[(3, "red")], gop=10)
    reported = []
    cut(made, [(0.2, 1.0), (2.0, 3.0)], tmp_path / "cut.mp4", on_progress=reported.append)
    assert all(before <= after for before, after in itertools.pairwise(reported))
    assert reported[-1] == pytest.approx(1.8)
    assert len(reported) > 3


def test_a_damaged_source_can_be_cut(make_video, tmp_path):
    made = make_video(tmp_path / "whole.ts", scenes=[(6, "red")], gop=10, sound=True)
    content = bytearray(made.path.read_bytes())
    rng = np.random.default_rng(0)
    for at in rng.integers(len(content) // 5, len(content) * 4 // 5, size=40):
        content[at : at + 40] = rng.bytes(40)
    (tmp_path / "damaged.ts").write_bytes(content)
    write_cut(tmp_path / "damaged.ts", [Interval(0.5, 5.5)], tmp_path / "cut.mp4")
    with VideoReader(tmp_path / "cut.mp4") as reader:
        list(reader.steps())
        assert reader.info.duration == pytest.approx(5.0, abs=0.1)


class TestNothingIsLeftBehind:
    """After any error there is no temporary file, and existing files are unchanged."""

    @pytest.fixture()
    def made(self, make_video, tmp_path):
        return make_video(tmp_path / "a.mp4", scenes=[(3, "red")], sound=True)

    def test_no_temporary_file_after_success(self, made, tmp_path):
        cut(made, [(0, 1)], tmp_path / "cut.mp4")
        assert {path.name for path in tmp_path.iterdir()} == {"a.mp4", "cut.mp4"}

    @pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
    def test_interrupted(self, error, made, tmp_path):
        target = tmp_path / "cut.mp4"
        target.write_bytes(b"precious")

        def stop(seconds):
            if seconds > 0.5:
                raise error

        with pytest.raises(error):
            cut(made, [(0, 2)], target, on_progress=stop)
        assert {path.name for path in tmp_path.iterdir()} == {"a.mp4", "cut.mp4"}
        assert target.read_bytes() == b"precious"

    def test_full_disk(self, made, tmp_path):
        said = r"cut\.mp4' cannot be written: File too large"
        with short_files(4096), pytest.raises(OutputError, match=said):
            cut(made, [(0, 3)], tmp_path / "cut.mp4")
        assert {path.name for path in tmp_path.iterdir()} == {"a.mp4"}

    def test_the_source_as_target(self, made, tmp_path):
        before = made.path.read_bytes()
        (tmp_path / "link.mp4").symlink_to(made.path)
        for target in (made.path, tmp_path / "link.mp4"):
            with pytest.raises(OutputError, match="is the video itself"):
                cut(made, [(0, 1)], target)
        assert made.path.read_bytes() == before

    def test_missing_folder(self, made, tmp_path):
        with pytest.raises(OutputError, match=r"the folder '.*none' does not exist"):
            cut(made, [(0, 1)], tmp_path / "none" / "cut.mp4")

    def test_folder_as_target(self, made, tmp_path):
        with pytest.raises(OutputError, match="is a folder"):
            cut(made, [(0, 1)], tmp_path)

    def test_missing_source(self, tmp_path):
        with pytest.raises(VideoError, match="does not exist"):
            write_cut(tmp_path / "none.mp4", [Interval(0, 1)], tmp_path / "cut.mp4")

    @pytest.mark.parametrize("parts", [[], [(1.0, 1.0)], [(2.0, 1.0)], [(5.0, 9.0)], [(1.01, 1.02)]])
    def test_no_frame_chosen(self, parts, made, tmp_path):
        with pytest.raises(UsageError, match="nothing to write"):
            cut(made, parts, tmp_path / "cut.mp4")
        assert {path.name for path in tmp_path.iterdir()} == {"a.mp4"}

    def test_a_part_without_finite_ends(self, made, tmp_path):
        with pytest.raises(UsageError, match="finite"):
            cut(made, [(0.0, math.nan)], tmp_path / "cut.mp4")
