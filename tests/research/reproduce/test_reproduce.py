"""`summdiff reproduce` in its quick mode, on tiny files; and what its claims are judged by."""

import csv
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from summdiff.cli.app import main
from summdiff.data.mr_hisum import MrHiSum
from summdiff.data.synthetic import make_synthetic
from summdiff.errors import DataError, UsageError
from summdiff.evaluation import Estimate, PairedDifference
from summdiff.research.reproduce import cells as cells_module
from summdiff.research.reproduce import figure3, filing, pages, reports, table1, table3, table5, table6, table7
from summdiff.research.reproduce import reproduce as module
from summdiff.research.reproduce.cells import Cell, Cells, Found, Ground, Measurement
from summdiff.research.reproduce.lineup import Scale
from summdiff.research.reproduce.pace import Paces
from summdiff.research.reproduce.progress import Progress, clock
from summdiff.research.reproduce.projection import Cost, projected, sentence
from summdiff.research.reproduce.reproduce import (
    EXPERIMENTS,
    Request,
    grounds_of,
    plan,
    reproduce,
    tasks_of,
    write_document,
)
from summdiff.research.reproduce.tables import Part
from summdiff.research.reproduce.tiny_data import tiny_files
from summdiff.research.reproduce.verdicts import ahead, both, not_behind
from summdiff.research.training.processes import Interrupted

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return tiny_files(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def grounds(files):
    return [Ground(kind, path) for kind, path in files.items()]


@pytest.fixture(scope="module")
def made(files, tmp_path_factory):
    """Two tables and a figure in quick mode, with all that was asked for."""
    place = tmp_path_factory.mktemp("made")
    asked = Request(
        ("table7", "figure3", "table3"),
        data=list(files.values()),
        seeds=(0, 1),
        quick=True,
        output=place / "results",
        cells=place / "cells",
        command="summdiff reproduce table7 figure3 table3 --quick --seeds 0,1",
    )
    return asked, reproduce(asked)


def run(*words):
    """As from the command line; gives the exit code."""
    before = sys.argv
    sys.argv = ["summdiff", *map(str, words)]
    try:
        main()
    except SystemExit as leave:
        return leave.code or 0
    finally:
        sys.argv = before
    return 0


def test_every_table_is_made_in_quick_mode(made):
    """As `summdiff reproduce all --quick`; what the tables above have trained is not trained again."""
    asked, _ = made
    every = replace(asked, names=("all",), seeds=(0,), output=asked.output.with_name("all"))
    assert [page.parent.name for page in reproduce(every)] == list(EXPERIMENTS)


def test_each_table_gets_its_files(made):
    asked, pages = made
    assert [page.parent.name for page in pages] == ["table7", "figure3", "table3"]
    for name in ("table7", "figure3", "table3"):
        folder = asked.results / name
        there = {path.name for path in folder.iterdir()}
        assert {f"{name}.csv", f"{name}.md", f"{name}.json", "README.md"} <= there
        report = json.loads((folder / f"{name}.json").read_text())
        assert report["quick"]
        assert report["seeds"] == [0, 1]
        assert report["command"].startswith("summdiff reproduce")
        for path in (folder / "README.md", folder / f"{name}.md"):
            assert "QUICK MODE" in path.read_text()
            assert "SYNTHETIC" in path.read_text()
    for kind in ("png", "svg"):
        assert (asked.results / "figure3" / f"figure3.{kind}").stat().st_size > 5000


def test_a_table_is_what_its_cells_found(made, grounds):
    """The CSV's mean and deviation over seeds, and the paper's number beside them."""
    asked, _ = made
    with (asked.results / "table7" / "table7.csv").open() as file:
        rows = list(csv.DictReader(file))
    row = next(row for row in rows if row["data"] == "tvsum" and row["lambda"] == "1.0")
    planned = plan(["table7"], grounds, Scale(quick=True), print)
    kept = Cells(asked.cells)
    what = next(r.what for r in planned[0][1][0][1] if r.at["lambda"] == 1.0)
    taus = [kept.get(what, seed).rows["scores"]["tau"].mean() for seed in (0, 1)]
    assert float(row["tau"]) == pytest.approx(np.mean(taus), abs=6e-5)
    assert float(row["tau_sd"]) == pytest.approx(np.std(taus, ddof=1), abs=6e-5)
    assert row["paper_f1"] == "57.71"
    highlights = [row for row in rows if row["data"] == "youtube_highlights"]
    assert all(row["map"] and row["map_dog"] and not row["paper_f1"] for row in highlights)


def test_nothing_is_trained_twice(made, monkeypatch):
    asked, _ = made
    before = (asked.results / "table3" / "table3.csv").read_text()

    def refuse(*given, **named):
        raise AssertionError("trained again")

    for name in ("cross_validate", "train", "predict"):
        monkeypatch.setattr(cells_module, name, refuse)
    reproduce(asked)
    assert (asked.results / "table3" / "table3.csv").read_text() == before


def test_a_stopped_run_goes_on(files, tmp_path, monkeypatch):
    """Stopped after the second of four cells, the same request trains the other two."""
    asked = Request(
        ("table7",), data=list(files.values()), quick=True, output=tmp_path / "results", cells=tmp_path / "cells"
    )
    trained = []

    class Stops(Progress):
        def start(self, task, left):
            if len(trained) == 2:
                raise Interrupted("Stopped.", 2)
            trained.append(task)

    with pytest.raises(Interrupted):
        reproduce(asked, progress=Stops())
    assert not (tmp_path / "results" / "table7").exists()

    more = []
    monkeypatch.setattr(Progress, "start", lambda self, task, left: more.append(task))
    reproduce(asked)
    assert len(more) == 2
    assert not set(more) & set(trained)


def test_only_other_seeds_or_recipes_are_new(made, grounds):
    """And tables share what they have in common."""
    asked, _ = made
    kept = Cells(asked.cells)
    scale = Scale(quick=True)
    tasks = tasks_of(plan(["table7"], grounds, scale, print), (0, 1, 2))
    assert [task.seed for task in tasks if not kept.has(task.what, task.seed)] == [2, 2, 2, 2]
    longer = Scale(quick=True, overrides=("epochs=3",))
    assert not any(kept.has(t.what, t.seed) for t in tasks_of(plan(["table7"], grounds, longer, print), (0,)))

    full = plan(["all"], grounds, Scale(), print)
    cells = {row.what.cell.digest for _, where in full for _, rows in where for row in rows if not row.what.target}
    named = {experiment.name: where for experiment, where in full}

    def digest(name, **at):
        rows = named[name][0][1]
        return next(r.what.cell.digest for r in rows if all(r.at.get(k) == v for k, v in at.items()))

    ours = digest("table1", form="summdiff_paper_rotary")
    assert ours == digest("table4", score_embedding="learnable") == digest("table5", K=200)
    assert ours == digest("table6", p=0.2, w=0.8) == digest("table7", **{"lambda": 1.0}) == digest("figure3", steps=50)
    # 14 and 10 systems; 2 embeddings, 7 K, 2 p and 3 lambda more on each data set
    assert len(cells) == 16 + 11 + 2 * (2 + 7 + 2 + 3)


def test_rows_find_the_papers_numbers(grounds):
    """Every row of the paper but SumMe's has its counterpart, and no row names one that is not there."""
    for experiment, where in plan(["all"], grounds, Scale(), print):
        there = reports.paper()[experiment.name]["rows"]
        named = {row.paper for _, rows in where for row in rows} - {None}
        assert named <= set(there)
        assert {row for row in there if not row.endswith("summe")} <= named


def test_all_rows_of_a_table_share_folds_and_selection(grounds):
    """And every recipe that a table names can be read, in either scale."""
    for scale in (Scale(), Scale(quick=True)):
        for experiment, where in plan(["all"], grounds, scale, print):
            for _, rows in where:
                recipes = [row.what.cell.checked for row in rows]
                assert len({(r.folds, r.split_seed, r.validation, r.splits) for r in recipes}) == 1, experiment.name
                learned = [r for r in recipes if r.network.model != "ridge"]
                assert {r.select for r in learned} == {"best"}


def test_mr_hisum_goes_by_its_split(tmp_path):
    path = tmp_path / "planted.h5"
    split = make_synthetic(path, videos=20, min_seconds=24, max_seconds=40, dimension=8)
    asked = Request(("table7",), data=[path], quick=True, output=tmp_path / "results", cells=tmp_path / "cells")
    reproduce(asked)
    report = reports.read(tmp_path / "results" / "table7" / "table7.json")
    (table,) = report["tables"]
    assert table["data"]["splits"] == split.name
    assert table["videos"] == len(MrHiSum(path, split).split.test) == 2
    assert {m["name"] for m in table["measures"]} == {"f1", "map50", "map15", "tau", "rho"}
    assert "paper_map15" in filing.csv_rows(report)[0]


def test_the_document_is_made_of_the_reports(made, tmp_path, capsys):
    asked, _ = made
    output = tmp_path / "results.md"
    assert run("reproduce", "docs", "--output", asked.results, "--document", output) == 0
    text = output.read_text()
    assert text == write_document(asked.results, output).read_text()
    for name in ("table3", "table7", "figure3"):
        report = reports.read(asked.results / name / f"{name}.json")
        assert pages.tables(report)[4] in text
        assert report["claim"]["on"][0]["numbers"] in text
        assert (output.parent / next(w for w in text.split("(") if f"/{name}/README.md" in w).split(")")[0]).exists()


def test_the_document_in_the_repository_is_up_to_date():
    found = reports.read_all(ROOT / "results")
    assert (ROOT / "docs" / "results.md").read_text(encoding="utf-8") == pages.document(found)
    assert not any(report["quick"] for report in found)


def test_a_dry_run_measures_and_writes_no_results(files, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(module, "projected", lambda cells, say: ["Mr.HiSum in full: long."])
    words = ("reproduce", "table7", "--dry-run", "--cells", tmp_path / "cells", "--output", tmp_path / "results")
    small = ("--set", "folds=2", "--set", "network.width=16", "--set", "network.heads=2")
    assert run(*words, *small, "--data", files["tvsum"]) == 0
    said = capsys.readouterr()
    assert "4 to train" in said.out
    assert "In all about" in said.out
    assert "Mr.HiSum in full" in said.out
    assert "Measuring a short epoch" in said.err
    assert not (tmp_path / "results").exists()
    assert run(*words, *small, "--data", files["tvsum"]) == 0
    assert "Measuring" not in capsys.readouterr().err  # is known by now


def test_time_grows_with_epochs_and_falls_with_processes(grounds, tmp_path):
    cells = Cells(tmp_path)
    paces = Paces(cells, lambda sentence: None)
    small = ("network.width=16", "network.heads=2")

    def seconds(*overrides):
        planned = table7.plan(grounds[:1], Scale(overrides=(*small, *overrides)))
        (task, *_) = tasks_of([(table7.EXPERIMENT, planned)], (0,))
        return paces.seconds(task)

    short = seconds("epochs=2000", "validate_every=2000")
    assert seconds("epochs=4000", "validate_every=4000") > 1.5 * short
    cells.processes = 2
    assert seconds("epochs=2000", "validate_every=2000") < 0.7 * short
    assert [clock(x) for x in (40, 720, 11_100, 2e6)] == ["40 s", "12 min", "3 h 05 min", "23 days"]


def test_the_projection_is_arithmetic():
    few, many = Cost(0.2, 0.5, 0.001, 1000, 1e9), Cost(0.1, 0.5, 0.002, 2600, 2e9)
    said = sentence("summdiff_paper_mr_hisum", few, many)
    assert "0.100 s for a video and epoch, x 27892 videos x 200 epochs" in said
    assert f"= {clock(200 * 2789.2)}; validation 0.50 s x 200 videos x 200 epochs = {clock(20_000)}." in said
    assert f"{clock(0.002 * 27892 * 200 / 4)} with 4 processes" in said
    assert "about 25.2 GiB with 256" in said  # 100 MiB a video
    assert f"{clock(2e9 * 27892 * 200 / 20e12)} of updates" in said


@pytest.mark.slow
def test_the_projection_is_measured(tmp_path):
    lines = projected(Cells(tmp_path), print)
    assert len(lines) == 3
    assert all("videos x 200 epochs" in line for line in lines[1:])


def test_a_file_without_single_annotators_is_refused_before_any_training(files, tmp_path):
    """As the field's usual file of TVSum is."""
    path = tmp_path / "usual.h5"
    shutil.copy(files["tvsum"], path)
    with h5py.File(path, "r+") as file:
        for name in file:
            file[name].pop("user_scores", None)
    with pytest.raises(DataError, match="has no 'user_scores'"):
        grounds_of(Request(("table1",), data=[path]))


def test_what_files_hold_decides_a_cell_and_not_where_they_lie(grounds, tmp_path):
    first, moved, other = (tmp_path / name for name in ("a.bin", "b.bin", "c.bin"))
    for path, content in ((first, b"1"), (moved, b"1"), (other, b"2")):
        path.write_bytes(content)
    digests = [
        Cell("vasnet_tvsum", grounds[0], (*given,)).digest
        for given in ((), *([f"init_from={path}"] for path in (first, moved, other)))
    ]
    assert digests[1] == digests[2]
    assert len(set(digests)) == 3


def test_mistakes_end_in_a_sentence(files, tmp_path, monkeypatch, capsys):
    def said(*words):
        assert run("reproduce", *words) in (1, 2)
        text = capsys.readouterr().err.strip().splitlines()[-1]
        assert text.startswith("summdiff: ")
        return text

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SUMMDIFF_DATA", raising=False)
    assert "no 'table8'" in said("table8", "--data", files["tvsum"])
    assert "set SUMMDIFF_DATA" in said("table1")
    assert "missing.h5" in said("table1", "--data", "missing.h5")
    (tmp_path / "wrong.h5").write_text("no data")
    assert "wrong.h5" in said("table1", "--data", "wrong.h5")
    assert "give --data twice" in said("table3", "--data", files["tvsum"])
    assert "none is given" in said("table1", "--data", files["tvsum"], "--split", "split.json")
    assert "no accelerator 'abacus'" in said("table1", "--data", files["tvsum"], "--accelerator", "abacus")
    assert "by itself" in said("docs", "table1")
    assert "no folder of results" in said("docs", "--output", "nowhere")
    (tmp_path / "results-quick").write_text("in the way")
    assert "results-quick' cannot be made" in said("table7", "--quick", "--data", files["tvsum"])
    (tmp_path / "old" / "table7").mkdir(parents=True)
    (tmp_path / "old" / "table7" / "table7.json").write_text("{}")
    assert "make it anew" in said("docs", "--output", "old")
    with pytest.raises(DataError, match="no split"):
        grounds_of(Request(("table1",), data=[_planted(tmp_path)], split=tmp_path / "none.json"))
    with pytest.raises(UsageError, match="no schedules"):
        from summdiff.research.reproduce.lineup import systems_on

        systems_on(Ground("summe", tmp_path / "summe.h5"))


def _planted(folder):
    make_synthetic(folder / "planted.h5", videos=4, min_seconds=24, max_seconds=30, dimension=8)
    return folder / "planted.h5"


def part_with(experiment, grounds, values, videos=40):
    """A table on TVSum's form whose rows have given means, with noise that the videos share."""
    ground, rows = experiment.plan(grounds, Scale())[0]
    rng = np.random.default_rng(0)
    shared = rng.normal(0, 0.05, videos)
    names = tuple(f"video_{i}" for i in range(videos))
    found = []
    for row in rows:
        own = values(row) + shared + rng.normal(0, 0.005, videos)
        measured = dict.fromkeys(("f1", "tau", "rho", "map50", "map15"), own)
        found.append([Found(names, None, {"scores": measured, "random": measured})])
    return Part(ground, rows, found)


RIGHT = {
    table1: lambda row: 0.1 if row.baseline else 0.2,
    table3: lambda row: {"SummDiff": 0.2}.get(row.at["system"], 0.1) + 0.05 * (row.at["how"] == "zero-shot"),
    table5: lambda row: 0.1 + 0.1 * min(row.at["K"], 200) / 200,
    table6: lambda row: 0.2 if (row.at["p"], row.at["w"]) == (0.2, 0.1) else 0.1,
    table7: lambda row: 0.2 if row.at["lambda"] == 1 else 0.1,
    figure3: lambda row: 0.1 + 0.002 * row.at["steps"],
}
# The same claims where the opposite was measured, or nothing
WRONG = {
    table1: lambda row: 0.3 if row.label == "VASNet" else 0.2,
    table3: lambda row: 0.1 if row.at["how"] == "zero-shot" else 0.2,
    table5: lambda row: 0.3 if row.at["K"] == 1600 else 0.2,
    table6: lambda row: 0.3 if row.at["p"] == 0 else 0.1,
    table7: lambda row: 0.1 * row.at["lambda"],
    figure3: lambda row: 0.2 - 0.002 * row.at["steps"],
}


@pytest.mark.parametrize("table", RIGHT, ids=lambda m: m.__name__.rpartition(".")[2])
def test_claims_are_judged_by_intervals(table, grounds):
    experiment = table.EXPERIMENT
    right = experiment.rule(part_with(experiment, grounds, RIGHT[table]))
    assert right.status == "confirmed"
    assert set(right.by_measure.values()) == {"confirmed"}
    assert "…" in right.numbers
    assert experiment.rule(part_with(experiment, grounds, WRONG[table])).status == "contrary"
    assert experiment.rule(part_with(experiment, grounds, lambda row: 0.2)).status == "not confirmed"


def test_a_star_is_only_where_the_interval_leaves_zero_out(grounds):
    experiment = table7.EXPERIMENT
    for values, star in ((RIGHT[table7], True), (lambda row: 0.2, False)):
        part = part_with(experiment, grounds, values)
        report = reports.collect(experiment, [part], seeds=(0,), command="summdiff reproduce table7", quick=False)
        best = report["tables"][0]["best"]["tau"]
        assert best["star"] == star == (best["low"] > 0)
        assert ("★" in "".join(pages.tables(report)[:-1])) == star
        assert "QUICK" not in pages.page(report)


def test_the_worst_of_several_statuses_counts():
    def apart(value, low, high):
        return PairedDifference(mean=Estimate(value, low, high), p=0.5, better=0, worse=0, equal=0)

    above, around, below = apart(1, 0.5, 2), apart(0.1, -1, 1), apart(-1, -2, -0.5)
    assert [ahead(x) for x in ([above], [above, around], [above, below], [])] == [
        *("confirmed", "not confirmed", "contrary", "not confirmed")
    ]
    within = replace(around, mean=Estimate(-0.001, -0.009, 0.005))
    assert [not_behind([x]) for x in (above, within, around, below)] == [
        *("confirmed", "confirmed", "not confirmed", "contrary")
    ]
    assert both(["confirmed", "contrary", "not confirmed"]) == "contrary"
    assert both(["confirmed", "confirmed"]) == "confirmed"


def test_sampling_otherwise_says_something_else(made, grounds):
    """Figure 3 is of one training, and its number of steps decides what is drawn."""
    asked, _ = made
    kept = Cells(asked.cells)
    _, rows = figure3.plan(grounds, Scale(quick=True))[0]
    drawn = {row.at["steps"]: kept.get(row.what, 0).rows["scores"]["tau"] for row in rows}
    usual = kept.get(Measurement(rows[0].what.cell), 0).rows["scores"]["tau"]
    np.testing.assert_array_equal(drawn[3], usual)
    assert not np.array_equal(drawn[1], drawn[6])
