"""Reading MATLAB files of both versions, as arrays with MATLAB's order of axes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from summdiff.data.h5_guard import H5_ERRORS, library, most_bytes, open_h5
from summdiff.errors import DataError

# Errors that damaged files raise, also by references to something else.
DAMAGE = (*H5_ERRORS, LookupError, AttributeError)


def open_hdf5(path: Path) -> Any:
    """Open a file of version 7.3 as `h5py.File`, for a `with` statement; None if it has another version.

    Raises:
        DataError: h5py is missing, or the file is damaged.
    """
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
            for key in keys:
                if key in file and file[key].nbytes > most_bytes():
                    raise DataError(f"'{path}' has more than {most_bytes():,} bytes in '{key}': too large.")
            return {key: np.atleast_2d(file[key][()]).T for key in keys if key in file}
        except DAMAGE as error:
            raise DataError(f"'{path}' is damaged: {error}.") from error


def text(codes: NDArray[Any]) -> str:
    """Decode a string stored as UTF-16 codes; "" for MATLAB's empty string, which is stored as its shape."""
    if codes.dtype != np.uint16:
        return ""
    return codes.ravel().astype("<u2").tobytes().decode("utf-16-le", errors="replace").strip()


def _load_version_5(path: Path, keys: Sequence[str]) -> dict[str, NDArray[Any]]:
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise DataError(f"Reading '{path}' needs SciPy: install it with `pip install 'summdiff[data]'`.") from error
    try:
        loaded = loadmat(path, variable_names=list(keys))
    except Exception as error:  # SciPy's parser raises many kinds of errors
        if isinstance(error, OSError) and error.errno is not None:  # from the operating system, not the parser
            raise
        raise DataError(f"'{path}' is damaged or not a MATLAB file: {error}.") from error
    return {key: np.atleast_2d(loaded[key]) for key in keys if key in loaded}
