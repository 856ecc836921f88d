"""The core does its work where neither torch nor what comes with training can be imported."""

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import h5py
import numpy as np
import pytest

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
def blocked(blocked_environment):
    """A function that runs `summdiff` where the imports are blocked."""

    def start(*arguments, **how):
        command = [sys.executable, "-m", "summdiff", *map(str, arguments)]
        return subprocess.Popen(
            command, env=blocked_environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how
        )

    return start


def run(blocked, *arguments, code=0):
    process = blocked(*arguments)
    out, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    return out, err


@pytest.fixture(scope="module")
def film(make_video):
    return make_video(scenes=[(3.0, "red"), (3.0, "blue"), (3.0, "green")], sound=True).path


def test_the_block_works(blocked):
    process = subprocess.run(
        [sys.executable, "-c", BLOCKER + "import torch"], capture_output=True, text=True, check=False
    )
    assert "No module named 'torch'" in process.stderr
    assert "needs torch" in run(blocked, "train", "default", code=2)[1]


def test_summarize(blocked, film, tmp_path):
    run(blocked, "summarize", film, "-o", tmp_path, "--formats", "mp4,json,html,sheet", "--alternatives", 1)
    summary = json.loads((tmp_path / f"{film.stem}.summary.json").read_text())
    assert sum(part["end"] - part["start"] for part in summary["selection"]) > 0
    assert (tmp_path / f"{film.stem}.summary.mp4").stat().st_size > 0


def test_extract_and_an_archive_by_workers(blocked, film, tmp_path):
    run(blocked, "extract", film, "-o", tmp_path / "features", "--workers", 2)
    run(
        *(blocked, "summarize", film, "-o", tmp_path / "short", "--formats", "json"),
        *("--features", tmp_path / "features", "--workers", 2),
    )
    assert len(list((tmp_path / "short").rglob("*.summary.json"))) == 1


def test_evaluate(blocked, tmp_path):
    rng = np.random.default_rng(0)
    with h5py.File(tmp_path / "small.h5", "w") as file:
        for number in range(3):
            group = file.create_group(f"video_{number + 1}")
            group["features"] = rng.normal(size=(40, 16)).astype(np.float32)
            group["user_scores"] = rng.integers(1, 6, size=(5, 40)).astype(np.uint8)
            group["gtscore"] = rng.random(40).astype(np.float32)
            group["picks"], group["n_frames"] = np.arange(40) * 60, 2400
            group.attrs["fps"] = 30.0
    # The file's videos have the names of TVSum's, which the model was trained on.
    out, _ = run(blocked, "evaluate", "default", "--data", tmp_path / "small.h5", "--kind", "tvsum", "--seen-too")
    assert "default" in out
    assert "WAS TRAINED ON" in out


def test_serve(blocked, film):
    process = blocked("serve", film, "--no-open", "--port", 0)
    try:
        line = process.stderr.readline()
        address = line.split()[-1].strip()
        with urllib.request.urlopen(address, timeout=20) as page:  # noqa: S310 (our own, on this machine)
            assert page.status == 200
        assert process.poll() is None
    finally:
        process.terminate()
        process.communicate(timeout=20)


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
ALL_IN_ONE_PROCESS = """
import json, sys
from command import run_summdiff

results = [run_summdiff(*words.split()) for words in json.loads(sys.argv[1])]
print(json.dumps([[result.returncode, result.stdout, result.stderr] for result in results]))
"""


@pytest.fixture(scope="module")
def answers(blocked_environment, film, tmp_path_factory):
    """Exit code, output and error stream of each of these commands."""
    folder = tmp_path_factory.mktemp("answers")
    shutil.copy(film, folder / "film.mp4")
    commands = [*SAY_SOMETHING, *NEED_AN_EXTRA]
    done = subprocess.run(
        [sys.executable, "-c", ALL_IN_ONE_PROCESS, json.dumps(commands)],
        env=blocked_environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(commands, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("command", SAY_SOMETHING)
def test_verbs_that_say_something(answers, command):
    code, out, err = answers[command]
    assert code == 0, err
    assert out


@pytest.mark.parametrize(("command", "extra"), NEED_AN_EXTRA.items())
def test_a_verb_that_needs_an_extra_says_which_in_one_line(answers, command, extra):
    code, _, err = answers[command]
    assert code != 0
    assert f"pip install 'summdiff[{extra}]'" in err
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1
