"""A report that opens in any browser, and the index page of all reports in a folder.

A report is one file. It loads nothing but the summary's mp4 from its own folder.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from html.parser import HTMLParser
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from summdiff._untrusted import open_regular, parse_json
from summdiff.atomic import write_file
from summdiff.errors import OutputError
from summdiff.export._formats import Format, OnProgress
from summdiff.export._sources import cut_of, evenly_spread, key_moments, pictures_at, subtitles_of
from summdiff.export._strings import printable
from summdiff.summary import Interval, Shot, Summary, clock

if TYPE_CHECKING:
    import numpy as np
    from jinja2 import Template
    from numpy.typing import NDArray

    from summdiff.video import CutList

_MAX_PICTURES = 400
_WHOLE_SHOT_SECONDS = 0.05  # less of a shot left out is not worth saying
_MANY_PICTURES = 150  # more than this are smaller
_MAX_STEPS = 1000  # of the curve: about one per pixel
_WIDTH, _HEIGHT = 1000, 160  # of the curve, in its own units
_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)  # seconds between labels
_CARD = (
    "The default model is SummDiff, a diffusion model. Starting from noise, it denoises one importance score for every "
    "moment of the video, conditioned on how that moment relates to the rest of the video. Several curves are drawn; "
    "their mean decides and their spread is shown as the band. The model was trained on 50 web videos (TVSum), each "
    "rated by twenty people: news, how-to, sports, pets. It uses pictures only, not words or sound, so a talk filmed "
    "with one camera gives it little to go by. Films and lectures differ most from the videos of its training. People "
    "agree on importance only in part, with each other and with this model."
)

_INDEX_NAME = "index.html"
_REPORT_ENDING = ".summary.html"
_REPORT_MARK, _INDEX_MARK = "summdiff-report", "summdiff-index"  # names of the meta elements that identify our pages
_JPEG_URL = "data:image/jpeg;base64,"
_MARK_RANGE = 200_000  # bytes at the start of a page in which its mark is searched


def write_report(summary: Summary, path: Path, on_progress: OnProgress) -> None:
    """Write the curve, the shots with pictures, a player, the settings, a description of the model, and warnings.

    The player loads `<name>.summary.mp4` from the same folder. All text from outside is escaped, and a content security
    policy allows no script but that of the page.
    """
    cut = cut_of(summary)
    title = printable(Path(summary.video.path).name)
    shots = _shots(summary, cut)
    poster = next((shot["picture"] for shot in shots if shot["selected"] and shot["picture"]), "")
    facts = {
        "title": title,
        "duration": clock(summary.video.duration),
        "selected": clock(summary.selected_duration),
        "share": f"{summary.selected_duration / summary.video.duration:.0%}",
        "shots": len(summary.shots),
        "chosen": sum(shot.selected for shot in summary.shots),
    }
    script = _page_file("report.js")
    page = _template("report.html.j2").render(
        **facts,
        mark=_REPORT_MARK,
        about=json.dumps({**facts, "poster": poster}, ensure_ascii=False),
        policy=_security_policy(script),
        style=_page_file("pages.css"),
        script=script,
        movie=quote(os.fsencode(path.name.removesuffix(".html") + ".mp4")),
        large=_poster(summary),
        shape=f"{cut.width} / {cut.height}",
        curve=_curve(summary),
        shot_list=shots,
        cues=[{"start": float(cue.start), "end": float(cue.end), "text": cue.text} for cue in subtitles_of(summary)],
        alternatives=[
            {
                "parts": _spans(other.selection),
                "expected": f"{other.expected:.0%}",
                "overlap": f"{other.overlap:.0%}",
            }
            for other in summary.alternatives
        ],
        warnings=summary.warnings,
        card=_CARD if summary.model.get("id") == "default" else "",
        tables=[
            (
                "Settings",
                _rows({"budget": f"{summary.budget:.1%} of the duration", "seed": summary.seed, **summary.settings}),
            ),
            ("Model", _rows(summary.model)),
            ("Video", _video_rows(summary, cut)),
        ],
    )
    write_file(path, page, errors="replace")


def check_index(folder: Path, *, overwrite: bool) -> None:
    """Raise an OutputError if the folder has an `index.html` that summdiff did not write and must not replace."""
    path = folder / _INDEX_NAME
    if path.is_dir() or (path.exists() and not overwrite and _meta_content(path, _INDEX_MARK) is None):
        raise OutputError(
            f"'{path}' is there already and not from summdiff: use --overwrite or another folder with -o."
        )


def write_index(folder: Path) -> Path:
    """Write `index.html` with a link to every report in a folder and its sub-folders, also those of earlier runs.

    Raises:
        OutputError: the page cannot be written.
    """
    reports = [
        report
        for path in sorted(folder.rglob(f"*{_REPORT_ENDING}"), key=lambda path: (path.parent, _report_name(path)))
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and (report := _report_facts(path, folder)) is not None
    ]
    title = printable(Path(os.path.abspath(folder)).name) or "Summaries"  # noqa: PTH100
    page = _template("index.html.j2").render(
        title=title, mark=_INDEX_MARK, policy=_security_policy(""), style=_page_file("pages.css"), reports=reports
    )
    write_file(folder / _INDEX_NAME, page, errors="replace")
    return folder / _INDEX_NAME


def _page_file(name: str) -> str:
    """Read a file of the folder `pages`."""
    return (files("summdiff.export") / "pages" / name).read_text(encoding="utf-8")


@lru_cache
def _template(name: str) -> Template:
    """Load the template of a page; all values are escaped when they are filled in."""
    from jinja2 import Environment, StrictUndefined

    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(
        _page_file(name)
    )


def _security_policy(script: str) -> str:
    """Return a content security policy that allows this script, inline styles and pictures, and media in its folder."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        "media-src 'self' file:; base-uri 'none'; form-action 'none'"
    )


