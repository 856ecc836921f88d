"""Tags of a file: title, date and the like, and the place where it was filmed."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

from summdiff.video._container import open_input
from summdiff.video._streams import video_stream

# The tags of an mp4, each with the names that it has in other containers, the best one first.
_NAMES = {
    "title": ("title", "displayname"),
    "date": ("date", "creationdate", "date_recorded", "date_released", "originaldate", "year", "modification_date"),
    "creation_time": ("creation_time", "creationdate", "date_recorded", "date", "modification_date"),
    "artist": ("artist", "author", "performer"),
    "comment": ("comment",),
    "description": ("description", "summary", "subject"),
    **{
        name: (name,)
        for name in (
            "album", "album_artist", "composer", "copyright", "episode_id", "genre", "grouping", "keywords", "lyrics",
            "network", "show", "synopsis",
        )
    },
}  # fmt: skip
_LOCATIONS = ("location.iso6709", "location", "recording_location")
_PREFIX = "com.apple.quicktime."
_LANGUAGE = re.compile(r"-[a-z]{3}$")
_ISO_6709 = re.compile(r"[+-]\d{2,6}(\.\d+)?[+-]\d{3,7}(\.\d+)?([+-]\d+(\.\d+)?)?(CRS\w+)?/?")
_COORDINATES = re.compile(
    rf"{_ISO_6709.pattern}|\bgeo:|\b(gps\w*|lat(itude)?|lon(g(itude)?)?)\b\W{{0,4}}\d{{1,3}}[.,°]\s?\d", re.IGNORECASE
)


def names_a_place(text: str) -> bool:
    """Whether a text has geographical coordinates."""
    return _COORDINATES.search(text) is not None


def read_tags(path: str | os.PathLike[str], *, keep_location: bool) -> dict[str, str]:
    """Read the tags of a file under the names that an mp4 has for them: title, date, creation_time and the like.

    Args:
        path: a video file.
        keep_location: also return where it was filmed, as "location". Otherwise no tag with coordinates is returned.

    Raises:
        VideoError: the file cannot be read.
    """
    with open_input(path) as container:
        stream = video_stream(container)
        tags = _plain_names(stream.metadata) | _plain_names(container.metadata)  # Ogg has them in its streams
    found = {}
    for name, others in _NAMES.items():
        values = (tags[other] for other in others if tags.get(other))
        usable = (value for value in values if keep_location or not names_a_place(value))
        times = (_utc(value) for value in usable) if name == "creation_time" else usable
        if value := next((value for value in times if value), None):
            found[name] = value
    if keep_location:
        places = (tags.get(name, "").strip() for name in _LOCATIONS)
        if place := next(filter(_ISO_6709.fullmatch, places), None):
            found["location"] = place
    return found


def _plain_names(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return tags by names in lower case, without Apple's prefix and without the language."""
    return {_LANGUAGE.sub("", key.lower().removeprefix(_PREFIX)): value for key, value in metadata.items()}


def _utc(text: str) -> str | None:
    """Return a date with a time as FFmpeg's muxers take it; None for anything else."""
    with suppress(ValueError, OverflowError):
        if len(text.strip()) > len("2024-05-06"):
            moment = datetime.fromisoformat(text.strip().replace("/", "-"))
            return (moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()
    return None
