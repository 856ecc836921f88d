"""Sampling, by the same contract for every kind of file, and what is refused."""

from __future__ import annotations

import gc
import itertools
import math
import os
import shutil
from bisect import bisect_right
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from summdiff.errors import UsageError, VideoError
from summdiff.video import VideoReader, probe, stills

SCENES = ((1.4, "red"), (1.2, "blue"), (1.0, 7))

KINDS = {
    "mp4": {"path": "a.mp4", "sound": True},
    "mp4 without B-frames": {"path": "a.mp4", "options": {"preset": "ultrafast", "bf": "0"}},
    "mp4 with B-frames": {"path": "a.mp4", "options": {"preset": "veryfast", "bf": "3"}, "gop": 20},
    "fragmented mp4": {
        "path": "a.mp4",
        "container_options": {"movflags": "frag_keyframe+empty_moov+default_base_moof"},
        "gop": 20,
    },
    "mkv": {"path": "a.mkv", "sound": True},
    "mov": {"path": "a.mov", "sound": True},
    "ts, which starts at 1.4 s": {"path": "a.ts", "sound": True},
    "late start": {"path": "a.mp4", "start": 3.0, "sound": True},
    "late start in mkv": {"path": "a.mkv", "start": 12.52},
    "webm vp9": {"path": "a.webm", "codec": "libvpx-vp9", "sound": True},
    "webm vp8": {"path": "a.webm", "codec": "libvpx"},
    "av1": {"path": "a.mkv", "codec": "libsvtav1", "options": {"preset": "8", "crf": "12"}, "size": (256, 144)},
    "hevc": {"path": "a.mp4", "codec": "libx265", "options": {"preset": "ultrafast", "x265-params": "log-level=0"}},
    "hevc 10 bit": {
        "path": "a.mp4",
        "codec": "libx265",
        "pix_fmt": "yuv420p10le",
        "options": {"preset": "ultrafast", "x265-params": "log-level=0"},
    },
    "h264 10 bit": {"path": "a.mp4", "pix_fmt": "yuv420p10le"},
    "avi mpeg4": {"path": "a.avi", "codec": "mpeg4", "sound": True, "options": {"b": "2000000"}},
    "avi h264 with B-frames": {"path": "a.avi", "options": {"preset": "veryfast", "bf": "2"}},
    "motion jpeg": {"path": "a.avi", "codec": "mjpeg", "pix_fmt": "yuvj420p", "options": {"q:v": "3"}},
    "mpeg2 program stream": {"path": "a.mpg", "codec": "mpeg2video", "options": {"b": "3000000"}, "sound": True},
    "grey": {"path": "a.mkv", "codec": "ffv1", "pix_fmt": "gray"},
    "grey 10 bit": {"path": "a.mkv", "codec": "ffv1", "pix_fmt": "gray10le"},
    "rgb": {"path": "a.mkv", "codec": "ffv1", "pix_fmt": "bgr0"},
    "alpha": {"path": "a.mkv", "codec": "ffv1", "pix_fmt": "yuva420p"},
    "4:4:4": {"path": "a.mp4", "pix_fmt": "yuv444p"},
    "palette": {"path": "a.gif", "codec": "gif", "pix_fmt": "rgb8"},
    "interlaced": {"path": "a.mp4", "options": {"preset": "ultrafast", "flags": "+ildct+ilme"}},
    "odd size": {"path": "a.mkv", "codec": "ffv1", "size": (193, 109)},
    "wide pixels": {"path": "a.mp4", "pixel_aspect": Fraction(4, 3)},
    "tall": {"path": "a.mp4", "size": (108, 192)},
    "turned by 90": {"path": "a.mp4", "rotation": 90, "size": (108, 192)},
    "turned by 180": {"path": "a.mp4", "rotation": 180},
    "turned by 270": {"path": "a.mov", "rotation": 270, "size": (108, 192)},
    "mirrored": {"path": "a.mp4", "mirrored": True},
    "mirrored and turned": {"path": "a.mp4", "mirrored": True, "rotation": 90, "size": (108, 192)},
    "cover picture": {"path": "a.mp4", "cover": True},
    "30000/1001 fps": {"path": "a.mp4", "fps": Fraction(30000, 1001)},
    "120 fps": {"path": "a.mp4", "fps": 120},
    "5 fps": {"path": "a.mkv", "fps": 5},
}


