import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from summdiff.errors import DataError, UsageError
from summdiff.summary import Alternative, Interval, Scores, Shot, Summary, VideoInfo, merge

SCHEMA = json.loads((Path(__file__).parents[1] / "docs" / "summary.schema.json").read_text(encoding="utf-8"))


@pytest.fixture
def summary():
    return Summary(
        video=VideoInfo("/films/Öl & “quotes”.mp4", 12.5, 25.0, 640, 360, 90, True),
        model={"id": "default", "conditioning": "relational", "backbone": "efficientnet_lite0", "version": "0"},
        settings={
            **{
                "rate": 1.0,
                "fast": False,
                "samples": 2,
                "steps": 10,
                "value": "sum",
                "min_shot": 2.0,
                "max_shot": 30.0,
            },
            **{"keep": [{"start": 5.0, "end": 6.0}], "drop": [], "loss": 0.1},
        },
        budget=0.4,
        seed=3,
        scores=Scores((0.0, 1.0), (0.25, 0.5), (0.0, 0.125)),
        shots=(Shot(0.0, 4.0, 0.25, False, 0.3), Shot(4.0, 8.0, 0.5, True, 0.6), Shot(8.0, 12.5, 0.1, False, 0.1)),
        selection=(Interval(4.0, 8.0),),
        alternatives=(Alternative((Interval(0.0, 4.0),), (0,), 0.93, 0.0),),
        warnings=("2 damaged frames of the video were skipped.",),
        timings={"look": 1.5},
    )


def test_json_holds_to_its_schema_and_reads_back(summary, tmp_path):
    text = summary.to_json()
    jsonschema.validate(json.loads(text), SCHEMA)
    path = tmp_path / "x.summary.json"
    path.write_text(text, encoding="utf-8")
    assert Summary.from_json(path) == summary
    assert Summary.from_json(text) == summary
    assert summary.selected_duration == 4.0


def test_an_alternative_is_a_summary_of_its_own(summary):
    other = summary.alternative(0)
    assert other.selection == (Interval(0.0, 4.0),)
    assert [shot.selected for shot in other.shots] == [True, False, False]
    assert [shot.probability for shot in other.shots] == [0.3, 0.6, 0.1]
    assert other.alternatives == ()
    assert replace(other, shots=(), selection=()) == replace(summary, shots=(), selection=(), alternatives=())
    jsonschema.validate(json.loads(other.to_json()), SCHEMA)
    for number in (1, -1):
        with pytest.raises(UsageError, match=f"There are 1 alternatives, none with number {number}"):
            summary.alternative(number)


def test_times_are_kept_to_the_microsecond(summary):
    odd = replace(summary, selection=(Interval(1001 / 30000, 7.0),))
    assert Summary.from_json(odd.to_json()).selection[0].start == pytest.approx(1001 / 30000, abs=5e-7)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("shots"), "not a complete summary"),
        (lambda d: d.update(schema="summdiff.summary/9"), "summdiff.summary/9"),
        (lambda d: d["video"].pop("fps"), "not a complete summary"),
        (lambda d: d["scores"].update(mean=["high"]), "not a complete summary"),
        (lambda d: d.update(selection=7), "not a complete summary"),
    ],
)
def test_what_is_wrong_with_a_summary_is_said(summary, change, message):
    document = json.loads(summary.to_json())
    change(document)
    with pytest.raises(DataError, match=message):
        Summary.from_json(json.dumps(document))


def test_files_that_are_no_summaries(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        Summary.from_json(tmp_path / "missing.json")
    (tmp_path / "list.json").write_text("[1, 2]")
    with pytest.raises(DataError, match="schema is None"):
        Summary.from_json(tmp_path / "list.json")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"binary\.json"):
        Summary.from_json(tmp_path / "binary.json")


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 10)), max_size=20))
def test_merged_parts_cover_the_same_seconds_and_do_not_touch(parts):
    merged = merge(Interval(float(start), float(start + length)) for start, length in parts)
    covered = {second for start, length in parts for second in range(start, start + length)}
    assert {second for part in merged for second in range(int(part.start), int(part.end))} == covered
    assert all(a.end < b.start for a, b in pairwise(merged))
