import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from small_summary import small_summary
from summdiff.errors import DataError
from summdiff.summary import Interval, Summary
from summdiff.summary_json import from_json, to_json

SCHEMA = json.loads((Path(__file__).parents[1] / "docs" / "summary.schema.json").read_text(encoding="utf-8"))


def test_json_follows_its_schema_and_reads_back(tmp_path):
    summary = small_summary()
    text = to_json(summary)
    jsonschema.validate(json.loads(text), SCHEMA)
    jsonschema.validate(json.loads(to_json(summary.alternative(0))), SCHEMA)
    path = tmp_path / "x.summary.json"
    path.write_text(text, encoding="utf-8")
    assert from_json(path) == summary
    assert from_json(text) == summary


def test_a_summary_without_places_transcript_and_coarse_cuts_reads_back():
    document = json.loads(to_json(small_summary()))
    del document["places"], document["transcript"], document["coarse_cuts"]
    without = replace(small_summary(), places=None, transcript=None, coarse_cuts=())
    assert from_json(json.dumps(document)) == without


def test_the_methods_of_a_summary_are_short_cuts():
    summary = small_summary()
    assert summary.to_json(indent=None) == to_json(summary, indent=None)
    assert Summary.from_json(summary.to_json()) == summary


def test_times_are_kept_to_the_microsecond():
    odd = replace(small_summary(), selection=(Interval(1001 / 30000, 7.0),))
    assert from_json(to_json(odd)).selection[0].start == pytest.approx(1001 / 30000, abs=5e-7)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("shots"), "not a valid summary of schema 'summdiff.summary/1': 'shots' is missing"),
        (lambda d: d.update(schema="summdiff.summary/9"), "its schema is 'summdiff.summary/9'"),
        (lambda d: d["video"].pop("fps"), "'fps' is missing"),
        (lambda d: d["video"].update(rotation=45), "rotation is 45, not 0, 90, 180 or 270"),
        (lambda d: d["scores"].update(mean=["high", "low"]), "mean must be a number, got 'high'"),
        (lambda d: d["scores"].update(mean=[0.5]), "times, mean and std differ in length"),
        (lambda d: d["scores"].update(blank=[0, 2]), "blank must be ascending numbers of steps"),
        (lambda d: d["scores"].update(blank=[1, 1]), "blank must be ascending numbers of steps"),
        (lambda d: d["selection"][0].update(start=9.0), "a part of selection goes from 9 s to 8 s"),
        (lambda d: d.update(selection=7), "selection must be a list, got 7"),
        (lambda d: d.update(selection=[]), "selection is empty"),
        (lambda d: d.update(budget=0), "budget is 0, out of range"),
        (lambda d: d["places"].update(edges=[0.0, 12.5]), "places do not belong to 2 steps"),
        (lambda d: d["places"].update(edges=[0.0, 2.0, 1.0]), "edges of places do not ascend"),
        (lambda d: d["places"].update(end_cost=[0.0, -1.0, 0.0]), "a cost of places is negative"),
        (lambda d: d["places"].update(looks="not base64!"), "not a valid summary"),
        (lambda d: d["places"].update(looks="AAAA"), "places do not belong to 2 steps"),
        (lambda d: d["transcript"].update(sentences=[7]), "a sentence must be an object, got 7"),
        (lambda d: d["transcript"]["sentences"][0].update(times=[1.0]), "times of a sentence do not belong"),
        (lambda d: d["transcript"]["sentences"][0]["times"].reverse(), "times of a sentence do not belong"),
        (lambda d: d["transcript"]["sentences"][0].update(score="high"), "score must be a number"),
        (lambda d: d["transcript"]["sentences"][1].update(text="Goals!\n\n2"), "not separated by single spaces"),
        (lambda d: d["transcript"].pop("language"), "'language' is missing"),
        (lambda d: d["coarse_cuts"].update(at=[1.5]), "a coarse cut lies outside its span"),
        (lambda d: d["coarse_cuts"].update(at=[]), "not a valid summary"),
        (lambda d: d["coarse_cuts"].update(at=[0.9, 0.9], after=[0, 0], until=[1, 1]), "coarse cuts do not ascend"),
        (lambda d: d["settings"].update(transition=11), "transition is 11, not 0 to 10 s"),
        (lambda d: d["settings"].update(transition="slow"), "transition must be a number, got 'slow'"),
    ],
)
def test_an_error_names_the_wrong_value(change, message):
    document = json.loads(to_json(small_summary()))
    change(document)
    with pytest.raises(DataError, match=message):
        from_json(json.dumps(document))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        (b"[1, 2]", "schema is None"),
        (b'{"schema": NaN}', "NaN is not a JSON number"),
        (b"\xff\xfe\x00", r"x\.json"),
    ],
)
def test_a_file_that_is_not_a_summary_is_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(DataError, match=message):
        from_json(tmp_path / "x.json")