@pytest.mark.parametrize("kind", KINDS)
def test_steps_are_right_for_every_kind_of_file(kind, make_video, tmp_path):
    options = dict(KINDS[kind])
    made = make_video(tmp_path / options.pop("path"), scenes=SCENES, **options)
    rate = 2.0
    with VideoReader(made.path) as reader:
        steps = list(reader.steps(rate=rate, short_side=120))
        info = reader.info

    assert info.duration == pytest.approx(made.duration, abs=0.002)
    assert info.fps == pytest.approx(len(made.frame_times) / made.duration, rel=1e-3)
    assert info.rotation == options.get("rotation", 0)
    assert info.has_audio == options.get("sound", False)
    assert reader.corrupt_frames == 0
    assert reader.position == info.duration
    assert [step.time for step in steps] == [k / rate for k in range(math.ceil(made.duration * rate))]

    width, height = options.get("size", (192, 108))
    across = width * float(options.get("pixel_aspect", 1))
    shape = (round(120 * height / min(across, height)), round(120 * across / min(across, height)), 3)
    for step in steps:
        assert step.image.shape == shape
        assert step.image.dtype == np.uint8
        assert step.image.flags.c_contiguous
        on_display = sum(time <= step.time + 1e-9 for time in made.frame_times) - 1
        assert made.number(step.image) == on_display
        assert made.flashes(step.image) == any(abs(step.time - second) < 1e-9 for second in made.flash_times)

    # Each cut of the film is the boundary of the step after it.
    assert steps[0].boundary == 0.0
    for cut in made.cuts:
        assert steps[math.ceil(cut * rate)].boundary == pytest.approx(cut, abs=0.0011)
    for before, step in itertools.pairwise(steps):
        assert before.time < step.boundary <= step.time


def test_steps_are_even_at_a_variable_frame_rate(make_video, tmp_path):
    times = [0.0, 0.04, 0.08, 0.12, 3.4, 3.44, 3.5, 6.0, 6.04]
    made = make_video(tmp_path / "vfr.mkv", times=times, scenes=[(9, "red")])
    with VideoReader(made.path) as reader:
        steps = list(reader.steps(rate=1.0))
    assert [step.time for step in steps] == [0, 1, 2, 3, 4, 5, 6]
    assert [made.number(step.image) for step in steps] == [0, 3, 3, 3, 6, 6, 7]
    # The same object, so that callers can skip repeated work.
    assert steps[1].image is steps[2].image is steps[3].image
    assert steps[4].image is steps[5].image
    assert steps[3].image is not steps[4].image
    assert [step.boundary for step in steps[2:4]] == [2.0, 3.0]  # no new frame
    assert steps[4].boundary in (3.4, 3.44, 3.5)


def test_a_video_shorter_than_a_step_has_one_step(make_video, tmp_path):
    made = make_video(tmp_path / "short.mp4", scenes=[(0.2, "red")])
    with VideoReader(made.path) as reader:
        steps = list(reader.steps(rate=1.0))
    assert len(steps) == 1
    assert made.number(steps[0].image) == 0


def test_a_single_frame_has_one_step(make_video, tmp_path):
    made = make_video(tmp_path / "one.mkv", scenes=[(0.04, "red")])
    with VideoReader(made.path) as reader:
        assert len(list(reader.steps())) == 1
        assert reader.info.duration == pytest.approx(0.04, abs=0.002)


def test_small_videos_are_scaled_up(make_video, tmp_path):
    made = make_video(tmp_path / "small.mkv", size=(64, 36), codec="ffv1")
    with VideoReader(made.path) as reader:
        assert next(reader.steps(short_side=256)).image.shape == (256, 455, 3)


def test_a_second_pass_equals_the_first(make_video, tmp_path):
    made = make_video(tmp_path / "twice.mp4")
    with VideoReader(made.path) as reader:
        first = list(reader.steps())
        next(reader.steps())  # abandoned
        second = list(reader.steps())
    assert [step.boundary for step in first] == [step.boundary for step in second]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(first, second, strict=True))


def test_colours_are_right(make_video, tmp_path):
    """RGB and encoded YUV give the same colors: planes and matrices are not mixed up."""
    made = make_video(tmp_path / "colour.mkv", codec="ffv1", pix_fmt="bgr0", scenes=[(0.2, "red")])
    lossy = make_video(tmp_path / "lossy.mp4", scenes=[(0.2, "red")])
    images = []
    for video in (made, lossy):
        with VideoReader(video.path) as reader:
            images.append(next(reader.steps(short_side=64)).image.astype(int))
    assert np.abs(images[0] - images[1]).mean() < 6


