"""Edges move to pauses in speech, and cuts inside speech cost more than any part is worth."""

from dataclasses import replace

import numpy as np
import pytest

from summdiff.audio import Sound, move_to_pauses
from summdiff.audio.sound import FRAME_SECONDS
from summdiff.selection import CutPlaces

FPS = 25.0
DURATION = 40.0


def places(step=1.0, *, jitter=0.0, hard_cuts=(), seed=0):
    edges = np.arange(0, DURATION + step / 2, step)
    edges[1:-1] += jitter * np.random.default_rng(seed).uniform(-step, step, len(edges) - 2)
    nothing = np.zeros(len(edges))
    return CutPlaces(edges, nothing + 0.3, np.array(hard_cuts, dtype=np.float64), nothing, nothing + 0.5)


def talk(*pauses, level=40, pause_level=120):
    """Sound of 40 s of speech with pauses, given as (start, end) in seconds."""
    n = round(DURATION / FRAME_SECONDS)
    speech, loudness = np.full(n, 255, np.uint8), np.full(2 * n, level, np.uint8)
    for start, end in pauses:
        first, last = round(start / FRAME_SECONDS), round(end / FRAME_SECONDS)
        speech[first:last] = 0
        loudness[2 * first : 2 * last] = pause_level
    return Sound(0.0, speech, loudness)


def random_talk(seed):
    generator = np.random.default_rng(seed)
    starts = np.cumsum(generator.uniform(0.8, 4.0, 14))
    return talk(*((at, at + generator.uniform(0.1, 0.7)) for at in starts if at < DURATION - 1))


def away_from_speech(times, sound):
    segments = sound.segments()
    return np.array([np.maximum(segments[:, 0] - at, at - segments[:, 1]).min() for at in times])


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("step", [0.25, 1.0, 3.0])
def test_edges_stay_in_order_and_move_only_into_pauses(seed, step):
    before = places(step, jitter=0.3, seed=seed)
    sound = random_talk(seed)
    after = move_to_pauses(before, sound, fps=FPS)
    moved = after.edges != before.edges
    assert (np.diff(after.edges) > 0).all()
    assert len(after.edges) == len(before.edges)
    assert not moved[[0, -1]].any()
    assert (np.abs(after.edges - before.edges) <= 1.5).all()
    assert (away_from_speech(after.edges[moved], sound) >= 0.08 - 1e-9).all()
    np.testing.assert_allclose(after.edges[moved] * FPS, np.round(after.edges[moved] * FPS), atol=1e-6)


@pytest.mark.parametrize("seed", range(8))
def test_every_pause_between_steps_gets_an_edge(seed):
    generator = np.random.default_rng(seed)
    starts = np.arange(2.0, 38.0, 2.5) + generator.uniform(0, 0.5, 15)
    after = move_to_pauses(places(), talk(*((at, at + 0.3) for at in starts)), fps=FPS)
    for at in starts:
        assert ((after.edges > at) & (after.edges < at + 0.3)).any()


def middle_costs(places, edges):
    """Return the costs at the edges nearest to these times."""
    nearest = [np.abs(places.edges - at).argmin() for at in edges]
    return places.start_cost[nearest].tolist()


@pytest.mark.parametrize("seed", range(8))
def test_no_part_is_worth_a_cut_inside_speech_with_a_pause_in_reach(seed):
    """Pauses of 0.4 s and more, where every measure of quiet agrees."""
    generator = np.random.default_rng(seed)
    starts = np.cumsum(generator.uniform(1.5, 6.0, 10))
    pauses = [(at, at + 0.4) for at in starts if at < DURATION - 1]
    after = move_to_pauses(places(jitter=0.3, seed=seed), talk(*pauses), fps=FPS)
    for edge, start, end in list(zip(after.edges, after.start_cost, after.end_cost, strict=True))[1:-1]:
        away = min(max(first - edge, edge - last) for first, last in pauses)  # negative within a pause
        if away < -0.15:
            assert start == 0
        elif 0 < away < 1.2:
            assert start >= 1000
        elif away > 1.5:
            assert 5 <= start < 1000
        assert end == start + 0.5


def test_a_stretch_of_quiet_that_the_detector_takes_for_speech_is_a_pause():
    sound = talk()
    loudness = sound.loudness.copy()
    loudness[round(10.2 / 0.016) : round(10.8 / 0.016)] = 100
    after = move_to_pauses(places(), replace(sound, loudness=loudness), fps=FPS)
    assert 10.3 < after.edges[np.abs(after.edges - 10.5).argmin()] < 10.7
    assert middle_costs(after, (10.5, 11.0, 20.0)) == [0, 1000, 8]


def test_a_quiet_speaker_after_a_loud_one_has_no_pause():
    sound = talk()
    loudness = sound.loudness.copy()
    loudness[round(20 / 0.016) :] += 50  # 25 dB less
    after = move_to_pauses(places(), replace(sound, loudness=loudness), fps=FPS)
    assert (after.start_cost[25:-1] > 1).all()


def test_pauses_before_loud_music_cost_less_than_words():
    after = move_to_pauses(places(), talk((10.2, 10.8), pause_level=44), fps=FPS)
    in_pause, in_words = middle_costs(after, (10.5, 20.0))
    assert 0 < in_pause < in_words


def test_a_cut_falls_on_the_quietest_frame_of_a_pause():
    sound = talk((10.1, 10.9))
    loudness = sound.loudness.copy()
    breath = slice(round(10.3 / 0.016), round(10.6 / 0.016))
    loudness[breath] = 70
    after = move_to_pauses(places(), replace(sound, loudness=loudness), fps=FPS)
    (edge,) = after.edges[(after.edges > 10.1) & (after.edges < 10.9)]
    assert 10.65 < edge < 10.85


def test_a_long_pause_is_cut_near_the_words_on_both_sides():
    after = move_to_pauses(places(), talk((10.3, 20.7)), fps=FPS)
    assert np.abs(after.edges - 10.8).min() < 0.05
    assert np.abs(after.edges - 20.2).min() < 0.05


def test_longer_pauses_are_more_natural():
    after = move_to_pauses(places(), talk((10.35, 10.65), (20.2, 20.8)), fps=FPS)
    short, long = (after.naturalness[np.abs(after.edges - at).argmin()] for at in (10.5, 20.5))
    assert 0.3 < short < long == 1.0


def test_hard_cuts_stay_where_they_are():
    before = places(hard_cuts=(10.0, 20.0))
    after = move_to_pauses(before, talk((9.9, 10.4), (19.5, 19.9)), fps=FPS)
    assert {10.0, 20.0} <= set(after.edges)
    np.testing.assert_array_equal(after.hard_cuts, before.hard_cuts)


@pytest.mark.parametrize(
    "sound",
    [Sound.none(), Sound(0.0, np.zeros(1250, np.uint8), np.random.default_rng(0).integers(0, 256, 2500, np.uint8))],
)
def test_without_speech_nothing_changes(sound):
    before = places(jitter=0.3)
    after = move_to_pauses(before, sound, fps=FPS)
    for name in ("edges", "naturalness", "hard_cuts", "start_cost", "end_cost"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))


def test_speech_to_the_very_end_and_a_single_step():
    nothing = np.zeros(2)
    before = CutPlaces(np.array([0.0, DURATION]), nothing + 1, np.array([]), nothing, nothing)
    after = move_to_pauses(before, talk(), fps=FPS)
    assert after.start_cost.tolist() == after.end_cost.tolist() == [0.0, 0.0]
