import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score

from summdiff.data.registry import open_dataset
from summdiff.research.training.validation import MAIN, agreement, quality, variety


def test_every_kind_is_judged_by_its_own_measure(any_file):
    kind, path = any_file
    data, rng = open_dataset(path, kind), np.random.default_rng(0)
    predicted = []
    for name in data.names:
        video = data.annotations(name)
        samples = rng.random((3, len(video.picks)))
        predicted.append((samples.mean(axis=0), samples, video))
    found = quality(predicted)
    assert found.main == found.values[MAIN[kind]]
    known, precisions = [], []
    for mean, _, video in predicted:
        said = {
            "tvsum": lambda v: v.user_scores,
            "summe": lambda v: v.user_summary[:, v.picks],
            "mr_hisum": lambda v: v.gtscore[None],
            "youtube_highlights": lambda v: v.match[None],
        }[kind](video)
        known.append(np.mean([stats.kendalltau(mean, person).statistic for person in said]))
        if kind == "youtube_highlights":
            precisions.append(average_precision_score(video.match > 0, mean))
    assert found.values["tau"] == pytest.approx(np.mean(known), abs=1e-9)
    if kind == "youtube_highlights":
        assert found.main == pytest.approx(np.mean(precisions))  # one video a domain
        assert {"map_dog", "map_surfing"} <= set(found.values)


def test_flat_scores_are_no_accident(any_file):
    kind, path = any_file
    data = open_dataset(path, kind)
    video = data.annotations(data.names[0])
    flat = np.full((4, len(video.picks)), 0.5)
    found = quality([(flat[0], flat, video)])
    assert all(np.isfinite(value) for value in found.values.values())
    assert found.values["tau"] == found.values["rho"] == 0


def test_the_truth_agrees_best(any_file):
    kind, path = any_file
    data = open_dataset(path, kind)
    video = data.annotations(data.names[-1])
    rng = np.random.default_rng(1)
    true = agreement(video.gtscore, video)
    for _ in range(10):
        drawn = agreement(rng.random(len(video.picks)), video)
        assert all(drawn[name] < true[name] for name in true)


def test_variety_tells_noise_from_views():
    rng = np.random.default_rng(0)
    mean = np.sin(np.arange(400) / 20)
    noise = variety((mean + 0.1 * rng.normal(size=(50, 400))).astype(np.float32))
    assert noise == pytest.approx((0.1 / mean.std(), 0.0), abs=0.03)
    slow = np.repeat(rng.normal(size=(50, 40)), 10, axis=1)
    assert variety((mean + 0.1 * slow).astype(np.float32)) == pytest.approx((0.1 / mean.std(), 0.9), abs=0.05)
    assert variety(np.ones((1, 5), dtype=np.float32)) == (0.0, 0.0)
    assert variety(np.ones((2, 1), dtype=np.float32)) == (0.0, 0.0)
