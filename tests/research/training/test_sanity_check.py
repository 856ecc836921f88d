"""Errors show before the long run, and the sanity check leaves no trace in the results."""

import errno
import os
import re

import numpy as np
import pytest
import torch

from summdiff.errors import ModelError, OutputError
from summdiff.research.training import sanity_check
from summdiff.research.training.checkpoint import write
from summdiff.research.training.logs import Callbacks
from summdiff.research.training.loop import fit, train
from summdiff.research.training.recipe_files import read_recipe
from summdiff.research.training.state import TrainingState


def weights(trained):
    return torch.cat([tensor.flatten().float() for tensor in trained.model.network.module.state_dict().values()])


def test_the_check_does_not_change_training(held_out, recipe_file, tmp_path):
    recipe = read_recipe(recipe_file)
    checked, plain = (fit(recipe, held_out, tmp_path / name, check=name == "a") for name in "ab")
    assert torch.equal(weights(checked), weights(plain))
    assert (tmp_path / "a" / "log.csv").read_text() == (tmp_path / "b" / "log.csv").read_text()
    assert not [path for path in (tmp_path / "a").iterdir() if path.name.startswith(".")]


def test_a_dry_run_writes_nothing_and_leaves_checkpoints_alone(held_out, recipe_file, tmp_path):
    recipe = read_recipe(recipe_file)
    assert fit(recipe, held_out, tmp_path / "run", dry_run=True) is None
    assert list((tmp_path / "run").iterdir()) == []
    said = Callbacks()
    said.message = (sentences := []).append
    assert train(read_recipe(recipe_file, [f"output={tmp_path / 'run'}"]), dry_run=True, callbacks=said) is None
    assert re.search(
        r"^10 videos to train on and 0 for validation, [\d,]+ parameters, 4 epochs of 3 steps\.", sentences[-1]
    )
    whole = fit(recipe, held_out, tmp_path / "run", check=False)
    before = {path: path.read_bytes() for path in (tmp_path / "run").glob("*.*")}
    assert fit(recipe, held_out, tmp_path / "run", dry_run=True) is None
    assert {path: path.read_bytes() for path in (tmp_path / "run").glob("*.*")} == before
    assert torch.equal(weights(whole), weights(fit(recipe, held_out, tmp_path / "run")))


def test_a_full_disk_is_reported_before_the_first_epoch(held_out, recipe_file, tmp_path, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"cannot be written: No space left on device"):
        fit(read_recipe(recipe_file), held_out, tmp_path)
    assert list(tmp_path.iterdir()) == [recipe_file]


def test_a_disk_that_corrupts_data_is_reported(held_out, recipe_file, tmp_path, monkeypatch):
    def garble(path, state):
        write(path, state)
        content = bytearray(path.read_bytes())
        content[1000] ^= 1
        path.write_bytes(bytes(content))

    monkeypatch.setattr(sanity_check, "write", garble)
    with pytest.raises(OutputError, match="reads back damaged"):
        fit(read_recipe(recipe_file), held_out, tmp_path)


def test_validation_is_checked_before_the_run(held_out, recipe_file, tmp_path, monkeypatch):
    """It would first come up after many epochs."""

    def judged(model, videos, recipe):
        assert len(list(videos)) == 2
        raise ModelError("No.")

    monkeypatch.setattr(sanity_check, "validate", judged)
    with pytest.raises(ModelError, match="No"):
        fit(read_recipe(recipe_file, ["validate_every=4"]), held_out, tmp_path)
    assert not (tmp_path / "log.csv").exists()


def test_the_largest_batch_is_tried(held_out, recipe_file, tmp_path, monkeypatch):
    steps = []
    update = TrainingState.update

    def noted(self, step):
        steps.append(step[0].batch.mask.shape)
        return update(self, step)

    monkeypatch.setattr(TrainingState, "update", noted)
    fit(read_recipe(recipe_file, ["window=null", "augmentation.views=1"]), held_out, tmp_path, dry_run=True)
    longest = max(held_out.data.n_steps(name) for name in held_out.split.train)
    assert steps[1] == (4, longest)
    assert len(steps) == 2
    assert np.isfinite(longest)
