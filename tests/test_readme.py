"""The commands and code in README.md work as they stand there."""

import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from summdiff.cli import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.M | re.S)


COMMANDS = [
    line.split(" #")[0].strip()
    for block in blocks("bash")
    for line in block.splitlines()
    if line.startswith("summdiff ")
]
STAYS_OPEN = "summdiff serve"  # tests/web/test_serve.py opens and closes it


@pytest.fixture
def place(make_video, tmp_path, monkeypatch):
    """A folder with the files that the examples name."""
    film = make_video(scenes=[(4.0, "forest"), (5.0, "street"), (4.0, "beach")], fps=10, sound=True).path
    (tmp_path / "holiday").mkdir()
    for name in ["talk.mp4", "lecture.mp4", "holiday/one.mp4", "holiday/two.mp4"]:
        shutil.copy(film, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", [c for c in COMMANDS if not c.startswith(STAYS_OPEN)])
def test_commands(command, place, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", shlex.split(command))
    with pytest.raises(SystemExit) as leave:
        app.main()
    assert leave.value.code in (0, None), capsys.readouterr().err


def test_there_are_commands():
    assert len(COMMANDS) >= 5


@pytest.mark.parametrize("code", blocks("python"))
def test_python(code, place):
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})  # noqa: S102 - the README's own examples


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", README, flags=re.M))
    assert named
    assert named <= targets


def test_files_that_are_linked_exist():
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]


def test_it_is_short():
    assert len(README.splitlines()) <= 150
