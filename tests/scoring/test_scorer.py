"""Models that score all steps at once, around small networks in NumPy."""

import numpy as np
import pytest

from summdiff.errors import ModelError, UsageError
from summdiff.scoring.model import ModelConfig
from summdiff.scoring.networks import ScorerFacts
from summdiff.scoring.scorer import ScoringModel


class FirstInput:
    """Scores each step by its first input; as a detector it finds two segments that overlap, and one beside."""

    def __init__(self, *, detects=False):
        self.facts = ScorerFacts(3, ("scores", "segments") if detects else ("scores",), threshold=0.5)

    def score(self, inputs):
        return inputs[:, 0]

    def detect(self, inputs):
        boxes = np.array([[0, 4], [1, 5], [6, 8]], dtype=np.float32)
        return boxes, np.array([0.5, 0.75, 0.25], dtype=np.float32)


def scorer(**options):
    config = ModelConfig(id="first", conditioning="features", window=16)
    return ScoringModel(config, FirstInput(**options))


def features(n=50):
    return np.random.default_rng(0).random((n, 3), dtype=np.float32)


@pytest.mark.parametrize("n", [1, 2, 16, 17, 50])
def test_gives_its_one_curve_whatever_is_asked_for(n):
    x, progress = features(n), []
    curves = scorer().score(x, rate=1.0, samples=5, steps=3, seed=7, on_progress=progress.append)
    assert np.allclose(curves.mean, x[:, 0], atol=1e-6)
    assert np.array_equal(curves.samples, curves.mean[None])
    assert curves.spread.shape == (n,)
    assert not curves.spread.any()
    assert progress == [1.0]
    assert np.array_equal(scorer().sample(x, rate=1.0), curves.samples)


def test_a_detector_also_reads_its_curve_off_segments():
    detector = scorer(detects=True)
    assert detector.readouts == ("scores", "segments")
    curve = detector.score(features(10), rate=1.0, readout="segments").mean
    assert curve.tolist() == [0, 0.75, 0.75, 0.75, 0.75, 0, 0.25, 0.25, 0, 0]  # the worse of two was suppressed


def test_other_models_have_no_segments():
    assert scorer().readouts == ("scores",)
    with pytest.raises(UsageError, match="'first' has no readout 'segments': use scores"):
        scorer().score(features(), rate=1.0, readout="segments")


def test_known_scores_are_refused():
    assert not scorer().conditions_on_known
    with pytest.raises(UsageError, match="'first' cannot be given known scores"):
        scorer().score(features(), rate=1.0, known=np.full(50, 0.5))


def test_scores_that_are_no_numbers_are_refused():
    model = scorer()
    model.network.score = lambda inputs: np.full(len(inputs), np.nan, dtype=np.float32)
    with pytest.raises(ModelError, match="'first' gives scores that are not finite numbers"):
        model.score(features(), rate=1.0)


def test_other_dimensions_are_refused():
    with pytest.raises(ModelError, match="needs features of 3 dimensions, got 4"):
        scorer().score(np.zeros((9, 4)), rate=1.0)
