import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from summdiff.errors import ModelError
from summdiff.features import _directions, relations
from summdiff.features.relations import DESCRIPTORS, describe

P = len(DESCRIPTORS)


def column(described, name):
    return described[:, DESCRIPTORS.index(name)]


@pytest.fixture
def scenes():
    """A video of three scenes, the last like the first: 40 + 30 + 30 steps around two centers."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(2, 24))
    scene = np.repeat([0, 1, 0], [40, 30, 30])
    return centres[scene] + 0.2 * rng.normal(size=(100, 24))


def test_the_space_may_be_scaled_shifted_and_rotated(scenes):
    rng = np.random.default_rng(1)
    rotation, _ = np.linalg.qr(rng.normal(size=(24, 24)))
    before = describe(scenes, rate=1.0)
    for changed in (scenes * 1e-3, scenes * 1e200, scenes + 5.0, scenes @ rotation, scenes[:, ::-1]):
        assert np.allclose(describe(changed, rate=1.0), before, atol=1e-4)
    assert not np.allclose(describe(np.exp(scenes), rate=1.0), before, atol=1e-2)


def test_meaning_on_a_video_with_known_scenes(scenes):
    described = describe(scenes, rate=1.0)
    typical = column(described, "cosine: mean")
    assert typical[:40].mean() > typical[40:70].mean()  # the first and last scene are most of the video
    across = column(described, "cosine: across 8 s")
    assert set(np.argsort(across)[:4]) <= {38, 39, 40, 41, 68, 69, 70, 71}  # lowest where scenes change
    before, after = column(described, "rank: before 4 s"), column(described, "rank: after 4 s")
    assert before[40] < after[40]
    assert before[69] > after[69]
    centroid = column(described, "cosine: centroid")
    assert centroid[40:70].mean() == pytest.approx(0.55, abs=0.03)
    spread = column(described, "cosine: spread")
    assert spread[:40].mean() > spread[40:70].mean() + 0.1  # the first scene comes back
    position = column(described, "position")
    assert position[0] == pytest.approx(0.005)
    assert (np.diff(position) > 0).all()


def test_windows_equal_plain_means(scenes):
    """Against the definition, written as loops, at rates where a window is 1 to 128 steps."""
    unit = scenes - scenes.mean(axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    S = unit @ unit.T
    for rate in (0.5, 1.0, 4.0):
        described = describe(scenes, rate=rate)
        for seconds in relations.WINDOWS:
            k = round(seconds * rate)
            for i in (1, 17, 50, 98):
                before, after = slice(max(0, i - k), i), slice(i + 1, min(100, i + 1 + k))
                for side, expected in (
                    ("before", S[i, before].mean()),
                    ("after", S[i, after].mean()),
                    ("across", S[before, after].mean()),
                ):
                    found = column(described, f"cosine: {side} {seconds:g} s")[i]
                    assert found == pytest.approx(expected, abs=1e-5)


def test_rank_is_the_share_of_smaller_similarities(scenes):
    unit = scenes - scenes.mean(axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    S = unit @ unit.T
    ranks = (S[:, :, None] > np.sort(S.ravel())[None, None, ::50]).mean(axis=2)
    assert np.allclose(column(describe(scenes, rate=1.0), "rank: mean"), ranks.mean(axis=1), atol=0.01)


def test_lags_are_seconds(scenes):
    """Every step shown twice at twice the rate says the same as before."""
    once, twice = describe(scenes, rate=1.0), describe(np.repeat(scenes, 2, axis=0), rate=2.0)
    for name in ("cosine: mean", "cosine: spread", "rank: quantile 0.9", "cosine: across 16 s", "distance"):
        inside = slice(2, -2)  # a step counts its twin as its neighbor, which tells most at the ends
        a, b = column(twice, name)[::2][inside], column(once, name)[inside]
        assert np.allclose(a, b, atol=0.1), name
        assert np.corrcoef(a, b)[0, 1] > 0.98, name


def test_blocks_do_not_change_the_result(scenes, monkeypatch):
    whole = describe(scenes, rate=1.0)
    monkeypatch.setattr(_directions, "BLOCK", 7)
    assert np.allclose(describe(scenes, rate=1.0), whole, atol=1e-5)


def test_few_references_are_close_to_all(monkeypatch):
    rng = np.random.default_rng(2)
    scene = np.repeat(rng.normal(size=(20, 16)), 30, axis=0)
    x = scene + 0.3 * rng.normal(size=scene.shape)
    exact = describe(x, rate=1.0)
    monkeypatch.setattr(relations, "MAX_REFERENCES", 200)
    close = describe(x, rate=1.0)
    for p in range(P):
        assert np.corrcoef(exact[:, p], close[:, p])[0, 1] > 0.9, DESCRIPTORS[p]


def test_second_half_is_standardised(scenes):
    described = describe(scenes, rate=1.0)
    assert described.shape == (100, 2 * P)
    assert described.dtype == np.float32
    assert np.allclose(described[:, P:].mean(axis=0), 0, atol=1e-4)
    assert np.allclose(described[:, P:].std(axis=0), 1, atol=1e-3)


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 40),
    d=st.integers(1, 5),
    kind=st.sampled_from(["zeros", "constant", "one differs", "tiny", "huge", "half"]),
    rate=st.sampled_from([0.5, 1.0, 4.0]),
)
def test_odd_features_give_finite_descriptors(n, d, kind, rate):
    x = np.zeros((n, d))
    if kind == "constant":
        x += np.linspace(0.1, 0.7, d)
    elif kind == "one differs":
        x[n // 2] = 1.0
    elif kind in ("tiny", "huge"):
        x = np.random.default_rng(n).normal(size=(n, d)) * (1e-300 if kind == "tiny" else 1e300)
    elif kind == "half":
        x = np.random.default_rng(n).random((n, d)).astype(np.float16)
    described = describe(x, rate=rate)
    assert described.shape == (n, 2 * P)
    assert np.isfinite(described).all()
    if kind in (
        "zeros",
        "constant",
    ):  # nothing to tell steps apart but their place; rounding must not look like content
        names = [name for name in DESCRIPTORS if name.startswith(("cosine", "distance"))]
        still = [name for name in names if "centroid" not in name and name != "distance to the ends"]
        assert all(np.ptp(column(described, name)) == 0 for name in still)


@pytest.mark.parametrize(
    ("features", "rate", "said"),
    [
        (np.full((3, 2), np.nan), 1.0, "finite"),
        (np.array([[1.0, np.inf]]), 1.0, "finite"),
        (np.zeros(4), 1.0, "shape"),
        (np.zeros((0, 4)), 1.0, "shape"),
        (np.zeros((4, 0)), 1.0, "shape"),
        (np.array([["a"]]), 1.0, "numbers"),
        (np.zeros((3, 2)), 0.0, "rate"),
        (np.zeros((3, 2)), np.nan, "rate"),
    ],
)
def test_says_what_is_wrong(features, rate, said):
    with pytest.raises(ModelError, match=said):
        describe(features, rate=rate)
