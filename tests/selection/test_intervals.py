"""Rules for a selection of intervals under any scores: limits, places, no repeats."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from summdiff.errors import UsageError
from summdiff.selection import IntervalSelection, cut_places, descriptors
from summdiff.summary import Interval, merge

FPS = 25.0


def smooth(rng, n, width=5):
    """Return a curve (n,) in [0, 1] that changes over `width` steps, as importance does."""
    curve = np.convolve(rng.normal(size=n + width), np.ones(width) / width, "same")[:n]
    return (curve - curve.min()) / max(np.ptp(curve), 1e-9)


def film(seconds, seed=0, *, rate=1.0, scene=8):
    """Return features, edges and scores of a film whose scenes all differ."""
    rng = np.random.default_rng(seed)
    n = max(1, round(seconds * rate))
    centers = np.abs(rng.normal(size=(n // max(1, round(scene * rate)) + 1, 64)))
    features = np.repeat(centers, max(1, round(scene * rate)), axis=0)[:n] + 0.05 * rng.normal(size=(n, 64))
    jitter = rng.uniform(-0.3, 0.3, n + 1) / rate
    jitter[[0, -1]] = 0
    return features, np.round((np.arange(n + 1) / rate + jitter) * FPS) / FPS, smooth(rng, n)


def method(features, edges, *, budget, discount=True, **constraints):
    start, end = cut_places(features, edges).costs()
    looks = descriptors(features) if discount else None
    return IntervalSelection(edges, start, end, budget=budget, fps=FPS, looks=looks, **constraints)


def covered(parts, start, end):
    """Seconds of [start, end) in parts (P, 2)."""
    return float(np.clip(np.minimum(parts[:, 1], end) - np.maximum(parts[:, 0], start), 0, None).sum())


@settings(max_examples=30)
@given(
    seconds=st.integers(1, 200),
    share=st.floats(0.02, 1.0),
    seed=st.integers(0, 1000),
    constraints=st.lists(st.tuples(st.floats(0, 0.95), st.floats(0.01, 0.1), st.booleans()), max_size=3),
)
@example(seconds=55, share=0.0948622018856016, seed=183, constraints=[(0.4, 0.0948622018856016, True)])  # all is kept
@example(seconds=9, share=0.125, seed=0, constraints=[(0.0, 0.01, False), (0.0625, 0.0625, False)])  # rounding
def test_every_limit_holds(seconds, share, seed, constraints):
    features, edges, scores = film(seconds, seed)
    duration, frame = edges[-1], 1 / FPS
    budget = share * duration
    parts = [(Interval(a * duration, min(a + share, 1) * duration), kept) for a, share, kept in constraints]
    keep, drop = ([part for part, kept in parts if kept is wanted] for wanted in (True, False))
    drop = [part for part in drop if not any(part.start < k.end + 0.1 and k.start < part.end + 0.1 for k in keep)]
    if sum(part.duration for part in keep) > budget:
        keep = []
    found = method(features, edges, budget=budget, keep=keep, drop=drop).choose(scores)
    lengths = found[:, 1] - found[:, 0]
    assert len(found) >= 1
    assert lengths.sum() <= max(budget, frame) + frame
    assert found[0, 0] >= 0
    assert found[-1, 1] <= duration + 1e-9
    assert (found[1:, 0] > found[:-1, 1]).all()
    for part in keep:
        assert covered(found, part.start, part.end) >= part.duration - 2 * frame
    for part in drop:
        assert covered(found, part.start, part.end) <= 2 * frame
    offered = duration - covered(np.array([[part.start, part.end] for part in merge(drop)] or [[0, 0]]), 0, duration)
    if len(found) > 1 and offered > budget + frame:  # a single window may be shorter, as may what is left of everything
        longest = 15 * max(1, share / 0.15) if share < 0.75 else np.inf
        for (start, end), length in zip(found.tolist(), lengths.tolist(), strict=True):
            inside = sum(covered(np.array([[start, end]]), part.start, part.end) for part in keep)
            assert inside > 0 or length >= 2 - 1e-6
            assert length - inside <= longest + 1e-6


@settings(max_examples=25)
@given(seconds=st.integers(70, 400), budget=st.floats(10, 60), seed=st.integers(0, 1000))
def test_nearly_all_of_the_budget_is_used(seconds, budget, seed):
    found = method(*film(seconds, seed)[:2], budget=budget).choose(film(seconds, seed)[2])
    assert np.diff(found, axis=1).sum() >= 0.95 * budget


def test_no_piece_of_a_film_of_eight_minutes_is_longer_than_15_seconds():
    for seed in range(5):
        features, edges, _ = film(480, seed, scene=60)
        scores = smooth(np.random.default_rng(seed), 480, 60)  # long stretches are all good
        found = method(features, edges, budget=0.15 * 480).choose(scores)
        assert np.diff(found, axis=1).max() <= 15 + 1e-6


@pytest.mark.parametrize("rate", [1.0, 2.0, 4.0])
def test_no_flash_of_another_scene_is_left_at_either_end(rate):
    """Cuts fall between the edges that scores prefer, yet no start lies just before a cut and no end just after."""
    for seed in range(6):
        features, edges, scores = film(150, seed, rate=rate, scene=5)
        cuts = cut_places(features, edges).hard_cuts
        assert len(cuts) > 20
        found = method(features, edges, budget=22.5).choose(scores)
        for start, end in found.tolist():
            assert not ((cuts > start + 1e-6) & (cuts < start + 0.5)).any()
            assert not ((cuts > end - 0.5) & (cuts < end - 1e-6)).any()


def repeated_seconds(parts, edges, copies):
    """Seconds chosen of moments of which another copy is chosen too; `copies` (N,) numbers each step's moment."""
    seen = {}
    for i, moment in enumerate(copies):
        seconds = covered(parts, edges[i], edges[i + 1])
        if seconds > 0:
            seen.setdefault(moment, []).append(seconds)
    return sum(sum(seconds) - max(seconds) for seconds in seen.values())


