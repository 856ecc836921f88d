"""A report that opens in any browser: one file that loads nothing but the summary's mp4 beside it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from summdiff.atomic import written_whole
from summdiff.export.captions import subtitles_of
from summdiff.export.moments import chosen_moments, thinned
from summdiff.export.names import plain
from summdiff.export.times import clock
from summdiff.summary import Interval, Shot, Summary
from summdiff.video import CutList, cut_list, stills

if TYPE_CHECKING:
    from jinja2 import Template
    from numpy.typing import NDArray

MARK = "summdiff-report"  # name of the meta element by which the index page knows a report
_MOST_PICTURES = 400
_MANY = 150  # shots from which on pictures get smaller
_MOST_STEPS = 1000  # of the curve: as many as there are pixels
_WIDTH, _HEIGHT = 1000, 160  # of the drawing, in its own units
_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
_CARD = (
    "The default model is SummDiff, a diffusion model: from noise it denoises one importance score for every moment of "
    "the video, conditioned on how that moment relates to the rest of it. Several curves are drawn; their mean decides "
    "and their spread is shown as the band. It learned from 50 web videos (TVSum) that twenty people each rated: news, "
    "how-to, sports, pets. It sees pictures, not words or sounds, so a talk filmed with one camera gives it little to "
    "go by, and films and lectures are further from what it knows. What is important remains a matter of taste: people "
    "agree on it only in part, and so do people and this model."
)


def write(summary: Summary, path: Path, *, on_progress: Callable[[float], None] | None = None) -> None:
    """Write curve, shots with pictures, player, settings, what the model is, and warnings.

    The player takes `<name>.summary.mp4` in the same folder. Everything that comes from outside is escaped, and a
    content security policy lets nothing run but the script of this page.
    """
    cut = cut_list(summary.video.path, summary.selection)
    title = plain(Path(summary.video.path).name)
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
    script = source("report.js")
    page = template("report.html.j2").render(
        **facts,
        mark=MARK,
        about=json.dumps({**facts, "poster": poster}, ensure_ascii=False),
        policy=policy(script),
        style=source("pages.css"),
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
    with written_whole(path) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="replace")


def source(name: str) -> str:
    """The text of a file of this folder."""
    return (files("summdiff.export") / "pages" / name).read_text(encoding="utf-8")


@lru_cache
def template(name: str) -> Template:
    """A page's template; everything that is filled in is escaped."""
    from jinja2 import Environment, StrictUndefined

    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(
        source(name)
    )


def policy(script: str) -> str:
    """The content security policy: one script, known by its hash, own styles, pictures inside, the mp4 beside."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        "media-src 'self' file:; base-uri 'none'; form-action 'none'"
    )


def _shots(summary: Summary, cut: CutList) -> list[dict[str, Any]]:
    """What the page shows of each shot; `at` is the second of the mp4 at which it begins, None where it is not in."""
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
            "picture": pictures.get(number, ""),
            "at": _place_in_summary(shot, cut),
        }
        for number, shot in enumerate(summary.shots, start=1)
    ]


def _place_in_summary(shot: Shot, cut: CutList) -> float | None:
    for part in cut.parts:
        if part.start < shot.end and part.end > shot.start:
            return round(float(part.offset + max(Fraction(shot.start), part.start) - part.start), 3)
    return None


def _pictures(summary: Summary) -> dict[int, str]:
    """Data URLs of one picture a shot, by its number; of the chosen ones only where there are very many."""
    chosen = {moment.number: moment.time for moment in thinned(chosen_moments(summary), _MOST_PICTURES)}
    times = dict(sorted(chosen.items()))
    if len(summary.shots) <= _MOST_PICTURES:
        times = {n: chosen.get(n, (shot.start + shot.end) / 2) for n, shot in enumerate(summary.shots, start=1)}
    side = 108 if len(times) <= _MANY else 72
    urls = {}
    for number, picture in zip(times, stills(summary.video.path, list(times.values()), short_side=side), strict=True):
        urls[number] = _data_url(picture)
    return urls


def _poster(summary: Summary) -> str:
    """What the player shows before it plays: the most important of the chosen shots."""
    best = max(chosen_moments(summary), key=lambda moment: summary.shots[moment.number - 1].score)
    return _data_url(next(stills(summary.video.path, [best.time], short_side=360)))


def _data_url(picture: NDArray[np.uint8]) -> str:
    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, format="JPEG", quality=72)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def _curve(summary: Summary) -> dict[str, Any]:
    """The paths of the drawing, in a box of 1000 by 160, and its marks of time in per cent."""
    duration = summary.video.duration
    mean, std = np.array(summary.scores.mean), np.array(summary.scores.std)
    edges = np.append(summary.scores.times, duration)
    if len(mean) > _MOST_STEPS:
        first = np.arange(_MOST_STEPS) * len(mean) // _MOST_STEPS
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
    return [(key.replace("_", " "), _told(value)) for key, value in values.items() if value is not None]


def _told(value: Any) -> str:
    """A value of the settings as a person reads it; spans of time, such as those to keep, as times."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        if not value:
            return "none"
        if all(isinstance(each, dict) and each.keys() == {"start", "end"} for each in value):
            return _spans([Interval(float(each["start"]), float(each["end"])) for each in value])
    return json.dumps(value, ensure_ascii=False, default=str)


def _spans(parts: Sequence[Interval]) -> str:
    return ", ".join(f"{clock(part.start)} – {clock(part.end)}" for part in parts)


def _video_rows(summary: Summary, cut: CutList) -> list[tuple[str, str]]:
    sound = f"{cut.sound.rate} Hz, {cut.sound.channels} channels" if cut.sound else "none"
    rate = f"{float(cut.source_rate):.3f}".rstrip("0").rstrip(".")
    return [
        ("file", plain(str(cut.path))),
        ("duration", f"{summary.video.duration:.3f} s"),
        ("picture", f"{cut.width} × {cut.height}"),
        ("frames per second", rate if cut.steady else f"{rate} on average, varying"),
        ("sound", sound),
    ]
