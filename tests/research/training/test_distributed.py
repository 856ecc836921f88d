"""Two processes with half of each batch do what one does with all of it."""

import csv
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from forked import Command

from summdiff.research.networks.storage import load_network
from summdiff.research.training.loop import train
from summdiff.research.training.recipe_files import read_recipe

# Seven videos to train on: batches of 3, 3 and 1, so the second process has 1, 1 and 0 of them.
SAME = ["hold_out=0.3", "videos_per_batch=3", "validate_every=2", "epochs=4", "augmentation.views=1"]


def start(recipe_file, *overrides, by=()):
    command = [sys.executable, *by, "-m", "summdiff", "train", str(recipe_file), *SAME, *overrides]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def start_two(recipe_file, *overrides, folder):
    """Both processes, in the environment that torchrun would give them."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    same = {
        "TORCHELASTIC_RUN_ID": "none",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "GROUP_RANK": "0",
    }
    return [
        Command(
            *("train", recipe_file, *SAME, *overrides),
            folder=folder / f"process{rank}",
            environment=same | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]


def alone(recipe_file, *overrides):
    """The same by this process, to its end."""
    train(read_recipe(recipe_file, [*SAME, *overrides]))


def finish(process):
    said, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return said


def rows(folder):
    return list(csv.DictReader((folder / "log.csv").read_text().splitlines()))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["joint", "release"])
def test_two_processes_give_the_loss_curve_of_one(recipe_file, tmp_path, name):
    network = f"network={{model: {name}, width: 16, heads: 2, feed_forward: 32, dropout: 0, input_dropout: 0}}"
    two = start(recipe_file, network, f"output={tmp_path / 'two'}", "strategy=ddp", "devices=2")
    alone(recipe_file, network, f"output={tmp_path / 'one'}")
    assert finish(two) == f"{tmp_path / 'two'}\n"  # said once
    assert_same_curves(tmp_path / "one", tmp_path / "two")


def assert_same_curves(one, two):
    for ours, theirs in zip(rows(one), rows(two), strict=True):
        assert float(ours["loss"]) == pytest.approx(float(theirs["loss"]), abs=1e-5)
        assert float(ours["tau"] or 0) == pytest.approx(float(theirs["tau"] or 0), abs=1e-3)
    a, b = (load_network(folder).state_dict() for folder in (one, two))
    assert max(float((a[name] - b[name]).abs().max()) for name in a) < 1e-4


def test_interrupted_processes_stop_together_and_one_process_can_resume(recipe_file, tmp_path):
    """SIGTERM reaches the first process only, as from a scheduler."""
    plain = ["network.dropout=0", "epochs=12", "validate_every=12"]
    both = start_two(recipe_file, *plain, f"output={tmp_path / 'out'}", "strategy=ddp", folder=tmp_path)
    wait_for_epoch(tmp_path / "out", both[0].runs)
    os.kill(both[0].pid, signal.SIGTERM)
    (code, _, errors), (second_code, _, second_errors) = (command.finish() for command in both)
    assert (code, second_code) == (143, 0), errors + second_errors
    assert errors.count("the same command goes on from there") == 1
    assert "the same command" not in second_errors
    assert "Traceback" not in errors
    done = len(rows(tmp_path / "out"))
    alone(recipe_file, *plain, f"output={tmp_path / 'out'}")
    alone(recipe_file, *plain, f"output={tmp_path / 'one'}")
    assert 0 < done < 12
    for ours, theirs in zip(rows(tmp_path / "one"), rows(tmp_path / "out"), strict=True):
        assert float(ours["loss"]) == pytest.approx(float(theirs["loss"]), abs=1e-5)


TORCHRUN = ("-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "29517")


@pytest.mark.parametrize("by", [None, pytest.param(TORCHRUN, marks=pytest.mark.slow)])
def test_torchrun_supports_gradient_accumulation_and_best_epoch(recipe_file, tmp_path, by):
    """Torchrun says how many processes there are, the recipe does not. A baseline, and videos of all lengths."""
    how = ["network={model: vasnet, width: 16, dropout: 0}", "targets={people: gtscore, scale: scores}", "window=null"]
    how += ["select=best", "epochs=6", "validate_every=1", "augmentation={views: 1, crop: 0, metric: 0}"]
    asked = [recipe_file, *how, f"output={tmp_path / 'two'}", "micro_batch=1"]
    two = start(*asked, by=by) if by else start_two(*asked, folder=tmp_path)
    alone(recipe_file, *how, f"output={tmp_path / 'one'}")
    if by:
        assert finish(two) == f"{tmp_path / 'two'}\n"
    else:
        results = [command.finish() for command in two]
        assert [(code, said) for code, said, _ in results] == [(0, f"{tmp_path / 'two'}\n"), (0, "")], results
    assert_same_curves(tmp_path / "one", tmp_path / "two")


def test_a_process_that_is_killed_ends_the_run_with_one_sentence(recipe_file, tmp_path):
    """And one process goes on where two were, to the loss curve of one that was left alone."""
    plain = ["network.dropout=0", "epochs=12", "validate_every=2", "diffusion.samples=2"]
    both = start_two(recipe_file, *plain, f"output={tmp_path / 'out'}", folder=tmp_path)
    wait_for_epoch(tmp_path / "out", both[0].runs)
    os.kill(both[1].pid, signal.SIGKILL)
    (code, said, errors), (killed, _, _) = (command.finish() for command in both)
    assert (code, killed) == (1, -signal.SIGKILL), errors
    assert said == ""
    assert errors.count("has died. The same command goes on from the last checkpoint") == 1, errors
    assert "summdiff/research/training" not in errors  # a traceback
    assert 0 < len(rows(tmp_path / "out")) < 12
    alone(recipe_file, *plain, f"output={tmp_path / 'out'}")
    alone(recipe_file, *plain, f"output={tmp_path / 'one'}")
    for ours, theirs in zip(rows(tmp_path / "one"), rows(tmp_path / "out"), strict=True):
        assert float(ours["loss"]) == pytest.approx(float(theirs["loss"]), abs=1e-4)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        path.name for path in (tmp_path / "one").iterdir()
    )


@pytest.mark.slow
@pytest.mark.parametrize("who", ["first", "second"])
@pytest.mark.parametrize("by", [(), TORCHRUN])
def test_a_process_that_is_killed_ends_a_command_with_one_sentence(recipe_file, tmp_path, who, by):
    devices = [] if by else ["devices=2"]
    process = start(recipe_file, "epochs=25", "validate_every=1", f"output={tmp_path}", *devices, by=by)
    wait_for_epoch(tmp_path, lambda: process.poll() is None)
    those = children(process.pid) if by else [process.pid, *children(process.pid)]
    os.kill(those[0 if who == "first" else 1], signal.SIGKILL)
    said, errors = process.communicate(timeout=60)
    assert process.returncode == (-9 if who == "first" and not by else 1)
    assert said == ""
    told = errors.count("has died. The same command goes on from the last checkpoint")
    assert told <= 1 if by else told == 1, errors  # torchrun has a report of its own, and may end us before ours
    assert "summdiff/research/training" not in errors  # a traceback
    assert 0 < len(rows(tmp_path)) < 25


@pytest.mark.slow
def test_the_death_of_any_of_four_processes_is_reported(recipe_file, tmp_path):
    for number in range(4):
        folder = tmp_path / str(number)
        process = start(recipe_file, "epochs=200", f"output={folder}", "devices=4", "videos_per_batch=4")
        wait_for_epoch(folder, lambda running=process: running.poll() is None)
        os.kill([process.pid, *children(process.pid)][number], signal.SIGKILL)
        _, errors = process.communicate(timeout=120)
        assert errors.count("has died. The same command goes on from the last checkpoint") == 1, errors


def wait_for_epoch(folder, runs):
    """Wait until a run has logged its first epoch, or has ended."""
    while runs() and not (folder / "log.csv").exists():
        time.sleep(0.02)


def children(process):
    """Numbers of a process's children that train (its loaders and resource trackers do not)."""
    found = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [int(number) for number in found if b"summdiff" in Path(f"/proc/{number}/cmdline").read_bytes()]
