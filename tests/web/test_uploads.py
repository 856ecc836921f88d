"""Names and descriptions of the videos that are added."""

import pytest

from summdiff.errors import VideoError
from summdiff.web._uploads import clean_title, describe, file_name, local_file


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
def test_file_names_keep_safe_characters(title, name):
    assert file_name(title) == name


def test_titles_are_the_last_part_of_a_path_in_one_line():
    assert clean_title("C:\\videos\\talk.mp4") == "talk.mp4"
    assert clean_title("/home/me/a\x07b\n.mp4") == "ab.mp4"
    assert clean_title("///") == "video"


@pytest.mark.parametrize(
    ("suffix", "codec", "media"), [("mkv", "libx264", "video/x-matroska"), ("webm", "libvpx", "video/webm")]
)
def test_the_media_type_follows_from_container_and_codecs(make_video, tmp_path, suffix, codec, media):
    film = make_video(tmp_path / f"a.{suffix}", scenes=[(1.0, "red")], codec=codec)
    file = describe(film.path, "x")
    assert file.media_type == media
    assert (file.width, file.height) == (192, 108)


def test_a_rotated_video_has_its_upright_size(make_video):
    file = describe(make_video(scenes=[(0.5, "red")], rotation=90, size=(108, 192)).path, "x")
    assert (file.width, file.height) == (108, 192)


def test_a_missing_file_gives_a_sentence(tmp_path):
    for text in (
        str(tmp_path / "none.mp4"),
        "",
        "\x00",
        "~nobody-here/x.mp4",
        "a\x00b.mp4",
        "~a\x00b/c.mp4",
        "\ud800",
        "/dev/zero",
    ):
        with pytest.raises(VideoError, match=r"There is no file|cannot"):
            local_file(text)
    with pytest.raises(VideoError, match="is a folder: enter the path of a video in it"):
        local_file(str(tmp_path))
