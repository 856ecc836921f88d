"""Write beside, then rename: a file is there whole or not at all."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from summdiff.errors import OutputError


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder; rename it to `path` at the end, or remove it if anything is raised.

    Raises:
        OutputError: the file cannot be written.
    """
    temporary: Path | None = None
    try:
        name = temporary_beside(path)
        os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        temporary = name
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"'{path}' cannot be written: {error.strerror or error}.") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def temporary_beside(path: Path) -> Path:
    """A new name in the folder of `path`, from which `remove_leftovers` knows it again; plain letters and digits."""
    return path.with_name(f"{_prefix(path)}{secrets.token_hex(4)}.tmp")


def remove_leftovers(path: Path) -> None:
    """Remove what writers of `path` left beside it when they were killed; only while nobody writes it."""
    prefix = _prefix(path)
    try:
        names = os.listdir(path.parent)  # noqa: PTH208 (thousands of entries: no need of a Path for each)
    except OSError:
        return
    for name in names:
        if name.startswith(prefix) and name.endswith(".tmp"):
            (path.parent / name).unlink(missing_ok=True)


def _prefix(path: Path) -> str:
    return f".summdiff-{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}-"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
