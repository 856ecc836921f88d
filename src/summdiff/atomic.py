"""Write beside, then rename: a file is there whole or not at all, and what a killed process left behind is removed."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from summdiff.errors import OutputError

# .summdiff-<where>-<process>-<any>.tmp
_TEMPORARY = re.compile(r"\.summdiff-(?P<where>[0-9a-f]{8})-(?P<process>\d{1,10})-[0-9a-f]{8}\.tmp")
_next_sweep: dict[Path, float] = {}
_LONG_AGO = 24 * 3600.0  # seconds; what another machine began to write and did not touch for so long is left over


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder; rename it to `path` at the end, or remove it if anything is raised.

    Temporary files of processes that were killed are removed first.

    Raises:
        OutputError: the file cannot be written.
    """
    temporary: Path | None = None
    try:
        sweep_now_and_then(path.parent)
        temporary = temporary_path(path.parent)
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        yield temporary
        to_disk(temporary)  # or a crash of the machine may leave an empty file under the final name
        temporary.chmod(_mode_of(path))
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"'{path}' cannot be written: {error.strerror or error}.") from error
    finally:
        if temporary is not None:
            with suppress(OSError):  # a folder that vanished, or was made read-only, is said already
                temporary.unlink(missing_ok=True)


def temporary_path(folder: Path) -> Path:
    """A new name in a folder for a file that this process writes, which `sweep` leaves alone while it lives."""
    return folder / f".summdiff-{_where()}-{os.getpid()}-{secrets.token_hex(4)}.tmp"


def sweep(folder: Path) -> None:
    """Remove the temporary files and folders in a folder whose processes are gone. Never raises."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            named = _TEMPORARY.fullmatch(entry.name)
            if named is None:
                continue
            with suppress(OSError):
                is_folder = entry.is_dir(follow_symlinks=False)
                if named["where"] == _where():
                    left = not _lives(int(named["process"]))
                else:  # a folder's own time does not tell whether somebody works in it
                    left = not is_folder and entry.stat().st_mtime < time.time() - _LONG_AGO
                if left and is_folder:
                    shutil.rmtree(entry.path)
                elif left:
                    Path(entry.path).unlink()


def sweep_now_and_then(folder: Path) -> None:
    """`sweep`, but in a folder of very many files not before every write: it may take a hundredth of the time."""
    now = time.monotonic()
    if now >= _next_sweep.get(folder, 0.0):
        sweep(folder)
        done = time.monotonic()
        _next_sweep[folder] = done + 100 * (done - now)


@cache
def _where() -> str:
    """The machine since it was started, and the container: where a process number means one process."""
    parts = [socket.gethostname()]
    for told in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        with suppress(OSError):
            file = Path(told)
            parts.append(str(file.readlink()) if file.is_symlink() else file.read_text(encoding="ascii"))
    return hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()[:8]


def _lives(process: int) -> bool:
    if os.name == "nt":  # where what somebody writes cannot be removed in the first place
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # somebody else's
        return True
    return True


def _mode_of(path: Path) -> int:
    """The permissions of the file that is replaced, or those that a new one gets."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return 0o666 & ~_UMASK


def to_disk(path: Path) -> None:
    """Wait until what was written to a file cannot be lost any more."""
    with path.open("rb+") as written:
        os.fsync(written.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


_UMASK = _umask()  # once: it can only be read by changing it for a moment, which other threads would feel
