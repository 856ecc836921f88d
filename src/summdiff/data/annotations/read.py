"""Read annotations; the path determines the format."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Literal

from summdiff.data.annotations.record import VideoAnnotations
from summdiff.errors import DataError, reason

Source = Literal["tvsum_tsv", "tvsum_mat", "summe_mat", "csv", "json"]

_BY_SUFFIX: dict[str, Source] = {".tsv": "tvsum_tsv", ".csv": "csv", ".json": "json"}
_MODULES: dict[Source, str] = {
    "tvsum_tsv": "tvsum_tsv",
    "tvsum_mat": "tvsum_mat",
    "summe_mat": "summe_mat",
    "csv": "table",
    "json": "nested",
}


def read_annotations(path: str | os.PathLike[str]) -> dict[str, VideoAnnotations]:
    """Return every video's annotations by name, in the order of the source.

    Args:
        path: `ydata-tvsum50-anno.tsv` or `ydata-tvsum50.mat` (TVSum); a folder with SumMe's `GT/*.mat`, or one of
            them; the user's own .csv or .json (see `table` and `nested`).

    Raises:
        DataError: the source is missing or has another form, or a library is missing.
    """
    source = source_of(path)
    read: Callable[[Path], dict[str, VideoAnnotations]] = import_module(
        f"summdiff.data.annotations.{_MODULES[source]}"
    ).read
    try:
        return read(Path(path))
    except OSError as error:
        raise DataError(f"The annotations '{path}' cannot be read: {reason(error)}.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"The annotations '{path}' are not text in UTF-8.") from error
    except ValueError as error:
        raise DataError(f"The annotations '{path}' cannot be read: {error}.") from error


def source_of(path: str | os.PathLike[str]) -> Source:
    """Return the format of a source.

    Raises:
        DataError: the source is missing, or its format is unknown.
    """
    path = Path(path)
    if path.is_dir():
        return "summe_mat"
    if not path.is_file():
        raise DataError(f"There are no annotations '{path}'.")
    if path.suffix.lower() == ".mat":
        # TVSum has one file for all videos, SumMe one per video.
        from summdiff.data.annotations.tvsum_mat import is_tvsum

        return "tvsum_mat" if is_tvsum(path) else "summe_mat"
    known = _BY_SUFFIX.get(path.suffix.lower())
    if known is None:
        raise DataError(
            f"'{path}' is not a known format of annotations: give TVSum's ydata-tvsum50-anno.tsv or ydata-tvsum50.mat, "
            "the folder with SumMe's GT/*.mat, a .csv or a .json."
        )
    return known
