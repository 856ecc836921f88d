"""Rules for summaries of films with known content, by default and with `select="shots"`."""

import pytest
from composites import color_bars, credits_scene, flat_scene, repeated_seconds

CLOSEST_CUT = 0.5  # seconds between the start or end of a piece and a hard cut inside it
LONGEST_PIECE = 15.0  # seconds, at a budget of 15%
ROUNDING = 0.01  # seconds
SELECTIONS = ("intervals", "shots")


@pytest.fixture(scope="module")
def repeating(scenes, summarized):
    first, second = scenes["jumps"].part(), scenes["meadow"].part()
    short = scenes["street"].part(0, 12)  # so short that its copies are hardly more than 10 s apart
    return {
        "A-B-A-B-A-B": summarized([first, second] * 3),
        "A-A-A-A": summarized([first] * 4),
        "A-A-A-A-A": summarized([short] * 5),
    }


@pytest.fixture(scope="module")
def dull(scenes, summarized):
    """Black, frozen, color bars, out of focus and credits, eight seconds each, between real scenes."""
    bad = [
        flat_scene("black", (0, 0, 0)),
        scenes["trailer"].frozen(),
        color_bars(),
        scenes["street"].blurred(),
        credits_scene(),
    ]
    good = [scenes[name].part(0, 9) for name in ("jumps", "meadow", "street", "trailer")]
    good.append(scenes["jumps"].part(10, 19))
    return summarized([part for real, poor in zip(good, bad, strict=True) for part in (real, poor.part(0, 8))])


@pytest.fixture(scope="module")
def cut_often(scenes, summarized):
    """Four scenes in a row, three times, with a cut every few seconds that falls on no full second."""
    names = ("jumps", "meadow", "street", "trailer")
    lengths = (6.2, 4.6, 5.4, 3.8, 6.6, 5.2, 4.4, 7.4, 5.8, 6.4, 4.2, 5.6)
    parts = [scenes[names[n % 4]].part(6 * (n // 4), 6 * (n // 4) + length) for n, length in enumerate(lengths)]
    return summarized(parts)


@pytest.fixture(scope="module")
def action(scenes, summarized):
    """A minute of a picture that stands still, and in it eight seconds in which something happens."""
    still = scenes["corridor"].frozen().part()
    return summarized([still, still, scenes["jumps"].part(5, 13), still])


def close_cuts(made, selection):
    """Return pieces that start just before a hard cut or end just after one, with the cut."""
    return [
        (piece, cut)
        for cut in made.film.starts[1:-1]
        for piece in made.summaries[selection].selection
        if ROUNDING < cut - piece.start < CLOSEST_CUT or ROUNDING < piece.end - cut < CLOSEST_CUT
    ]


@pytest.mark.parametrize("film", ["A-B-A-B-A-B", "A-A-A-A", "A-A-A-A-A"])
def test_at_most_a_twentieth_of_a_summary_repeats(repeating, film):
    made = repeating[film]
    assert repeated_seconds(made.film, made.summary.selection) <= 0.05 * made.summary.selected_duration


def test_no_piece_mostly_repeats_while_something_unseen_is_left(scenes, summarized):
    again = scenes["jumps"].part(4, 10)
    made = summarized([again, scenes["meadow"].part(0, 12), again, scenes["street"].part(0, 12), again], budget=0.3)
    shown = made.summary.selection
    for number, piece in enumerate(shown):
        repeated = repeated_seconds(made.film, shown[: number + 1]) - repeated_seconds(made.film, shown[:number])
        assert repeated <= piece.duration / 2


@pytest.mark.parametrize("name", ["black", "frozen", "bars", "blurred", "credits"])
@pytest.mark.parametrize("selection", SELECTIONS)
def test_what_is_no_content_is_never_chosen(dull, real, selection, name):
    if not real and name in ("frozen", "blurred", "credits"):
        pytest.skip("beside textures the model takes these for content: needs the real clips of $SUMMDIFF_DATA")
    assert dull.film.seconds_of(name, dull.summaries[selection].selection) <= ROUNDING


@pytest.mark.parametrize("blank", [flat_scene("black", (0, 0, 0)), flat_scene("white", (255,) * 3), color_bars()])
def test_what_shows_nothing_is_not_chosen_from_a_film_of_one_scene(scenes, summarized, blank):
    """Though nothing in it differs more from the rest."""
    starts = (3.2, 6.0, 0.4, 7.2, 5.0, 1.8)
    scene = [scenes["corridor"].part(start, start + 12) for start in starts]
    made = summarized([*scene[:2], blank.part(0, 8), *scene[2:5], blank.part(0, 7), scene[5]])
    for summary in made.summaries.values():
        assert made.film.seconds_of(blank.name, summary.selection) <= ROUNDING


@pytest.mark.parametrize("selection", SELECTIONS)
def test_of_a_long_still_stretch_the_action_is_chosen(action, selection):
    assert action.film.seconds_of("jumps", action.summaries[selection].selection) >= 6


@pytest.mark.parametrize("selection", SELECTIONS)
def test_no_piece_starts_just_before_a_cut_or_ends_just_after_one(cut_often, dull, action, selection):
    assert [found for made in (cut_often, dull, action) for found in close_cuts(made, selection)] == []


def test_pieces_last_two_to_fifteen_seconds_and_fill_the_budget(cut_often, dull, action, repeating, real):
    for made in (cut_often, dull, action, *repeating.values()):
        summary = made.summary
        lengths = [piece.duration for piece in summary.selection]
        assert 2 - ROUNDING <= min(lengths) <= max(lengths) <= LONGEST_PIECE + ROUNDING
        budget = summary.budget * summary.video.duration
        assert summary.selected_duration <= budget + ROUNDING
        if budget >= 10 and real:  # generated textures look like dissolves, in which no piece may start or end
            assert summary.selected_duration >= 0.95 * budget


@pytest.mark.slow
def test_all_rules_hold_in_a_film_of_eight_minutes(scenes, summarized):
    """Five scenes in changing order, four to five times each, with what is no content between them."""
    bad = (flat_scene("black", (0, 0, 0)), scenes["trailer"].frozen(), credits_scene())
    names = list(scenes)
    parts = []
    for turn in range(4):
        for number in range(5):
            parts.append(scenes[names[(turn + 2 * number) % 5]].part(0, 20 - number))
        parts.append(bad[turn % 3].part())
    made = summarized([*parts, scenes[names[0]].part(), scenes[names[1]].part()])
    summary = made.summary
    assert made.film.duration > 470
    assert repeated_seconds(made.film, summary.selection) <= 0.05 * summary.selected_duration
    assert max(piece.duration for piece in summary.selection) <= LONGEST_PIECE + ROUNDING
    assert close_cuts(made, "intervals") == []
    assert summary.selected_duration >= 0.95 * summary.budget * summary.video.duration
    for name in ("black", "frozen", "credits"):
        assert made.film.seconds_of(name, summary.selection) <= ROUNDING
