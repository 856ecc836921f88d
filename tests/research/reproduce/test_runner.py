"""`summdiff reproduce` in quick mode on tiny files."""

import shutil
import sys
from dataclasses import replace

import h5py
import pytest

from summdiff.cli.app import main
from summdiff.data.mr_hisum import MrHiSum
from summdiff.data.synthetic import make_synthetic
from summdiff.errors import DataError
from summdiff.research.reproduce import ProgressLines, ReproduceRequest, reproduce
from summdiff.research.reproduce import runs as runs_module
from summdiff.research.reproduce.runner import table_data
from summdiff.research.reproduce.table_plans import read_tables
from summdiff.research.reproduce.table_report import read_report
from summdiff.research.reproduce.write_reports import csv_rows
from summdiff.research.training.processes import Interrupted


def run(*words):
    """Run a command line and return its exit code."""
    before = sys.argv
    sys.argv = ["summdiff", *map(str, words)]
    try:
        main()
    except SystemExit as leave:
        return leave.code or 0
    finally:
        sys.argv = before
    return 0


def test_all_makes_every_table_of_the_paper(made):
    """What `made` has trained is not trained again."""
    every = replace(made.request, names=("all",), seeds=(0,), output=made.request.output.with_name("all"))
    assert [page.parent.name for page in reproduce(every)] == list(read_tables().tables)


def test_studies_are_made_like_tables(made, files):
    names = ("forms", "ddim_steps", "default_parts", "default_samples")
    request = replace(made.request, names=names, seeds=(0,), output=made.request.output.with_name("studies"))
    assert [page.parent.name for page in reproduce(request)] == list(names)
    assert (request.output / "ddim_steps" / "ddim_steps.png").stat().st_size > 5000
    assert "What only a model that samples can do" in (request.output / "default_samples" / "README.md").read_text()


def test_nothing_is_trained_twice(made, monkeypatch):
    before = (made.request.output / "table3" / "table3.csv").read_text()

    def refuse(*values, **named):
        raise AssertionError("trained again")

    for name in ("cross_validate", "train", "predict"):
        monkeypatch.setattr(runs_module, name, refuse)
    reproduce(made.request)
    assert (made.request.output / "table3" / "table3.csv").read_text() == before


def test_a_stopped_run_continues(files, tmp_path, monkeypatch):
    """Stopped after the second of four runs, the same request trains the other two."""
    request = ReproduceRequest(
        ("table7",), data=list(files.values()), quick=True, output=tmp_path / "results", runs=tmp_path / "runs"
    )
    trained = []

    class Stops(ProgressLines):
        def start(self, task, seconds_left):
            if len(trained) == 2:
                raise Interrupted("Stopped.", 2)
            trained.append(task)

    with pytest.raises(Interrupted):
        reproduce(request, progress=Stops())
    assert not (tmp_path / "results" / "table7").exists()

    more = []
    monkeypatch.setattr(ProgressLines, "start", lambda self, task, seconds_left: more.append(task))
    reproduce(request)
    assert len(more) == 2
    assert not set(more) & set(trained)


def test_mr_hisum_is_judged_on_its_split(tmp_path):
    path = tmp_path / "planted.h5"
    split = make_synthetic(path, videos=20, min_seconds=24, max_seconds=40, dimension=8)
    request = ReproduceRequest(
        ("table7",), data=[path], quick=True, output=tmp_path / "results", runs=tmp_path / "runs"
    )
    reproduce(request)
    report = read_report(tmp_path / "results" / "table7" / "table7.json")
    (table,) = report["tables"]
    assert table["data"]["splits"] == split.name
    assert table["videos"] == len(MrHiSum(path, split).split.test) == 2
    assert {m["name"] for m in table["measures"]} == {"f1", "map50", "map15", "tau", "rho"}
    assert "paper_map15" in csv_rows(report)[0]


def test_a_dry_run_measures_speeds_once_and_writes_no_results(files, tmp_path, capsys):
    words = ("reproduce", "table7", "--dry-run", "--runs", tmp_path / "runs", "--output", tmp_path / "results")
    small = ("--set", "folds=2", "--set", "network.width=16", "--set", "network.heads=2")
    assert run(*words, *small, "--data", files["tvsum"]) == 0
    printed = capsys.readouterr()
    assert "4 to train" in printed.out
    assert "In all about" in printed.out
    assert "Measuring a short epoch" in printed.err
    assert not (tmp_path / "results").exists()
    assert run(*words, *small, "--data", files["tvsum"]) == 0
    assert "Measuring" not in capsys.readouterr().err


def test_a_file_without_single_annotators_is_refused_before_any_training(files, tmp_path):
    """The usual file of TVSum is like this."""
    path = tmp_path / "usual.h5"
    shutil.copy(files["tvsum"], path)
    with h5py.File(path, "r+") as file:
        for name in file:
            file[name].pop("user_scores", None)
    with pytest.raises(DataError, match="has no 'user_scores'"):
        table_data(ReproduceRequest(("table1",), data=[path]))


def test_mistakes_end_in_a_sentence(files, tmp_path, monkeypatch, capsys):
    def message(*words):
        assert run("reproduce", *words) in (1, 2)
        text = capsys.readouterr().err.strip().splitlines()[-1]
        assert text.startswith("summdiff: ")
        return text

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SUMMDIFF_DATA", raising=False)
    assert "no 'table8'" in message("table8", "--data", files["tvsum"])
    assert "set SUMMDIFF_DATA" in message("table1")
    assert "missing.h5" in message("table1", "--data", "missing.h5")
    (tmp_path / "wrong.h5").write_text("no data")
    assert "wrong.h5" in message("table1", "--data", "wrong.h5")
    assert "give --data twice" in message("table3", "--data", files["tvsum"])
    assert "none.yaml' cannot be read" in message("none.yaml", "--data", files["tvsum"])
    assert "none is given" in message("table1", "--data", files["tvsum"], "--split", "split.json")
    assert "no accelerator 'abacus'" in message("table1", "--data", files["tvsum"], "--accelerator", "abacus")
    (tmp_path / "results-quick").write_text("in the way")
    assert "results-quick' cannot be made" in message("table7", "--quick", "--data", files["tvsum"])
    make_synthetic(tmp_path / "planted.h5", videos=4, min_seconds=24, max_seconds=30, dimension=8)
    with pytest.raises(DataError, match="no split"):
        table_data(ReproduceRequest(("table1",), data=[tmp_path / "planted.h5"], split=tmp_path / "none.json"))
