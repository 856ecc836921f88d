import csv
from dataclasses import replace

import h5py
import pytest
import torch

from summdiff.data.splits import Split
from summdiff.data.tvsum import TVSum
from summdiff.errors import OutputError, UsageError
from summdiff.research.networks.storage import write_model
from summdiff.research.training import loop
from summdiff.research.training.logs import Callbacks
from summdiff.research.training.loop import fit
from summdiff.research.training.recipe_files import read_recipe
from summdiff.research.training.state import MovingAverage, learning_rate
from summdiff.research.training.validation import Quality, validate
from summdiff.research.training.videos import Videos


def weights(trained):
    return torch.cat([tensor.flatten().float() for tensor in trained.model.network.module.state_dict().values()])


class StopError(Exception):
    """Raised by a test to break off a run."""


class Stopper(Callbacks):
    """Breaks a run off after some epochs or steps, and keeps the rows that it saw."""

    def __init__(self, *, epochs=10**9, steps=10**9):
        self.epochs, self.steps, self.rows = epochs, steps, []

    def on_step(self, done, total, loss):
        if done == self.steps:
            raise StopError

    def on_epoch(self, row):
        self.rows.append(row)
        if row["epoch"] + 1 == self.epochs:
            raise StopError


def test_learns_a_simple_rule(held_out, recipe_file, tmp_path):
    """On videos that it was not trained on. Chance is 0, the mean annotator reaches 0.75."""
    recipe = read_recipe(recipe_file, ["epochs=60", "validate_every=60", "learning_rate=0.01", "augmentation.views=1"])
    trained = fit(recipe, held_out, tmp_path, check=False)
    found = validate(trained.model, [held_out.data[name] for name in held_out.split.validation], recipe).values
    assert found["rho"] > 0.35
    assert found["spread"] > 0.05


def test_the_same_seed_gives_the_same_weights(all_train, recipe_file, tmp_path):
    a, b, other = (
        fit(read_recipe(recipe_file, ["epochs=2", f"seed={seed}"]), all_train, tmp_path / str(run), check=False)
        for run, seed in enumerate((0, 0, 1))
    )
    assert torch.equal(weights(a), weights(b))
    assert not torch.equal(weights(a), weights(other))


def test_a_resumed_run_equals_an_uninterrupted_one(held_out, recipe_file, tmp_path):
    """After an epoch without and with a checkpoint, and in the middle of one. Two steps an epoch."""
    recipe = read_recipe(recipe_file, ["epochs=6", "select=best"])
    whole = fit(recipe, held_out, tmp_path / "whole", check=False)
    log = (tmp_path / "whole" / "log.csv").read_text()
    rows = list(csv.DictReader(log.splitlines()))
    assert [int(row["epoch"]) for row in rows] == list(range(6))
    assert [bool(row["tau"]) for row in rows] == [False, True] * 3
    for stopper, first in (({"epochs": 3}, 2), ({"epochs": 4}, 4), ({"steps": 9}, 4)):
        parts = tmp_path / str(stopper)
        with pytest.raises(StopError):
            fit(recipe, held_out, parts, callbacks=Stopper(**stopper), check=False)
        torch.rand(17)  # whatever happens between must not matter
        callbacks = Stopper()
        resumed = fit(recipe, held_out, parts, callbacks=callbacks)
        assert callbacks.rows[0]["epoch"] == first, stopper
        assert torch.equal(weights(whole), weights(resumed)), stopper
        assert whole.epoch == resumed.epoch, stopper
        assert (parts / "log.csv").read_text() == log, stopper


def test_a_checkpoint_of_another_recipe_is_refused(all_train, data_file, recipe_file, tmp_path):
    folder = tmp_path / "run"
    fit(read_recipe(recipe_file, ["epochs=1"]), all_train, folder, check=False)
    with pytest.raises(UsageError, match="another recipe"):
        fit(read_recipe(recipe_file, ["epochs=1", "seed=5"]), all_train, folder)
    data = all_train.data
    fewer = Videos(data, Split(train=data.names[1:], validation=(), test=()))
    with pytest.raises(UsageError, match="another recipe"):
        fit(read_recipe(recipe_file, ["epochs=1"]), fewer, folder)
    (tmp_path / "louder.h5").write_bytes(data_file.read_bytes())
    with h5py.File(tmp_path / "louder.h5", "r+") as file:
        file["video_1/features"][0, 0] = 9
    with pytest.raises(UsageError, match="other data"):
        fit(read_recipe(recipe_file, ["epochs=1"]), replace(all_train, data=TVSum(tmp_path / "louder.h5")), folder)
    fit(read_recipe(recipe_file, ["epochs=1", "seed=5", "resume=never"]), all_train, folder, check=False)


