"""Two processes with half of each batch do what one does with all of it."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from summdiff.research.networks.storage import load_network
from summdiff.research.training.loop import train
from summdiff.research.training.recipe_files import read_recipe

# Seven videos to train on: batches of 3, 3 and 1, so the second process has 1, 1 and 0 of them.
SAME = ["hold_out=0.3", "videos_per_batch=3", "validate_every=2", "epochs=4", "augmentation.views=1"]


def start(recipe_file, *overrides, by=()):
    command = [sys.executable, *by, "-m", "summdiff", "train", str(recipe_file), *SAME, *overrides]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def alone(recipe_file, *overrides):
    """The same by this process, to its end."""
    train(read_recipe(recipe_file, [*SAME, *overrides]))


def finish(process):
    said, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return said


def rows(folder):
    return list(csv.DictReader((folder / "log.csv").read_text().splitlines()))


@pytest.mark.parametrize("name", ["joint", pytest.param("release", marks=pytest.mark.slow)])
def test_two_processes_give_the_loss_curve_of_one(recipe_file, tmp_path, name):
    network = f"network={{model: {name}, width: 16, heads: 2, feed_forward: 32, dropout: 0, input_dropout: 0}}"
    two = start(recipe_file, network, f"output={tmp_path / 'two'}", "strategy=ddp", "devices=2")
    alone(recipe_file, network, f"output={tmp_path / 'one'}")
    assert finish(two) == f"{tmp_path / 'two'}\n"  # said once
    for ours, theirs in zip(rows(tmp_path / "one"), rows(tmp_path / "two"), strict=True):
        assert float(ours["loss"]) == pytest.approx(float(theirs["loss"]), abs=1e-5)
        assert float(ours["tau"] or 0) == pytest.approx(float(theirs["tau"] or 0), abs=1e-3)
    assert apart(tmp_path / "one", tmp_path / "two") < 1e-4


def test_interrupted_processes_stop_together_and_one_process_can_resume(recipe_file, tmp_path):
    """SIGTERM reaches the first process only, as from a scheduler."""
    plain = ["network.dropout=0", "epochs=20", "validate_every=20"]
    process = start(recipe_file, *plain, f"output={tmp_path / 'out'}", "devices=2", "strategy=ddp")
    log = tmp_path / "out" / "log.csv"
    while process.poll() is None and not log.exists():
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143, errors
    assert errors.count("the same command goes on from there") == 1
    assert "Traceback" not in errors
    done = len(rows(tmp_path / "out"))
    alone(recipe_file, *plain, f"output={tmp_path / 'out'}")
    alone(recipe_file, *plain, f"output={tmp_path / 'one'}")
    assert 0 < done < 20
    for ours, theirs in zip(rows(tmp_path / "one"), rows(tmp_path / "out"), strict=True):
        assert float(ours["loss"]) == pytest.approx(float(theirs["loss"]), abs=1e-5)


TORCHRUN = ("-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "29517")


def test_torchrun_supports_gradient_accumulation_and_best_epoch(recipe_file, tmp_path):
    """Torchrun says how many processes there are, the recipe does not. A baseline, and videos of all lengths."""
    how = ["network={model: vasnet, width: 16, dropout: 0}", "targets={people: gtscore, scale: scores}", "window=null"]
    how += ["select=best", "epochs=6", "validate_every=1", "augmentation={views: 1, crop: 0, metric: 0}"]
    two = start(recipe_file, *how, f"output={tmp_path / 'two'}", "micro_batch=1", by=TORCHRUN)
    alone(recipe_file, *how, f"output={tmp_path / 'one'}")
    assert finish(two) == f"{tmp_path / 'two'}\n"
    for ours, theirs in zip(rows(tmp_path / "one"), rows(tmp_path / "two"), strict=True):
        assert float(ours["loss"]) == pytest.approx(float(theirs["loss"]), abs=1e-5)
    assert apart(tmp_path / "one", tmp_path / "two") < 1e-4


def apart(one, other):
    """The largest difference of two models' weights."""
    a, b = (load_network(folder).state_dict() for folder in (one, other))
    return max(float((a[name] - b[name]).abs().max()) for name in a)


@pytest.mark.parametrize("who", [pytest.param("first", marks=pytest.mark.slow), "second"])
@pytest.mark.parametrize("by", [(), pytest.param(TORCHRUN, marks=pytest.mark.slow)])
def test_a_process_that_is_killed_ends_the_run_with_one_sentence(recipe_file, tmp_path, who, by):
    """And one process goes on where two were, to the loss curve of one that was left alone."""
    plain = ["network.dropout=0", "epochs=25", "validate_every=1"]
    process = start(recipe_file, *plain, f"output={tmp_path / 'out'}", *([] if by else ["devices=2"]), by=by)
    log = tmp_path / "out" / "log.csv"
    while process.poll() is None and not log.exists():
        time.sleep(0.02)
    those = children(process.pid) if by else [process.pid, *children(process.pid)]
    os.kill(those[0 if who == "first" else 1], signal.SIGKILL)
    said, errors = process.communicate(timeout=60)
    assert process.returncode == (-9 if who == "first" and not by else 1)
    assert said == ""
    told = errors.count("has died. The same command goes on from the last checkpoint")
    assert told <= 1 if by else told == 1, errors  # torchrun has a report of its own, and may end us before ours
    assert "summdiff/research/training" not in errors  # a traceback
    assert 0 < len(rows(tmp_path / "out")) < 25
    if who == "second" and not by:
        alone(recipe_file, *plain, f"output={tmp_path / 'out'}")
        alone(recipe_file, *plain, f"output={tmp_path / 'one'}")
        for ours, theirs in zip(rows(tmp_path / "one"), rows(tmp_path / "out"), strict=True):
            assert float(ours["loss"]) == pytest.approx(float(theirs["loss"]), abs=1e-4)
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
            path.name for path in (tmp_path / "one").iterdir()
        )


@pytest.mark.slow
def test_the_death_of_any_of_four_processes_is_reported(recipe_file, tmp_path):
    for number in range(4):
        folder = tmp_path / str(number)
        process = start(recipe_file, "epochs=200", f"output={folder}", "devices=4", "videos_per_batch=4")
        while process.poll() is None and not (folder / "log.csv").exists():
            time.sleep(0.02)
        os.kill([process.pid, *children(process.pid)][number], signal.SIGKILL)
        _, errors = process.communicate(timeout=120)
        assert errors.count("has died. The same command goes on from the last checkpoint") == 1, errors


def children(process):
    """Numbers of a process's children that train (its loaders and resource trackers do not)."""
    found = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [int(number) for number in found if b"summdiff" in Path(f"/proc/{number}/cmdline").read_bytes()]
