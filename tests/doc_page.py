"""Do what a page of the documentation says, from top to bottom, in the folder one is in.

    python tests/doc_page.py PAGE... PACKAGE

A block with a title is a file: it is written, or, if it is a `diff`, changed; `src/...` means the folder PACKAGE. Lines
of `bash` blocks that begin with `summdiff` are run, `python` blocks are executed in one name space, and tests without
fixtures in files of `tests/` are called. Whatever goes wrong is raised. As a program, it changes the package as all
pages say, and then does the rest of each page in the folder of its name.
"""

from __future__ import annotations

import contextlib
import inspect
import re
import shlex
import sys
from pathlib import Path
from typing import Any

FENCE = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```', re.M | re.S)


def blocks(page: Path) -> list[tuple[str, str, str]]:
    """(language, title or "", text) of each fenced block."""
    return [(language, title, text) for language, title, text in FENCE.findall(page.read_text(encoding="utf-8"))]


def change_package(page: Path, package: Path) -> None:
    """Write and change the files of the package as a page says."""
    for language, title, text in blocks(page):
        if title.startswith("src/"):
            put(package / title[4:], language, text)


def follow(page: Path) -> int:
    """Do what the page says, except to the package; how many commands and pieces of Python were run."""
    names: dict[str, object] = {"__name__": page.stem}
    done = 0
    for language, title, text in blocks(page):
        if title and not title.startswith("src/"):
            put(Path(title), language, text)
            if title.startswith("tests/"):
                run_tests(text, title)
                done += 1
        elif language == "python" and not title:
            exec(compile(text, page.name, "exec"), names)  # noqa: S102 - our own documentation
            done += 1
        elif language == "bash":
            for line in text.replace("\\\n", " ").splitlines():
                if line.startswith("summdiff "):
                    command(line.split(" #")[0])
                    done += 1
    return done


def put(target: Path, language: str, text: str) -> None:
    """Write a file, or change it if the text is a diff."""
    if language == "diff":
        changed(target, text)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def run_tests(text: str, title: str) -> None:
    """Call the tests in a file, except those that need fixtures."""
    scope: dict[str, Any] = {}
    exec(compile(text, title, "exec"), scope)  # noqa: S102 - our own documentation
    for name, test in scope.items():
        if name.startswith("test_") and not inspect.signature(test).parameters:
            test()


def changed(target: Path, diff: str) -> None:
    """Apply a diff of one place, whose old lines stand once in the file."""
    lines = diff.splitlines()
    old = "\n".join(line[1:] for line in lines if not line.startswith("+"))
    new = "\n".join(line[1:] for line in lines if not line.startswith("-"))
    text = target.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"these lines stand {text.count(old)} times in {target}:\n{old}"
    target.write_text(text.replace(old, new), encoding="utf-8")


def command(line: str) -> None:
    """Run `summdiff ...` in this process."""
    from summdiff.cli import app

    sys.argv = shlex.split(line)
    try:
        app.main()
    except SystemExit as leave:
        assert leave.code in (0, None), f"`{line}` left with {leave.code}"


if __name__ == "__main__":
    *pages, copy = map(Path, sys.argv[1:])
    for page in pages:
        change_package(page, copy)
    for page in pages:
        with contextlib.chdir(page.stem):
            assert follow(page), page
