import os
import random
import subprocess
import sys

import numpy as np
import pytest
import torch

from summdiff.atomic import temporary_path
from summdiff.errors import UsageError
from summdiff.research.training import checkpoint
from summdiff.research.training.checkpoint import Checkpoints, random_states, read, set_random_states
from summdiff.research.training.logs import Callbacks
from summdiff.research.training.loop import fit
from summdiff.research.training.recipe_files import read_recipe


@pytest.fixture
def folder(tmp_path):
    """With checkpoints after 5, 6 and 7 steps, of which the last two are left."""
    checkpoints = Checkpoints(tmp_path, "ours")
    for step in (5, 6, 7):
        checkpoints.save({"weights": torch.full((1000,), float(step)), "rows": [{"tau": 0.1}]}, step)
    return tmp_path


def test_the_last_two_checkpoints_are_kept_and_the_newest_is_loaded(folder):
    names = ["checkpoint-00000006.pt", "checkpoint-00000007.pt"]
    assert sorted(path.name for path in folder.iterdir()) == names
    newest = Checkpoints(folder, "ours").newest()
    assert newest["weights"][0] == 7
    assert newest["rows"] == [{"tau": 0.1}]
    assert set(newest["versions"]) == {"summdiff", "torch", "numpy"}


@pytest.mark.parametrize("damage", ["empty", "cut", "bit", "other file"])
def test_a_damaged_newest_checkpoint_is_skipped_with_a_warning(folder, damage):
    path = folder / "checkpoint-00000007.pt"
    whole = bytearray(path.read_bytes())
    bit = bytearray(whole)
    bit[len(bit) // 2] ^= 16  # in the weights, where torch itself would not notice
    content = {"empty": b"", "cut": whole[: len(whole) // 2], "bit": bit, "other file": b"no checkpoint"}[damage]
    path.write_bytes(bytes(content))
    said = []
    assert Checkpoints(folder, "ours", said.append).newest()["weights"][0] == 6
    assert said == [f"'{path}' is damaged; the run goes on from the checkpoint before."]
    path.with_name("checkpoint-00000006.pt").write_bytes(bytes(content))
    with pytest.raises(UsageError, match=r"All checkpoints in '.*' are damaged: remove them or set resume=never"):
        Checkpoints(folder, "ours").newest()


def test_no_checkpoint_is_none_and_a_foreign_one_is_refused(tmp_path, folder):
    (tmp_path / "empty").mkdir()
    assert Checkpoints(tmp_path / "empty", "ours").newest() is None
    with pytest.raises(UsageError, match="belongs to another recipe or other data"):
        Checkpoints(folder, "theirs").newest()


def test_temporary_files_of_a_killed_run_are_removed(folder):
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    left = temporary_path(folder).name.replace(f"-{os.getpid()}-", f"-{gone.pid}-")
    (folder / left).write_bytes(b"half")
    (folder / "log.csv").write_text("kept")
    Checkpoints(folder, "ours").tidy()
    assert len(list(folder.iterdir())) == 3
    Checkpoints(folder, "ours").remove()
    assert [path.name for path in folder.iterdir()] == ["log.csv"]


def test_random_states_are_restored():
    before = random_states()
    drawn = torch.rand(3), np.random.random(3), random.random()
    set_random_states(before)
    again = torch.rand(3), np.random.random(3), random.random()
    assert torch.equal(drawn[0], again[0])
    assert np.array_equal(drawn[1], again[1])
    assert drawn[2] == again[2]


class StopError(Exception):
    """Stands for whatever stops a run."""


class StopAfterTwo(Callbacks):
    def on_epoch(self, row):
        if row["epoch"] == 1:
            raise StopError


def test_a_finished_run_keeps_the_last_and_the_best_weights_only(held_out, recipe_file, tmp_path):
    recipe = read_recipe(recipe_file, ["validate_every=1"])
    with pytest.raises(StopError):
        fit(recipe, held_out, tmp_path, callbacks=StopAfterTwo(), check=False)
    before = [path.stat().st_size for path in tmp_path.glob("checkpoint-*.pt")]
    trained = fit(recipe, held_out, tmp_path)
    (path,) = tmp_path.glob("checkpoint-*.pt")
    assert len(before) == 2
    assert path.stat().st_size < 0.6 * before[0]
    state = read(path)
    last, best = state["average"]["network"], state["best"]["weights"]
    ours = trained.model.network.module.state_dict()
    assert all(torch.equal(ours[name], last[name]) for name in ours)
    assert best.keys() == last.keys()


def test_a_checkpoint_has_the_state_of_the_run(all_train, recipe_file, tmp_path):
    """Everything that the documents promise, read back without running code from the file."""
    with pytest.raises(StopError):
        fit(
            read_recipe(recipe_file, ["epochs=3", "validate_every=1"]),
            all_train,
            tmp_path,
            callbacks=StopAfterTwo(),
            check=False,
        )
    path = sorted(tmp_path.glob("checkpoint-*.pt"))[-1]
    state = read(path)
    parts = {"network", "average", "optimizer", "random", "epoch", "step", "done", "rows", "recipe"}
    assert parts | {"identity", "versions"} <= set(state)
    assert set(state["random"]) == {"torch", "cuda", "numpy", "python"}
    assert (state["epoch"], state["step"], state["done"]) == (2, 0, 6)
    assert len(state["optimizer"]["state"]) == len(list(state["network"])) - 2  # all but mean and deviation
    assert checkpoint.read(tmp_path / "nothing.pt") is None


def test_a_run_resumes_despite_a_damaged_checkpoint(held_out, recipe_file, tmp_path):
    recipe = read_recipe(recipe_file, ["epochs=3", "validate_every=1"])
    known = fit(recipe, held_out, tmp_path / "whole", check=False)
    with pytest.raises(StopError):
        fit(recipe, held_out, tmp_path / "parts", callbacks=StopAfterTwo(), check=False)
    newest = sorted((tmp_path / "parts").glob("checkpoint-*.pt"))[-1]
    newest.write_bytes(newest.read_bytes()[:-100])
    again = fit(recipe, held_out, tmp_path / "parts")
    ours, theirs = (trained.model.network.module.state_dict() for trained in (known, again))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
