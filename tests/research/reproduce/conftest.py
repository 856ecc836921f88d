"""Tiny data sets, and small tables made on them once."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from summdiff.research.reproduce import ReproduceRequest, reproduce
from summdiff.research.reproduce._tiny_data import tiny_files
from summdiff.research.reproduce.runs import TableData


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    return tiny_files(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def data(files):
    """The tiny TVSum and the tiny YouTube Highlights."""
    return [TableData(kind, path) for kind, path in files.items()]


@dataclass(frozen=True)
class Made:
    request: ReproduceRequest
    pages: list[Path]


@pytest.fixture(scope="session")
def made(files, tmp_path_factory, quick_graphs):
    """Two tables and a figure in quick mode, with two seeds."""
    folder = tmp_path_factory.mktemp("made")
    request = ReproduceRequest(
        ("table7", "figure3", "table3"),
        data=list(files.values()),
        seeds=(0, 1),
        quick=True,
        output=folder / "results",
        runs=folder / "runs",
        command="summdiff reproduce table7 figure3 table3 --quick --seeds 0,1",
    )
    with quick_graphs():
        return Made(request, reproduce(request))