def _shots(summary: Summary, cut: CutList) -> list[dict[str, Any]]:
    """Return what the page shows of each shot; `at` is its start in seconds of the mp4, None if it is not chosen."""
    pictures = _pictures(summary)
    top = max((shot.score for shot in summary.shots), default=0.0) or 1.0
    return [
        {
            "number": number,
            "start": clock(shot.start),
            "end": clock(shot.end),
            "length": f"{shot.duration:.1f} s",
            "score": f"{shot.score:.2f}",
            "probability": f"{shot.probability:.0%}",
            "share": f"{100 * shot.score / top:.0f}",
            "selected": shot.selected,
            "chosen": _chosen(summary, shot),
            "picture": pictures.get(number, ""),
            "at": _place_in_summary(shot, cut),
        }
        for number, shot in enumerate(summary.shots, start=1)
    ]


def _chosen(summary: Summary, shot: Shot) -> str:
    """Return what is chosen of a shot: "chosen" for all of it, else its seconds."""
    seconds = math.fsum(part.duration for part in summary.parts_of(shot))
    return "chosen" if seconds > shot.duration - _WHOLE_SHOT_SECONDS else f"{seconds:.1f} s chosen"


def _place_in_summary(shot: Shot, cut: CutList) -> float | None:
    for part in cut.parts:
        if part.start < shot.end and part.end > shot.start:
            return round(float(part.offset + max(Fraction(shot.start), part.start) - part.start), 3)
    return None


def _pictures(summary: Summary) -> dict[int, str]:
    """Return pictures as data URLs by the number of their shot; if there are very many, of chosen shots only."""
    chosen = {moment.number: moment.time for moment in evenly_spread(key_moments(summary), _MAX_PICTURES)}
    times = dict(sorted(chosen.items()))
    if len(summary.shots) <= _MAX_PICTURES:
        times = {n: chosen.get(n, (shot.start + shot.end) / 2) for n, shot in enumerate(summary.shots, start=1)}
    side = 108 if len(times) <= _MANY_PICTURES else 72
    pictures = pictures_at(summary, list(times.values()), short_side=side)
    return {number: _data_url(picture) for number, picture in zip(times, pictures, strict=True)}


def _poster(summary: Summary) -> str:
    """Return the picture that the player shows before it plays: that of the chosen shot with the highest score."""
    best = max(key_moments(summary), key=lambda moment: summary.shots[moment.number - 1].score)
    return _data_url(next(pictures_at(summary, [best.time], short_side=360)))


def _data_url(picture: NDArray[np.uint8]) -> str:
    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, format="JPEG", quality=72)
    return _JPEG_URL + base64.b64encode(buffer.getvalue()).decode()


