"""Reading MATLAB files of both versions, as arrays with MATLAB's order of axes."""

from __future__ import annotations

import io
import math
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from summdiff._untrusted import Budget, check_regular, read_bytes
from summdiff.data.h5_guard import H5_ERRORS, library, member, open_h5, stored_inside, unpacking_bytes
from summdiff.errors import DataError

# Errors that damaged files raise, also by references to something else.
DAMAGE = (*H5_ERRORS, LookupError, AttributeError)
# SciPy's names of the numeric classes of version 5.
_NUMERIC = {"double", "single", "logical", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))}
_HEADER_BYTES, _TAG_BYTES, _COMPRESSED = 128, 8, 15  # of version 5
_REFERENCE_BYTES = 200  # a reference of HDF5 as an object of Python
_COPIES = 3  # of a variable, while it is read and checked


def open_hdf5(path: Path) -> Any:
    """Open a file of version 7.3 as `h5py.File`, for a `with` statement; None if it has another version.

    Raises:
        DataError: h5py is missing, or the file is damaged.
        OSError: it is missing or not a regular file.
    """
    check_regular(path)
    return open_h5(path) if library(path).is_hdf5(path) else None


def load(path: Path, keys: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Read the numeric variables among `keys` that a file has, each with two axes.

    Raises:
        DataError: SciPy or h5py is missing, or the file is damaged or not a MATLAB file.
    """
    file = open_hdf5(path)
    if file is None:
        return _load_version_5(path, keys)
    with file:
        try:
            budget = Budget()
            found = {key: member(file, key, f"'{path}'") for key in keys}
            return {
                key: np.atleast_2d(read_values(dataset, budget)).T
                for key, dataset in found.items()
                if dataset is not None
            }
        except DAMAGE as error:
            raise DataError(f"'{path}' cannot be read: {error}; it may be damaged.") from error


def read_values(dataset: Any, budget: Budget) -> NDArray[Any]:
    """Read an `h5py.h5d.DatasetID` of numbers or references within a budget.

    Raises:
        DataError: its values are stored in other files.
        ValueError: it is too large. Also any error of h5py.
    """
    import h5py

    stored_inside(dataset, "an array")
    values = h5py.Dataset(dataset)
    each = _REFERENCE_BYTES if values.dtype.kind == "O" else values.dtype.itemsize * _COPIES
    budget.take(math.prod(values.shape or ()) * each + unpacking_bytes(dataset))
    return np.asarray(values[()])


def text(codes: NDArray[Any]) -> str:
    """Decode a string stored as UTF-16 codes; "" for MATLAB's empty string, which is stored as its shape."""
    if codes.dtype != np.uint16:
        return ""
    return codes.ravel().astype("<u2").tobytes().decode("utf-16-le", errors="replace").strip()


def _load_version_5(path: Path, keys: Sequence[str]) -> dict[str, NDArray[Any]]:
    try:
        from scipy.io import loadmat, whosmat
    except ImportError as error:
        raise DataError(f"Reading '{path}' needs SciPy: install it with `pip install 'summdiff[data]'`.") from error
    budget = Budget()
    content = read_bytes(path)
    try:
        budget.take(_unpacked_bytes(content) * _COPIES)
        for name, shape, kind in whosmat(io.BytesIO(content)):
            if name in keys:
                if kind not in _NUMERIC:
                    raise ValueError(f"'{name}' is of class {kind}, not numbers")  # noqa: TRY301
                budget.take(math.prod(map(int, shape)) * 8 * _COPIES)
        loaded = loadmat(io.BytesIO(content), variable_names=list(keys))
    except Exception as error:  # SciPy's parser raises many kinds of errors
        raise DataError(f"'{path}' is damaged or not a MATLAB file: {error}.") from error
    return {key: np.atleast_2d(loaded[key]) for key in keys if key in loaded}


def _unpacked_bytes(content: bytes) -> int:
    """Return the number of bytes that the variables of a file of version 5 stand for, counted up to the limit.

    Raises:
        ValueError, struct.error, zlib.error: it is of another version, or damaged.
    """
    order = {b"IM": "<", b"MI": ">"}.get(content[126:128])
    if order is None:
        raise ValueError("it is neither of version 5 nor of version 7.3")
    place, size, most = _HEADER_BYTES, len(content), Budget().most
    while place + _TAG_BYTES <= len(content) and size <= most:
        kind, length = struct.unpack_from(f"{order}II", content, place)
        place += _TAG_BYTES
        if kind == _COMPRESSED:
            inflater, packed = zlib.decompressobj(), content[place : place + length]
            while packed and size <= most:
                size += len(inflater.decompress(packed, 2**20))
                packed = inflater.unconsumed_tail
        place += length
    return size