def test_unusable_output_folders_and_accelerators_are_refused(all_train, recipe_file, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be made"):
        fit(read_recipe(recipe_file), all_train, tmp_path / "file" / "folder")
    if not torch.backends.mps.is_available():
        with pytest.raises(UsageError, match="Accelerator 'mps' is not available"):
            fit(read_recipe(recipe_file, ["accelerator=mps"]), all_train, tmp_path)


def test_the_best_epoch_is_kept_and_needs_validation_videos(held_out, all_train, recipe_file, tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="no validation videos"):
        fit(read_recipe(recipe_file, ["select=best"]), all_train, tmp_path)
    kept = []
    taus = iter([0.1, 0.5, 0.3])

    def judged(model, videos, recipe, on_video):
        kept.append(torch.cat([tensor.flatten() for tensor in model.network.module.state_dict().values()]))
        tau = next(taus)
        return Quality(tau, {"tau": tau})

    monkeypatch.setattr(loop, "validate", judged)
    trained = fit(read_recipe(recipe_file, ["epochs=6", "select=best"]), held_out, tmp_path, check=False)
    assert torch.equal(weights(trained), kept[1])
    assert trained.epoch == 3


def test_validation_does_not_change_training(held_out, recipe_file, tmp_path):
    often = fit(read_recipe(recipe_file, ["validate_every=1"]), held_out, tmp_path / "a", check=False)
    once = fit(read_recipe(recipe_file, ["validate_every=4"]), held_out, tmp_path / "b", check=False)
    assert torch.equal(weights(often), weights(once))


def test_validation_can_use_some_of_the_videos(data_file, recipe_file, tmp_path, monkeypatch):
    data, seen = TVSum(data_file), []

    def judged(model, videos, recipe, on_video):
        seen.append([video.name for video in videos])
        return Quality(0.0, {"tau": 0.0})

    monkeypatch.setattr(loop, "validate", judged)
    videos = Videos(data, Split(train=data.names[:4], validation=data.names[4:], test=()))
    fit(read_recipe(recipe_file, ["epochs=2", "validate_videos=3"]), videos, tmp_path, check=False)
    assert seen == [["video_5", "video_7", "video_9"]]


@pytest.mark.parametrize(
    "overrides",
    [
        ["optimizer=adam", "learning_rate_schedule=exponential", "ema_decay=0", "clip_norm=0"],
        ["learning_rate_schedule=constant", "warmup_epochs=1", "rank_weight=0.1", "window=null", "length_buckets=true"],
        ["targets.people=each", "targets.scale=scores", "targets.clip=[0.05,0.95]", "targets.expected=false"],
        ["targets.people=mean", "targets.smooth_seconds=4", "conditioning=features"],
        ["conditioning=both", "network.model=release", "network.encoder_layers=2"],
        ["network.model=summdiff", "precision=bf16-mixed"],
    ],
    ids=lambda overrides: overrides[0],
)
def test_every_option_trains(held_out, recipe_file, tmp_path, overrides):
    recipe = read_recipe(recipe_file, ["epochs=2", *overrides])
    trained = fit(recipe, held_out, tmp_path, check=False)
    assert torch.isfinite(weights(trained)).all()
    rows = list(csv.DictReader((tmp_path / "log.csv").read_text().splitlines()))
    assert len(rows) == 2


def test_without_averaging_the_last_weights_are_written():
    network = torch.nn.Linear(2, 1)
    average = MovingAverage(network, 0.0)
    with torch.no_grad():
        network.weight.fill_(3.0)
    average.update()
    assert torch.equal(average.network.weight, network.weight)


def test_the_moving_average_follows_the_weights():
    network = torch.nn.Linear(2, 1)
    average = MovingAverage(network, 0.9)
    with torch.no_grad():
        network.weight.fill_(3.0)
    for _ in range(300):
        average.update()
    assert torch.allclose(average.network.weight, network.weight, atol=1e-4)
    with torch.no_grad():
        network.weight.fill_(4.0)
    average.update()
    assert torch.allclose(average.network.weight, torch.full((1, 2), 3.1), atol=1e-3)


def test_learning_rates_follow_the_schedule(recipe_file):
    def rates(*overrides):
        recipe = read_recipe(recipe_file, ["epochs=4", *overrides])
        return [learning_rate(recipe, epoch) for epoch in range(4)]

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=4)
    known = []
    for _ in range(4):
        known.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    assert rates() == pytest.approx(known)
    assert rates("learning_rate_schedule=constant") == [1, 1, 1, 1]
    exponential = ["learning_rate_schedule=exponential", "learning_rate_factor=0.5"]
    assert rates(*exponential) == [1, 0.5, 0.25, 0.125]
    assert rates(*exponential, "warmup_epochs=2") == pytest.approx([1 / 3, 2 / 3, 1, 0.5])


def test_training_can_start_from_a_trained_model(all_train, recipe_file, tmp_path):
    recipe = read_recipe(recipe_file, ["epochs=1"])
    trained = fit(recipe, all_train, tmp_path / "first", check=False)
    write_model(trained.model, tmp_path / "first", provenance={}, graphs=False)
    # A learning rate this small leaves the weights where they are.
    near = ["epochs=1", "learning_rate=1e-12", "weight_decay=0", f"init_from={tmp_path / 'first'}"]
    changed = read_recipe(recipe_file, [*near, "seed=3", "network.dropout=0.3"])
    again = fit(changed, all_train, tmp_path / "second", check=False)
    assert torch.allclose(weights(trained), weights(again), atol=1e-6)
    with pytest.raises(UsageError, match=r"its width differ from the recipe's") as raised:
        fit(read_recipe(recipe_file, [*near, "network.width=32"]), all_train, tmp_path / "third")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("learning_rate", "clip_norm", "what"), [("1e30", "0", "loss"), ("1e30", "0.1", "gradients' norm")]
)
def test_divergence_is_reported(all_train, recipe_file, tmp_path, learning_rate, clip_norm, what):
    recipe = read_recipe(recipe_file, [f"learning_rate={learning_rate}", f"clip_norm={clip_norm}"])
    with pytest.raises(UsageError, match=rf"{what} became (nan|inf) in epoch \d: try a lower learning_rate"):
        fit(recipe, all_train, tmp_path)
