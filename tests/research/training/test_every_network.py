"""Every network goes the whole way: recipe, cross-validation or training, model folder, summary of a real video."""

import json
import shutil

import h5py
import numpy as np
import pytest
import torch

from summdiff.data.tvsum import TVSum
from summdiff.evaluation import evaluate, read_predictions
from summdiff.pipeline import summarize
from summdiff.research.networks.registry import architectures
from summdiff.research.networks.storage import export_folder
from summdiff.research.training.crossval import cross_validate
from summdiff.research.training.loop import fit, train
from summdiff.research.training.recipe import Recipe
from summdiff.research.training.recipe_files import read_recipe
from summdiff.scoring import load_model

SMALL = {
    "summdiff": {"width": 16, "heads": 2, "feed_forward": 16},
    "release": {"width": 16, "heads": 2, "feed_forward": 16},
    "joint": {"width": 16, "heads": 2, "feed_forward": 16},
    "relational": {"width": 16, "heads": 2, "feed_forward": 16},
    "ridge": {},
    "mlp": {"width": 16},
    "vasnet": {"width": 16},
    "pgl_sum": {"width": 16, "heads": 2, "segment_width": 8, "segment_heads": 2},
    "sl_module": {"width": 16, "layers": 1, "heads": 2, "feed_forward": 16, "hidden": 16},
    "dsnet": {"head": "anchor_free", "width": 16, "heads": 2, "hidden": 16},
    "a2summ": {"width": 16, "heads": 2, "feed_forward": 16, "hidden": 16},
    "iptnet": {"width": 16, "heads": 2, "feed_forward": 16, "hidden": 16, "layers": 1},
}
QUICK = ("summdiff", "relational", "ridge", "vasnet", "dsnet")
KEYSHOTS = ("dsnet", "a2summ", "iptnet")


@pytest.fixture(scope="module")
def shots_file(data_file, tmp_path_factory):
    """The small data set with shots of six steps, which key-shots are made of."""
    path = tmp_path_factory.mktemp("shots") / "small.h5"
    shutil.copy(data_file, path)
    with h5py.File(path, "r+") as file:
        for group in file.values():
            frames = len(group["picks"]) * 60
            starts = np.arange(0, frames, 360)
            ends = np.r_[starts[1:], frames] - 1
            group["change_points"] = np.stack([starts, ends], axis=1)
            group["n_frame_per_seg"] = ends - starts + 1
    return path


def recipe(name, data, output, **changes):
    people = {"people": "keyshots", "scale": "minmax"} if name in KEYSHOTS else {"people": "mean"}
    fields = {
        "name": f"{name}_small",
        "data": data,
        "output": output,
        "conditioning": "gaussian_prior" if name == "relational" else "relational",
        "network": {"model": name} | SMALL[name],
        "targets": people,
        "augmentation": {"views": 1},
        "epochs": 1,
        "folds": 2,
    }
    return Recipe.model_validate(fields | changes)


def test_every_network_is_tested():
    assert set(SMALL) == set(architectures())


@pytest.fixture(scope="module")
def film(make_video):
    return make_video(scenes=[(3.0, look) for look in ("red", "blue", "green", "red", "white")]).path


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in SMALL]
)
def test_a_model_trained_on_relations_summarizes_a_real_video(name, shots_file, film, tmp_path):
    """Relations fit features of another extractor than those that it was trained on."""
    folder = train(recipe(name, shots_file, tmp_path / "run"))
    summary = summarize(film, model=folder, budget=0.4)
    assert len(summary.scores.mean) == 15
    assert np.isfinite(summary.scores.mean).all()
    assert min(summary.scores.mean) >= 0
    assert max(summary.scores.mean) <= 1
    assert 0 < summary.selected_duration <= 0.4 * 15 + 1e-6
    assert load_model(folder).id == f"{name}_small"


def test_a_detector_is_judged_by_its_scores_and_by_its_segments(shots_file, tmp_path, capsys):
    asked = recipe("dsnet", shots_file, tmp_path / "run", conditioning="features")
    found = cross_validate(asked)
    folder, data = found.path.parent, TVSum(shots_file)
    names = ("dsnet_small", "dsnet_small by segments")
    assert set(names) <= set(found.evaluation.means)
    both = [read_predictions(folder / file).curves for file in ("predictions.h5", "predictions_segments.h5")]
    assert set(both[0]) == set(both[1]) == set(data.names)
    assert any(not np.array_equal(both[0][name], both[1][name]) for name in data.names)
    for name, file in zip(names, ("predictions.h5", "predictions_segments.h5"), strict=True):
        predictions = read_predictions(folder / file)
        again = evaluate(data, [predictions]).means[predictions.name]["tau"]
        assert again.value == pytest.approx(found.evaluation.means[name]["tau"].value, abs=1e-9)
    model = load_model(export_folder(folder / "fold1"))
    video = found.metrics["folds"][0]["split"]["test"][0]
    scores = model.sample(data[video].need_features(), rate=data[video].rate, readout="segments")
    assert np.allclose(scores, both[1][video], atol=1e-6)

    written = json.loads(found.path.read_text())
    assert {"dsnet_small", "dsnet_small by segments"} <= set(written["evaluation"]["systems"])


@pytest.mark.slow
@pytest.mark.parametrize("network", ["model: joint", "model: summdiff", "model: vasnet"])
@pytest.mark.filterwarnings("ignore")  # the compiler's own
def test_a_compiled_network_learns_the_same(recipe_file, held_out, tmp_path, network):
    """Up to rounding."""
    sizes = "heads: 2, feed_forward: 32, " if "vasnet" not in network else ""
    changes = [f"network={{{network}, {sizes}width: 16, dropout: 0}}", "epochs=2", "augmentation.views=1"]
    changes += ["targets.people=gtscore"] if "vasnet" in network else []
    plain, compiled = (
        fit(read_recipe(recipe_file, [*changes, f"compile={on}"]), held_out, tmp_path / on, check=False)
        for on in ("false", "true")
    )
    for a, b in zip(plain.model.network.module.parameters(), compiled.model.network.module.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-4)
