"""Measure whether the same film gives the same summary, whoever encoded it (docs/selection.md).

    python scripts/stability.py FILM... [--select intervals shots] [--seeds 1 2] [--output results/selection]

Each film is encoded again: compressed hard (x264, CRF 28), halved in size, started half a second later, and
brightened by a fifth; all but the first almost without loss. Each copy is summarized as the film itself is, with the
default options. Measured are the share of the film's summary, in seconds, that the copy's summary shows too, and
Spearman's rho of the two curves of importance. The film with other seeds is measured likewise. Writes stability.csv,
stability.json and stability.md, and, if the output is results/selection, the table in docs/selection.md.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import av
import numpy as np
from page_tables import put_table

from summdiff._version import __version__
from summdiff.atomic import written_whole
from summdiff.errors import SummdiffError
from summdiff.features.cache import FeatureCache
from summdiff.metrics.rank import spearman_rho
from summdiff.pipeline import Summarizer
from summdiff.summary import Summary

REPOSITORY = Path(__file__).resolve().parents[1]
RESULTS, PAGE = REPOSITORY / "results" / "selection", REPOSITORY / "docs" / "selection.md"


@dataclass(frozen=True)
class Change:
    """A way to encode a film again.

    Attributes:
        name: heading in tables.
        filter: name and arguments of a filter of FFmpeg's.
        shrink: by how much width and height shrink.
        crf: quality of x264; 12 is nearly lossless.
        start: seconds that are cut off at the start.
    """

    name: str
    filter: tuple[str, str] = ("null", "")
    shrink: int = 1
    crf: int = 12
    start: float = 0.0


CHANGES = (
    Change("x264, CRF 28", crf=28),
    Change("half size", ("scale", "trunc(iw/4)*2:trunc(ih/4)*2"), shrink=2),
    Change("half a second later", start=0.5),
    Change("brighter", ("lutyuv", r"y=clip((val-16)*1.2+16\,16\,235)")),
)
SEED = "another seed"


@dataclass(frozen=True)
class Row:
    """One copy of one film, or the film with another seed.

    Attributes:
        film: name of the film.
        selection: `select` of the options.
        change: name of the change.
        shared: share of the film's summary that is chosen again, in [0, 1].
        rho: Spearman's rho of the curves.
    """

    film: str
    selection: str
    change: str
    shared: float
    rho: float


def encode(film: Path, target: Path, change: Change) -> None:
    """Write a film again: pictures changed and encoded by x264, the first sound copied."""
    with av.open(str(film)) as source, av.open(str(target), "w") as output:
        pictures, sound = source.streams.best("video"), source.streams.best("audio")
        graph = av.filter.Graph()
        graph.link_nodes(
            graph.add_buffer(template=pictures),
            graph.add(*change.filter),
            graph.add("format", "yuv420p"),
            graph.add("buffersink"),
        ).configure()
        video = output.add_stream("libx264", rate=pictures.average_rate)
        video.codec_context.options = {"crf": str(change.crf), "preset": "veryfast"}
        video.width, video.height = (size // (2 * change.shrink) * 2 for size in (pictures.width, pictures.height))
        video.pix_fmt, video.codec_context.time_base = "yuv420p", pictures.time_base
        copied = None if sound is None else output.add_stream_from_template(sound)
        first = None  # seconds of the first picture
        for packet in source.demux([stream for stream in (pictures, sound) if stream is not None]):
            if packet.stream is sound:
                at = None if packet.pts is None else float(packet.pts * packet.time_base)
                if at is not None and at >= change.start:
                    shift = round(change.start / packet.time_base)
                    packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, copied
                    output.mux(packet)
                continue
            for frame in packet.decode():
                first = frame.time if first is None else first
                if frame.time - first < change.start - 1e-6:
                    continue
                graph.push(frame)
                picture = graph.pull()
                picture.pts -= round(change.start / picture.time_base)
                picture.pict_type = 0
                output.mux(video.encode(picture))
        output.mux(video.encode(None))


def shared(summary: Summary, copy: Summary, start: float) -> float:
    """Return the share of a summary's seconds that the copy, which starts `start` seconds later, shows too."""
    both = sum(
        max(0.0, min(a.end, b.end + start) - max(a.start, b.start + start))
        for a in summary.selection
        for b in copy.selection
    )
    return both / sum(max(0.0, part.end - max(part.start, start)) for part in summary.selection)