@pytest.mark.parametrize("order", ["ababab", "aaaa", "aabbaabb", "abcabc"])
def test_films_that_repeat_their_scenes_are_shown_once(order):
    """At most 5% of the summary repeats, though every copy has the same high scores."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        scenes = {}
        for name in sorted(set(order)):
            steps = np.cumsum(rng.normal(size=(40, 64)), axis=0)  # what a scene shows changes with time
            scenes[name] = (np.abs(4 * rng.normal(size=64) + steps), smooth(rng, 40))
        features = np.concatenate([scenes[name][0] for name in order]) + 0.02 * rng.normal(size=(40 * len(order), 64))
        scores = np.concatenate([scenes[name][1] for name in order]) + 0.01 * rng.random(40 * len(order))
        edges = np.arange(len(scores) + 1.0)
        found = method(features, edges, budget=0.15 * len(scores)).choose(scores)
        copies = np.concatenate([np.arange(40) + 40 * ord(name) for name in order])
        assert repeated_seconds(found, edges, copies) <= 0.05 * np.diff(found, axis=1).sum()
        naive = method(features, edges, budget=0.15 * len(scores), discount=False).choose(scores)
        assert repeated_seconds(naive, edges, copies) > 0.2 * np.diff(naive, axis=1).sum()


def test_the_same_scores_and_places_give_the_same_intervals_whatever_was_chosen_before():
    features, edges, scores = film(300)
    chooser = method(features, edges, budget=45.0)
    first = chooser.choose(scores)
    chooser.choose(scores[::-1])
    assert np.array_equal(chooser.choose(scores), first)


def test_scale_and_offset_of_the_scores_change_nothing():
    features, edges, scores = film(300)
    chooser = method(features, edges, budget=45.0)
    assert np.allclose(chooser.choose(0.2 + 0.5 * scores), chooser.choose(scores))


@pytest.mark.parametrize("share", [0.05, 0.3, 0.9, 1.0])
def test_blank_steps_are_chosen_only_where_nothing_else_is_left(share):
    features, edges, scores = film(120, seed=4)
    blank = [*range(20, 30), *range(70, 90)]
    scores[blank] = 1.0
    found = method(features, edges, budget=share * edges[-1], blank=blank).choose(scores)
    shown = sum(covered(found, edges[step], edges[step + 1]) for step in blank)
    if share <= 0.3:
        assert shown == 0
    else:
        assert covered(found, 0, edges[-1]) - shown >= 0.95 * (edges[-1] - 30)


def test_flat_scores_and_single_steps_have_a_summary():
    features, edges, _ = film(60)
    assert np.diff(method(features, edges, budget=9.0).choose(np.full(60, 0.5)), axis=1).sum() == pytest.approx(
        9, abs=0.6
    )
    lone = IntervalSelection([0.0, 0.8], [0.0, 0.1], [0.1, 0.0], budget=0.3, fps=FPS).choose([0.4])
    assert np.diff(lone, axis=1).sum() == pytest.approx(0.3)


def test_what_is_kept_is_not_shown_again_elsewhere():
    features, edges, scores = film(200)
    features[120:135] = features[40:55]
    scores[40:55] = scores[120:135] = 1.0
    found = method(features, edges, budget=30.0, keep=[Interval(120, 135)]).choose(scores)
    assert covered(found, 40, 55) == 0


@pytest.mark.parametrize(
    ("keep", "drop", "message"),
    [
        ([Interval(0, 12)], [], "parts to keep last 12 s, but the summary may last only 10 s"),
        ([Interval(0, 8)], [Interval(5, 9)], "5 s to 8 s is both kept and dropped"),
        ([], [Interval(0, 60)], "Everything is dropped"),
    ],
)
def test_constraints_that_cannot_be_met_are_refused(keep, drop, message):
    with pytest.raises(UsageError, match=message):
        method(*film(60)[:2], budget=10.0, keep=keep, drop=drop)


def test_descriptors_keep_the_cosines_of_centered_features():
    rng = np.random.default_rng(0)
    features = np.abs(np.repeat(rng.normal(size=(40, 200)), 5, axis=0) + 0.2 * rng.normal(size=(200, 200)))
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    unit = unit - unit.mean(axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    looks = descriptors(features).astype(float) / 127
    assert looks.shape == (200, 32)
    assert np.abs(looks @ looks.T - unit @ unit.T).mean() < 0.05
