"""Checks before HDF5 reads, which crashes, hangs or fills the memory on some damaged files."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any

from summdiff._runtime import whole_number
from summdiff.errors import DataError

# Errors that h5py raises for damaged files.
H5_ERRORS = (OSError, KeyError, RuntimeError, ValueError, TypeError, MemoryError)
# Header of a global heap: signature, version, reserved bytes (HDF5 file format, III.E). Data sets have theirs near the
# beginning; the rest of a large file is not scanned.
_HEAP = b"GCOL\x01\0\0\0"
_SCANNED_BYTES = 2**26
# Larger arrays are refused: a compressed terabyte of zeros is a small file.
_MOST_BYTES = 4 * 2**30
BYTES_VARIABLE = "SUMMDIFF_MAX_ARRAY_BYTES"
_LONGEST_TEXT = 2**15  # of fixed length; variable-length texts are not limited
_HEAD = 16  # bytes of the header of a heap and of each object in it


def library(path: Path) -> Any:
    """Import h5py.

    Raises:
        DataError: it is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise DataError(f"Reading '{path}' needs h5py: install it with `pip install 'summdiff[data]'`.") from error
    return h5py


def open_h5(path: Path) -> Any:
    """Open an HDF5 file for reading.

    Raises:
        DataError: the file is missing, damaged or not HDF5, or h5py is not installed.
    """
    h5py = library(path)
    if path.is_dir():
        raise DataError(f"'{path}' is a folder: name the HDF5 file.")
    if not path.is_file():
        raise DataError(f"There is no data file '{path}'.")
    try:
        if _has_endless_heap(path):
            raise DataError(
                f"'{path}' has a damaged global heap, which makes HDF5 hang: download it again, or rewrite it with "
                "h5repack."
            )
        return h5py.File(path, "r")
    except H5_ERRORS as error:
        cut = "; it is cut off: copy it again" if "truncated" in str(error) else ""
        raise DataError(f"'{path}' cannot be read as HDF5: {reason(error)}{cut}.") from error


def attribute(holder: Any, key: str) -> Any:
    """Return an attribute of a file or group; None if it has none.

    Raises:
        TypeError, ValueError: it is not a single text or number. Also any error of h5py.
    """
    from h5py import h5a

    if key not in holder.attrs:
        return None
    text_or_number(h5a.open(holder.id, key.encode()))
    return holder.attrs[key]


def text_or_number(found: Any) -> None:
    """Check that an `h5py.h5a.AttrID` or `h5py.h5d.DatasetID` is a single text or number.

    h5py crashes on some damaged types, and allocates as many values as a damaged shape states.

    Raises:
        TypeError, ValueError: it is not.
    """
    from h5py import h5t

    kind = found.get_type()
    if not isinstance(kind, h5t.TypeStringID | h5t.TypeIntegerID | h5t.TypeFloatID):
        raise TypeError("it is neither text nor a number")
    if found.shape is None or math.prod(found.shape) != 1:
        raise ValueError("it is not a single value")
    if kind.get_size() > _LONGEST_TEXT:
        raise ValueError(f"it states a size of {kind.get_size():,} bytes")


def most_bytes() -> int:
    """Return the largest allowed size of an array in bytes: $SUMMDIFF_MAX_ARRAY_BYTES, or 4 GiB.

    Raises:
        DataError: the variable is not a whole number above 0.
    """
    return whole_number(BYTES_VARIABLE, _MOST_BYTES, "bytes", error=DataError)


def reason(error: Exception) -> str:
    """Return the message of an error of h5py on one line, without the quotes of a KeyError."""
    return " ".join(str(error.args[0] if error.args else type(error).__name__).split()).rstrip(".")


def _has_endless_heap(path: Path) -> bool:
    """Return whether a heap has an object smaller than its header, after which HDF5 would loop for ever."""
    with path.open("rb") as file:  # not mapped: truncating a mapped file would end the process
        content = file.read(_SCANNED_BYTES)
    place = 0
    while (start := content.find(_HEAP, place)) >= 0:
        place = _end_of_heap(content, start)
        if place < 0:
            return True
    return False


def _end_of_heap(content: bytes, start: int) -> int:
    """Return the end of a heap, going from object to object as HDF5 does; -1 if one is smaller than its header."""
    place = start + _HEAD
    if place > len(content):
        return place
    (size,) = struct.unpack_from("<Q", content, start + 8)
    end = min(start + size, len(content))
    while place + _HEAD <= end:
        index, _, _, length = struct.unpack_from("<HHIQ", content, place)
        step = (_HEAD + (length + 7) // 8 * 8 if index else length) % 2**64
        if step < _HEAD or step >= 2**63:
            return -1
        place += step
    return place
