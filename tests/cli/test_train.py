"""The verbs `train` and `crossval` on the real data, with everything small."""

import json
import re

import h5py
import pytest
import typer
import yaml
from typer.testing import CliRunner

from summdiff.cli.crossval import crossval
from summdiff.cli.recipes import recipes
from summdiff.cli.train import train
from summdiff.errors import DataError, UsageError
from summdiff.research.training.recipe_files import recipe_files, recipe_names
from summdiff.scoring import load_model

RECIPE = "default"
SMALL = [
    "epochs=1",
    "window=16",
    "augmentation.views=1",
    "network.width=16",
    "network.feed_forward=16",
    "network.encoder_layers=0",
    "network.denoiser_layers=1",
    "diffusion.samples=2",
    "diffusion.steps=1",
]


def invoke(verb, *arguments):
    app = typer.Typer()
    app.command()(verb)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def few_videos(data_dir, tmp_path_factory):
    """A folder with the data files that the recipe names, and in each the first eight videos."""
    folder = tmp_path_factory.mktemp("data")
    for name in ("tvsum_i3d.h5", "youtube_highlights_i3d.h5"):
        with h5py.File(data_dir / name) as whole, h5py.File(folder / name, "w") as part:
            part.attrs.update(whole.attrs)
            for video in list(whole)[:8]:
                whole.copy(video, part)
    return folder


def test_train_writes_a_model_that_can_be_used(few_videos, tmp_path, monkeypatch):
    monkeypatch.setenv("SUMMDIFF_DATA", str(few_videos))
    result = invoke(train, RECIPE, f"output={tmp_path / 'model'}", *SMALL)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{tmp_path / 'model'}\n"
    assert re.search(r"epoch 1/1  loss 0\.\d+", result.stderr)
    model = load_model(tmp_path / "model")
    assert model.sample([[0.0, 1.0], [1.0, 0.0]], rate=1.0, samples=3).shape == (3, 2)
    provenance = json.loads((tmp_path / "model" / "config.json").read_text())["provenance"]
    assert provenance["data"]["videos"] == 8
    assert provenance["recipe"]["epochs"] == 1
    assert provenance["trained_on"][0] == "tvsum/video_1"
    assert len(provenance["trained_on"]) == 8 + 8, "also the videos of the further data set"
    assert provenance["also"][0]["file"] == "youtube_highlights_i3d.h5"


def test_crossval_prints_the_model_beside_its_references(few_videos, tmp_path, monkeypatch):
    monkeypatch.setenv("SUMMDIFF_DATA", str(few_videos))
    arguments = [f"output={tmp_path / 'out'}", "folds=2", "also=[]", "other_spaces=false", *SMALL]
    result = invoke(crossval, RECIPE, *arguments)
    assert result.exit_code == 0, result.output
    tau = {}
    for row in ("default", "ridge", "random", "annotator with another", "mean of the others", "oracle"):
        cells = re.search(rf"^ *{row} +[\d.]+ ±[\d.]+ +(-?[\d.]+) ±", result.stdout, flags=re.M)
        tau[row] = float(cells[1])
    assert tau["random"] < tau["annotator with another"] < tau["mean of the others"] < tau["oracle"]
    path = tmp_path / "out" / "crossval" / "metrics.json"
    assert f"{path}\n" in result.stdout
    assert len(json.loads(path.read_text())["evaluation"]["videos"]) == 8


def test_mistakes_are_reported(tmp_path, monkeypatch):
    monkeypatch.delenv("SUMMDIFF_DATA", raising=False)
    for verb in (train, crossval):
        with pytest.raises(DataError, match="cannot be read"):
            verb(tmp_path / "nowhere.yaml")
        with pytest.raises(UsageError, match="write key=value"):
            verb(RECIPE, ["epochs"])
        with pytest.raises(DataError, match="SUMMDIFF_DATA"):
            verb(RECIPE)
        with pytest.raises(DataError, match="no data file"):
            verb(RECIPE, [f"data={tmp_path / 'gone.h5'}", f"output={tmp_path / 'out'}"])
    assert list(tmp_path.iterdir()) == []


def test_recipes_are_listed_and_printed():
    listed = invoke(recipes)
    assert listed.exit_code == 0
    assert set(recipe_names()) <= set(listed.output.replace(",", " ").split())
    printed = invoke(recipes, "summdiff_joint_tvsum")
    assert yaml.safe_load(printed.output)["name"] == "summdiff_joint_tvsum"
    assert invoke(recipes, "vasnet").output == recipe_files()["vasnet"].read_text(encoding="utf-8")
    with pytest.raises(DataError, match=r"no recipe 'x'"):
        raise invoke(recipes, "x").exception
