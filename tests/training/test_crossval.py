import json

import numpy as np
import pytest
from scipy import stats

from summdiff.data.tvsum import TVSum
from summdiff.training.crossval import cross_validate
from summdiff.training.recipe import read_recipe


@pytest.fixture(scope="module")
def result(data_file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("crossval")
    (folder / "recipe.yaml").write_text(
        f"name: small\ndata: {data_file}\noutput: {folder / 'out'}\nepochs: 1\nfolds: 2\nvalidation: 0.2\n"
        "network: {width: 16, heads: 2, encoder_layers: 1, denoiser_layers: 1}\n"
        "diffusion: {samples: 2, steps: 2}\naugmentation: {views: 1}\n"
    )
    lines = []
    return cross_validate(read_recipe(folder / "recipe.yaml"), processes=2, on_fold=lines.append), lines


def test_every_video_is_predicted_once_by_a_model_that_never_saw_it(result, data_file):
    found, lines = result
    assert len(lines) == 2
    tested = [name for fold in found.metrics["folds"] for name in fold["split"]["test"]]
    assert sorted(tested) == sorted(TVSum(data_file).names)
    for fold in found.metrics["folds"]:
        split = fold["split"]
        assert not set(split["test"]) & {*split["train"], *split["validation"]}
        assert not set(split["train"]) & set(split["validation"])


def test_overall_can_be_recomputed_from_the_predictions(result, data_file):
    found, _ = result
    data, taus = TVSum(data_file), []
    with np.load(found.path.with_name("predictions.npz")) as curves:
        for name in data.names:
            assert curves[name].shape == (2, len(data[name].features))
            mean = curves[name].mean(axis=0)
            taus.append(np.mean([stats.kendalltau(mean, user).statistic for user in data[name].user_scores]))
    assert found.metrics["overall"]["tau"] == pytest.approx(np.mean(taus), abs=1e-9)


def test_the_file_says_what_was_done(result, data_file):
    found, _ = result
    written = json.loads(found.path.read_text())
    assert written == found.metrics
    assert written == found.metrics
    assert written["data"]["sha256"] == TVSum(data_file).fingerprint()
    assert written["recipe"]["seed"] == 0
    assert "last epoch" in written["selection"]
    assert set(written["reference"]) == {"random", "ridge", "annotator with annotator", "mean annotator (ceiling)"}


def test_references_are_in_order(result):
    reference = result[0].metrics["reference"]
    assert abs(reference["random"]["tau"]) < 0.15
    assert reference["random"]["tau"] < reference["ridge"]["tau"] < reference["mean annotator (ceiling)"]["tau"]
    assert reference["annotator with annotator"]["tau"] < reference["mean annotator (ceiling)"]["tau"]