def test_wrong_and_missing_durations_are_corrected(make_video, tmp_path):
    made = make_video(tmp_path / "live.mkv", scenes=[(3, "red")], container_options={"live": "1"})
    assert probe(made.path).duration == pytest.approx(3.0, abs=0.05)

    half = tmp_path / "half.mkv"
    whole = make_video(tmp_path / "whole.mkv", scenes=[(3, "red"), (3, "blue")]).path.read_bytes()
    half.write_bytes(whole[: len(whole) // 2])
    assert 1 < probe(half).duration < 5  # the header says 6
    with VideoReader(half) as reader:
        steps = list(reader.steps())
        assert len(steps) == math.ceil(reader.info.duration)
        assert 1 < reader.info.duration < 5


def test_half_a_fragmented_mp4_can_be_read(make_video, tmp_path):
    made = make_video(
        tmp_path / "whole.mp4",
        scenes=[(3, "red"), (3, "blue")],
        gop=10,
        container_options={"movflags": "frag_keyframe+empty_moov+default_base_moof"},
    )
    half = tmp_path / "half.mp4"
    content = made.path.read_bytes()
    half.write_bytes(content[: len(content) // 2])
    with VideoReader(half) as reader:
        steps = list(reader.steps())
    assert 1 <= len(steps) <= 5
    assert [made.number(step.image) for step in steps] == [25 * k for k in range(len(steps))]


@pytest.mark.parametrize("suffix", [".mp4", ".ts", ".mkv"])
def test_damage_is_skipped_and_counted(suffix, make_video, tmp_path):
    made = make_video(tmp_path / f"whole{suffix}", scenes=[(2, "red"), (2, "blue"), (2, 3)], gop=10)
    content = bytearray(made.path.read_bytes())
    rng = np.random.default_rng(0)
    for at in rng.integers(len(content) // 5, len(content) * 3 // 4, size=60):
        content[at : at + 40] = rng.bytes(40)
    damaged = tmp_path / f"damaged{suffix}"
    damaged.write_bytes(content)
    with VideoReader(damaged) as reader:
        steps = list(reader.steps())
        assert reader.corrupt_frames > 0
        assert len(steps) == math.ceil(reader.info.duration)
        assert 4 <= reader.info.duration <= 6.1


@pytest.mark.parametrize("name", ["ü ñ 日本 .mp4", "-i.mp4", "100%d %s.mp4", 'it\'s "q".mp4', "a:b.mp4", "file:x.mp4"])
def test_any_file_name_can_be_read(name, make_video, tmp_path, monkeypatch):
    made = make_video(tmp_path / "plain.mp4", scenes=[(0.4, "red")])
    shutil.copy(made.path, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    info = probe(name)
    assert info.path == str(tmp_path / name)
    with VideoReader(name) as reader:
        assert len(list(reader.steps())) == 1


def test_a_pass_leaves_no_file_open(make_video, tmp_path):
    made = make_video(tmp_path / "fd.mp4", scenes=[(2, "red")])
    descriptors = Path("/proc/self/fd")
    if not descriptors.is_dir():
        pytest.skip("no /proc/self/fd to count open files on this system")
    gc.collect()
    before = len(list(descriptors.iterdir()))
    for _ in range(5):
        with VideoReader(made.path) as reader:
            list(reader.steps())
            next(reader.steps())  # left in the middle
        probe(made.path)
    assert len(list(descriptors.iterdir())) == before


@pytest.mark.parametrize("options", [{"rate": 0.0}, {"rate": -1.0}, {"rate": math.inf}, {"short_side": 0}])
def test_invalid_options_are_refused(options, make_video, tmp_path):
    made = make_video(tmp_path / "a.mp4", scenes=[(0.2, "red")])
    name = next(iter(options))
    with VideoReader(made.path) as reader, pytest.raises(UsageError, match=name):
        reader.steps(**options)


def test_real_videos_have_all_steps_and_frames(data_dir):
    """Three films from the web."""
    expected = {
        "Jumps.webm": (38.0, 950),
        "sintel_trailer_52s.mp4": (52.1667, 1252),
        "nasa_13013_13s.mp4": (13.013, 390),
    }
    for name, (duration, frames) in expected.items():
        with VideoReader(data_dir / "videos" / name) as reader:
            steps = list(reader.steps())
            assert reader.info.duration == pytest.approx(duration, abs=0.001)
            assert round(reader.info.fps * reader.info.duration) == frames
            assert len(steps) == math.ceil(duration)
            assert reader.corrupt_frames == 0


class TestRefusals:
    """A file that is no video gives one sentence with its name and the reason."""

    def test_missing(self, tmp_path):
        with pytest.raises(VideoError, match=r"'.*nothing\.mp4' does not exist"):
            probe(tmp_path / "nothing.mp4")

    def test_folder(self, tmp_path):
        with pytest.raises(VideoError, match="is a folder"):
            probe(tmp_path)

    def test_empty(self, tmp_path):
        (tmp_path / "empty.mp4").touch()
        with pytest.raises(VideoError, match="is empty"):
            probe(tmp_path / "empty.mp4")

    def test_noise(self, tmp_path):
        (tmp_path / "noise.mp4").write_bytes(np.random.default_rng(1).bytes(50_000))
        with pytest.raises(VideoError, match="cannot be read as a video"):
            probe(tmp_path / "noise.mp4")

    @pytest.mark.parametrize("name", ["notes.txt", "list.m3u8", "list.ffconcat"])
    def test_text_and_playlists(self, name, tmp_path):
        texts = {
            "notes.txt": "Just words.\n" * 50,
            "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n",
            "list.ffconcat": "ffconcat version 1.0\nfile http://127.0.0.1:9/a.mp4\n",
        }
        (tmp_path / name).write_text(texts[name])
        with pytest.raises(VideoError, match=name):
            probe(tmp_path / name)

    def test_picture(self, tmp_path):
        import av

        with av.open(str(tmp_path / "a.png"), "w", format="image2", options={"update": "1"}) as output:
            stream = output.add_stream("png", rate=1)
            stream.width = stream.height = 64
            stream.pix_fmt = "rgb24"
            output.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))))
            output.mux(stream.encode(None))
        with pytest.raises(VideoError, match="is a picture"):
            probe(tmp_path / "a.png")

    def test_sound_only(self, make_video, tmp_path):
        import av

        made = make_video(tmp_path / "both.mp4", scenes=[(1, "red")], sound=True)
        with av.open(str(made.path)) as source, av.open(str(tmp_path / "sound.m4a"), "w") as output:
            stream = output.add_stream_from_template(source.streams.audio[0])
            for packet in source.demux(audio=0):
                if packet.dts is not None:
                    packet.stream = stream
                    output.mux(packet)
        with pytest.raises(VideoError, match="has only sound"):
            probe(tmp_path / "sound.m4a")

    def test_no_decodable_frame(self, make_video, tmp_path):
        made = make_video(tmp_path / "a.avi", codec="mjpeg", pix_fmt="yuvj420p", scenes=[(0.4, "red")])
        content = made.path.read_bytes()
        start = content.index(b"movi") + 4
        end = content.index(b"idx1") if b"idx1" in content else len(content)
        body = (
            content[start:end].replace(b"\xff\xd8", b"\0\0").replace(b"\xff\xda", b"\0\0").replace(b"\xff\xc0", b"\0\0")
        )
        (tmp_path / "broken.avi").write_bytes(content[:start] + body + content[end:])
        with pytest.raises(VideoError, match="no frame that can be decoded"):
            probe(tmp_path / "broken.avi")

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
    def test_unreadable(self, make_video, tmp_path):
        made = make_video(tmp_path / "a.mp4", scenes=[(0.2, "red")])
        made.path.chmod(0)
        with pytest.raises(VideoError, match=r"[Pp]ermission"):
            probe(made.path)


UNEVEN_TIMES = [0.0, 0.04, 0.2, 0.23, 0.9, 0.94, 1.5, 1.52, 3.0]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {"options": {"preset": "veryfast", "bf": "3"}, "gop": 10}),
        ("a.mkv", {"fps": Fraction(30000, 1001), "start": 2.0}),
        ("a.ts", {}),
        ("a.avi", {"options": {"bf": "0"}}),
        ("a.mp4", {"times": UNEVEN_TIMES}),
        ("a.mp4", {"rotation": 90, "size": (108, 192)}),
    ],
)
def test_stills_are_the_frames_on_display(make_video, tmp_path, name, options):
    film = make_video(tmp_path / name, scenes=[(4.0, "forest")], **options)
    times = [0.0, 0.21, 0.22, 0.5, 0.92, 1.0, 1.51, 2.5, 2.5, film.duration, film.duration + 9]
    pictures = list(stills(film.path, times, short_side=108))
    width, height = options.get("size", (192, 108))
    assert {picture.shape for picture in pictures} == {(height, width, 3)}
    assert [film.number(picture) for picture in pictures] == [
        bisect_right(film.frame_times, time + 1e-4) - 1 for time in times
    ]
