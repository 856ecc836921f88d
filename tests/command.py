"""The `summdiff` command in this process: its start takes longer than most of what tests ask of it."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

from summdiff.cli import app


def run_summdiff(*words: Any, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run `summdiff words...` as if from a shell in the folder `cwd`; its exit code and output, as of a process."""
    out, err = io.StringIO(), io.StringIO()
    before, sys.argv = sys.argv, ["summdiff", *map(str, words)]
    try:
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            contextlib.chdir(cwd) if cwd else contextlib.nullcontext(),
        ):
            app.main()
        code: Any = 0
    except SystemExit as leave:
        code = leave.code
    finally:
        sys.argv = before
    return subprocess.CompletedProcess(words, code if isinstance(code, int) else 0, out.getvalue(), err.getvalue())
