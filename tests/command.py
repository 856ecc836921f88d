"""The `summdiff` command in this process: its start takes longer than most of what tests ask of it."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
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


def run_in_one_process(
    commands: Sequence[Sequence[Any]], *, cwd: Path, env: Mapping[str, str] | None = None
) -> list[subprocess.CompletedProcess[str]]:
    """Run `summdiff words...` for each of the commands, one after the other in a new process."""
    given = json.dumps([[str(word) for word in words] for words in commands])
    done = subprocess.run(
        [sys.executable, __file__, given], cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return [
        subprocess.CompletedProcess(words, *answer)
        for words, answer in zip(commands, json.loads(done.stdout), strict=True)
    ]


if __name__ == "__main__":
    results = [run_summdiff(*words) for words in json.loads(sys.argv[1])]
    print(json.dumps([[result.returncode, result.stdout, result.stderr] for result in results]))
