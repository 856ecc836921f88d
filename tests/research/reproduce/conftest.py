"""Tiny data sets, and small tables made on them once."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from summdiff.research.reproduce import ReproduceRequest, reproduce
from summdiff.research.reproduce._tiny_data import tiny_files
from summdiff.research.reproduce.measurements import TableData


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
    once: ReproduceRequest
    pages: list[Path]


@pytest.fixture(scope="session")
def made(files, tmp_path_factory, quick_graphs):
    """In quick mode a table with two seeds, and a figure and another table with one."""
    folder = tmp_path_factory.mktemp("made")
    request = ReproduceRequest(
        ("table7",),
        data=list(files.values()),
        seeds=(0, 1),
        quick=True,
        output=folder / "results",
        runs=folder / "runs",
        command="summdiff reproduce table7 --quick --seeds 0,1",
    )
    once = replace(
        request, names=("figure3", "table3"), seeds=(0,), command="summdiff reproduce figure3 table3 --quick"
    )
    with quick_graphs():
        return Made(request, once, [*reproduce(request), *reproduce(once)])
