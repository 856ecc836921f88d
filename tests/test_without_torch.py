"""The core does its work where neither torch nor what comes with training can be imported."""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import h5py
import numpy as np
import pytest

from command import run_in_one_process

BLOCKED = ("torch", "onnx", "lightning_fabric", "tensorboardX", "torchvision", "timm", "matplotlib")
# Run before anything else: what is blocked is not found, as if it were not installed.
BLOCKER = f"""
import sys
from importlib.machinery import PathFinder

class Blocker(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {BLOCKED!r} else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Blocker
"""


@pytest.fixture(scope="module")
def blocked_environment(tmp_path_factory):
    """Environment variables with which the imports are blocked, in worker processes too."""
    folder = tmp_path_factory.mktemp("blocked")
    (folder / "sitecustomize.py").write_text(BLOCKER)
    paths = [str(folder), str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture(scope="module")
def place(make_video, tmp_path_factory):
    """A folder with a film, and a data file of videos with the names of TVSum's."""
    folder = tmp_path_factory.mktemp("place")
    make_video(folder / "film.mp4", scenes=[(3.0, "red"), (3.0, "blue"), (3.0, "green")], fps=10, sound=True)
    rng = np.random.default_rng(0)
    with h5py.File(folder / "small.h5", "w") as file:
        for number in range(3):
            group = file.create_group(f"video_{number + 1}")
            group["features"] = rng.normal(size=(40, 16)).astype(np.float32)
            group["user_scores"] = rng.integers(1, 6, size=(5, 40)).astype(np.uint8)
            group["gtscore"] = rng.random(40).astype(np.float32)
            group["picks"], group["n_frames"] = np.arange(40) * 60, 2400
            group.attrs["fps"] = 30.0
    return folder


SUMMARIZE = "summarize film.mp4 -o made --formats mp4,json,html,sheet --alternatives 1"
EXTRACT = "extract film.mp4 -o features --workers 2"
BY_WORKERS = "summarize film.mp4 -o short --formats json --features features --workers 2"
EVALUATE = "evaluate default --data small.h5 --kind tvsum --seen-too"
SAY_SOMETHING = ["doctor", "--help", "summarize --help"]
NEED_AN_EXTRA = {
    "train default": "train",
    "crossval default": "train",
    "recipes": "train",
    "reproduce table1": "train",
    "export-graphs .": "train",
    "summarize film.mp4 -o . --backbone inception_v3": "backbones",
    "summarize film.mp4 -o . --formats png": "plot",
}


@pytest.fixture(scope="module")
def answers(blocked_environment, place):
    """The result of each of these commands."""
    commands = [SUMMARIZE, EXTRACT, BY_WORKERS, EVALUATE, *SAY_SOMETHING, *NEED_AN_EXTRA]
    results = run_in_one_process([words.split() for words in commands], cwd=place, env=blocked_environment)
    return dict(zip(commands, results, strict=True))


def test_the_block_works(answers):
    process = subprocess.run(
        [sys.executable, "-c", BLOCKER + "import torch"], capture_output=True, text=True, check=False
    )
    assert "No module named 'torch'" in process.stderr
    assert "needs torch" in answers["train default"].stderr


def test_summarize(answers, place):
    assert answers[SUMMARIZE].returncode == 0, answers[SUMMARIZE].stderr
    summary = json.loads((place / "made" / "film.summary.json").read_text())
    assert sum(part["end"] - part["start"] for part in summary["selection"]) > 0
    assert (place / "made" / "film.summary.mp4").stat().st_size > 0


def test_extract_and_an_archive_by_workers(answers, place):
    for command in (EXTRACT, BY_WORKERS):
        assert answers[command].returncode == 0, answers[command].stderr
    assert len(list((place / "short").rglob("*.summary.json"))) == 1


def test_evaluate(answers):
    assert answers[EVALUATE].returncode == 0, answers[EVALUATE].stderr
    assert "default" in answers[EVALUATE].stdout
    assert "WAS TRAINED ON" in answers[EVALUATE].stdout


def test_serve(blocked_environment, place):
    command = [sys.executable, "-m", "summdiff", "serve", "film.mp4", "--no-open", "--port", "0"]
    process = subprocess.Popen(
        command, env=blocked_environment, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        line = process.stderr.readline()
        address = line.split()[-1].strip()
        with urllib.request.urlopen(address, timeout=20) as page:  # noqa: S310 (our own, on this machine)
            assert page.status == 200
        assert process.poll() is None
    finally:
        process.terminate()
        process.communicate(timeout=20)


@pytest.mark.parametrize("command", SAY_SOMETHING)
def test_verbs_that_say_something(answers, command):
    assert answers[command].returncode == 0, answers[command].stderr
    assert answers[command].stdout
    assert not answers[command].stderr


@pytest.mark.parametrize(("command", "extra"), NEED_AN_EXTRA.items())
def test_a_verb_that_needs_an_extra_says_which_in_one_line(answers, command, extra):
    err = answers[command].stderr
    assert answers[command].returncode != 0
    assert f"pip install 'summdiff[{extra}]'" in err
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1
