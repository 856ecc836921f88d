import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import summdiff
from small_summary import small_summary
from summdiff.errors import DataError, UsageError
from summdiff.options import Options
from summdiff.reselection import choose_parts, places_of, reselect, rounded
from summdiff.selection import cut_places, descriptors
from summdiff.summary import Interval, Places, Scores, Shot

EDGES = [0.0, 5.0, 10.0, 15.0, 20.0]


@pytest.fixture
def summary():
    """Four shots of five seconds, the second best, then the fourth; the second is chosen."""
    means = (0.2, 0.9, 0.1, 0.6)
    return replace(
        small_summary(),
        video=replace(small_summary().video, duration=20.0),
        settings={**small_summary().settings, "keep": [], "drop": []},
        budget=0.25,
        scores=Scores(tuple(map(float, range(20))), tuple(means[n // 5] for n in range(20)), (0.0,) * 20),
        shots=tuple(
            Shot(start, start + 5.0, mean, start == 5.0, mean) for start, mean in zip(EDGES, means, strict=False)
        ),
        selection=(Interval(5.0, 10.0),),
        places=None,
    )


def test_nothing_changes_under_the_same_budget_and_constraints(summary):
    assert reselect(summary) == replace(summary, alternatives=())


def test_a_larger_budget_adds_the_next_best_shot(summary):
    again = reselect(summary, budget=0.5)
    assert again.selection == (Interval(5.0, 10.0), Interval(15.0, 20.0))
    assert [shot.selected for shot in again.shots] == [False, True, False, True]
    assert again.budget == 0.5
    assert again.scores == summary.scores
    assert reselect(summary, duration=10.0) == again


def test_constraints_divide_shots_whose_pieces_keep_the_probability(summary):
    again = reselect(summary, keep=[Interval(1.0, 3.0)], drop=[Interval(5.0, 10.0)], budget=0.35)
    assert again.selection == (Interval(1.0, 3.0), Interval(15.0, 20.0))
    assert [(shot.start, shot.probability) for shot in again.shots] == [
        *((0.0, 0.2), (1.0, 0.2), (3.0, 0.2)),
        *((5.0, 0.9), (10.0, 0.1), (15.0, 0.6)),
    ]
    assert again.settings["keep"] == [{"start": 1.0, "end": 3.0}]
    assert again.settings["drop"] == [{"start": 5.0, "end": 10.0}]


def test_constraints_of_the_summary_stay_until_others_are_given(summary):
    dropped = reselect(summary, drop=[Interval(5.0, 10.0)])
    assert dropped.selection == (Interval(15.0, 20.0),)
    assert reselect(dropped, budget=0.3).selection[-1] == Interval(15.0, 20.0)
    assert reselect(dropped, drop=()).selection == summary.selection


def test_a_part_kept_up_to_the_end_is_stored_with_the_end_of_the_video(summary):
    again = reselect(summary, keep=[Interval(16.0, float("inf"))])
    assert again.settings["keep"] == [{"start": 16.0, "end": 20.0}]
    assert reselect(summdiff.Summary.from_json(again.to_json())).selection == again.selection


def test_the_first_choice_and_the_later_ones_are_the_same(summary):
    for budget in (0.1, 0.25, 0.6):
        first = choose_parts(EDGES, summary.scores, summary.video, Options(budget=budget, select="shots"))
        again = reselect(summary, budget=budget)
        assert again.selection == first.selection
        assert [shot.selected for shot in again.shots] == [shot.selected for shot in first.shots]


def test_samples_give_probabilities_and_alternatives(summary):
    samples = [summary.scores.mean, summary.scores.mean[::-1]]
    options = Options(budget=0.25, select="shots", alternatives=1, loss=0.9)
    chosen = choose_parts(EDGES, summary.scores, summary.video, options, samples=samples)
    assert [shot.probability for shot in chosen.shots] == [0.0, 0.5, 0.5, 0.0]
    (alternative,) = chosen.alternatives
    assert alternative.selection == (Interval(10.0, 15.0),)
    assert alternative.shots == (2,)
    assert alternative.overlap == 0.0
    assert alternative.expected == pytest.approx(0.1 / 0.9)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"budget": 0.0}, "above 0 and at most 1, not 0"),
        ({"duration": -1.0}, "more than 0 seconds, not -1"),
        ({"keep": [Interval(0.0, 8.0)]}, "parts to keep last 8 s, but the summary may last only 5 s"),
        ({"keep": [Interval(30.0, 40.0)]}, "begins at 30 s, but the video ends at 20 s"),
        ({"drop": [Interval(0.0, 20.0)]}, "Everything is dropped"),
    ],
)
def test_what_cannot_be_met_is_refused(summary, changes, message):
    with pytest.raises(UsageError, match=message):
        reselect(summary, **changes)


