"""A report that opens in any browser: one file, which loads nothing but the summary's mp4 from its own folder."""

from __future__ import annotations

import json
import math
import os
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from summdiff.atomic import write_file
from summdiff.export._curve import curve_paths
from summdiff.export._formats import Format, OnProgress
from summdiff.export._pages import REPORT_MARK, data_url, page
from summdiff.export._report_words import (
    about_scores,
    describe_alternative,
    model_rows,
    setting_rows,
    video_rows,
)
from summdiff.export._sources import cut_of, evenly_spread, key_moments, pictures_at, subtitles_of
from summdiff.export._strings import percent, printable
from summdiff.summary import Shot, Summary, clock

if TYPE_CHECKING:
    from summdiff.video import CutList

_MAX_ALL_SHOTS = 60  # with more, only the chosen ones are shown
_MAX_CARDS = 400
_MANY_PICTURES = 150  # more than this are smaller
_WHOLE_SHOT_SECONDS = 0.05  # less of a shot left out is not worth saying
_SEEK_SECONDS = 0.001  # into a shot, as browsers round the time of a seek


def write_report(summary: Summary, path: Path, on_progress: OnProgress) -> None:
    """Write the player, the curve, shots with pictures, alternatives, warnings, and scores and settings as details.

    The player loads `<name>.summary.mp4` from the same folder. All text from outside is escaped, and a content security
    policy allows no script but that of the page.
    """
    cut = cut_of(summary)
    with_left_out = len(summary.shots) <= _MAX_ALL_SHOTS
    shots = _shots(summary, cut, with_left_out=with_left_out)
    chosen = sum(shot.selected for shot in summary.shots)
    facts = {
        "title": printable(Path(summary.video.path).name),
        "duration": clock(summary.video.duration),
        "selected": clock(cut.duration),
        "share": percent(float(cut.duration) / summary.video.duration),
        "shots": len(summary.shots),
        "chosen": chosen,
    }
    poster = max((shot for shot in shots if shot["selected"]), key=lambda shot: shot["score"], default={"picture": ""})
    content = page(
        "report.html.j2",
        script="report.js",
        **facts,
        mark=REPORT_MARK,
        about=json.dumps({**facts, "poster": poster["picture"]}, ensure_ascii=False),
        movie=quote(os.fsencode(path.name.removesuffix(".html") + ".mp4")),
        large=_poster(summary),
        shape=f"{cut.width} / {cut.height}",
        curve=curve_paths(summary),
        with_left_out=with_left_out,
        shots_title=_shots_title(chosen, len(shots), with_left_out=with_left_out),
        shot_list=shots,
        cues=[{"start": float(cue.start), "end": float(cue.end), "text": cue.text} for cue in subtitles_of(summary)],
        alternatives=[describe_alternative(other) for other in summary.alternatives],
        warnings=summary.warnings,
        about_scores=about_scores(summary),
        tables=[
            ("Settings", setting_rows(summary)),
            ("Model", model_rows(summary.model)),
            ("Video", video_rows(summary, cut)),
        ],
    )
    write_file(path, content, errors="replace")


def _shots_title(chosen: int, shown: int, *, with_left_out: bool) -> str:
    if with_left_out:
        return "Shots"
    return "Chosen shots" if shown == chosen else f"{shown} of the {chosen} chosen shots"


def _shots(summary: Summary, cut: CutList, *, with_left_out: bool) -> list[dict[str, Any]]:
    """Return what the page shows of each shot; `at` is its start in seconds of the mp4, None if it is not chosen."""
    times = {moment.number: moment.time for moment in evenly_spread(key_moments(summary), _MAX_CARDS)}
    if with_left_out:
        times = {n: times.get(n, (shot.start + shot.end) / 2) for n, shot in enumerate(summary.shots, start=1)}
    side = 108 if len(times) <= _MANY_PICTURES else 72
    pictures = pictures_at(summary, list(times.values()), short_side=side)
    lowest, highest = min(shot.score for shot in summary.shots), max(shot.score for shot in summary.shots)
    return [
        {
            "number": number,
            "start": clock(shot.start),
            "end": clock(shot.end),
            "length": f"{shot.duration:.1f} s",
            "state": _state(summary, shot),
            "score": f"{shot.score:.2f}",
            "probability": percent(shot.probability),
            "share": round(100 * (shot.score - lowest) / (highest - lowest)) if highest > lowest else 100,
            "selected": shot.selected,
            "picture": data_url(picture),
            "at": _seek_time(shot, cut) if shot.selected else None,
        }
        for number, picture in zip(times, pictures, strict=True)
        for shot in [summary.shots[number - 1]]
    ]


def _state(summary: Summary, shot: Shot) -> str:
    """Return how much of a shot is chosen."""
    seconds = math.fsum(part.duration for part in summary.parts_of(shot))
    if not shot.selected:
        return "not included"
    return "✓ chosen" if seconds > shot.duration - _WHOLE_SHOT_SECONDS else f"✓ {seconds:.1f} s chosen"


def _seek_time(shot: Shot, cut: CutList) -> float | None:
    for part in cut.parts:
        if part.start < shot.end and part.end > shot.start:
            start = part.offset + max(Fraction(shot.start), part.start) - part.start
            return round(float(start) + _SEEK_SECONDS, 3)
    return None


def _poster(summary: Summary) -> str:
    """Return the picture that the player shows before it plays: that of the chosen shot with the highest score."""
    best = max(key_moments(summary), key=lambda moment: summary.shots[moment.number - 1].score)
    return data_url(next(pictures_at(summary, [best.time], short_side=360)))


FORMATS = (
    Format(
        "html",
        {"html": write_report},
        "report: player, curve, shots with pictures, alternatives, settings, warnings",
        opens_in="browsers",
    ),
)
