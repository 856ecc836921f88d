"""What README.md tells a stranger to type works as it stands there."""

import re
import shlex
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from annotation_files import write_summe_mat, write_tvsum_mat
from summdiff.cli import app
from summdiff.conversion import convert
from summdiff.evaluation.predictions import write_predictions
from summdiff.research.training.recipe import shipped_recipes

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
NEEDS_DATA = ("summdiff train", "summdiff crossval")
NEEDS_SETS = ("summdiff data", "summdiff evaluate")
STAYS_OPEN = ("summdiff serve",)  # tests/web/test_serve.py opens and closes it


@pytest.fixture
def place(make_video, tmp_path, monkeypatch):
    """A folder with the files that the examples name."""
    film = make_video(scenes=[(4.0, "forest"), (5.0, "street"), (4.0, "beach")], sound=True).path
    (tmp_path / "holiday").mkdir()
    for name in ["talk.mp4", "lecture.mp4", "holiday/one.mp4", "holiday/two.mp4"]:
        shutil.copy(film, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def made_data_sets(make_video, tmp_path_factory):
    """Small data sets made of two videos in the original files' forms, and two tools' predictions."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("data_sets")
    (folder / "videos").mkdir()
    (folder / "GT").mkdir()
    frames = {}
    for name in ("AwmHb44_ouw", "98MoyGZKHXc"):
        film = make_video(scenes=[(4.0, "forest"), (5.0, "street"), (4.0, "beach")])
        shutil.copy(film.path, folder / "videos" / f"{name}.mp4")
        frames[name] = len(film.frame_times)
    scores = {
        name: ("VT", np.repeat(rng.integers(1, 6, (20, n // 50 + 1)), 50, axis=1)[:, :n]) for name, n in frames.items()
    }
    write_tvsum_mat(folder / "ydata-tvsum50.mat", scores)
    for name, title in zip(frames, ("Jumps", "Cooking"), strict=True):
        shutil.copy(folder / "videos" / f"{name}.mp4", folder / "GT" / f"{title}.mp4")
        chosen = np.zeros((frames[name], 15))
        chosen[100:180] = rng.integers(0, 3, 15)
        write_summe_mat(folder / "GT" / f"{title}.mat", chosen)
    convert(sorted((folder / "videos").iterdir()), folder / "ydata-tvsum50.mat", folder / "tvsum.h5", cache=False)
    convert(sorted((folder / "GT").glob("*.mp4")), folder / "GT", folder / "summe.h5", cache=False)
    for file in ("ours.json", "theirs.h5"):
        curves = {f"video_{i}": rng.random(n) for i, n in enumerate(frames.values(), start=1)}  # one score a frame
        write_predictions(folder / file, curves, about={})
    return folder


@pytest.fixture
def data_sets(made_data_sets, tmp_path, monkeypatch):
    """A copy of them to work in."""
    shutil.copytree(made_data_sets, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("SUMMDIFF_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith(NEEDS_SETS)])
def test_commands_on_data_sets(command, data_sets, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", shlex.split(command))
    with pytest.raises(SystemExit) as leave:
        app.main()
    assert leave.value.code in (0, None), capsys.readouterr()


@pytest.mark.parametrize("command", [c for c in COMMANDS if not c.startswith(NEEDS_DATA + NEEDS_SETS + STAYS_OPEN)])
def test_commands(command, place, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", shlex.split(command))
    with pytest.raises(SystemExit) as leave:
        app.main()
    assert leave.value.code in (0, None), capsys.readouterr().err


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith(NEEDS_DATA)])
def test_commands_that_need_data_are_understood(command, monkeypatch, capsys):
    """Training is tested on its own; here only that the verb, the recipe and the overrides exist."""
    words = shlex.split(command)
    assert words[2] in shipped_recipes()
    monkeypatch.setattr(sys, "argv", [words[0], words[1], "--help"])
    with pytest.raises(SystemExit) as leave:
        app.main()
    assert leave.value.code in (0, None)
    options = re.findall(r"--[a-z-]+", capsys.readouterr().out)
    assert {word.split("=")[0] for word in words if word.startswith("--")} <= set(options)


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
