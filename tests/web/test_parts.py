"""The studio's parts by themselves."""

import sys

import numpy as np
import pytest
from PIL import Image

from summdiff.cli import app
from summdiff.cli.serve import size
from summdiff.errors import UsageError, VideoError
from summdiff.web import server
from summdiff.web.intake import clean_title, describe, file_name, local_file
from summdiff.web.security import Access
from summdiff.web.strip import draw


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("talk.mp4", "talk.mp4"),
        ("Talk (final), v2.mov", "Talk (final), v2.mov"),
        ("名前.mkv", "名前.mkv"),
        ("a:b*c?.mp4", "a_b_c_.mp4"),
        ("...", "video"),
        ("", "video"),
        (".mp4", "mp4"),
        ("no ending", "no ending"),
        ("tape.2024-05-01", "tape_2024-05-01"),
        ("%41%2f.mp4", "_41_2f.mp4"),
    ],
)
def test_file_names_keep_what_is_harmless(title, name):
    assert file_name(title) == name


def test_titles_are_the_last_part_of_a_path_in_one_line():
    assert clean_title("C:\\videos\\talk.mp4") == "talk.mp4"
    assert clean_title("/home/me/a\x07b\n.mp4") == "ab.mp4"
    assert clean_title("///") == "video"


def test_sizes():
    assert size("4GB") == 4_000_000_000
    assert size("500 mb") == 500_000_000
    assert size("1.5g") == 1_500_000_000
    assert size("123") == 123
    for wrong in ("", "big", "-1", "0", "4 parsecs"):
        with pytest.raises(UsageError, match="size"):
            size(wrong)


def test_the_strip_shows_each_stretch_of_the_film(make_video, tmp_path):
    film = make_video(scenes=[(3.0, "red"), (3.0, "blue")], gop=30)
    strip = draw(film.path, tmp_path / "strip.jpg", duration=6.0)
    assert (strip.count, strip.seconds) == (12, 0.5)
    sheet = np.asarray(Image.open(strip.path))
    for place in range(strip.count):  # all in one row
        picture = sheet[:, place * strip.width : (place + 1) * strip.width]
        assert place * 0.5 <= film.frame_times[film.number(picture)] < (place + 1) * 0.5


def test_the_strip_of_a_single_frame(make_video, tmp_path):
    film = make_video(scenes=[(0.04, "red")])
    assert draw(film.path, tmp_path / "strip.jpg", duration=0.04).count == 1


@pytest.mark.parametrize(
    ("suffix", "codec", "media"), [("mkv", "libx264", "video/x-matroska"), ("webm", "libvpx", "video/webm")]
)
def test_what_a_file_is(make_video, tmp_path, suffix, codec, media):
    film = make_video(tmp_path / f"a.{suffix}", scenes=[(1.0, "red")], codec=codec, options={"deadline": "realtime"})
    source = describe(film.path, "x")
    assert source.media_type == media
    assert (source.width, source.height) == (192, 108)


def test_a_turned_film_is_described_as_it_is_shown(make_video):
    source = describe(make_video(scenes=[(0.5, "red")], rotation=90, size=(108, 192)).path, "x")
    assert (source.width, source.height) == (108, 192)


def test_a_missing_file_is_said_in_a_sentence(tmp_path):
    for text in (str(tmp_path / "none.mp4"), "", "\x00", "~nobody-here/x.mp4"):
        with pytest.raises(VideoError, match=r"There is no file|cannot"):
            local_file(text)


def test_what_means_this_machine_only():
    assert all(server.is_loopback(host) for host in ("127.0.0.1", "localhost", "::1", "127.0.0.9"))
    assert not any(server.is_loopback(host) for host in ("0.0.0.0", "::", "192.168.1.2", "box.local"))  # noqa: S104


def test_hosts_are_compared_by_name():
    access = Access("t", loopback=True, names=frozenset({"box"}))
    assert access.knows_host("BOX:80".lower())
    assert not access.knows_host("box.evil")
    assert not access.knows_host("[::1")


def test_a_taken_port_is_said_in_a_sentence():
    with server.listen("127.0.0.1", 0) as taken, pytest.raises(UsageError, match="choose another with --port"):
        server.listen("127.0.0.1", taken.getsockname()[1])
    with pytest.raises(UsageError, match="no address"):
        server.listen("not a host", 0)


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["summdiff", "serve", *arguments])
    with pytest.raises(SystemExit) as leave:
        app.main()
    return leave.value.code


def test_without_the_extra_one_sentence_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "fastapi", None)
    assert run(monkeypatch) == 2
    err = capsys.readouterr().err
    assert "pip install 'summdiff[web]'" in err
    assert len(err.strip().splitlines()) == 1


def test_a_video_that_cannot_be_read_is_said_before_the_studio_opens(monkeypatch, capsys, tmp_path):
    assert run(monkeypatch, str(tmp_path / "none.mp4"), "--no-open") == 1
    assert "none.mp4" in capsys.readouterr().err
