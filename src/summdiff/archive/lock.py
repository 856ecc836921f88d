"""One process at a time: a lock that goes with the process that holds it, however that ends."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from summdiff.errors import ArchiveError, OutputError


class Lock:
    """Held while it is entered.

    Args:
        path: the file that is locked; it stays.
        what: what is locked, for the message.

    Raises:
        ArchiveError: another process holds it.
        OutputError: the file cannot be made.
    """

    def __init__(self, path: Path, what: str) -> None:
        self.path, self._what = path, what
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._file = self.path.open("ab+")
        except OSError as error:
            raise OutputError(f"'{self.path}' cannot be written: {error.strerror or error}.") from error
        try:
            _lock(self._file)
        except OSError as error:
            self._file.close()
            self._file = None
            raise ArchiveError(
                f"Another run is writing {self._what}: wait until it is done, or name another place."
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


if sys.platform == "win32":

    def _lock(file: IO[bytes]) -> None:
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:

    def _lock(file: IO[bytes]) -> None:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
