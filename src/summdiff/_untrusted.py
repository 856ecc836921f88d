"""Files that may come from strangers: only regular files are opened, and what they take in memory is counted first.

A FIFO makes a reader wait for ever, a device has no end, and a small file can stand for a terabyte of zeros. Every
reader of the package opens its files here, or calls `check_regular` before a library opens them by name.
"""

from __future__ import annotations

import io
import json
import os
import stat
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

from summdiff._runtime import whole_number
from summdiff.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

BYTES_VARIABLE = "SUMMDIFF_MAX_FILE_BYTES"
_MOST_BYTES = 2**30
# Bytes that Python takes at most for what such a character of JSON announces: a number, an entry, a list, an object.
_JSON_BYTES = {",": 48, ":": 150, "[": 64, "{": 200}
_CELL_BYTES = 64  # the same for a cell of a table
_DAMAGED_ARRAYS = (OSError, LookupError, TypeError, AttributeError, EOFError, MemoryError, RuntimeError)


class Budget:
    """The memory that the contents of one file may take: $SUMMDIFF_MAX_FILE_BYTES, or 1 GiB.

    Raises:
        DataError: the variable is not a whole number above 0.
    """

    def __init__(self) -> None:
        self.most = self._left = whole_number(BYTES_VARIABLE, _MOST_BYTES, "bytes", error=DataError)

    def take(self, size: int) -> None:
        """Count memory before it is used.

        Args:
            size: bytes, copies included.

        Raises:
            ValueError: less than that is left.
        """
        if size > self._left:
            raise ValueError(
                f"it needs {self.most - self._left + size:,} bytes of memory, more than the limit of {self.most:,}: "
                f"set {BYTES_VARIABLE} to allow it"
            )
        self._left -= size


def check_regular(path: str | os.PathLike[str], *, most: int | None = None) -> None:
    """Check that a path is a regular file, before a library opens it by its name.

    Raises:
        OSError: it is not, it is missing, or it has more than `most` bytes.
    """
    try:
        _check(os.stat(path), most)  # noqa: PTH116  (Path.stat does the same)
    except ValueError as error:  # a name with a zero byte
        raise OSError("no file can have this name") from error


def open_regular(path: str | os.PathLike[str], *, most: int | None = None) -> io.BufferedReader:
    """Open a regular file for reading.

    Raises:
        OSError: it is not a regular file, it is missing, or it has more than `most` bytes.
    """
    check_regular(path)
    # Checked again once it is open: the path may lead elsewhere by then. Without waiting for a FIFO's other end.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = open(os.open(path, flags), "rb")  # noqa: PTH123, SIM115  (closed below or by the caller)
    try:
        _check(os.fstat(file.fileno()), most)
    except BaseException:
        file.close()
        raise
    return file


def read_bytes(path: str | os.PathLike[str], *, most: int | None = None) -> bytes:
    """Return the content of a regular file of at most `most` bytes, by default those of a `Budget`.

    Raises:
        OSError: as for `open_regular`.
    """
    most = Budget().most if most is None else most
    with open_regular(path, most=most) as file:
        content = file.read(most + 1)
    _check_size(len(content), most)  # a file that grows
    return content


def read_text(path: str | os.PathLike[str], *, most: int | None = None) -> str:
    """Return the text of a regular file in UTF-8, with or without a byte-order mark.

    Args:
        path: the file.
        most: bytes, by default an eighth of a `Budget`, as characters can take four bytes and are copied.

    Raises:
        OSError: as for `open_regular`.
        UnicodeDecodeError: it is not text in UTF-8.
    """
    return read_bytes(path, most=Budget().most // 8 if most is None else most).decode("utf-8-sig")


def read_table(path: str | os.PathLike[str]) -> str:
    """Return the text of a table of comma-separated values, whose cells are counted within a `Budget`.

    Raises:
        OSError, UnicodeDecodeError: as for `read_text`.
        ValueError: it has too many cells.
    """
    text = read_text(path)
    Budget().take(_CELL_BYTES * (text.count(",") + text.count("\n")))
    return text


def parse_json(text: str | bytes, **options: Any) -> Any:
    """Parse JSON as `json.loads` does, within a `Budget`.

    Raises:
        ValueError: it is not JSON, is nested too deeply, has a number of thousands of digits, or needs too much memory.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    Budget().take(sum(text.count(character) * size for character, size in _JSON_BYTES.items()))
    try:
        return json.loads(text, **options)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def read_json(path: str | os.PathLike[str], **options: Any) -> Any:
    """Read a JSON file; see `read_text` and `parse_json`.

    Raises:
        OSError, ValueError: it cannot be read, or is no such JSON.
    """
    return parse_json(read_text(path), **options)


def read_arrays(path: str | os.PathLike[str], budget: Budget | None = None) -> dict[str, NDArray[Any]]:
    """Return the arrays of an .npz file by name, or the array of an .npy file under "".

    Args:
        path: the file.
        budget: None for one of this file alone.

    Raises:
        OSError: as for `open_regular`.
        ValueError: it is damaged, contains objects, or needs too much memory.
    """
    import numpy as np

    content, budget = read_bytes(path), budget or Budget()
    budget.take(2 * len(content))
    try:
        if not content.startswith((b"PK", b"\x93NUMPY")):
            raise ValueError("it is not in NumPy's format")
        if not content.startswith(b"PK"):
            return {"": np.load(io.BytesIO(content), allow_pickle=False)}
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for entry in archive.infolist():
                budget.take(2 * entry.file_size)  # as bytes and as an array
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (*_DAMAGED_ARRAYS, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(str(error) or type(error).__name__) from error


def _check(status: os.stat_result, most: int | None) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise OSError("it is a folder")
    if not stat.S_ISREG(status.st_mode):
        raise OSError("it is not a regular file")
    if most is not None:
        _check_size(status.st_size, most)


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise OSError(f"it has {size:,} bytes, more than the limit of {most:,}: set {BYTES_VARIABLE} to allow more")
