"""Files that an attacker hands over in place of the expected ones: what reads other files, never ends, or is huge."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from summdiff._untrusted import Budget

SECRET = b"a line of a file that nobody asked to read\n" * 40
GIANT_BYTES = 2**40


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _terminal(path: Path) -> None:
    path.symlink_to("/dev/tty")


def _giant(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(GIANT_BYTES)


# Functions that put something else in the place of a file, at a path where nothing is yet.
IN_PLACE_OF_A_FILE: dict[str, Callable[[Path], None]] = {
    "a link to a device": _device,
    "a link to the terminal": _terminal,
    "a FIFO": os.mkfifo,
    "a folder": Path.mkdir,
    "a sparse giant": _giant,
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a link to nothing": lambda path: path.symlink_to("nothing"),
}


def put_in_place(path: Path, kind: str) -> None:
    """Replace a file by a kind of `IN_PLACE_OF_A_FILE`."""
    path.unlink(missing_ok=True)
    IN_PLACE_OF_A_FILE[kind](path)


def _external_array(file: h5py.File, key: str, secret: Path) -> None:
    file.create_dataset(key, shape=(24,), dtype="u1", external=[(str(secret), 0, 24)])


def _virtual_array(file: h5py.File, key: str, secret: Path) -> None:
    layout = h5py.VirtualLayout(shape=(24,), dtype="f4")
    layout[:] = h5py.VirtualSource(str(secret), "secret", shape=(24,))
    file.create_virtual_dataset(key, layout)


def _external_link(file: h5py.File, key: str, secret: Path) -> None:
    file[key] = h5py.ExternalLink(str(secret), "/secret")


def _link_to_a_link(file: h5py.File, key: str, secret: Path) -> None:
    group = key.rpartition("/")[0]
    file[f"{group}/elsewhere"] = h5py.ExternalLink(str(secret), "/secret")
    file[key] = h5py.SoftLink(f"/{group}/elsewhere")


# Ways in which an array of an HDF5 file is read from another file; each gets the file, the key and the other file.
HDF5_ELSEWHERE: dict[str, Callable[[h5py.File, str, Path], None]] = {
    "external storage": _external_array,
    "a virtual data set": _virtual_array,
    "an external link": _external_link,
    "a link to an external link": _link_to_a_link,
}


def _unwritten(file: h5py.File, key: str) -> None:
    file.create_dataset(key, shape=(24, 10**8), chunks=(1, 1000), dtype="f4")


def _large_chunks(file: h5py.File, key: str) -> None:
    data = file.create_dataset(
        key, shape=(24, 6), maxshape=(None, None), chunks=(10**8, 4), dtype="f8", compression="gzip"
    )
    data.id.write_direct_chunk((0, 0), zlib.compress(b""))


def _packed_twice(file: h5py.File, key: str) -> None:
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_chunk((24, 6))
    layout.set_deflate(9)
    layout.set_deflate(9)
    space = h5py.h5s.create_simple((24, 6))
    data = h5py.h5d.create(file.id, key.encode(), h5py.h5t.IEEE_F32LE, space, layout)
    data.write_direct_chunk((0, 0), zlib.compress(packed_zeros(2**26)))


def _overfull_chunk(file: h5py.File, key: str) -> None:
    """Unpack to more than the limit, which is 1 GiB by default."""
    data = file.create_dataset(key, shape=(24, 6), chunks=(24, 6), dtype="f4", compression="gzip")
    data.id.write_direct_chunk((0, 0), packed_zeros(Budget().most // 2 + 2**20))


@cache
def packed_zeros(size: int) -> bytes:
    """Return `size` zeros, deflated: about a thousandth of it."""
    packer, block = zlib.compressobj(9), bytes(2**24)
    return b"".join([*(packer.compress(block[: size - at]) for at in range(0, size, len(block))), packer.flush()])


# Ways in which a small HDF5 file stands for gigabytes; each gets the file and the key.
HDF5_GIANTS: dict[str, Callable[[h5py.File, str], None]] = {
    "an array that was never written": _unwritten,
    "chunks of gigabytes": _large_chunks,
    "packed twice": _packed_twice,
    "a chunk that unpacks to gigabytes": _overfull_chunk,
}


def spoil_h5(path: Path, key: str, kind: str, secret: Path) -> None:
    """Replace a key of an HDF5 file by a kind of `HDF5_ELSEWHERE` or `HDF5_GIANTS`."""
    with h5py.File(path, "a") as file:
        if key in file:
            del file[key]
        if kind in HDF5_GIANTS:
            HDF5_GIANTS[kind](file, key)
        else:
            HDF5_ELSEWHERE[kind](file, key, secret)


def write_many_names(path: Path, names: int = 400, values: int = 10**7) -> Path:
    """Write predictions of a few kilobytes: one array that was never written, under many names."""
    with h5py.File(path, "w", libver="latest") as file:
        data = file.create_dataset("a", shape=(values,), chunks=(10**5,), dtype="u1", compression="gzip")
        for number in range(names):
            file[f"video_{number}"] = data
    return path


def write_large_matlab(path: Path, values: int = 3 * 10**8) -> Path:
    """Write a MATLAB file of version 5 with SumMe's variables, in which `user_score` is packed zeros."""

    def element(kind: int, content: bytes) -> bytes:
        return kind.to_bytes(4, "little") + len(content).to_bytes(4, "little") + content + bytes(-len(content) % 8)

    def header(name: str, rows: int, columns: int) -> bytes:
        flags = element(6, (9).to_bytes(4, "little") + bytes(4))  # mxUINT8_CLASS
        dimensions = element(5, rows.to_bytes(4, "little") + columns.to_bytes(4, "little"))
        return flags + dimensions + element(1, name.encode())

    def small(name: str, value: int) -> bytes:
        return element(14, header(name, 1, 1) + element(2, bytes([value])))

    head = header("user_score", values, 1) + (2).to_bytes(4, "little") + values.to_bytes(4, "little")
    packer = zlib.compressobj(9)
    variable = packer.compress((14).to_bytes(4, "little") + (len(head) + values).to_bytes(4, "little") + head)
    variable += b"".join(packer.compress(bytes(min(2**24, values - at))) for at in range(0, values, 2**24))
    packed = variable + packer.flush()
    with path.open("wb") as file:
        file.write(b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM")
        file.write(small("nFrames", 8) + small("FPS", 25))
        file.write((15).to_bytes(4, "little") + len(packed).to_bytes(4, "little") + packed)
    return path


def merging_yaml(levels: int = 22) -> str:
    """Return YAML in which each mapping merges the one before twice."""
    lines = ["a0: &a0 {k: v}"]
    lines += [f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}], k{n}: v}}" for n in range(1, levels)]
    return "\n".join(lines)


HOSTILE_YAML: dict[str, Callable[[], str]] = {
    "merge keys": merging_yaml,
    "a sexagesimal number": lambda: "a: 1" + ":59" * 4000,
    "a sexagesimal float": lambda: "a: 1" + ":59" * 4000 + ".5",
    "a stated number": lambda: "a: !!int 1" + ":59" * 4000,
    "a hexadecimal number": lambda: "a: 0x" + "f" * 9000,
    "aliases of aliases": lambda: "\n".join(
        ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 30))]
    ),
    "deep brackets": lambda: "[" * 600,
    "many values": lambda: "[" + "x," * 200_000 + "]",
    "a zero byte": lambda: "a: x\0",
    "a long text": lambda: "a: " + "x" * 5_000_000,
}


def choose(rng: np.random.Generator, kinds: dict[str, Any]) -> str:
    """Return a name of a table."""
    return list(kinds)[int(rng.integers(len(kinds)))]
