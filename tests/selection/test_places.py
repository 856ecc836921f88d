from dataclasses import replace

import numpy as np
import pytest

from summdiff.selection import cut_places, step_edges
from summdiff.selection.places import _medians


def scenes(lengths, *, noise=0.02, seed=0):
    """Return features (N, 16) of scenes of these numbers of steps, each unlike the others."""
    rng = np.random.default_rng(seed)
    centers = np.abs(rng.normal(size=(len(lengths), 16)))
    x = np.repeat(centers, lengths, axis=0)
    return x + noise * rng.normal(size=x.shape)


def test_hard_cuts_are_where_scenes_change_at_once():
    places = cut_places(scenes([8, 5, 9]), np.arange(23.0) * 0.5)
    assert places.hard_cuts.tolist() == [4.0, 6.5]
    assert (places.naturalness[[0, 8, 13, 22]] == 1).all()
    assert (np.delete(places.naturalness, [0, 8, 13, 22]) < 0.5).all()


def test_a_step_starts_at_its_boundary_only_where_there_may_be_a_cut():
    boundaries = np.arange(22.0) - 0.4
    boundaries[0] = 0.0
    edges = step_edges(scenes([8, 5, 9]), np.arange(22.0), boundaries, duration=22.0, fps=24.0)
    assert edges[[8, 13]].tolist() == [7.6, 12.6]
    others = np.delete(np.arange(23.0), [8, 13])
    assert np.delete(edges, [8, 13]).tolist() == others.tolist()


def test_steps_without_a_cut_start_on_frames():
    fps, times = 30000 / 1001, np.arange(40.0)
    edges = step_edges(scenes([20, 20]), times, np.maximum(times - 0.5, 0), duration=40.0, fps=fps)
    starts = np.delete(edges[:-1], 20)
    assert np.abs(starts * fps - np.round(starts * fps)).max() < 1e-6
    assert (starts <= np.delete(times, 20) + 1e-9).all()
    assert (starts > np.delete(times, 20) - 1 / fps).all()


def test_a_picture_that_always_changes_has_no_hard_cuts():
    x = np.abs(np.random.default_rng(0).normal(size=(30, 16)))
    assert len(cut_places(x, np.arange(31.0)).hard_cuts) == 0


@pytest.mark.parametrize("n", [1, 2, 3])
def test_short_and_still_videos_have_places(n):
    places = cut_places(np.ones((n, 4)), np.arange(n + 1.0))
    start, end = places.costs()
    assert start.shape == end.shape == (n + 1,)
    assert start[0] == end[-1] == 0 < start[-1]


def test_a_natural_place_is_cheaper_and_a_flash_before_or_after_a_hard_cut_is_dear():
    places = cut_places(scenes([8, 8]), np.arange(17.0) * 0.5)
    start, end = places.costs()
    assert start[8] < start[4] < start[7]  # at the cut, in the middle of a scene, half a second before the cut
    assert end[8] < end[4] < end[9]


def test_known_costs_are_added():
    places = cut_places(scenes([8, 8]), np.arange(17.0))
    start, end = places.costs()
    dear_start, dear_end = replace(places, start_cost=np.full(17, 3.0)).costs()
    assert np.allclose(dear_start[1:], start[1:] + 3)
    assert (dear_end == end).all()


@pytest.mark.parametrize(
    "bad", [{"edges": np.array([0.0, 2, 2, 3])}, {"naturalness": np.full(4, 1.5)}, {"end_cost": np.full(4, -1.0)}]
)
def test_bad_values_are_refused(bad):
    with pytest.raises(ValueError, match="must be"):
        replace(cut_places(np.ones((3, 2)), np.arange(4.0)), **bad)


def test_medians_leave_out_what_is_not_known():
    rows = np.random.default_rng(0).random((50, 8))
    rows[np.random.default_rng(1).random((50, 8)) < 0.4] = np.nan
    rows[0], rows[1, 1:] = np.nan, np.nan
    rows[1, 0] = 0.5
    assert _medians(rows).tolist() == [0.0, *np.nanmedian(rows[1:], axis=1)]
