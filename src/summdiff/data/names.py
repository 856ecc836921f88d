"""Names by which other files may call a data set's videos: title, YouTube id, or a path."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from summdiff.data.summe import TITLES
from summdiff.errors import DataError

if TYPE_CHECKING:
    from summdiff.data.h5 import AnnotatedFile

_T = TypeVar("_T")
_SUMME = {f"video_{number}": title for number, title in enumerate(TITLES, start=1)}
_SUFFIXES = (".mp4", ".webm", ".mkv", ".avi", ".mov", ".npy", ".npz", ".h5", ".mat", ".csv", ".json", ".txt")


class VideoNames:
    """The videos of a file by any of their names.

    A video is found by its name in the file, its title, its YouTube id or, in SumMe, the title of `video_k`; also as
    the last part of a path, with a suffix such as `.mp4`, and with underscores for spaces. Titles ignore case.
    """

    def __init__(self, data: AnnotatedFile) -> None:
        """Read nothing yet: titles are read when a name is not in the file."""
        self._data = data

    def find(self, key: str) -> str | None:
        """Return the name in the file of a video, or None."""
        last = key.replace("\\", "/").rstrip("/").rpartition("/")[2]
        stem = last
        while stem.lower().endswith(_SUFFIXES):
            stem = stem.rpartition(".")[0]
        for name in (key, last, stem):
            if name in self._own:
                return name
        return next((self._others[name] for name in (last, stem, _plain(stem)) if name in self._others), None)

    def rename(self, by_key: Iterable[tuple[str, _T]], source: str) -> dict[str, _T]:
        """Return values by the names in the file; keys that are no video of it stay as they are.

        Args:
            by_key: keys and values.
            source: where the keys are from, for errors.

        Raises:
            DataError: two keys are the same video.
        """
        renamed: dict[str, _T] = {}
        keys: dict[str, str] = {}
        for key, value in by_key:
            name = self.find(key) or key
            if name in renamed:
                raise DataError(f"{source} names {name} twice, as '{keys[name]}' and as '{key}'.")
            renamed[name], keys[name] = value, key
        return renamed

    @cached_property
    def _own(self) -> frozenset[str]:
        return frozenset(self._data.names)

    @cached_property
    def _others(self) -> dict[str, str]:
        """Name in the file by title and id; names of several videos are left out."""
        found: dict[str, set[str]] = {}
        for name in self._data.names:
            group = self._data.group(name)
            texts = {group.text(key) for key in ("title", "video_name", "youtube_id")}
            if self._data.kind == "summe":
                texts.add(_SUMME.get(name, ""))
            for text in texts - {""}:
                for key in (text, _plain(text)):
                    found.setdefault(key, set()).add(name)
        return {key: names.pop() for key, names in found.items() if len(names) == 1}


def _plain(text: str) -> str:
    return text.casefold().replace(" ", "_")
