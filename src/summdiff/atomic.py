"""Files that exist complete or not at all: written under a temporary name, then renamed.

Temporary files that killed processes left behind are removed.
"""

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

from summdiff.errors import OutputError, reason

# .summdiff-<host>-<process>-<random>.tmp
_TEMPORARY = re.compile(r"\.summdiff-(?P<host>[0-9a-f]{8})-(?P<process>\d{1,10})-[0-9a-f]{8}\.tmp")
_next_sweep: dict[Path, float] = {}
_ABANDONED_SECONDS = 24 * 3600.0  # age at which a temporary file of another host counts as left over


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; rename it to `path` at the end, or remove it if an error is raised.

    Temporary files of killed processes are removed first.

    Raises:
        OutputError: the file cannot be written.
    """
    temporary: Path | None = None
    try:
        sweep_now_and_then(path.parent)
        temporary = temporary_path(path.parent)
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        yield temporary
        to_disk(temporary)  # without this, a crash of the machine may leave an empty file under the final name
        temporary.chmod(_mode_of(path))
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"'{path}' cannot be written: {reason(error)}.") from error
    finally:
        if temporary is not None:
            with suppress(OSError):  # the first error is already on its way
                temporary.unlink(missing_ok=True)


def write_file(path: Path, content: str | bytes, *, errors: str = "strict") -> None:
    """Write a file that exists complete or not at all.

    Args:
        path: the file; replaced if it exists.
        content: bytes, or text to be encoded as UTF-8.
        errors: treatment of text that cannot be encoded, as in `str.encode`.

    Raises:
        OutputError: the file cannot be written.
    """
    with written_whole(path) as temporary:
        temporary.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", errors))


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, where they are missing.

    Raises:
        OutputError: the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder '{folder}' cannot be made: {reason(error)}.") from error


def temporary_path(folder: Path) -> Path:
    """Return a new name for a file in a folder; `sweep` leaves it alone while this process lives."""
    return folder / f".summdiff-{_host()}-{os.getpid()}-{secrets.token_hex(4)}.tmp"


def sweep(folder: Path) -> None:
    """Remove the temporary files and folders in a folder whose processes have ended. Never raises."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            name = _TEMPORARY.fullmatch(entry.name)
            if name is None:
                continue
            with suppress(OSError):
                is_folder = entry.is_dir(follow_symlinks=False)
                if name["host"] == _host():
                    left_over = not _is_running(int(name["process"]))
                else:  # a folder's modification time does not show whether files in it are being written
                    left_over = not is_folder and entry.stat().st_mtime < time.time() - _ABANDONED_SECONDS
                if left_over and is_folder:
                    shutil.rmtree(entry.path)
                elif left_over:
                    Path(entry.path).unlink()


def sweep_now_and_then(folder: Path) -> None:
    """`sweep` a folder unless that would take more than a hundredth of the time, as in a folder of very many files."""
    now = time.monotonic()
    if now >= _next_sweep.get(folder, 0.0):
        sweep(folder)
        done = time.monotonic()
        _next_sweep[folder] = done + 100 * (done - now)


@cache
def _host() -> str:
    """Return a digest of machine, boot and container, within which a process number is unique."""
    parts = [socket.gethostname()]
    for source in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        with suppress(OSError):
            file = Path(source)
            parts.append(str(file.readlink()) if file.is_symlink() else file.read_text(encoding="ascii"))
    return hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()[:8]


def _is_running(process: int) -> bool:
    if os.name == "nt":  # Windows does not remove a file that is open
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # a process of another user
        return True
    try:
        status = Path(f"/proc/{process}/stat").read_bytes()
    except OSError:  # no Linux
        return True
    return status.rpartition(b")")[2].split()[0] != b"Z"  # "zombie": ended, exit status not yet asked for


def _mode_of(path: Path) -> int:
    """Return the permissions of the file that is replaced, or those of a new file."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return 0o666 & ~_UMASK


def to_disk(path: Path) -> None:
    """Wait until a file is on the disk."""
    with path.open("rb+") as written:
        os.fsync(written.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


_UMASK = _umask()  # at import, since reading it changes it for a moment, for all threads
