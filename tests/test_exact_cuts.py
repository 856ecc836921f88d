"""Cuts that a summary uses are moved to their exact frames; the others stay coarse."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from summdiff.exact_cuts import choose_exactly, with_exact_cuts
from summdiff.summary import CoarseCut, Interval, Places, Scores, Shot, Summary, VideoInfo

CUTS = (1.4, 2.64, 4.6)


@pytest.fixture(scope="module")
def film(make_video):
    """Four scenes, in groups of pictures that do not end at their cuts."""
    scenes = [(1.4, "red"), (1.24, "blue"), (1.96, 7), (1.4, "green")]
    return make_video(scenes=scenes, options={"preset": "veryfast", "bf": "3", "sc_threshold": "0"})


def undecided(film, *, at=(1.48, 2.72, 4.68)):
    """A summary that takes the film's cuts to be two frames late."""
    edges = (0.0, *at, 6.0)
    return Summary(
        video=VideoInfo(str(film.path), 6.0, 25.0, 192, 108, 0, False),
        model={},
        settings={},
        budget=0.5,
        seed=0,
        scores=Scores((0.0, 1.0, 2.0, 3.0), (0.5,) * 4, (0.0,) * 4),
        shots=tuple(Shot(a, b, 0.5, False, 0.0) for a, b in pairwise(edges)),
        selection=(),
        places=Places(edges, (0.0,) * 5, (0.0,) * 5, b""),
        coarse_cuts=tuple(CoarseCut(time, time - 0.4, time + 0.16) for time in at),
    )


def second(summary):
    """Choose the second shot."""
    edges = summary.places.edges
    shots = tuple(replace(shot, selected=place == 1) for place, shot in enumerate(summary.shots))
    return replace(summary, shots=shots, selection=(Interval(edges[1], edges[2]),))


def test_the_cuts_that_are_used_become_exact_and_the_others_stay(film):
    chosen, known = choose_exactly(undecided(film), second)
    assert chosen.selection == (Interval(CUTS[0], CUTS[1]),)
    assert [cut.at for cut in chosen.coarse_cuts] == [4.68]
    assert chosen.places.edges == known.places.edges == (0.0, CUTS[0], CUTS[1], 4.68, 6.0)
    assert [shot.end for shot in chosen.shots] == pytest.approx([CUTS[0], CUTS[1], 4.68, 6.0])
    assert [shot.start for shot in chosen.shots] == pytest.approx([0.0, CUTS[0], CUTS[1], 4.68])


def test_the_choice_is_made_again_until_it_uses_no_coarse_cut(film):
    """A choice that depends on where its cuts are."""

    def choose(summary):
        edges = summary.places.edges
        place = 1 if edges[1] > 1.44 else 2  # the first cut is not where it was taken to be
        return replace(summary, selection=(Interval(edges[place], edges[place + 1]),))

    chosen, _ = choose_exactly(undecided(film), choose)
    assert chosen.selection == (Interval(CUTS[1], CUTS[2]),)
    assert not chosen.coarse_cuts


def test_a_cut_that_would_leave_the_order_stays(film):
    summary = undecided(film, at=(1.48, 2.72, 2.76))  # the last one stands before the cut that is found for it
    summary = replace(summary, coarse_cuts=(*summary.coarse_cuts[:2], CoarseCut(2.76, 2.4, 2.92)))
    places = replace(summary.places, edges=(0.0, 1.48, 2.68, 2.76, 6.0))
    chosen, _ = choose_exactly(replace(summary, places=places), lambda s: replace(s, selection=(Interval(2.76, 6.0),)))
    assert chosen.selection == (Interval(2.76, 6.0),)
    assert list(chosen.places.edges) == sorted(set(chosen.places.edges))


def test_a_stored_summary_is_made_exact_where_its_video_is(film, tmp_path):
    stored = second(undecided(film))
    (part,) = with_exact_cuts(stored).selection
    assert (part.start, part.end) == pytest.approx(CUTS[:2])
    elsewhere = replace(stored, video=replace(stored.video, path=str(tmp_path / "gone.mp4")))
    assert with_exact_cuts(elsewhere) == elsewhere


def test_written_parts_are_exact(film, tmp_path):
    second(undecided(film)).save(tmp_path, formats=["json"], name="film")
    written = Summary.from_json(tmp_path / "film.summary.json")
    assert written.selection == (Interval(CUTS[0], CUTS[1]),)
