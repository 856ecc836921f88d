"""What keeps HDF5 from crashing, hanging or filling the memory on damaged files: looked at before it reads."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any

from summdiff._runtime import whole_number
from summdiff.errors import DataError

# What h5py raises where a file is damaged, cut off or not what it should be; which of them depends on the place.
H5_ERRORS = (OSError, KeyError, RuntimeError, ValueError, TypeError, MemoryError)
# A global heap's head: signature, version, reserved bytes (HDF5 file format, III.E). Files of data sets have theirs,
# with the texts that they begin with, at the front; what lies further back in a large one is not looked at.
_HEAP = b"GCOL\x01\0\0\0"
_LOOKED_AT = 2**26
# Beyond this an array is taken for damaged or for one that fills the memory: compressed, a terabyte of zeros is small.
_MOST_BYTES = 4 * 2**30
BYTES_VARIABLE = "SUMMDIFF_MAX_ARRAY_BYTES"
_LONGEST_TEXT = 2**15  # of a fixed length; others are as long as they are
_HEAD = 16  # bytes, of a heap and of each object in it


def library(path: Path) -> Any:
    """The module h5py.

    Raises:
        DataError: it is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise DataError(f"Reading '{path}' needs h5py: install it with `pip install 'summdiff[data]'`.") from error
    return h5py


def open_h5(path: Path) -> Any:
    """An `h5py.File` to read from.

    Raises:
        DataError: no such file, not HDF5 or damaged, or h5py is not installed.
    """
    h5py = library(path)
    if path.is_dir():
        raise DataError(f"'{path}' is a folder; name the HDF5 file.")
    if not path.is_file():
        raise DataError(f"There is no data file '{path}'.")
    try:
        if _never_ends(path):
            raise DataError(
                f"'{path}' has a damaged list of texts, from which HDF5 never comes back; get it anew, or write it "
                "anew with h5repack."
            )
        return h5py.File(path, "r")
    except H5_ERRORS as error:
        cut = "; it is cut off, copy it again" if "truncated" in str(error) else ""
        raise DataError(f"'{path}' cannot be read as HDF5: {reason(error)}{cut}.") from error


def attribute(holder: Any, key: str) -> Any:
    """The value of a file's or group's attribute, None where it has none.

    Raises:
        TypeError, ValueError: it is anything else than one text or number; and whatever h5py raises.
    """
    from h5py import h5a

    if key not in holder.attrs:
        return None
    text_or_number(h5a.open(holder.id, key.encode()))
    return holder.attrs[key]


def text_or_number(found: Any) -> None:
    """Refuse an `h5py.h5a.AttrID` or `h5py.h5d.DatasetID` that is not one text or number: h5py crashes on some damaged
    types, and makes room for as many values as a damaged shape says.

    Raises:
        TypeError, ValueError: what it is not.
    """
    from h5py import h5t

    kind = found.get_type()
    if not isinstance(kind, h5t.TypeStringID | h5t.TypeIntegerID | h5t.TypeFloatID):
        raise TypeError("it is neither text nor a number")
    if found.shape is None or math.prod(found.shape) != 1:
        raise ValueError("it is not one value")
    if kind.get_size() > _LONGEST_TEXT:
        raise ValueError(f"it says that it has {kind.get_size():,} bytes")


def most_bytes() -> int:
    """How large one array of a file may be: $SUMMDIFF_MAX_ARRAY_BYTES, else 4 GiB.

    Raises:
        DataError: the variable holds something else than a whole number above 0.
    """
    return whole_number(BYTES_VARIABLE, _MOST_BYTES, "bytes", error=DataError)


def reason(error: Exception) -> str:
    """What h5py says, on one line, without the quotes that a KeyError puts around it."""
    return " ".join(str(error.args[0] if error.args else type(error).__name__).split()).rstrip(".")


def _never_ends(path: Path) -> bool:
    """Whether a heap has an object from which HDF5 goes on to the same place, or back, and so for ever."""
    with path.open("rb") as file:  # read, not mapped: a file that is cut off meanwhile would end the process
        content = file.read(_LOOKED_AT)
    place = 0
    while (start := content.find(_HEAP, place)) >= 0:
        place = _end_of_heap(content, start)
        if place < 0:
            return True
    return False


def _end_of_heap(content: bytes, start: int) -> int:
    """Where a heap ends, going from object to object as HDF5 does; -1 where one is smaller than its own head."""
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
