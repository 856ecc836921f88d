"""Steady in, steady out: parts begin and end on frames, whose times are exact, also if the container rounds."""

from collections import Counter
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest

from summdiff.options import MovieOptions
from summdiff.summary import Interval
from summdiff.video import index_frames, probe, write_cut
from summdiff.video._rate import measure_rate

NTSC = Fraction(30000, 1001)


def rounded_to_milliseconds(source, target):
    """Remux through Matroska, whose times are milliseconds."""
    for path in dict.fromkeys((target.with_suffix(".mkv"), target)):
        with av.open(str(source)) as read, av.open(str(path), "w") as output:
            streams = {stream.index: output.add_stream_from_template(stream) for stream in read.streams}
            for packet in read.demux():
                if packet.dts is not None:
                    packet.stream = streams[packet.stream.index]
                    output.mux(packet)
        source = path
    return target


def durations(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = sorted((packet.pts, packet.duration) for packet in container.demux(stream) if packet.size)
        steps = [after - before for (before, _), (after, _) in pairwise(packets)]
        return Counter(step * stream.time_base for step in [*steps, packets[-1][1]])


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".flv"])
@pytest.mark.parametrize("fps", [Fraction(24000, 1001), NTSC, Fraction(60000, 1001)])
@pytest.mark.parametrize("method", ["auto", "encode"])
def test_a_steady_film_gives_a_steady_summary(suffix, fps, method, make_video, tmp_path):
    """Wishes in round seconds begin and end between frames."""
    made = make_video(tmp_path / "made.mp4", scenes=[(4, "red")], fps=fps, gop=12, size=(96, 64))
    film = rounded_to_milliseconds(made.path, tmp_path / f"film{suffix}")
    write_cut(film, [Interval(0.5, 1.0), Interval(2.0, 3.3)], tmp_path / "cut.mp4", method=method)
    assert set(durations(tmp_path / "cut.mp4")) == {1 / fps}
    assert sum(durations(tmp_path / "cut.mp4").values()) == pytest.approx(float(1.8 * fps), abs=2)
    with av.open(str(tmp_path / "cut.mp4")) as container:
        assert container.streams.video[0].average_rate == fps


def test_the_last_frame_of_a_part_lasts_as_long_as_in_the_source(make_video, tmp_path):
    made = make_video(tmp_path / "made.mp4", scenes=[(3, "red")], fps=25)
    write_cut(made.path, [Interval(0.5, 0.99), Interval(2.01, 2.5)], tmp_path / "cut.mp4")
    assert set(durations(tmp_path / "cut.mp4")) == {Fraction(1, 25)}


def test_the_held_picture_of_a_steady_film_lasts_whole_frames(make_video, tmp_path):
    made = make_video(tmp_path / "made.mkv", scenes=[(2, "red")], fps=NTSC, sound=True, sound_seconds=4.0)
    write_cut(made.path, [Interval(1.0, 3.5)], tmp_path / "cut.mp4", options=MovieOptions(quality="high"))
    assert all((duration * NTSC).denominator == 1 for duration in durations(tmp_path / "cut.mp4"))


@pytest.mark.parametrize("fps", [24, 25, NTSC, 30, 50, Fraction(25, 2)])
def test_the_rate_is_the_most_common_one_where_frames_are_missing(fps):
    """Every seventh frame is dropped, and a picture stands for a minute; times are in milliseconds."""
    times = np.array([float(n / Fraction(fps)) for n in range(400) if n % 7])
    times[200:] += round(60 * fps) / float(fps)
    rate = measure_rate([np.round(times, 3)], Fraction(17), Fraction(1, 1000))
    assert rate.usual == fps
    assert rate.phases is not None


def test_a_varying_rate_is_left_as_it_is():
    times = np.cumsum(np.random.default_rng(0).uniform(0.01, 0.2, 200))
    assert measure_rate([times], Fraction(25), Fraction(1, 1000)).phases is None


def test_a_dropped_frame_does_not_change_the_rate_of_a_film(make_video, tmp_path):
    times = [n / 25 for n in range(60) if n not in (10, 11, 40)]
    made = make_video(tmp_path / "film.mkv", times=times, scenes=[(3, "red")])
    assert probe(made.path).fps == 25
    assert index_frames(made.path).clock.steady
