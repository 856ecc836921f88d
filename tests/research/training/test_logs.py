import csv

import pytest
from tensorboardX.proto.event_pb2 import Event

from summdiff.errors import OutputError
from summdiff.research.training.logs import Callbacks, write_table
from summdiff.research.training.loop import fit
from summdiff.research.training.recipe_files import read_recipe


def scalars(folder):
    """(name, epoch) to value, as TensorBoard reads event files: records of length, checksum, message, checksum."""
    found, purged = {}, []
    for path in sorted(folder.glob("events.*")):
        content, at = path.read_bytes(), 0
        while at < len(content):
            size = int.from_bytes(content[at : at + 8], "little")
            event = Event.FromString(content[at + 12 : at + 12 + size])
            at += 16 + size
            if event.HasField("session_log"):
                purged.append(event.step)
            for value in event.summary.value:
                found[value.tag, event.step] = value.simple_value
    return found, purged


class Stopper(Callbacks):
    def on_epoch(self, row):
        if row["epoch"] == 2:
            raise InterruptedError


def test_losses_and_validation_are_logged(held_out, recipe_file, tmp_path):
    """Also after a break in the third epoch, from which the run goes on at the second."""
    recipe = read_recipe(recipe_file)
    with pytest.raises(InterruptedError):
        fit(recipe, held_out, tmp_path, callbacks=Stopper(), check=False)
    fit(recipe, held_out, tmp_path, check=False)
    rows = list(csv.DictReader((tmp_path / "log.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["0", "1", "2", "3"]
    found, purged = scalars(tmp_path / "tensorboard")
    assert purged == [2]
    for row in rows:
        epoch = int(row["epoch"])
        assert found["loss", epoch] == pytest.approx(float(row["loss"]), rel=1e-6)
        assert found["steps_per_second", epoch] > 0
        if epoch % 2:
            assert found["tau", epoch] == pytest.approx(float(row["tau"]), rel=1e-6)


def test_missing_values_are_empty_cells(tmp_path):
    write_table(tmp_path / "t.csv", [{"epoch": 0, "loss": 0.5}, {"epoch": 1, "loss": 0.25, "tau": 0.1}])
    assert (tmp_path / "t.csv").read_text().split() == ["epoch,loss,tau", "0,0.5,", "1,0.25,0.1"]
    with pytest.raises(OutputError, match="cannot be written"):
        write_table(tmp_path / "gone" / "t.csv", [{"epoch": 0}])


def test_callbacks_receive_every_event(held_out, recipe_file, tmp_path):
    told = []

    class Told(Callbacks):
        def on_start(self, done, total):
            told.append(("begin", done, total))

        def on_step(self, done, total, loss):
            told.append(("step", done, total))
            assert 0 < loss < 1

        def on_epoch(self, row):
            told.append(("epoch", row["epoch"], "tau" in row))

    recipe = read_recipe(recipe_file, ["epochs=2"])
    fit(recipe, held_out, tmp_path, callbacks=Told(), check=False)
    steps = [("step", done, 4) for done in (1, 2, 3, 4)]
    assert told == [("begin", 0, 4), *steps[:2], ("epoch", 0, False), *steps[2:], ("epoch", 1, True)]
    del told[:]
    fit(recipe, held_out, tmp_path, callbacks=Told(), check=False)
    assert told == [("begin", 4, 4)]
