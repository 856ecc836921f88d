"""What a file says about itself, in the short video: title, date and the like, but not where it was filmed."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition
from av.video.frame import VideoFrame

from summdiff.options import MovieOptions
from summdiff.summary import Interval
from summdiff.video import read_subtitles, write_cut
from summdiff.video._metadata import names_a_place
from summdiff.video._sei import without_user_data

PLACE = "+12.3400+056.7800/"
HEADER = b"[Script Info]\nScriptType: v4.00+\n\n[Events]\nFormat: Layer, Start, End, Style, Text\n"


def write_film(path, tags, *, codec="mpeg4", stream_tags=None, movflags="", texts=(), options=None):
    """A film of a second with tags, and with subtitle tracks from pairs of a disposition and a text."""
    container_options = {"movflags": movflags} if movflags else {}
    with av.open(str(path), "w", container_options=container_options) as output:
        output.metadata.update(tags)
        stream = output.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 25)
        stream.metadata.update(stream_tags or {})
        tracks = []
        for disposition, _ in texts:
            track = output.add_stream("subrip")
            track.codec_context.subtitle_header, track.codec_context.time_base = HEADER, Fraction(1, 1000)
            track.disposition = disposition
            tracks.append(track)
        for track, (_, text) in zip(tracks, texts, strict=True):
            packet = av.Packet(text.encode())
            packet.stream, packet.time_base, packet.pts, packet.dts, packet.duration = (
                track,
                Fraction(1, 1000),
                0,
                0,
                900,
            )
            output.mux(packet)
        for n in range(25):
            frame = VideoFrame.from_ndarray(np.full((48, 64, 3), 9 * n, np.uint8))
            frame.pts, frame.time_base = n, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def tags_of(path):
    with av.open(str(path)) as container:
        return dict(container.metadata)


DATE = {"creation_time": "2024-05-06T07:08:09.000000Z"}
SOURCES = {
    "android.mp4": {"tags": {"title": "A walk", "location": PLACE, "location-eng": PLACE} | DATE},
    "iphone.mov": {
        "tags": {
            "com.apple.quicktime.title": "A walk",
            "com.apple.quicktime.location.ISO6709": "+12.3400+056.7800+010.000/",
            "com.apple.quicktime.creationdate": "2024-05-06T09:08:09+0200",
        },
        "movflags": "use_metadata_tags",
    },
    "camera.mkv": {"tags": {"TITLE": "A walk", "DATE_RECORDED": "2024-05-06T07:08:09Z", "LOCATION": PLACE}},
    "phone.webm": {"tags": {"title": "A walk", "RECORDING_LOCATION": PLACE} | DATE, "codec": "libvpx"},
    "camera.avi": {"tags": {"title": "A walk", "date": "2024-05-06 07:08:09", "comment": "GPS 12.3400, 56.7800"}},
    "camera.flv": {"tags": {"title": "A walk", "location": PLACE} | DATE, "codec": "flv"},
    "camera.ogv": {
        "tags": {"title": "A walk", "date": "2024-05-06T07:08:09Z", "location": PLACE},
        "codec": "libvpx",
    },
}


@pytest.mark.parametrize("name", SOURCES)
def test_title_and_date_come_from_all_sources_alike_and_no_place_does(name, tmp_path):
    source = SOURCES[name]
    film = write_film(tmp_path / name, **source)
    write_cut(film, [Interval(0, 0.5)], tmp_path / "out.mp4")
    tags = tags_of(tmp_path / "out.mp4")
    assert tags["title"] == "A walk"
    assert tags["creation_time"] == "2024-05-06T07:08:09.000000Z"
    content = (tmp_path / "out.mp4").read_bytes()
    assert b"12.34" not in content
    assert b"56.78" not in content


@pytest.mark.parametrize("name", ["android.mp4", "iphone.mov", "camera.mkv", "phone.webm"])
def test_the_place_is_kept_on_request(name, tmp_path):
    film = write_film(tmp_path / name, **SOURCES[name])
    write_cut(film, [Interval(0, 0.5)], tmp_path / "out.mp4", options=MovieOptions(keep_location=True))
    assert tags_of(tmp_path / "out.mp4")["location"].startswith("+12.3400+056.7800")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (PLACE, True),
        ("+48.8577+002.295/", True),
        ("geo:48.8577,2.295", True),
        ("GPS(56.7800,12.3400,18) D 24.3m", True),
        ("[latitude: 12.340000] [longitude: 56.780000]", True),
        ('exif:GPSLatitude="12,20.4N"', True),
        ("It is 12.5 degrees, not 56.78", False),
        ("Platitudes: 3.50 a piece", False),
        ("2024-05-06T09:08:09+0200", False),
        ("+49 30 1234567", False),
    ],
)
def test_coordinates_are_told_from_other_numbers(text, place):
    assert names_a_place(text) is place


def test_subtitles_with_coordinates_are_left_out_unless_asked_for(tmp_path):
    texts = [(Disposition(0), "Hello"), (Disposition(0), "F/2.8, GPS(56.7800,12.3400,18), H 10.0m")]
    film = write_film(tmp_path / "drone.mkv", {}, texts=texts)
    write_cut(film, [Interval(0, 0.5)], tmp_path / "out.mp4")
    assert [[cue.text for cue in track.cues] for track in read_subtitles(tmp_path / "out.mp4")] == [["Hello"]]
    write_cut(film, [Interval(0, 0.5)], tmp_path / "all.mp4", options=MovieOptions(keep_location=True))
    assert len(read_subtitles(tmp_path / "all.mp4")) == 2


@pytest.mark.parametrize("default", [None, 2])
def test_subtitles_keep_their_dispositions(default, tmp_path):
    kinds = [Disposition(0), Disposition.forced, Disposition.hearing_impaired]
    if default is not None:
        kinds[default] |= Disposition.default
    film = write_film(tmp_path / "film.mkv", {}, texts=[(kind, f"text {n}") for n, kind in enumerate(kinds)])
    write_cut(film, [Interval(0, 0.5)], tmp_path / "out.mp4")
    told = Disposition.default | Disposition.forced | Disposition.hearing_impaired
    assert [track.disposition & told for track in read_subtitles(tmp_path / "out.mp4")] == kinds


def test_user_data_is_taken_out_of_copied_pictures_and_captions_stay():
    place, captions = b"\x05\x12" + b"u" * 16 + b"at", b"\x04\x03\x00\x00\x01"
    escaped = captions.replace(b"\0\0\1", b"\0\0\3\1")
    assert without_user_data(b"\x06" + place + b"\x80") == b""
    assert without_user_data(b"\x06" + place + escaped + b"\x80") == b"\x06" + escaped + b"\x80"
    assert without_user_data(b"\x06" + escaped + b"\x80") == b"\x06" + escaped + b"\x80"
    assert without_user_data(b"\x65" + place) == b"\x65" + place
