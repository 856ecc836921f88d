"""Files that are no videos are refused in words that say what they are, not in FFmpeg's."""

import pytest

from summdiff.errors import VideoError
from summdiff.video import probe

CONTENT = {
    "a text": (b"notes from the meeting\n" * 300, "it is a text or a playlist"),
    "a text in UTF-8, cut in a character": (b"a" + "ärgerlich ".encode() * 3000, "it is a text or a playlist"),
    "a playlist.m3u8": (b"#EXTM3U\n#EXTINF:4,\nseg.ts\n#EXT-X-ENDLIST\n", "it is a text or a playlist"),
    "an error page.mp4": (b"\n<!DOCTYPE html><html><body>404</body></html>" * 50, "it is a web page"),
    "mp4 without its index": (
        b"\0\0\0\x20ftypisom" + bytes(20) + b"\0\1\0\0mdat" + bytes(range(256)) * 80,
        "its end is",
    ),
    "reserved space.mp4": (bytes(100_000), "its end is missing"),
    "half.mp4.crdownload": (bytes(range(256)) * 80, "its end is missing"),
    "noise": (bytes(range(256)) * 80, "it is damaged, or no video"),
    "latin text": (b"caf\xe9 " * 3000, "it is damaged, or no video"),
}


@pytest.mark.parametrize("name", CONTENT)
def test_the_refusal_says_what_the_file_is(name, tmp_path):
    content, sentence = CONTENT[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(VideoError, match=f"cannot be read as a video: {sentence}") as refused:
        probe(path)
    assert "Invalid data" not in str(refused.value)
