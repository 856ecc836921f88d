"""Which video belongs to which annotations, and what its group is called."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from summdiff.data.annotations import VideoAnnotations, source_of
from summdiff.data.summe import TITLES
from summdiff.errors import DataError, UsageError

Kind = Literal["tvsum", "summe", "other"]

TVSUM_SCALE = (1.0, 5.0)  # what TVSum's annotators could give


def group_names(names: Sequence[str], kind: Kind) -> dict[str, str]:
    """The group of each video, given all that are annotated in the order of the source; see `convert`."""
    if kind == "summe":
        order = list(TITLES) if set(names) <= set(TITLES) else sorted(names)
    elif kind == "tvsum":
        order = list(names)
    else:
        order = sorted(names, key=_natural)
    return {name: f"video_{order.index(name) + 1}" for name in names}


def _natural(name: str) -> list[str | int]:
    """Sort key: clip 9.mp4 before clip 10.mp4."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


def matched(videos: Sequence[Path], annotated: Mapping[str, Any]) -> tuple[dict[str, Path], list[str]]:
    """The file of each annotated video that has one, in the order of the annotations; and files without annotations."""
    names = {_composed(name): name for name in annotated}
    found: dict[str, Path] = {}
    strangers = []
    for path in videos:
        name = names.get(_composed(path.stem)) or names.get(_composed(path.name))
        if name is None:
            strangers.append(path.name)
        elif name in found:
            raise UsageError(f"Both '{found[name]}' and '{path}' are of the name '{name}'; leave one out.")
        else:
            found[name] = path
    if not found:
        given = f"'{videos[0]}', …" if videos else "none"
        raise DataError(
            f"No video ({given}) is named as the annotations name it: '{next(iter(annotated))}', … and an ending."
        )
    return {name: found[name] for name in annotated if name in found}, strangers


def _composed(name: str) -> str:
    """Some file systems take letters and accents apart."""
    return unicodedata.normalize("NFC", name)


def kind_of(annotations: Path) -> Kind:
    source = source_of(annotations)
    return "tvsum" if source in {"tvsum_tsv", "tvsum_mat"} else "summe" if source == "summe_mat" else "other"


def scaled(
    annotated: dict[str, VideoAnnotations], path: Path, kind: Kind, score_range: tuple[float, float] | None
) -> dict[str, VideoAnnotations]:
    """The annotations with the range of their scores as asked for."""
    scored = next(iter(annotated.values())).scored
    if kind == "tvsum" and not scored:
        raise DataError(f"'{path}' has no scores, which TVSum's annotators gave; leave out --kind tvsum.")
    if not scored:
        if score_range is not None:
            raise DataError(f"'{path}' has no scores, so a range of scores means nothing.")
        return annotated
    if kind == "summe":
        raise DataError(f"'{path}' has scores, while SumMe's annotators chose parts; leave out --kind summe.")
    if score_range is None and kind == "tvsum":
        score_range = TVSUM_SCALE
    if score_range is None:
        return annotated
    return {name: video.within(*score_range) for name, video in annotated.items()}
