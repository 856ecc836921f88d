"""Subtitles, chapters and lists, read by FFmpeg and by their grammar."""

import re
import shlex
from fractions import Fraction
from pathlib import Path

import av
import pytest

from summdiff.export import save
from video_frames import pictures

CHOSEN = [(0.4, 1.2), (2.0, 3.0)]


def parse_cues(text, *, comma):
    """Return (start, end, text) of each cue of SubRip or WebVTT, by the rules of their grammar."""
    point = "," if comma else r"\."
    stamp = rf"(\d\d):(\d\d):(\d\d){point}(\d\d\d)"
    cues = []
    for block in re.split(r"\n{2,}", text.strip()):
        lines = block.split("\n")
        while lines and "-->" not in lines[0]:
            lines.pop(0)
        if lines:
            match = re.fullmatch(rf"{stamp} --> {stamp}", lines[0])
            fields = list(map(int, match.groups()))
            times = [(a * 3600 + b * 60 + c) + d / 1000 for a, b, c, d in (fields[:4], fields[4:])]
            assert all("-->" not in line for line in lines[1:])
            cues.append((*times, "\n".join(lines[1:])))
    return cues


def read_by_ffmpeg(path):
    """Return (start, end) of each cue, read by FFmpeg."""
    with av.open(str(path)) as container:
        stream = container.streams.subtitles[0]
        return [
            (float(p.pts * p.time_base), float((p.pts + p.duration) * p.time_base))
            for p in container.demux(stream)
            if p.size
        ]


def test_subtitles_and_chapters_have_the_times_of_the_summary(captioned, tmp_path):
    srt, chapters, subtitles = save(captioned, tmp_path / "out", formats=["srt", "vtt"])
    assert srt.name == "captioned.summary.srt"
    found = parse_cues(srt.read_text(encoding="utf-8"), comma=True)
    assert found == [(0.2, 0.5, "One & <two> -> 日本"), (0.6, 1.2, "Over\nthe gap")]
    assert read_by_ffmpeg(srt) == [(0.2, 0.5), (0.6, 1.2)]
    text = subtitles.read_text(encoding="utf-8")
    assert text.startswith("WEBVTT\n\n")
    assert parse_cues(text, comma=False) == [
        (0.2, 0.5, "One &amp; &lt;two&gt; --&gt; 日本"),
        (0.6, 1.2, "Over\nthe gap"),
    ]
    assert read_by_ffmpeg(subtitles) == [(0.2, 0.5), (0.6, 1.2)]
    assert parse_cues(chapters.read_text(encoding="utf-8"), comma=False) == [
        (0.0, 0.4, "A = b; #1 \\ &amp; &lt;x&gt;"),
        (0.4, 0.8, "日本"),
        (0.8, 1.8, "End"),
    ]


def test_a_video_without_subtitles_gives_files_without_cues(film, tmp_path):
    srt, _, subtitles = save(film, tmp_path, formats=["srt", "vtt"])
    assert srt.read_text() == ""
    assert "no text subtitles" in subtitles.read_text(encoding="utf-8")


def test_ffmetadata_is_read_by_ffmpeg(captioned, film, tmp_path):
    for summary, titles in ((captioned, ["A = b; #1 \\ & <x>", "日本", "End"]), (film, ["0:00 – 0:01", "0:02 – 0:03"])):
        (path,) = save(summary, tmp_path / "out", formats=["ffmetadata"])
        with av.open(str(path), format="ffmetadata") as container:
            assert container.metadata["title"] == Path(summary.video.path).stem
            chapters = container.chapters()
        assert [chapter["metadata"]["title"] for chapter in chapters] == titles
        assert next(chapter["start"] * chapter["time_base"] for chapter in chapters) == 0
        assert chapters[-1]["end"] * chapters[-1]["time_base"] == Fraction(9, 5)


@pytest.mark.parametrize("start", [0.0, 2.0])
def test_concat_list_is_read_by_ffmpeg(start, nasty, summary_of, tmp_path):
    # All frames are key frames, since FFmpeg would show the frames from the last key frame before a part.
    path, film = nasty("it's 100% #1 & 日本.mkv", gop=1, start=start)
    concat, _ = save(summary_of(path, CHOSEN), tmp_path / "out", formats=["txt"])
    with av.open(str(concat), format="concat", options={"safe": "0"}) as container:
        shown = [film.number(image) for image in pictures(container.decode(video=0))]
    assert shown == [*range(10, 30), *range(50, 75)]


def test_sections_are_options_of_yt_dlp(film, tmp_path):
    _, sections = save(film, tmp_path, formats=["txt"])
    assert shlex.split(sections.read_text(), comments=True) == [
        "--download-sections",
        "*0.400000-1.200000",
        "--download-sections",
        "*2.000000-3.000000",
        "--force-keyframes-at-cuts",
    ]
