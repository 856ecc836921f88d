"""Processes that are forked from one that has imported torch, so that they start within milliseconds."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(["summdiff.cli.app", "summdiff.research.training.loop"])


class Command:
    """`summdiff words...` in a process of its own, with what it prints in files of `folder`."""

    def __init__(self, *words: Any, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        folder.mkdir(exist_ok=True)
        self._outputs = folder / "stdout.txt", folder / "stderr.txt"
        arguments = [str(word) for word in words], self._outputs, dict(environment or {})
        self.process = FORKED.Process(target=_run, args=arguments)
        self.process.start()

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def runs(self) -> bool:
        return self.process.is_alive()

    def finish(self, seconds: float = 60) -> tuple[int | None, str, str]:
        """Wait for the exit code, stdout and stderr; kills it when the time is over."""
        self.process.join(seconds)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        said, errors = (path.read_text() for path in self._outputs)
        return self.process.exitcode, said, errors


def _run(words: list[str], outputs: tuple[Path, Path], environment: Mapping[str, str]) -> None:
    from summdiff.cli.app import main

    os.environ |= environment
    for number, path in enumerate(outputs, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    sys.argv = ["summdiff", *words]
    main()
