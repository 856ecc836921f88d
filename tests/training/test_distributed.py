"""Two processes with half of each batch do what one does with all of it."""

import csv
import os
import signal
import subprocess
import sys

import pytest

from summdiff.models import load_model

# Seven videos to train on: batches of 3, 3 and 1, so the second process has 1, 1 and 0 of them.
SAME = ["hold_out=0.3", "videos_per_batch=3", "validate_every=2", "epochs=4", "augmentation.views=1"]


def start(recipe_file, *overrides, by=()):
    command = [sys.executable, *by, "-m", "summdiff", "train", str(recipe_file), *SAME, *overrides]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def finish(process):
    said, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return said


def rows(folder):
    return list(csv.DictReader((folder / "log.csv").read_text().splitlines()))


@pytest.mark.parametrize("preset", ["joint", "release"])
def test_two_processes_have_the_loss_curve_of_one(recipe_file, tmp_path, preset):
    network = f"network={{preset: {preset}, width: 16, heads: 2, feed_forward: 32, dropout: 0, input_dropout: 0}}"
    one = start(recipe_file, network, f"output={tmp_path / 'one'}")
    two = start(recipe_file, network, f"output={tmp_path / 'two'}", "strategy=ddp", "devices=2")
    assert finish(one) == f"{tmp_path / 'one'}\n"
    assert finish(two) == f"{tmp_path / 'two'}\n"  # said once
    for ours, theirs in zip(rows(tmp_path / "one"), rows(tmp_path / "two"), strict=True):
        assert float(ours["loss"]) == pytest.approx(float(theirs["loss"]), abs=1e-5)
        assert float(ours["tau"] or 0) == pytest.approx(float(theirs["tau"] or 0), abs=1e-3)
    a, b = (load_model(tmp_path / folder).network.state_dict() for folder in ("one", "two"))
    assert max(float((a[name] - b[name]).abs().max()) for name in a) < 1e-4


def test_both_leave_together_and_one_goes_on(recipe_file, tmp_path):
    """SIGTERM reaches the first process only, as from a scheduler."""
    plain = ["network.dropout=0", "epochs=40", "validate_every=40"]
    process = start(recipe_file, *plain, f"output={tmp_path / 'out'}", "devices=2", "strategy=ddp")
    log = tmp_path / "out" / "log.csv"
    while process.poll() is None and not log.exists():
        pass
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143, errors
    assert errors.count("the same command goes on from there") == 1
    assert "Traceback" not in errors
    done = len(rows(tmp_path / "out"))
    finish(start(recipe_file, *plain, f"output={tmp_path / 'out'}"))
    finish(start(recipe_file, *plain, f"output={tmp_path / 'one'}"))
    assert 0 < done < 40
    for ours, theirs in zip(rows(tmp_path / "one"), rows(tmp_path / "out"), strict=True):
        assert float(ours["loss"]) == pytest.approx(float(theirs["loss"]), abs=1e-5)


@pytest.mark.slow
def test_torchrun(recipe_file, tmp_path):
    by = ("-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", "29517")
    plain = ["network.dropout=0", "epochs=2"]
    said = finish(start(recipe_file, *plain, f"output={tmp_path / 'two'}", "devices=2", by=by))
    assert said.count(str(tmp_path / "two")) == 1
    finish(start(recipe_file, *plain, f"output={tmp_path / 'one'}"))
    for ours, theirs in zip(rows(tmp_path / "one"), rows(tmp_path / "two"), strict=True):
        assert float(ours["loss"]) == pytest.approx(float(theirs["loss"]), abs=1e-5)
