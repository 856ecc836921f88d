"""Network inputs of a video: steps grouped into cells, relational descriptors, places."""

import math

import numpy as np
import pytest

from summdiff.features.relations import DESCRIPTORS, PLACES, describe, describe_twice, places
from summdiff.scoring.inputs import Cells, Condition, condition_of, count_relations


def features(n, seed=0, dimension=24):
    """Scenes of four kinds that come again."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 1, (4, dimension))
    scenes = rng.integers(4, size=n // 5 + 1)
    return (centres[np.repeat(scenes, 5)[:n]] + rng.normal(0, 0.3, (n, dimension)) + 3).astype(np.float32)


@pytest.mark.parametrize(
    ("steps", "rate", "seconds", "expected"),
    [
        (7, 1.0, 2.0, [2, 2, 2, 1]),
        (1, 4.0, 2.0, [1]),
        (9, 4.0, 2.0, [8, 1]),
        (6, 0.75, 2.0, [2, 1, 2, 1]),
        (4, 0.7, 2.0, [1, 1, 1, 1]),
        (4, 0.25, 2.0, [1, 1, 1, 1]),
        (4, 4.0, None, [1, 1, 1, 1]),
    ],
)
def test_cells(steps, rate, seconds, expected):
    cells = Cells.over(steps, rate=rate, seconds=seconds)
    assert cells.size.tolist() == expected
    x = np.arange(steps, dtype=np.float16)[:, None]
    means = cells.average(x)[:, 0]
    assert means.tolist() == [chunk.mean() for chunk in np.split(np.arange(steps), cells.first[1:])]
    inside = slice(math.ceil((expected[0] - 1) / 2), steps - math.ceil((expected[-1] - 1) / 2))
    assert np.allclose(cells.interpolate(means.astype(np.float32))[inside], x[inside, 0])


def test_places_keep_distances_and_know_no_rotation():
    x = features(40, dimension=12)
    found = places(x)
    assert found.shape == (40, PLACES)
    unit = x - x.mean(axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    apart = np.linalg.norm(unit[:, None] - unit, axis=-1)
    assert np.allclose(np.linalg.norm(found[:, None] - found, axis=-1), apart, atol=1e-4)
    turned = x @ np.linalg.qr(np.random.default_rng(0).normal(size=(12, 12)))[0]
    again = places(turned.astype(np.float32))
    assert np.allclose(np.linalg.norm(again[:, None] - again, axis=-1), apart, atol=1e-3)
    assert not places(np.ones((7, 5))).any()
    assert places(np.ones((1, 5))).shape == (1, PLACES)


def test_features_of_length_one_are_described_alike_twice():
    x = features(40)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    both = describe_twice(unit, rate=1.0)
    half = both.shape[1] // 2
    assert np.allclose(both[:, :half], both[:, half:], atol=1e-5)
    assert np.allclose(describe_twice(x, rate=1.0)[:, half:], both[:, half:], atol=1e-4)
    assert not np.allclose(describe_twice(x, rate=1.0)[:, :half], both[:, half:], atol=0.1)


@pytest.mark.parametrize(
    ("conditioning", "features_there", "relations", "places_there"),
    [
        ("features", True, 0, False),
        ("relational", False, 2 * len(DESCRIPTORS), False),
        ("both", True, 2 * len(DESCRIPTORS), False),
        ("gaussian_prior", False, 4 * len(DESCRIPTORS), True),
    ],
)
def test_a_condition_has_the_parts_of_its_conditioning(conditioning, features_there, relations, places_there):
    x = features(10)
    found = condition_of(x, rate=1.0, conditioning=conditioning)
    assert len(found) == 10
    assert count_relations(conditioning) == relations == (0 if found.relations is None else found.relations.shape[1])
    if features_there:
        assert np.array_equal(found.features, x)
    else:
        assert found.features is None
    if conditioning in ("relational", "both"):
        assert np.array_equal(found.relations, describe(x, rate=1.0))
    assert (found.places is not None) == places_there
    if places_there:
        assert np.array_equal(found.places, places(x))
        assert np.array_equal(found.relations, describe_twice(x, rate=1.0))
    assert (found.inputs.shape, found.inputs.dtype) == ((10, 24 * features_there + relations), np.float32)


def test_inputs_are_features_then_relations_without_places():
    whole = Condition(features=np.ones((6, 2)), relations=np.full((6, 3), 2.0), places=np.full((6, 4), 9.0))
    assert whole.inputs.tolist() == [[1, 1, 2, 2, 2]] * 6
    part = whole[2:4]
    assert len(part) == 2
    assert (part.inputs.shape, part.places.shape) == ((2, 5), (2, 4))
    assert Condition(relations=np.ones((5, 3)))[1:].features is None
