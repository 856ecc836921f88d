"""Reads weight files in PyTorch's format from before 1.6 without PyTorch, whose import alone takes a second or two.

Such a file is a chain of pickles (a magic number, a protocol version, facts about the writing machine, the state dict
with its tensors as references to storages, the storages' keys) and then the storages' raw numbers. As with
`torch.load(weights_only=True)`, only what a dict of tensors needs can be unpickled; no code of the file can run.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001


class _Storage:
    """A tensor's numbers, which come only at the end of the file; tensors refer to them until then."""

    def __init__(self, dtype: str, length: int) -> None:
        self.dtype = np.dtype(dtype)
        self.length = length
        self.values: NDArray[Any] = np.empty(0, dtype)


class _View:
    """A tensor: where in its storage its elements lie."""

    def __init__(self, storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    def array(self) -> NDArray[Any]:
        size = self.storage.dtype.itemsize
        view = np.ndarray(
            self.shape,
            self.storage.dtype,
            self.storage.values.data,
            self.offset * size,
            tuple(step * size for step in self.strides),
        )
        return view.copy()


def _rebuild(storage: _Storage, offset: int, shape: Any, strides: Any, *_: object) -> _View:
    return _View(storage, offset, shape, strides)


_ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild,
    ("torch", "FloatStorage"): "<f4",
    ("torch", "LongStorage"): "<i8",
}


class _Unpickler(pickle.Unpickler):
    """An unpickler that knows tensors and nothing else."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in a weights file") from None

    def persistent_load(self, reference: Any) -> _Storage:
        _, dtype, key, _, length, _ = reference
        return self.storages.setdefault(key, _Storage(dtype, length))


def read_legacy_pth(content: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of a state dict saved by PyTorch before 1.6, by name.

    Args:
        content: the whole file.

    Raises:
        ValueError: the content does not have this format.
    """
    file = io.BytesIO(content)
    try:
        if _Unpickler(file).load() != _MAGIC or _Unpickler(file).load() != _PROTOCOL:
            raise ValueError("not a state dict saved by PyTorch before 1.6")
        if not _Unpickler(file).load()["little_endian"]:
            raise ValueError("a state dict saved on a big-endian machine")
        unpickler = _Unpickler(file)
        state = unpickler.load()
        for key in _Unpickler(file).load():
            storage = unpickler.storages[key]
            (length,) = np.frombuffer(file.read(8), dtype="<i8")
            if length != storage.length:
                raise ValueError(f"storage {key} holds {length} numbers where {storage.length} are announced")
            numbers = file.read(storage.length * storage.dtype.itemsize)
            storage.values = np.frombuffer(numbers, storage.dtype, storage.length)
        return {name: view.array() for name, view in state.items()}
    except (pickle.UnpicklingError, EOFError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a state dict saved by PyTorch before 1.6: {error}") from error
