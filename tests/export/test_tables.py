"""The tables, read by Python's csv."""

import csv

import pytest

from summdiff.export import save


def test_csv_has_shots_and_scores(film, tmp_path):
    shots, scores = save(film, tmp_path, formats=["csv"])
    with shots.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(float(row["start"]), float(row["end"]), row["selected"]) for row in rows] == [
        (0.0, 0.4, "0"),
        (0.4, 1.2, "1"),
        (1.2, 2.0, "0"),
        (2.0, 3.0, "1"),
        (3.0, 4.0, "0"),
    ]
    assert {row["probability"] for row in rows} == {"0.250000"}
    assert sum(float(row["kept"]) for row in rows) == pytest.approx(film.selected_duration)
    with scores.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["time"]) for row in rows] == list(film.scores.times)
    assert [float(row["mean"]) for row in rows] == pytest.approx(film.scores.mean, abs=1e-6)
