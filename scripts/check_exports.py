"""Summarize videos in every format, open each file with an independent reader, and print a table of the findings.

    python scripts/check_exports.py VIDEO... [-o FOLDER]

Timelines are compared frame by frame with the cut of the mp4; the mp4 is decoded and its frames are counted. The exit
code is 1 if a reader finds something unexpected.
"""

from __future__ import annotations

import argparse
import csv
import json
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from urllib.parse import unquote, urlparse
from xml.etree import ElementTree as ET

import av
import jsonschema
import opentimelineio as otio
from PIL import Image

from summdiff import Summarizer, Summary
from summdiff.export import built_in_formats, save, targets
from summdiff.video import CutList, cut_list, index_frames

Check = Callable[[Sequence[Path], Summary, CutList], str]


def same(found: object, meant: object, what: str) -> None:
    if found != meant:
        raise ValueError(f"{what}: {found} instead of {meant}")


def mp4(paths: Sequence[Path], summary: Summary, cut: CutList) -> str:
    index = index_frames(cut.path)
    times = index.ticks * float(index.clock.time_base)
    meant = sum(int(((times >= float(p.start) - 1e-6) & (times < float(p.end) - 1e-6)).sum()) for p in cut.parts)
    with av.open(str(paths[0])) as container:
        frames = sum(1 for _ in container.decode(video=0))
    same(frames, meant, "frames")
    with av.open(str(paths[0])) as container:
        same(bool(container.streams.audio), cut.sound is not None, "sound")
        tracks = len(container.streams.subtitles)
    return f"{frames} frames" + (", sound" if cut.sound else "") + (f", {tracks} subtitle tracks" if tracks else "")


def json_(paths: Sequence[Path], summary: Summary, cut: CutList) -> str:
    schema = Path(__file__).parents[1] / "docs" / "summary.schema.json"
    jsonschema.validate(json.loads(paths[0].read_text()), json.loads(schema.read_text()))
    return "valid"


def csv_(paths: Sequence[Path], summary: Summary, cut: CutList) -> str:
    counts = []
    for path in paths:
        with path.open(newline="") as file:
            counts.append(len(list(csv.DictReader(file))))
    same(counts, [len(summary.shots), len(summary.scores.times)], "rows")
    return f"{counts[0]} shots, {counts[1]} scores"


def picture(paths: Sequence[Path], summary: Summary, cut: CutList) -> str:
    with Image.open(paths[0]) as image:
        image.load()
        if getattr(image, "n_frames", 1) == 1:
            return f"{image.width}×{image.height}"
        size = paths[0].stat().st_size
        if size >= 5_000_000:
            raise ValueError(f"{size} bytes")
        return f"{image.width}×{image.height}, {image.n_frames} pictures, {size / 1e6:.1f} MB"


def svg(paths: Sequence[Path], summary: Summary, cut: CutList) -> str:
    same(ET.parse(paths[0]).getroot().tag, "{http://www.w3.org/2000/svg}svg", "root")
    return "parsed"


