"""Checks before HDF5 reads.

It follows links to other files and reads arrays that are stored in them, crashes or hangs on some damaged files, and
unpacks a small file to any size.
"""

from __future__ import annotations

import math
import struct
import zlib
from pathlib import Path
from typing import Any

from summdiff._untrusted import Budget, check_regular, open_regular
from summdiff.errors import DataError, reason

# Errors that h5py raises for damaged files.
H5_ERRORS = (OSError, KeyError, RuntimeError, ValueError, TypeError, MemoryError)
# Header of a global heap: signature, version, reserved bytes (HDF5 file format, III.E). Data sets have theirs near the
# beginning; the rest of a large file is not scanned.
_HEAP = b"GCOL\x01\0\0\0"
_SCANNED_BYTES = 2**26
_DEFLATE, _SHUFFLE, _FLETCHER32, _LZF = 1, 2, 3, 32000  # HDF5's numbers of filters
_DEFLATE_RATIO = 1032  # the most that deflate packs
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
    if not path.exists():
        raise DataError(f"There is no data file '{path}'.")
    try:
        check_regular(path)
        if _has_endless_heap(path):
            raise DataError(
                f"'{path}' has a damaged global heap, which makes HDF5 hang: download it again, or rewrite it with "
                "h5repack."
            )
        return h5py.File(path, "r")
    except H5_ERRORS as error:
        if "file signature not found" in str(error):
            raise DataError(f"'{path}' cannot be read as HDF5: it is in another format.") from error
        cut = "; it is cut off: copy it again" if "truncated" in str(error) else ""
        raise DataError(f"'{path}' cannot be read as HDF5: {reason(error)}{cut}.") from error


def member(group: Any, name: str, where: str) -> Any:
    """Return the `h5py.h5d.DatasetID` or `h5py.h5g.GroupID` of a group's member; None if it has none of this name.

    Args:
        group: an `h5py.Group`.
        name: the member.
        where: file and group, for the message.

    Raises:
        DataError: it is a link, or its values are stored in other files.
    """
    from h5py import h5l, h5o

    links, key = group.id.links, name.encode()
    if name in ("", ".") or "/" in name or not links.exists(key):
        return None
    if links.get_info(key).type != h5l.TYPE_HARD:
        raise DataError(f"{where}: '{name}' is a link, which may lead to other files: store the array itself instead.")
    return stored_inside(h5o.open(group.id, key), f"{where}: '{name}'")


def stored_inside(found: Any, what: str) -> Any:
    """Return an object of HDF5's low-level interface, unless its values are stored in other files.

    Raises:
        DataError: it is an external or a virtual data set.
    """
    from h5py import h5d

    if isinstance(found, h5d.DatasetID):  # its shape is not asked for before: HDF5 would open the other files
        layout = found.get_create_plist()
        if layout.get_layout() == h5d.VIRTUAL or layout.get_external_count():
            raise DataError(f"{what} stores its values in other files: copy them into this one, with `h5repack`.")
    return found


def unpacking_bytes(dataset: Any) -> int:
    """Return the memory that HDF5 takes to unpack a data set, beside the array that it fills.

    Args:
        dataset: an `h5py.h5d.DatasetID`.

    Raises:
        ValueError: it is packed in another way than by gzip or LZF, once.
    """
    from h5py import h5d

    layout = dataset.get_create_plist()
    if layout.get_layout() != h5d.CHUNKED:
        return 0
    filters = [layout.get_filter(number)[0] for number in range(layout.get_nfilters())]
    usual = [code for code in (_SHUFFLE, _LZF, _DEFLATE, _FLETCHER32) if code in filters]
    if filters != usual or {_LZF, _DEFLATE} <= set(filters):
        raise ValueError("it is packed in an unusual way: pack it anew with `h5repack -f GZIP=4`")
    size: int = math.prod(layout.get_chunk()) * dataset.get_type().get_size()
    harmless = Budget().most // (4 * _DEFLATE_RATIO)  # the bytes of a chunk that unpacks to a quarter of the limit
    if _DEFLATE in filters and dataset.get_storage_size() > harmless:
        large: list[tuple[int, ...]] = []

        def note(chunk: Any) -> None:
            if chunk.size > harmless:
                large.append(chunk.chunk_offset)

        dataset.chunk_iter(note)
        for offset in large:
            size = max(size, _inflated_bytes(dataset.read_direct_chunk(offset)[1]))
    return 2 * size


def _inflated_bytes(packed: bytes) -> int:
    """Return the number of bytes that a deflated chunk stands for, counted up to the limit for a file."""
    inflater, size, most = zlib.decompressobj(), 0, Budget().most
    try:
        while packed and size <= most:
            size += len(inflater.decompress(packed, 2**20))
            packed = inflater.unconsumed_tail
    except zlib.error:  # not deflated, or damaged: HDF5 will tell
        pass
    return size


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


def _has_endless_heap(path: Path) -> bool:
    """Return whether a heap has an object smaller than its header, after which HDF5 would loop for ever."""
    with open_regular(path) as file:  # not mapped: truncating a mapped file would end the process
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