@pytest.fixture(scope="module")
def long_summary():
    """A film of five minutes whose intervals are chosen; a scene of it is shown twice."""
    rng = np.random.default_rng(0)
    features = np.abs(np.repeat(rng.normal(size=(30, 48)), 10, axis=0) + 0.1 * rng.normal(size=(300, 48)))
    features[200:220] = features[100:120]
    scores = Scores(
        tuple(map(float, range(300))),
        rounded(np.convolve(rng.random(308), np.hanning(9) / 4, "valid")),
        (0.0,) * 300,
    )
    places = places_of(cut_places(features, np.arange(301.0)), descriptors(features))
    video = replace(small_summary().video, duration=300.0)
    edges = np.arange(0.0, 301.0, 10.0)
    samples = np.array(scores.mean) + 0.1 * rng.normal(size=(4, 300))
    chosen = choose_parts(edges, scores, video, Options(alternatives=2, loss=0.5), places=places, samples=samples)
    return replace(
        small_summary(),
        video=video,
        settings={"select": "intervals", "min_shot": 2.0, "keep": [], "drop": [], "value": "sum"},
        budget=0.15,
        scores=scores,
        shots=chosen.shots,
        selection=chosen.selection,
        alternatives=chosen.alternatives,
        places=places,
    )


@pytest.mark.parametrize("budget", [None, 0.03, 0.4, 1.0])
def test_a_summary_from_json_chooses_the_same_intervals(long_summary, budget):
    stored = summdiff.Summary.from_json(long_summary.to_json())
    assert stored.places == long_summary.places
    again = reselect(stored, budget=budget)
    assert again.selection == reselect(long_summary, budget=budget).selection
    assert budget is not None or again.selection == long_summary.selection


def test_intervals_cover_pieces_of_shots_and_the_summary_says_which(long_summary):
    pieces = [long_summary.parts_of(shot) for shot in long_summary.shots]
    assert [bool(parts) for parts in pieces] == [shot.selected for shot in long_summary.shots]
    seconds = [sum(part.duration for part in parts) for parts in pieces]
    assert sum(seconds) == pytest.approx(long_summary.selected_duration)
    assert any(0 < kept < shot.duration - 1 for kept, shot in zip(seconds, long_summary.shots, strict=True))
    written = [shot["selected_duration"] for shot in json.loads(long_summary.to_json())["shots"]]
    assert written == pytest.approx(seconds, abs=1e-5)


def test_alternatives_of_intervals_differ_and_say_which_shots_they_touch(long_summary):
    assert long_summary.alternatives
    for number, other in enumerate(long_summary.alternatives):
        assert other.overlap <= 0.9
        shown = long_summary.alternative(number)
        assert [i for i, shot in enumerate(shown.shots) if shown.parts_of(shot)] == list(other.shots)


def test_kept_and_dropped_parts_of_intervals_hold_to_the_frame(long_summary):
    again = reselect(long_summary, keep=[Interval(11.48, 17.2)], drop=[Interval(100.0, 300.0)], budget=0.2)
    assert any(part.start <= 11.48 + 1e-6 and part.end >= 17.2 - 1e-6 for part in again.selection)
    assert again.selection[-1].end <= 100.0 + 1e-6
    assert again.selected_duration <= 60 + 1e-6


def test_a_summary_of_an_earlier_version_chooses_shots(long_summary):
    settings = {name: value for name, value in long_summary.settings.items() if name != "select"}
    old = reselect(replace(long_summary, settings=settings, places=None))
    edges = {shot.start for shot in old.shots} | {shot.end for shot in old.shots}
    assert {time for part in old.selection for time in (part.start, part.end)} <= edges


@pytest.mark.parametrize("places", [None, Places((0.0, 1.0), (0.0, 0.0), (0.0, 0.0), b"")])
def test_intervals_cannot_be_chosen_again_without_their_places(long_summary, places):
    with pytest.raises(DataError, match="lacks the places"):
        reselect(replace(long_summary, places=places))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shots": ()}, "no shots or no scores"),
        ({"scores": Scores((), (), ())}, "no shots or no scores"),
        ({"settings": {"min_shot": "long"}}, "settings are damaged"),
        ({"settings": {"keep": [{"start": 1.0}]}}, "settings are damaged: KeyError"),
        ({"settings": {"drop": 7}}, "settings are damaged"),
    ],
)
def test_a_damaged_summary_is_refused(summary, changes, message):
    with pytest.raises(DataError, match=message):
        reselect(replace(summary, **changes))


def test_the_function_stays_public_after_its_module_is_imported():
    code = "import summdiff, summdiff.pipeline; assert callable(summdiff.reselect)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
