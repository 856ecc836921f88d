"""What each format holds, read back by something that knows it; and that a failure leaves nothing."""

from __future__ import annotations

import csv
import hashlib
import itertools
import json
import re
import shlex
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree as ET

import av
import numpy as np
import pytest
from PIL import Image

from caption_files import add_captions
from summdiff.errors import OutputError, SummdiffError, UsageError
from summdiff.export import FORMATS, check_formats, save, targets
from summdiff.export.sheet import _FONT, _font
from summdiff.summary import Interval, Summary

ROOT = Path(__file__).parents[2]
CHOSEN = [(0.4, 1.2), (2.0, 3.0)]
CUES = [(0.1, 0.3, "Gone"), (0.6, 0.9, "One & <two> --> 日本"), (1.0, 2.4, r"Over\Nthe gap")]
CHAPTERS = [(0.0, 0.8, "A = b; #1 \\ & <x>"), (0.8, 1.5, "日本"), (1.5, 1.9, "Lost"), (1.9, 4.0, "End")]


@pytest.fixture
def film(nasty, summary_of):
    path, _ = nasty()
    return summary_of(path, CHOSEN)


@pytest.fixture
def captioned(nasty, summary_of, tmp_path):
    path, _ = nasty("plain.mkv")
    source = add_captions(path, tmp_path / "captioned.mkv", tracks=[("eng", CUES)], chapters=CHAPTERS, codec="ass")
    return summary_of(source, CHOSEN)


def test_every_format_has_files_of_its_own():
    names = [path.name for path in targets(Path("out"), "x", FORMATS)]
    assert len(set(names)) == len(names)
    assert all(name.startswith("x.summary.") for name in names)
    assert check_formats(["all"]) == check_formats(["mp4", "all"]) == FORMATS


def test_all_of_them_at_once(film, tmp_path):
    before = Path(film.video.path).read_bytes()
    written = save(film, tmp_path / "out", formats=["all"])
    assert sorted(written) == sorted((tmp_path / "out").iterdir())
    assert written == targets(tmp_path / "out", Path(film.video.path).stem, FORMATS)
    assert Path(film.video.path).read_bytes() == before
    with pytest.raises(OutputError, match="--overwrite"):
        save(film, tmp_path / "out", formats=["otio"])
    again = {path.name: path.read_bytes() for path in written if path.suffix != ".mp4"}
    save(film, tmp_path / "again", formats=[fmt for fmt in FORMATS if fmt != "mp4"])
    for path in (tmp_path / "again").iterdir():
        assert path.read_bytes() == again[path.name], f"{path.suffix} differs from run to run"


def test_csv_has_shots_and_scores(film, tmp_path):
    shots, scores = save(film, tmp_path, formats=["csv"])
    with shots.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(float(row["start"]), float(row["end"]), row["selected"]) for row in rows] == [
        (0.0, 0.4, "0"),
        (0.4, 1.2, "1"),
        (1.2, 2.0, "0"),
        (2.0, 3.0, "1"),
        (3.0, 4.0, "0"),
    ]
    assert {row["probability"] for row in rows} == {"0.250000"}
    assert sum(float(row["kept"]) for row in rows) == pytest.approx(film.selected_duration)
    with scores.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["time"]) for row in rows] == list(film.scores.times)
    assert [float(row["mean"]) for row in rows] == pytest.approx(film.scores.mean, abs=1e-6)


def test_svg_is_a_drawing_with_text(film, tmp_path):
    (path,) = save(film, tmp_path, formats=["svg"])
    root = ET.parse(path).getroot()
    assert root.tag.endswith("svg")
    assert "日本" in path.read_text(encoding="utf-8")
    assert not [e for e in root.iter() for key, value in e.attrib.items() if key.endswith("href") and value[0] != "#"]


def test_a_name_in_any_script_warns_of_nothing(nasty, summary_of, tmp_path):
    path, _ = nasty("日本語 $x$ \udcff.mp4")
    save(
        summary_of(path, CHOSEN),
        tmp_path / "out",
        formats=["png", "svg", "sheet", "html", "otio", "edl", "fcpxml", "fcp7xml"],
    )


def test_sheet_shows_each_chosen_shot(film, tmp_path):
    (path,) = save(film, tmp_path, formats=["sheet"])
    with Image.open(path) as sheet:
        assert sheet.format == "JPEG"
        pixels = np.asarray(sheet.convert("RGB")).astype(int)
    # Two pictures of 320 by 180 on paper, side by side.
    paper = np.abs(pixels - pixels[2, 2]).max(axis=2) < 12
    row = ~paper[44 + 90]
    runs = [len(list(group)) for dark, group in itertools.groupby(row) if dark]
    assert len([length for length in runs if length > 250]) == 2


def test_the_sheets_font_has_what_its_labels_are_made_of():
    font = _font(14)
    missing = bytes(font.getmask("\uffff"))
    assert [letter for letter in "0:19 –…éßłЖΩ" if bytes(font.getmask(letter)) == missing] == []


def test_the_fonts_notice_names_its_file():
    assert hashlib.sha256(_FONT.read_bytes()).hexdigest() in _FONT.with_name("NOTICE.md").read_text()


