"""One clock for all streams: joined, paused and outlasting ones, read off numbered pictures and unrepeated noise."""

from fractions import Fraction

import av
import numpy as np
import pytest
from joined_films import FILMS, FPS, MPEG, Recording, joined, noise, picture, write_film
from sync_of_joins import offsets, pictures

from caption_files import add_captions
from summdiff.audio import listen
from summdiff.options import MovieOptions
from summdiff.summary import Interval
from summdiff.video import VideoReader, cut_list, index_frames, probe, read_chapters, read_subtitles, write_cut

HIGH = MovieOptions(quality="high")  # the numbers in the pictures stay legible


def paused(gap, **how):
    return [Recording(0, 50, **how), Recording(50, 100, clock=2 + gap, **how)]


@pytest.mark.parametrize(
    "name",
    [
        "ts, joined, sound 0.3 s shorter",
        "mpg, joined, sound 0.3 s shorter",
        "flv, appended, sound 0.25 s shorter",
        "mkv, paused for 20 s",
        "fragmented mp4, paused for 2 h",
        *(pytest.param(name, marks=pytest.mark.slow) for name in FILMS if name.startswith(("ts, joined, ", "webm"))),
    ],
)
def test_joined_and_paused_films_are_whole_and_in_step(name, tmp_path):
    duration, found, out_of_order = offsets(FILMS[name](tmp_path, 40), tmp_path, places=10)
    assert duration == pytest.approx(9.6, abs=0.05)
    assert np.abs(found).max() <= 60
    assert out_of_order == 0


def test_pictures_of_a_joined_film_stay_on_the_grid_of_its_rate(tmp_path):
    """The sound of each part is 15 ms longer than its pictures, which do not wait for it."""
    film = joined(tmp_path / "a.ts", [Recording(n * 50, n * 50 + 50, sound_end=-0.015 * (n < 2)) for n in range(3)])
    index = index_frames(film)
    assert index.clock.steady
    assert (np.diff(index.ticks) == index.frame_ticks).all()
    assert len(index.ticks) == 150


def test_a_picture_stands_still_while_the_sound_goes_on(tmp_path):
    """No picture for 70 minutes would be a break without the sound."""
    film = tmp_path / "slides.mkv"
    with av.open(str(film), "w") as output:
        video = output.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        audio = output.add_stream("aac", rate=8000, layout="mono")
        for number, second in enumerate((0, 1, 4200, 4201)):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            frame.pts, frame.time_base = second * FPS, Fraction(1, FPS)
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 8000, 0, Fraction(1, 8000)
        (silence,) = [bytes(packet) for packet in (*audio.encode(frame), *audio.encode(None))][-1:]
        for number in range(4202 * 8000 // 1024):
            packet = av.Packet(silence)
            packet.stream, packet.time_base, packet.duration = audio, Fraction(1, 8000), 1024
            packet.pts = packet.dts = number * 1024
            output.mux(packet)
    assert index_frames(film).ticks.tolist() == [0, 1000, 4_200_000, 4_201_000]
    assert probe(film).duration == pytest.approx(4202, abs=1)


def test_a_gap_without_pictures_and_sound_is_closed_on_every_path(tmp_path):
    """In one of two seconds, the film would be 60 s longer, and its second half be elsewhere for some reader."""
    plain = write_film(tmp_path / "plain.mkv", paused(60))
    cues = [(1.0, 1.5, "before"), (62.5, 63.0, "after")]
    film = add_captions(
        plain, tmp_path / "film.mkv", tracks=[("deu", cues)], chapters=[(0, 62, "one"), (62, 64, "two")], codec="subrip"
    )
    with VideoReader(film) as reader:
        steps = list(reader.steps(short_side=64))
        assert reader.info.duration == pytest.approx(4.0, abs=0.05)
    assert len(steps) == 4
    assert probe(film).duration == pytest.approx(4.0, abs=0.05)
    assert len(listen(film, 4.0).speech) * 0.032 == pytest.approx(4.0, abs=0.1)
    (track,) = read_subtitles(film)
    assert [(float(cue.start), cue.text) for cue in track.cues] == [
        (pytest.approx(1.0, abs=0.01), "before"),
        (pytest.approx(2.5, abs=0.06), "after"),
    ]
    assert [float(chapter.start) for chapter in read_chapters(film)] == [0, pytest.approx(2.0, abs=0.05)]


def test_editors_find_parts_behind_a_closed_gap(tmp_path):
    film = write_film(tmp_path / "film.mkv", paused(60))
    first, second, third = cut_list(film, [Interval(1, 3), Interval(3.2, 3.6)]).parts
    assert (first.first, first.last) == (25, 50)
    assert (second.first, second.last) == (62 * FPS, 63 * FPS)
    assert (third.first, third.last) == (62 * FPS + 30, 62 * FPS + 40)
    assert [part.record for part in (first, second, third)] == [0, 25, 50]
    assert float(second.file_start) == pytest.approx(62, abs=0.002)


def test_parts_behind_a_closed_gap_are_found_by_seeking(tmp_path):
    film = write_film(tmp_path / "film.mkv", paused(60))
    write_cut(film, [Interval(0.4, 0.8), Interval(3.0, 3.4)], tmp_path / "cut.mp4", options=HIGH)
    assert [number for _, number in pictures(tmp_path / "cut.mp4")] == [*range(10, 20), *range(75, 85)]


def test_the_last_picture_is_held_while_the_sound_goes_on(tmp_path):
    film = write_film(tmp_path / "film.mp4", [Recording(0, 50, sound_end=-4)], sound=noise(6))
    with VideoReader(film) as reader:
        steps = list(reader.steps(short_side=64))
        assert reader.info.duration == pytest.approx(6.0, abs=0.05)
        assert reader.info.fps == FPS
    assert len(steps) == 6
    assert steps[5].image is steps[2].image
    write_cut(film, [Interval(1.6, 2.4), Interval(4, 5)], tmp_path / "cut.mp4", options=HIGH)
    assert probe(tmp_path / "cut.mp4").duration == pytest.approx(1.8, abs=0.01)
    assert [number for _, number in pictures(tmp_path / "cut.mp4")] == [*range(40, 50), 49]


def test_sound_that_outlasts_the_pictures_by_a_packet_does_not_hold_them(tmp_path):
    film = write_film(tmp_path / "film.mp4", [Recording(0, 50, sound_end=-0.1)], sound=noise(3))
    assert probe(film).duration == pytest.approx(2.0, abs=0.001)


@pytest.mark.parametrize(
    ("name", "codecs"), [("a.mkv", ("libx264", "aac")), ("a.flv", ("libx264", "aac")), ("a.mpg", MPEG)]
)
def test_length_is_what_was_read(name, codecs, tmp_path):
    film = write_film(tmp_path / name, [Recording(0, 100)], codecs=codecs)
    content = bytearray(film.read_bytes())
    mark = {"a.mkv": b"\x44\x89\x88", "a.flv": b"duration\x00"}.get(name)
    if mark is not None:
        at = content.index(mark) + len(mark)
        value = 500.0 if name == "a.mkv" else 0.5
        content[at : at + 8] = np.array(value, dtype=">f8").tobytes()
        film.write_bytes(content)
    assert probe(film).duration == pytest.approx(4.0, abs=0.05)
