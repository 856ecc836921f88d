import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score

from summdiff.data.datasets import open_dataset
from summdiff.evaluation import MAIN_MEASURE
from summdiff.research.training.validation import quality


def test_every_data_set_is_validated_by_its_own_measure(any_file):
    kind, path = any_file
    data, rng = open_dataset(path, kind), np.random.default_rng(0)
    predicted = []
    for name in data.names:
        video = data.annotations(name)
        samples = rng.random((3, len(video.picks)))
        predicted.append((samples.mean(axis=0), samples, video))
    found = quality(predicted)
    assert found.main == found.values[MAIN_MEASURE[kind]]
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


def test_constant_scores_are_valid(any_file):
    kind, path = any_file
    data = open_dataset(path, kind)
    video = data.annotations(data.names[0])
    flat = np.full((4, len(video.picks)), 0.5)
    found = quality([(flat[0], flat, video)])
    assert all(np.isfinite(value) for value in found.values.values())
    assert found.values["tau"] == found.values["rho"] == 0
