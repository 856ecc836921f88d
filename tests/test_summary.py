import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from small_summary import small_summary
from summdiff.errors import UsageError
from summdiff.summary import Interval, clock, merge


def test_an_alternative_becomes_the_selection_and_the_rest_stays():
    summary = small_summary()
    other = summary.alternative(0)
    assert other.selection == (Interval(0.0, 4.0),)
    assert [shot.selected for shot in other.shots] == [True, False, False]
    assert [shot.probability for shot in other.shots] == [0.3, 0.6, 0.1]
    assert other.alternatives == ()
    assert replace(other, shots=(), selection=()) == replace(summary, shots=(), selection=(), alternatives=())


@pytest.mark.parametrize("number", [1, -1])
def test_an_alternative_that_does_not_exist_is_refused(number):
    with pytest.raises(UsageError, match=f"Alternative {number} does not exist: there are 1"):
        small_summary().alternative(number)


def test_the_selected_duration_is_the_sum_of_the_parts():
    summary = replace(small_summary(), selection=(Interval(0.5, 1.0), Interval(3.0, 5.0)))
    assert summary.selected_duration == 2.5


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 10)), max_size=20))
def test_merged_parts_cover_the_same_seconds_and_do_not_touch(parts):
    merged = merge(Interval(float(start), float(start + length)) for start, length in parts)
    covered = {second for start, length in parts for second in range(start, start + length)}
    assert {second for part in merged for second in range(int(part.start), int(part.end))} == covered
    assert all(a.end < b.start for a, b in pairwise(merged))


def test_the_values_import_no_writer():
    code = "import sys, summdiff.summary; print(*(name for name in sys.modules if name.startswith('summdiff')))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(result.stdout.split()) == {
        "summdiff", "summdiff._version", "summdiff.errors", "summdiff.summary", "summdiff.transcript",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "shown", "with_tenths"),
    [
        (0, "0:00", "0:00.0"),
        (59.97, "0:59", "0:59.9"),
        (59.9999, "1:00", "1:00.0"),
        (75, "1:15", "1:15.0"),
        (Fraction(3599), "59:59", "59:59.0"),
        (36061.25, "10:01:01", "10:01:01.2"),
    ],
)
def test_times_are_cut_off_as_players_do(seconds, shown, with_tenths):
    assert clock(seconds) == shown
    assert clock(seconds, tenths=True) == with_tenths
