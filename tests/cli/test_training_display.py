"""Display of a training run at a terminal and elsewhere, and the verbs' own options."""

import os
import pty
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from summdiff.cli._training_display import Lines, describe_row, training_display
from summdiff.cli.crossval import describe_seeds, read_seeds
from summdiff.errors import UsageError


def test_rows_are_described_in_one_line():
    assert describe_row({"epoch": 0, "loss": 0.5}, 20) == "epoch 1/20  loss 0.5000"
    row = {"epoch": 19, "loss": 0.01234, "map": 0.5, "map_dog": 0.4, "tau": 0.1, "rho": 0.2, "spread": 0.3}
    shown = "epoch 20/20  loss 0.0123  validation map 0.500 tau 0.100 rho 0.200 spread 0.300"
    assert describe_row(row, 20) == shown


def test_a_log_gets_few_lines(capsys):
    """The lines of 100 quick epochs: the first, the validated ones, and the last."""
    lines = Lines(100).with_label("fold 2/5")
    lines.on_start(0, 200)
    for epoch in range(100):
        for step in (1, 2):
            lines.on_step(2 * epoch + step, 200, 0.5)
        lines.on_epoch({"epoch": epoch, "loss": 0.5} | ({"tau": 0.1} if epoch == 49 else {}))
    shown = capsys.readouterr().err.splitlines()
    assert [line.split("  ")[0] for line in shown] == [f"fold 2/5: epoch {epoch}/100" for epoch in (1, 50, 100)]
    assert all("steps/s" in line for line in shown)
    assert shown[-1].endswith("0:00 left")


def everything_from(descriptor):
    """Return all that is read until the other end is closed."""
    shown = b""
    while True:
        try:
            part = os.read(descriptor, 4096)
        except OSError:  # how Linux says that the other end of a terminal is closed
            part = b""
        if not part:
            return shown.decode()
        shown += part


def test_a_terminal_gets_a_temporary_bar(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    ours, theirs = pty.openpty()
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(everything_from, ours)
        with os.fdopen(theirs, "w") as terminal, monkeypatch.context() as patched:
            patched.setattr(sys, "stderr", terminal)
            bar = training_display(2)
            bar.on_start(0, 4)
            for epoch in range(2):
                for step in (1, 2):
                    bar.on_step(2 * epoch + step, 4, 0.25)
                    time.sleep(0.15)
                bar.on_epoch({"epoch": epoch, "loss": 0.25} | ({"tau": 0.125} if epoch == 0 else {}))
            bar.close()
        text = reading.result()
    os.close(ours)
    assert "epoch 1/2  loss 0.2500  validation tau 0.125" in text
    assert "━" in text
    assert "steps/s" in text
    assert text.rstrip().endswith("\x1b[2K") or "\x1b[?25h" in text  # the bar is cleared, the cursor back


def test_seeds_are_parsed_and_described():
    assert read_seeds(["0,1", "7"]) == [0, 1, 7]
    assert read_seeds([]) == []
    with pytest.raises(UsageError, match="'x' is not a seed: write whole numbers from 0"):
        read_seeds(["0,x"])
    with pytest.raises(UsageError, match="given twice"):
        read_seeds(["0,1", "1"])
    over = {"seeds": [0, 1], "rows": {"ours": {"tau": {"mean": 0.2, "sd": 0.01}, "rho": {"mean": 0.3, "sd": None}}}}
    assert describe_seeds(over, "ours") == [
        "ours, mean ± standard deviation over seeds 0, 1:",
        "  tau            0.2000 ± 0.0100",
        "  rho            0.3000",
    ]
