"""Matching of videos to annotations, and names of the groups."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from summdiff.data.annotations import VideoAnnotations, source_of
from summdiff.data.summe import TITLES
from summdiff.errors import DataError, UsageError

SourceKind = Literal["tvsum", "summe", "other"]

TVSUM_SCALE = (1.0, 5.0)  # lowest and highest score of TVSum's annotators


def group_names(names: Sequence[str], kind: SourceKind) -> dict[str, str]:
    """Return the group of each annotated video, given their names in the order of the source; see `convert`."""
    if kind == "summe":
        order = list(TITLES) if set(names) <= set(TITLES) else sorted(names)
    elif kind == "tvsum":
        order = list(names)
    else:
        order = sorted(names, key=_natural)
    return {name: f"video_{order.index(name) + 1}" for name in names}


def _natural(name: str) -> list[str | int]:
    """Return a sort key that puts `clip 9.mp4` before `clip 10.mp4`."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


def match_videos(videos: Sequence[Path], annotated: Mapping[str, Any]) -> tuple[dict[str, Path], list[str]]:
    """Return the file of each annotated video, in the order of the annotations, and the names of unannotated files."""
    names = {_composed(name): name for name in annotated}
    files: dict[str, Path] = {}
    unannotated = []
    for path in videos:
        name = names.get(_composed(path.stem)) or names.get(_composed(path.name))
        if name is None:
            unannotated.append(path.name)
        elif name in files:
            raise UsageError(f"Both '{files[name]}' and '{path}' have the name '{name}': leave one out.")
        else:
            files[name] = path
    if not files:
        examples = f"'{videos[0]}', …" if videos else "none"
        raise DataError(
            f"No video ({examples}) has a name of the annotations, such as '{next(iter(annotated))}' and a suffix."
        )
    return {name: files[name] for name in annotated if name in files}, unannotated


def _composed(name: str) -> str:
    """Return the composed form of a name: some file systems decompose letters with accents."""
    return unicodedata.normalize("NFC", name)


def source_kind(annotations: Path) -> SourceKind:
    """Return the kind of data set that the annotations' format belongs to."""
    source = source_of(annotations)
    return "tvsum" if source in {"tvsum_tsv", "tvsum_mat"} else "summe" if source == "summe_mat" else "other"


def with_score_range(
    annotated: dict[str, VideoAnnotations], path: Path, kind: SourceKind, score_range: tuple[float, float] | None
) -> dict[str, VideoAnnotations]:
    """Return the annotations with the requested range of scores.

    Raises:
        DataError: `kind` or the range does not fit the annotations.
    """
    scored = next(iter(annotated.values())).scored
    if kind == "tvsum" and not scored:
        raise DataError(f"'{path}' has no scores, which --kind tvsum needs: leave it out.")
    if not scored:
        if score_range is not None:
            raise DataError(f"'{path}' has no scores: leave out the score range.")
        return annotated
    if kind == "summe":
        raise DataError(f"'{path}' has scores, but --kind summe needs chosen parts: leave it out.")
    if score_range is None and kind == "tvsum":
        score_range = TVSUM_SCALE
    if score_range is None:
        return annotated
    return {name: video.within(*score_range) for name, video in annotated.items()}