def html(paths: Sequence[Path], summary: Summary, cut: CutList) -> str:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        return "no Chromium here"
    with tempfile.TemporaryDirectory() as profile:
        result = subprocess.run(
            [
                *(browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=3000"),
                *(f"--user-data-dir={profile}", "--dump-dom", paths[0].resolve().as_uri()),
            ],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
    same(result.stdout.count('<span class="times">'), len(summary.shots), "shots")
    same('id="missing" class="warning" role="note" hidden' in result.stdout, True, "the player plays")
    return f"{len(summary.shots)} shots, player plays"


def cues(path: Path) -> int:
    if path.stat().st_size == 0:
        return 0
    with av.open(str(path)) as container:
        if not container.streams.subtitles:
            return 0
        return sum(1 for packet in container.demux(container.streams.subtitles[0]) if packet.size)


def vtt(paths: Sequence[Path], summary: Summary, cut: CutList) -> str:
    return f"{cues(paths[0])} chapters, {cues(paths[1])} cues"


def srt(paths: Sequence[Path], summary: Summary, cut: CutList) -> str:
    return f"{cues(paths[0])} cues"


def ffmetadata(paths: Sequence[Path], summary: Summary, cut: CutList) -> str:
    with av.open(str(paths[0]), format="ffmetadata") as container:
        chapters = container.chapters()
    same(chapters[-1]["end"] * chapters[-1]["time_base"], Fraction(round(cut.duration * 1000), 1000), "end")
    return f"{len(chapters)} chapters"


def txt(paths: Sequence[Path], summary: Summary, cut: CutList) -> str:
    with av.open(str(paths[0]), format="concat", options={"safe": "0"}) as container:
        next(container.decode(video=0))
    same(shlex.split(paths[1].read_text()).count("--download-sections"), len(cut.parts), "sections")
    return f"{len(cut.parts)} parts"


def timeline(name: str, adapter: str) -> Check:
    def check(paths: Sequence[Path], summary: Summary, cut: CutList) -> str:
        counted = float(cut.rate) if name != "edl" or cut.drop_frame else float(round(cut.rate))
        options = {"rate": counted} if name == "edl" else {}
        found = otio.adapters.read_from_file(str(paths[0]), adapter, **options)
        tracks = list(found.tracks)
        for track in tracks:
            clips = [
                (
                    int(clip.source_range.start_time.value) - cut.timecode,
                    int(clip.source_range.duration.value),
                    int(clip.range_in_parent().start_time.value),
                )
                for clip in track.find_clips()
            ]
            same(clips, [(part.first, part.frames, part.record) for part in cut.parts], track.name)
        if name != "edl":
            urls = {clip.media_reference.target_url for clip in found.find_clips()}
            same({unquote(urlparse(url).path) for url in urls}, {str(cut.path)}, "path")
        sounds = sum(track.kind == otio.schema.TrackKind.Audio for track in tracks)
        same(sounds > 0, cut.sound is not None, "sound")
        return f"{len(cut.parts)} clips, {sounds} sound tracks, {float(cut.rate):.6g} fps"

    return check


def fcpxml(paths: Sequence[Path], summary: Summary, cut: CutList) -> str:
    root = ET.parse(paths[0]).getroot()
    spine = root.find("library/event/project/sequence/spine")
    if spine is None:
        raise ValueError("no spine")
    found = [[Fraction(clip.attrib[key][:-1]) * cut.rate for key in ("start", "duration", "offset")] for clip in spine]
    same(found, [[cut.timecode + part.first, part.frames, part.record] for part in cut.parts], "clips")
    return f"{len(found)} clips, {float(cut.rate):.6g} fps"


def transcript(paths: Sequence[Path], summary: Summary, cut: CutList) -> str:
    sentences = summary.transcript.sentences if summary.transcript is not None else ()
    lines = paths[0].read_text(encoding="utf-8").splitlines()
    same(len(lines), max(len(sentences), 1), "lines")
    same(all(sentence.text in line for sentence, line in zip(sentences, lines, strict=False)), True, "text")
    return f"{len(sentences)} sentences"


CHECKS: dict[str, tuple[str, Check]] = {
    "mp4": ("PyAV, all frames decoded", mp4),
    "json": ("jsonschema", json_),
    "transcript": ("Python", transcript),
    "csv": ("Python's csv", csv_),
    "png": ("Pillow", picture),
    "svg": ("ElementTree", svg),
    "sheet": ("Pillow", picture),
    "gif": ("Pillow", picture),
    "webp": ("Pillow", picture),
    "html": ("headless Chromium", html),
    "vtt": ("FFmpeg's reader", vtt),
    "srt": ("FFmpeg's reader", srt),
    "ffmetadata": ("FFmpeg's reader", ffmetadata),
    "txt": ("FFmpeg's concat reader, shlex", txt),
    "otio": ("OpenTimelineIO", timeline("otio", "otio_json")),
    "edl": ("otio-cmx3600-adapter", timeline("edl", "cmx_3600")),
    "fcpxml": ("ElementTree (the DTD is Apple's)", fcpxml),
    "fcp7xml": ("otio-fcp-adapter", timeline("fcp7xml", "fcp_xml")),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("-o", "--output", type=Path, help="where the files are kept; a temporary folder otherwise")
    arguments = parser.parse_args()
    summarizer = Summarizer(cache=False)
    failures = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.output or Path(temporary)
        formats = tuple(built_in_formats())
        results: dict[str, list[str]] = {fmt: [] for fmt in formats}
        for video in arguments.videos:
            # Many short parts: more to go wrong.
            summary = summarizer.summarize(video, budget=0.3, value="mean")
            save(summary, folder, formats=formats, overwrite=True)
            cut = cut_list(summary.video.path, summary.selection)
            for fmt in formats:
                try:
                    said = CHECKS[fmt][1](targets(folder, video.stem, [fmt]), summary, cut)
                except Exception as error:  # whatever a reader says goes into the table
                    said, failures = f"**{error}**", failures + 1
                results[fmt].append(said)
    names = [video.name for video in arguments.videos]
    print("| format | reader | " + " | ".join(names) + " |")
    print("|" + "---|" * (2 + len(names)))
    for fmt, row in results.items():
        print(f"| `{fmt}` | {CHECKS[fmt][0]} | " + " | ".join(row) + " |")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
