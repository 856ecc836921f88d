import csv
import json

import numpy as np
import pytest

from summdiff.research.reproduce.runner import plan_tables
from summdiff.research.reproduce.runs import RunFolder
from summdiff.research.reproduce.table_plans import Scale


def rows_of(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_each_table_gets_its_files(made):
    assert [page.parent.name for page in made.pages] == ["table7", "figure3", "table3"]
    for name in ("table7", "figure3", "table3"):
        folder = made.request.output / name
        files = {path.name for path in folder.iterdir()}
        assert {f"{name}.csv", f"{name}_differences.csv", f"{name}.md", f"{name}.json", "README.md"} <= files
        report = json.loads((folder / f"{name}.json").read_text())
        assert report["quick"]
        assert report["seeds"] == [0, 1]
        assert report["command"].startswith("summdiff reproduce")
        for path in (folder / "README.md", folder / f"{name}.md"):
            assert "QUICK MODE" in path.read_text()
            assert "SYNTHETIC" in path.read_text()
    for suffix in ("png", "svg"):
        assert (made.request.output / "figure3" / f"figure3.{suffix}").stat().st_size > 5000


def test_the_csv_has_means_and_deviations_over_seeds_and_the_papers_numbers(made, data):
    rows = rows_of(made.request.output / "table7" / "table7.csv")
    row = next(row for row in rows if row["data"] == "tvsum" and row["lambda"] == "1")
    (plan,) = plan_tables(["table7"], data, Scale(quick=True), print)
    runs = RunFolder(made.request.runs)
    measurement = next(r.measurement for r in plan.rows[0][1] if r.at["lambda"] == 1)
    taus = [runs.get(measurement, seed).rows["scores"]["tau"].mean() for seed in (0, 1)]
    assert float(row["tau"]) == pytest.approx(np.mean(taus), abs=6e-5)
    assert float(row["tau_sd"]) == pytest.approx(np.std(taus, ddof=1), abs=6e-5)
    assert row["paper_f1"] == "57.71"
    assert float(row["parameters"]) > 1000
    highlights = [row for row in rows if row["data"] == "youtube_highlights"]
    assert all(row["map"] and row["map_dog"] and not row["paper_f1"] for row in highlights)


def test_differences_are_those_of_the_first_row_from_the_others(made):
    folder = made.request.output / "table7"
    rows = [row for row in rows_of(folder / "table7.csv") if row["data"] == "tvsum"]
    (difference,) = [
        row for row in rows_of(folder / "table7_differences.csv") if row["data"] == "tvsum" and row["measure"] == "tau"
    ]
    assert difference["row"] == "lambda = 4"
    assert float(difference["difference"]) == pytest.approx(float(rows[0]["tau"]) - float(rows[1]["tau"]), abs=2e-4)
    assert float(difference["low"]) <= float(difference["difference"]) <= float(difference["high"])
