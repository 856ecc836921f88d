"""Runs that are stopped by real signals, or killed anywhere, end with the weights of one that was left alone."""

import os
import random
import signal
import time

import pytest
from forked import FORKED, Command

from summdiff.research.networks import storage
from summdiff.research.training.loop import train
from summdiff.research.training.processes import Interrupted, Signals
from summdiff.research.training.recipe_files import read_recipe
from summdiff.scoring.sampling import SamplingModel

# A checkpoint after every step.
OFTEN = ["epochs=12", "hold_out=0.2", "validate_every=3", "checkpoint_minutes=1e-9", "select=best"]


def result(folder):
    return (folder / "model.safetensors").read_bytes(), (folder / "log.csv").read_text()


def leftovers(folder):
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def run(recipe_file, overrides):
    """Train without graphs, which take longer than the training."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storage, "export_graphs", lambda module: {})
        train(read_recipe(recipe_file, overrides))


def run_and_die(recipe_file, overrides, at):
    """Dies in the `at`-th writing of a file, when half of it is written; the first three are of the sanity check."""
    written = 0
    sync = os.fsync

    def cut(handle):
        nonlocal written
        written += 1
        if written == at:
            os.ftruncate(handle, os.fstat(handle).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        sync(handle)

    os.fsync = cut
    run(recipe_file, overrides)


@pytest.fixture(scope="module")
def whole(recipe_in, tmp_path_factory):
    """Model and log of a run that was left alone, and the seconds that it took."""
    place, started = tmp_path_factory.mktemp("whole"), time.monotonic()
    run(recipe_in(place), [*OFTEN, f"output={place / 'whole'}"])
    return result(place / "whole"), time.monotonic() - started


def killed(target, *arguments):
    """Whether a process was killed."""
    process = FORKED.Process(target=target, args=arguments)
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def kill_often(recipe_file, folder, times, seconds):
    """Kill a run at random moments, `times` times; it is started anew where it came to its end before.

    Every other time the moment is counted from when the run has written one more checkpoint, so that some runs get that
    far however slow the machine is.
    """
    rng, kills, resumed = random.Random(times), 0, 0
    while kills < times:
        if (folder / "model.safetensors").exists():
            for path in folder.glob("*.*"):
                path.unlink()
        before = set(folder.glob("checkpoint-*"))
        resumed += bool(before)
        process = FORKED.Process(target=run, args=(recipe_file, [*OFTEN, f"output={folder}"]))
        process.start()
        if kills % 2 == 0:
            while process.is_alive() and not set(folder.glob("checkpoint-*")) - before:
                time.sleep(0.005)
            process.join(rng.random() * seconds / 8)
        else:
            process.join(0.3 + rng.random() * seconds / 2)
        process.kill()
        process.join()
        assert process.exitcode in (0, -signal.SIGKILL)
        kills += process.exitcode != 0
    return resumed


def test_a_resumed_relational_run_trains_on_the_same_curves(recipe_file, tmp_path):
    """It learns around mean curves that are foreseen anew from the stored weights; the result is the same."""
    relational = [
        *(*OFTEN, "epochs=4", "conditioning=gaussian_prior", "targets.panel=1", "diffusion.p_uncond=0"),
        "network={model: relational, width: 16, heads: 2, feed_forward: 16}",
    ]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    run(recipe_file, [*relational, f"output={whole}"])
    assert killed(run_and_die, recipe_file, [*relational, f"output={broken}"], 7)
    assert sorted(broken.glob("checkpoint-*"))
    run(recipe_file, [*relational, f"output={broken}"])
    assert result(broken) == result(whole)


@pytest.mark.slow
def test_a_run_killed_at_many_random_moments_resumes(whole, recipe_file, tmp_path):
    known, seconds = whole
    folder = tmp_path / "killed"
    folder.mkdir()
    assert kill_often(recipe_file, folder, 50, seconds) > 20
    assert not killed(run, recipe_file, [*OFTEN, f"output={folder}"])
    assert result(folder) == known


def test_a_run_killed_while_saving_resumes(whole, recipe_file, tmp_path):
    """The first checkpoint is that of the sanity check."""
    known, _ = whole
    overrides = [*OFTEN, f"output={tmp_path / 'killed'}"]
    for at in (1, 2, 6, 3):
        assert killed(run_and_die, recipe_file, overrides, at)
    assert not killed(run, recipe_file, overrides)
    assert result(tmp_path / "killed") == known
    assert len(list((tmp_path / "killed").glob("checkpoint-*.pt"))) == 1
    assert leftovers(tmp_path / "killed") == []


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)]
)
def test_a_signal_saves_a_checkpoint_and_exits(whole, recipe_file, tmp_path, number, code):
    """`summdiff train` as a user runs it."""
    known, _ = whole
    command = Command("train", recipe_file, *OFTEN, f"output={tmp_path / 'out'}", folder=tmp_path)
    while command.runs() and not (tmp_path / "out" / "log.csv").exists():
        time.sleep(0.02)
    os.kill(command.pid, number)
    found, said, errors = command.finish()
    assert found == code, errors
    assert said == ""
    assert "the same command goes on from there" in errors
    assert "Traceback" not in errors
    run(recipe_file, [*OFTEN, f"output={tmp_path / 'out'}"])
    assert result(tmp_path / "out") == known


def test_a_signal_during_validation_saves_a_checkpoint(recipe_file, tmp_path, held_out, monkeypatch):
    """Is not left waiting until all videos are judged."""
    score = SamplingModel.score
    calls = []

    def score_and_signal(self, *arguments, **options):
        calls.append(1)
        if len(calls) == 4:  # two in the sanity check, then the first of two
            signal.raise_signal(signal.SIGTERM)
        return score(self, *arguments, **options)

    monkeypatch.setattr(SamplingModel, "score", score_and_signal)
    overrides = ["epochs=2", "hold_out=0.4", "validate_every=1"]
    with pytest.raises(Interrupted, match="Stopped in epoch 1 after 2 steps") as raised:
        run(recipe_file, overrides)
    assert raised.value.exit_code == 143
    assert len(calls) == 4
    run(recipe_file, overrides)
    run(recipe_file, [*overrides, f"output={tmp_path / 'whole'}"])
    assert result(tmp_path / "out") == result(tmp_path / "whole")


def interrupt_twice(connection):
    with Signals() as signals:
        signal.raise_signal(signal.SIGINT)
        connection.send(signals.received)
        signal.raise_signal(signal.SIGINT)
        connection.send("still here")


def test_the_second_signal_kills():
    ours, theirs = FORKED.Pipe()
    process = FORKED.Process(target=interrupt_twice, args=(theirs,))
    process.start()
    theirs.close()
    process.join()
    assert process.exitcode == -signal.SIGINT
    assert ours.recv() == signal.SIGINT
    with pytest.raises(EOFError):
        ours.recv()


def test_handlers_are_restored_and_ignored_signals_stay_ignored():
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        old = signal.getsignal(signal.SIGINT)
        with Signals() as signals:
            signal.raise_signal(signal.SIGTERM)
            assert signals.received == 0
            assert signal.getsignal(signal.SIGINT) != old
        assert signal.getsignal(signal.SIGINT) == old
    finally:
        signal.signal(signal.SIGTERM, before)