def test_sheet_and_report_of_very_many_shots(nasty, summary_of, tmp_path):
    path, _ = nasty(fps=10, scenes=[(60.0, "forest")], size=(32, 32), sound=False)
    edges = [n / 10 for n in range(601)]
    summary = summary_of(path, [(edges[n], edges[n + 1]) for n in range(0, 600, 2)], shots=edges)
    sheet, report = save(summary, tmp_path / "out", formats=["sheet", "html"])
    with Image.open(sheet) as image:
        assert max(image.size) < 4000
    assert report.read_text(encoding="utf-8").count('<span class="times">') == 600


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_previews_move(kind, film, tmp_path):
    (path,) = save(film, tmp_path, formats=[kind])
    with Image.open(path) as image:
        assert (image.format, image.size) == (kind.upper(), (320, 180))
        assert image.info["loop"] == 0
        assert 1.6 <= image.n_frames / 8 <= 1.8


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_previews_stay_under_their_limit(kind, tmp_path, summary_of):
    """Noise is the worst that can be asked of them."""
    rng = np.random.default_rng(0)
    source = tmp_path / "noise.mkv"
    with av.open(str(source), "w") as output:
        stream = output.add_stream("ffv1", rate=8)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for n in range(8 * 14):
            frame = av.VideoFrame.from_ndarray(rng.integers(0, 256, (180, 320, 3), dtype=np.uint8))
            frame.pts, frame.time_base = n, Fraction(1, 8)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    (path,) = save(summary_of(source, [(0.0, 13.0)]), tmp_path / "out", formats=[kind])
    assert 500_000 < path.stat().st_size < 5_000_000
    with Image.open(path) as image:
        assert image.n_frames >= 85  # ten excerpts


def parse_cues(text, *, comma):
    """(start, end, text) of SubRip or WebVTT, by the rules of their grammar."""
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
    """The same through FFmpeg's own reader."""
    with av.open(str(path)) as container:
        stream = container.streams.subtitles[0]
        return [
            (float(p.pts * p.time_base), float((p.pts + p.duration) * p.time_base))
            for p in container.demux(stream)
            if p.size
        ]


def test_subtitles_as_files(captioned, tmp_path):
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
    # Every frame a key frame: with others, FFmpeg shows what it needs to get to the first one.
    path, film = nasty("it's 100% #1 & 日本.mkv", gop=1, start=start)
    concat, _ = save(summary_of(path, CHOSEN), tmp_path / "out", formats=["txt"])
    with av.open(str(concat), format="concat", options={"safe": "0"}) as container:
        shown = [film.number(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    assert shown == [*range(10, 30), *range(50, 75)]


def test_sections_are_options(film, tmp_path):
    _, sections = save(film, tmp_path, formats=["txt"])
    assert shlex.split(sections.read_text(), comments=True) == [
        "--download-sections",
        "*0.400000-1.200000",
        "--download-sections",
        "*2.000000-3.000000",
        "--force-keyframes-at-cuts",
    ]


def test_json_and_csv_need_no_video(film, tmp_path):
    Path(film.video.path).unlink()
    assert len(save(film, tmp_path / "out", formats=["json", "csv", "png", "svg"])) == 5
    with pytest.raises(SummdiffError, match="does not exist"):
        save(film, tmp_path / "other", formats=["edl"])
    assert list((tmp_path / "other").iterdir()) == []


def test_a_part_without_a_frame_is_one_sentence(film, tmp_path):
    empty = Summary(**{**{f: getattr(film, f) for f in film.__dataclass_fields__}, "selection": (Interval(9.0, 9.5),)})
    for fmt in ("otio", "txt", "html"):
        with pytest.raises(UsageError, match="no chosen part holds a frame"):
            save(empty, tmp_path / "out", formats=[fmt])
    assert list((tmp_path / "out").iterdir()) == []


def test_a_missing_extra_is_named_before_any_work(film, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "opentimelineio", None)
    with pytest.raises(UsageError, match=r"otio, edl needs more packages.*pip install 'summdiff\[export\]'"):
        save(film, tmp_path / "out", formats=["mp4", "otio", "edl"])
    assert not (tmp_path / "out").exists()
    assert save(film, tmp_path / "out", formats=["fcpxml", "html", "csv"])


FULL_DISK = """
import json, resource, signal, sys
from pathlib import Path
from summdiff.errors import OutputError
from summdiff.export import FORMATS, save
from summdiff.summary import Summary
summary, folder = Summary.from_json(sys.argv[1]), Path(sys.argv[2])
save(summary, folder / "warm", formats=FORMATS)  # caches of fonts and the like are written now
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))
said = {}
for fmt in FORMATS:
    try:
        save(summary, folder / "full", formats=[fmt])
    except OutputError as error:
        said[fmt] = str(error)
sys.stdout.write(json.dumps(said))
"""


def test_a_full_disk_leaves_nothing(captioned, tmp_path):
    (source,) = save(captioned, tmp_path, formats=["json"])
    result = subprocess.run(
        [sys.executable, "-c", FULL_DISK, source, tmp_path], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    said = json.loads(result.stdout)
    assert list(said) == list(FORMATS)
    assert all("cannot be written" in sentence for sentence in said.values())
    # csv is two files: the first may be whole before the second fails, but here neither fits.
    assert list((tmp_path / "full").iterdir()) == []


def test_the_command_that_checks_exports_finds_nothing_wrong(nasty, tmp_path):
    path, _ = nasty("it's 100% & <日本>.mp4", scenes=[(4.0, "forest"), (5.0, "street"), (4.0, "beach")])
    result = subprocess.run(
        [sys.executable, ROOT / "scripts" / "check_exports.py", path], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    rows = re.findall(r"^\| `(\w+)` \|", result.stdout, flags=re.M)
    assert rows == list(FORMATS)
