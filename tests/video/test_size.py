"""Written videos are not larger than the source for their length, nor than asked for."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from summdiff.errors import OutputError
from summdiff.options import MovieOptions
from summdiff.summary import Interval
from summdiff.video import largest_size, probe, write_cut

SECONDS = 6
PARTS = [Interval(1, 4.2)]
KEPT = 3.2


@pytest.fixture(scope="module", params=["libx265 mkv", "libvpx-vp9 webm", "mpeg4 avi", "libx264 mp4"])
def film(request, tmp_path_factory):
    """A grainy film of a low rate, with sound of a low rate, as people get it from the web."""
    codec, suffix = request.param.split()
    rng = np.random.default_rng(1)
    texture = rng.integers(60, 180, (200, 300, 3))
    path = tmp_path_factory.mktemp("film") / f"film.{suffix}"
    options = {
        "libx265": {"preset": "ultrafast", "crf": "28", "x265-params": "log-level=error"},
        "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
        "libx264": {"preset": "veryfast", "crf": "32", "x264-params": "keyint=300"},
        "mpeg4": {},
    }[codec]
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 192, 108, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 25)
        if codec in ("libvpx-vp9", "mpeg4"):
            stream.codec_context.bit_rate = 200_000
        voice = output.add_stream("libopus" if suffix in ("mkv", "webm") else "aac", rate=48000)
        voice.codec_context.layout, voice.codec_context.bit_rate = "stereo", 48_000
        for n in range(25 * SECONDS):
            grain = rng.integers(-6, 7, (108, 192, 3))
            image = texture[n % 60 : n % 60 + 108, n % 90 : n % 90 + 192] + grain
            frame = VideoFrame.from_ndarray(image.clip(0, 255).astype(np.uint8))
            frame.pts, frame.time_base = n, Fraction(1, 25)
            output.mux(stream.encode(frame))
            samples = (0.2 * rng.standard_normal((2, 1920))).astype(np.float32)
            sound = AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
            sound.sample_rate, sound.pts, sound.time_base = 48000, 1920 * n, Fraction(1, 48000)
            output.mux(voice.encode(sound))
        output.mux(stream.encode(None))
        output.mux(voice.encode(None))
    return path


@pytest.fixture(scope="module")
def sizes(film, tmp_path_factory):
    """Sizes of the film's summaries by quality, each written once."""
    folder = tmp_path_factory.mktemp("sizes")
    qualities = ("small", "normal", "high", 10, 48)
    return {quality: size_of(film, folder / f"{quality}.mp4", quality=quality) for quality in qualities}


def size_of(film, target, **options):
    write_cut(film, PARTS, target, options=MovieOptions(**options))
    return target.stat().st_size


def test_a_summary_takes_no_more_bytes_per_second_than_the_source_unless_asked_to(film, sizes):
    share = film.stat().st_size * KEPT / SECONDS
    assert sizes["normal"] <= share
    assert sizes["small"] < 0.9 * sizes["normal"]
    assert sizes["high"] > sizes["normal"]
    assert sizes[10] > share > sizes[48]


def test_a_largest_size_is_kept_to(film, tmp_path):
    for most in (100_000, 40_000):
        size = size_of(film, tmp_path / "out.mp4", quality="high", max_size=most)
        assert 0.5 * most < size <= most
        options = MovieOptions(quality="high", max_size=most)
        assert size <= largest_size(probe(film), film.stat().st_size, options, KEPT)


def test_a_size_that_cannot_be_kept_to_is_refused_with_nothing_written(film, tmp_path):
    with pytest.raises(OutputError, match=r"MB even at the lowest quality: allow more than that"):
        size_of(film, tmp_path / "out.mp4", max_size=10_000)
    assert not list(tmp_path.iterdir())


def test_the_room_on_the_disk_is_checked_against_a_real_bound(film, sizes):
    for quality, size in sizes.items():
        assert size <= largest_size(probe(film), film.stat().st_size, MovieOptions(quality=quality), KEPT)
