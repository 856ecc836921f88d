import json
import re
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from summdiff.data.splits import read_splits
from summdiff.data.tvsum import TVSum
from summdiff.evaluation.evaluate import evaluate
from summdiff.evaluation.predictions import read_predictions
from summdiff.training.crossval import cross_validate
from summdiff.training.logs import Watcher
from summdiff.training.recipe import read_recipe


class Noted(Watcher):
    """Notes what is said, also in other processes."""

    def __init__(self, path):
        self.path = path

    def say(self, sentence):
        with self.path.open("a") as file:
            file.write(f"{sentence}\n")


@pytest.fixture(scope="module")
def result(data_file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("crossval")
    (folder / "recipe.yaml").write_text(
        f"name: small\ndata: {data_file}\noutput: {folder / 'out'}\nepochs: 1\nfolds: 2\nvalidation: 0.2\n"
        "other_spaces: true\n"
        "network: {width: 16, heads: 2, encoder_layers: 1, denoiser_layers: 1}\n"
        "diffusion: {samples: 2, steps: 2}\naugmentation: {views: 1}\n"
    )
    watcher = Noted(folder / "said.txt")
    found = cross_validate(read_recipe(folder / "recipe.yaml"), processes=2, watcher=watcher)
    return found, watcher.path.read_text().splitlines()


def test_every_video_is_predicted_once_by_a_model_that_never_saw_it(result, data_file):
    found, lines = result
    assert len([line for line in lines if re.match(r"fold [12]/2 is finished: tau ", line)]) == 2
    assert lines[0] == "Running fold 1/2, fold 2/2; 0 more to come."
    tested = [name for fold in found.metrics["folds"] for name in fold["split"]["test"]]
    assert sorted(tested) == sorted(TVSum(data_file).names)
    for fold in found.metrics["folds"]:
        split = fold["split"]
        assert not set(split["test"]) & {*split["train"], *split["validation"]}
        assert not set(split["train"]) & set(split["validation"])


def test_the_evaluation_can_be_repeated_from_the_predictions(result, data_file):
    found, _ = result
    data, taus = TVSum(data_file), []
    predictions = read_predictions(found.path.with_name("predictions.h5"))
    for name in data.names:
        assert predictions.curves[name].shape == (2, len(data[name].features))
        mean = predictions.curves[name].mean(axis=0)
        taus.append(np.mean([stats.kendalltau(mean, user).statistic for user in data[name].user_scores]))
    tau = found.metrics["evaluation"]["systems"]["small"]["means"]["tau"]
    assert tau["value"] == pytest.approx(np.mean(taus), abs=1e-9)
    assert tau["low"] < tau["value"] < tau["high"]
    again = evaluate(data, [replace(predictions, name="small")])
    assert again.means["small"]["tau"] == found.evaluation.means["small"]["tau"]
    tested = [set(split.test) for split in read_splits(found.path.with_name("splits.json"), data.names)]
    assert tested == [set(fold["split"]["test"]) for fold in found.metrics["folds"]]


def test_the_file_says_what_was_done(result, data_file):
    found, _ = result
    written = json.loads(found.path.read_text())
    assert written == found.metrics
    assert written["evaluation"]["data"]["sha256"] == TVSum(data_file).fingerprint()
    assert written["recipe"]["seed"] == 0
    systems = written["evaluation"]["systems"]
    assert "last epoch" in systems["small"]["about"]["selection"]
    assert "validation" in systems["ridge"]["about"]["selection"]
    assert systems["small"]["about"]["cross-validation"]["folds"] == 2
    assert not [note for note in written["evaluation"]["notes"] if "TRAINED" in note or "does not say" in note]


def test_references_are_in_order(result):
    tau = {name: means["tau"].value for name, means in result[0].evaluation.means.items()}
    assert abs(tau["random"]) < 0.15
    assert tau["random"] < tau["ridge"] < tau["oracle"]
    assert max(tau["annotator with another"], tau["mean of the others"]) < tau["oracle"]
