"""The sentences that tell people what a summary could not do, or did in another way than they may expect."""

from __future__ import annotations

import os

from summdiff.features.files import VideoFeatures
from summdiff.options import Options
from summdiff.summary import clock
from summdiff.video import stated_duration

_MISSING_SECONDS, _MISSING_SHARE = 1.0, 0.02  # by which a file may end before the end that it states


def summary_warnings(
    path: str | os.PathLike[str],
    extracted: VideoFeatures,
    options: Options,
    *,
    by_sound: bool,
    conditioned: bool,
    alternatives: int,
    words: tuple[str, ...],
) -> tuple[str, ...]:
    """Return the sentences of `Summary.warnings`.

    Args:
        path, extracted, options: the video, what was found in it, and the options of the summary.
        by_sound: whether the scores come from the sound alone.
        conditioned: whether the scores took the constraints into account.
        alternatives: number of alternatives that were found.
        words: sentences about the words of the video; empty ones are left out.
    """
    warnings = list(extracted.notes)
    if by_sound:
        warnings.append("The video shows one picture throughout: its moments were chosen by their sound.")
    warnings += [sentence for sentence in (_missing_end(path, extracted.video.duration), *words) if sentence]
    if extracted.corrupt_frames:
        warnings.append(f"{extracted.corrupt_frames} damaged frames of the video were skipped.")
    if alternatives < options.alternatives:
        warnings.append(
            f"Found {alternatives} of {options.alternatives} alternatives that are good and different enough: "
            "allow more loss, or draw more samples."
        )
    if not conditioned:
        warnings.append(
            "This model cannot condition its scores on what is kept or dropped: only the selection follows it."
        )
    return tuple(warnings)


def _missing_end(path: str | os.PathLike[str], duration: float) -> str:
    """Return a sentence if a file states to last longer than the `duration` that could be read; else ''."""
    stated = stated_duration(path)
    if stated - duration <= max(_MISSING_SECONDS, _MISSING_SHARE * stated):
        return ""
    return (
        f"The file is cut short: it should last {clock(stated)} and ends at {clock(duration)}. "
        "Copy or download it again to get the rest."
    )
