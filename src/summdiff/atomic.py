"""Write beside, then rename: a file is there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from summdiff.errors import OutputError

_PREFIX, _RANDOM, _SUFFIX = 80, 8, ".tmp"  # characters of the name, and of what tempfile adds


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder; rename it to `path` at the end, or remove it if anything is raised.

    Raises:
        OutputError: the file cannot be written.
    """
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:_PREFIX]}.", suffix=_SUFFIX, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"'{path}' cannot be written: {error.strerror or error}.") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def remove_leftovers(path: Path) -> None:
    """Remove what writers of `path` left beside it when they were killed; only while nobody writes it.

    Other files in the folder may be being written meanwhile. Names so long that the leftovers of two files look alike
    are therefore left alone.
    """
    prefix = f".{path.name[:_PREFIX]}."
    try:
        names = os.listdir(path.parent)  # noqa: PTH208 (thousands of entries: no need of a Path for each)
    except OSError:
        return
    for name in names:
        alike = name.startswith(prefix) and name.endswith(_SUFFIX)
        if alike and len(path.name) <= _PREFIX and len(name) == len(prefix) + _RANDOM + len(_SUFFIX):
            (path.parent / name).unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