def rho(summary: Summary, copy: Summary, start: float) -> float:
    """Return Spearman's rho of the curves at the steps of the summary that the copy shows too."""
    times, theirs = np.array(summary.scores.times), np.array(copy.scores.times) + start
    both = (times >= theirs[0]) & (times <= theirs[-1])
    return float(spearman_rho(np.interp(times[both], theirs, copy.scores.mean), np.array(summary.scores.mean)[both]))


def measure(film: Path, selections: Sequence[str], seeds: Sequence[int], folder: Path) -> Iterator[Row]:
    """Yield the rows of one film; copies are written to a folder."""
    summarizer = Summarizer(cache=FeatureCache(folder / "cache"))
    originals = {name: summarizer.summarize(film, select=name) for name in selections}
    for change in CHANGES:
        copy = folder / f"{film.stem}.mkv"
        encode(film, copy, change)
        for name, original in originals.items():
            again = summarizer.summarize(copy, select=name)
            yield Row(
                film.name, name, change.name, shared(original, again, change.start), rho(original, again, change.start)
            )
        copy.unlink()
    for name, original in originals.items():
        others = [summarizer.summarize(film, select=name, seed=seed) for seed in seeds]
        yield Row(
            film.name,
            name,
            SEED,
            float(np.mean([shared(original, other, 0.0) for other in others])),
            float(np.mean([rho(original, other, 0.0) for other in others])),
        )


def table(rows: Sequence[Row]) -> str:
    """Return the means over films as Markdown, with each film's mean over the changes."""
    names = [change.name for change in CHANGES]
    selections, films = list(dict.fromkeys(r.selection for r in rows)), list(dict.fromkeys(r.film for r in rows))

    def mean(of: Sequence[float]) -> str:
        return f"{np.mean(of):.2f}"

    lines = [f"| {len(films)} films | " + " | ".join((*names, "mean", SEED)) + " |", "|---" * (len(names) + 3) + "|"]
    for selection in selections:
        own = [r for r in rows if r.selection == selection]
        cells = [mean([r.shared for r in own if r.change == name]) for name in names]
        cells += [mean([r.shared for r in own if r.change in names]), mean([r.shared for r in own if r.change == SEED])]
        lines.append(f"| {selection} | " + " | ".join(cells) + " |")
    cells = [mean([r.rho for r in rows if r.change == name]) for name in names]
    cells += [mean([r.rho for r in rows if r.change in names]), mean([r.rho for r in rows if r.change == SEED])]
    lines += ["| *rho of the curves* | " + " | ".join(cells) + " |", ""]
    lines += ["| mean of the changes | " + " | ".join(films) + " |", "|---" * (len(films) + 1) + "|"]
    for selection in selections:
        own = [r for r in rows if r.selection == selection and r.change in names]
        lines.append(
            f"| {selection} | " + " | ".join(mean([r.shared for r in own if r.film == f]) for f in films) + " |"
        )
    return "\n".join(lines)


def write(rows: Sequence[Row], films: Sequence[Path], seeds: Sequence[int], output: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    document = {
        "command": "python scripts/stability.py " + " ".join(film.name for film in films),
        "summdiff": __version__,
        "films": {film.name: hashlib.sha256(film.read_bytes()).hexdigest() for film in films},
        "changes": [asdict(change) for change in CHANGES],
        "seeds": [0, *seeds],
        "rows": [asdict(row) for row in rows],
    }
    with io.StringIO() as text:
        writer = csv.DictWriter(text, list(asdict(rows[0])), lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) | {"shared": f"{row.shared:.4f}", "rho": f"{row.rho:.4f}"} for row in rows)
        lines = text.getvalue()
    files = {"stability.csv": lines, "stability.md": table(rows) + "\n"}
    files["stability.json"] = json.dumps(document, indent=1) + "\n"
    for name, content in files.items():
        with written_whole(output / name) as partial:
            partial.write_text(content, encoding="utf-8")
    if output.resolve() == RESULTS:
        put_table(PAGE, "stability", table(rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("films", type=Path, nargs="+")
    parser.add_argument("--select", nargs="+", default=["intervals", "shots"], help="selections (default: both)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2], help="seeds besides 0 (default: 1 2)")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder (default: results/selection)")
    args = parser.parse_args()
    rows: list[Row] = []
    try:
        for film in args.films:
            with tempfile.TemporaryDirectory() as folder:
                for row in measure(film, args.select, args.seeds, Path(folder)):
                    rows.append(row)
                    print(f"{row.film:32}{row.selection:12}{row.change:22}{row.shared:6.2f}{row.rho:7.3f}", flush=True)
        write(rows, args.films, args.seeds, args.output)
    except SummdiffError as error:
        sys.exit(str(error))
    print(table(rows))


if __name__ == "__main__":
    main()
