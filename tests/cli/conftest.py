"""Shared by the tests of the commands."""

import sys

import pytest

from summdiff.cli import app


@pytest.fixture
def summdiff(monkeypatch, capsys):
    """Runs the command; returns exit code, standard output and error stream."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["summdiff", *map(str, arguments)])
        with pytest.raises(SystemExit) as leave:
            app.main()
        out, err = capsys.readouterr()
        code = leave.value.code
        return (code if isinstance(code, int) else 0), out, err

    return run
