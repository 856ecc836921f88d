"""The scripts that measure selections and write the tables of docs/selection.md."""

import json
from dataclasses import replace

import pytest
from selection_page import write_pages
from stability import CHANGES, SEED, Row, encode, rho, shared, table

from small_summary import small_summary
from summdiff import Interval
from summdiff.errors import DataError
from summdiff.summary import Scores
from summdiff.video import VideoReader, probe


def mean(value):
    return {"value": value, "low": value - 0.1, "high": value + 0.1}


@pytest.fixture
def results(tmp_path):
    rows = {name: {"means": {"f1": mean(f1), "used": mean(1.0)}, "note": ""} for name, f1 in (("a", 0.2), ("b", 0.25))}
    document = {
        "protocol": {"judged": "selections"},
        "tested": {"names": ["video_1", "video_2"]},
        "measures": {"f1": "", "used": ""},
        "systems": rows,
        "references": {"people": {"means": {"f1": mean(0.3), "used": mean(0.9)}, "note": ""}},
        "comparisons": [
            {"first": "b", "second": "a", "f1": {"mean": mean(0.05), "p": 0.5, "better": 2, "worse": 0, "equal": 0}}
        ],
    }
    (tmp_path / "summe.json").write_text(json.dumps(document))
    (tmp_path / "stability.json").write_text("{}")
    (tmp_path / "page.md").write_text("<!-- selection-summe: begin --><!-- selection-summe: end -->\n")
    return tmp_path


def test_every_number_of_the_page_comes_from_the_evaluation(results):
    assert {path.name for path in write_pages(results, results / "page.md")} == {"summe.csv", "summe.md", "page.md"}
    lines = (results / "summe.md").read_text().splitlines()
    assert lines[0] == "| 2 videos | F1, best | less the first row | budget used |"
    assert lines[2:] == [
        "| a | 20.0 |  | 1.00 |",
        "| b | 25.0 | +5.0 (-5.0 … +15.0); 2 better, 0 worse | 1.00 |",
        "| *people* | 30.0 |  | 0.90 |",
    ]
    assert (results / "summe.md").read_text().strip() in (results / "page.md").read_text()
    assert "b,f1,0.2500,0.1500,0.3500,0.0500,-0.0500,0.1500,0.5000,2,0" in (results / "summe.csv").read_text()


@pytest.mark.parametrize("content", ["{}", "[]", '{"protocol": {"judged": "scores"}}'])
def test_other_results_in_the_folder_are_left_alone(results, content):
    (results / "other.json").write_text(content)
    assert len(list(write_pages(results, results / "page.md"))) == 3
    (results / "summe.json").unlink()
    with pytest.raises(DataError, match="has no evaluation: make one with"):
        list(write_pages(results, results / "page.md"))


def test_a_damaged_file_is_named(results):
    (results / "other.json").write_text("nothing")
    with pytest.raises(DataError, match=r"other\.json' cannot be read as JSON"):
        list(write_pages(results, results / "page.md"))


def test_a_copy_that_starts_later_is_compared_at_the_same_moments():
    summary = replace(small_summary(), selection=(Interval(0.0, 3.0), Interval(5.0, 8.0)))
    later = replace(summary, selection=(Interval(0.0, 1.0), Interval(4.5, 6.5)))
    assert shared(summary, later, 0.5) == pytest.approx((1.0 + 2.0) / (2.5 + 3.0))
    assert shared(summary, summary, 0.0) == 1
    times = tuple(float(n) for n in range(8))
    curve = replace(summary, scores=Scores(times, tuple(t * t for t in times), (0.1,) * 8))
    moved = replace(summary, scores=Scores(times[:7], tuple((t + 1) ** 2 for t in times[:7]), (0.1,) * 7))
    assert rho(curve, moved, 1.0) == pytest.approx(1)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_a_copy_differs_by_its_change_alone(make_video, tmp_path, change):
    film = make_video(scenes=[(1.0, "red"), (1.0, "blue")], sound=True)
    encode(film.path, tmp_path / "copy.mkv", change)
    before, after = probe(film.path), probe(tmp_path / "copy.mkv")
    assert after.duration == pytest.approx(before.duration - change.start, abs=0.1)
    assert after.has_audio
    factor = 2 if change.name == "half size" else 1
    assert (after.width, after.height) == (before.width // factor, before.height // factor)
    with VideoReader(film.path) as old, VideoReader(tmp_path / "copy.mkv") as new:
        first, copy = (next(iter(reader.steps(rate=1, short_side=54))).image.mean() for reader in (old, new))
    if change.name == "brighter":
        assert copy > 1.1 * first
    elif not change.start:
        assert copy == pytest.approx(first, rel=0.03)


def test_the_table_has_means_over_films():
    rows = [Row(film, "shots", change.name, 0.5, 0.9) for film in ("a", "b") for change in CHANGES]
    rows += [Row("a", "shots", SEED, 1.0, 1.0), Row("b", "shots", SEED, 0.8, 1.0)]
    assert "| shots | 0.50 | 0.50 | 0.50 | 0.50 | 0.50 | 0.90 |" in table(rows)
