import dataclasses

import pytest

from summdiff.errors import UsageError
from summdiff.options import Options, OptionValues
from summdiff.summary import Interval


def test_keyword_arguments_and_fields_are_the_same():
    fields = {field.name: field.type for field in dataclasses.fields(Options)}
    assert {name: hint.__forward_arg__ for name, hint in OptionValues.__annotations__.items()} == fields


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"budget": 0}, "budget"),
        ({"budget": 1.5}, "at most 1, not 1.5"),
        ({"budget": float("nan")}, "budget"),
        ({"duration": 0}, "duration"),
        ({"duration": float("inf")}, "duration"),
        ({"samples": 0}, "samples"),
        ({"steps": 1001}, "steps"),
        ({"seed": -1}, "seed"),
        ({"value": "median"}, "'sum' or 'mean'"),
        ({"min_shot": 5, "max_shot": 3}, "shortest <= longest"),
        ({"min_shot": 0, "max_shot": 0}, "longest > 0"),
        ({"transition": -0.5}, "0 to 10 s, not -0.5 s"),
        ({"transition": float("nan")}, "0 to 10 s"),
        ({"quality": "best"}, "small, normal, high, or a number from 0 to 51, not 'best'"),
        ({"quality": 52}, "not 52"),
        ({"quality": True}, "not True"),
        ({"max_size": 9_999}, "at least 10000 bytes, not 9999"),
        ({"max_size": "25MB"}, "not '25MB'"),
    ],
)
def test_a_value_out_of_range_is_refused(values, message):
    with pytest.raises(UsageError, match=message):
        Options(**values)


def test_a_duration_takes_the_place_of_the_budget_and_is_never_more_than_the_video():
    assert Options(budget=0.5).seconds(30.0) == 15.0
    assert Options(budget=0.15).seconds(10.0) == 1.5
    assert Options(budget=0.5, duration=60.0).seconds(300.0) == 60.0
    assert Options(duration=60.0).seconds(30.0) == 30.0


def test_constraints_may_be_pairs_of_numbers():
    options = Options(keep=[(80, 105.5)], drop=((0, 3), Interval(5, 7)))
    assert options.keep == (Interval(80.0, 105.5),)
    assert options.drop == (Interval(0.0, 3.0), Interval(5, 7))
    for wrong in ([80], [(80,)], ["1:20"], [("a", "b")]):
        with pytest.raises(UsageError, match="A part to keep is a pair of seconds such as"):
            Options(keep=wrong)


@pytest.mark.parametrize(("video", "summary"), [(3.0, 3.0), (20.0, 5.0), (600.0, 90.0), (7200.0, 180.0)])
def test_the_default_is_15_percent_but_at_least_5_seconds_and_at_most_3_minutes(video, summary):
    assert Options().seconds(video) == summary