def _curve(summary: Summary) -> dict[str, Any]:
    """Return the SVG paths of the curve, in a box of 1000 × 160 units, and its time labels with places in percent."""
    import numpy as np

    duration = summary.video.duration
    mean, std = np.array(summary.scores.mean), np.array(summary.scores.std)
    edges = np.append(summary.scores.times, duration)
    if len(mean) > _MAX_STEPS:
        first = np.arange(_MAX_STEPS) * len(mean) // _MAX_STEPS
        counts = np.diff(np.append(first, len(mean)))
        mean, std = np.add.reduceat(mean, first) / counts, np.add.reduceat(std, first) / counts
        edges = np.append(edges[first], duration)
    low, high = max(0.0, float((mean - std).min())), min(1.0, float((mean + std).max()))
    margin = 0.08 * (high - low) + 0.01
    low, high = max(0.0, low - margin), min(1.0, high + margin)

    def across(seconds: float) -> float:
        return round(_WIDTH * min(max(seconds / duration, 0.0), 1.0), 1)

    def down(score: float) -> float:
        return round(_HEIGHT * (1 - (min(max(score, low), high) - low) / (high - low)), 1)

    def steps(values: Sequence[float]) -> str:
        return " ".join(f"V{down(value)} H{across(edge)}" for value, edge in zip(values, edges[1:], strict=True))

    upper, lower = mean + std, mean - std
    back = " ".join(
        f"V{down(value)} H{across(edge)}" for value, edge in zip(lower[::-1], edges[:-1][::-1], strict=True)
    )
    tick = next((step for step in _TICKS if duration / step <= 8), _TICKS[-1])
    return {
        "width": _WIDTH,
        "height": _HEIGHT,
        "band": f"M{across(edges[0])} {down(upper[0])} {steps(list(upper))} {back} Z",
        "line": f"M{across(edges[0])} {down(mean[0])} {steps(list(mean))}",
        "chosen": [(across(part.start), round(across(part.end) - across(part.start), 1)) for part in summary.selection],
        "low": f"{low:.2f}",
        "high": f"{high:.2f}",
        "ticks": [
            (round(100 * n * tick / duration, 2), clock(n * tick)) for n in range(int(duration * 0.97 / tick) + 1)
        ],
    }


def _rows(values: dict[str, Any]) -> list[tuple[str, str]]:
    return [(key.replace("_", " "), _setting(value)) for key, value in values.items() if value is not None]


def _setting(value: Any) -> str:
    """Return a setting as text for people; a list of intervals, such as the parts to keep, as times."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        if not value:
            return "none"
        if all(isinstance(part, dict) and part.keys() == {"start", "end"} for part in value):
            return _spans([Interval(float(part["start"]), float(part["end"])) for part in value])
    return json.dumps(value, ensure_ascii=False, default=str)


def _spans(parts: Sequence[Interval]) -> str:
    return ", ".join(f"{clock(part.start)} – {clock(part.end)}" for part in parts)


def _video_rows(summary: Summary, cut: CutList) -> list[tuple[str, str]]:
    sound = f"{cut.sound.rate} Hz, {cut.sound.channels} channels" if cut.sound else "none"
    rate = f"{float(cut.source_rate):.3f}".rstrip("0").rstrip(".")
    return [
        ("file", printable(str(cut.path))),
        ("duration", f"{summary.video.duration:.3f} s"),
        ("picture", f"{cut.width} × {cut.height}"),
        ("frames per second", rate if cut.steady else f"{rate} on average, varying"),
        ("sound", sound),
    ]


def _report_name(path: Path) -> str:
    return path.name.removesuffix(_REPORT_ENDING)


def _report_facts(path: Path, folder: Path) -> dict[str, Any] | None:
    """Return the facts for the index that a report stores about itself; None if the file is not one of our reports."""
    about = _meta_content(path, _REPORT_MARK)
    try:
        facts = parse_json(about) if about else None
    except ValueError:
        return None
    texts, counts = ("title", "duration", "selected", "share"), ("shots", "chosen")
    if not isinstance(facts, dict):
        return None
    if not all(isinstance(facts.get(key), str) for key in texts):
        return None
    if not all(isinstance(facts.get(key), int) for key in counts):
        return None
    poster = facts.get("poster")
    return {
        **{key: facts[key] for key in (*texts, *counts)},
        "name": printable(_report_name(path)),  # reports of alternatives have the same title
        "poster": poster if isinstance(poster, str) and poster.startswith(_JPEG_URL) else "",
        "href": "/".join(quote(os.fsencode(part)) for part in path.relative_to(folder).parts),
    }


def _meta_content(path: Path, name: str) -> str | None:
    """Return the content of a page's meta element of this name; None if it has none."""
    reader = _MetaReader(name)
    try:
        with open_regular(path) as file:
            reader.feed(file.read(_MARK_RANGE).decode("utf-8", errors="replace"))
    except OSError:
        return None
    return reader.content


class _MetaReader(HTMLParser):
    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self.content: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "meta" and attributes.get("name") == self._name and self.content is None:
            self.content = attributes.get("content") or ""


FORMATS = (
    Format(
        "html",
        {"html": write_report},
        "report: player, curve, all shots with pictures, settings, model, warnings",
        opens_in="browsers",
    ),
)
