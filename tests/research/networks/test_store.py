import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from summdiff.errors import ModelError, OutputError
from summdiff.research.networks.folder import write_model
from summdiff.research.networks.summdiff import NetworkConfig, SummDiff
from summdiff.scoring import load_model
from summdiff.scoring.sampling import SamplingConfig, SamplingModel


@pytest.fixture
def model():
    torch.manual_seed(0)
    return SamplingModel(
        SamplingConfig(id="tiny", conditioning="features", feature_extractor="net", guidance_scale=0.3),
        SummDiff(NetworkConfig(inputs=5, width=16, heads=2, feed_forward=16)),
    )


@pytest.fixture
def folder(model, tmp_path):
    return write_model(model, tmp_path / "tiny", provenance={"seed": 0})


def change(folder, edit):
    config = json.loads((folder / "config.json").read_text())
    edit(config)
    (folder / "config.json").write_text(json.dumps(config))


def test_what_was_written_is_read(model, folder):
    read = load_model(folder)
    assert (read.id, read.conditioning, read.feature_extractor) == ("tiny", "features", "net")
    assert read.config == model.config
    x = np.random.default_rng(0).normal(size=(9, 5))
    assert np.array_equal(read.sample(x, rate=1.0, samples=2), model.sample(x, rate=1.0, samples=2))
    assert json.loads((folder / "config.json").read_text())["provenance"] == {"seed": 0}
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]


def test_unknown_model():
    with pytest.raises(ModelError, match="no model 'nonesuch': use 'default'"):
        load_model("nonesuch")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_missing_file(folder, name):
    (folder / name).unlink()
    with pytest.raises(ModelError, match=name):
        load_model(folder)


@pytest.mark.parametrize("at", [0, 40, -1])
def test_one_changed_byte_is_noticed(folder, at):
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[at] ^= 1
    (folder / "model.safetensors").write_bytes(weights)
    with pytest.raises(ModelError, match="damaged"):
        load_model(folder)


def test_half_a_file(folder):
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(ModelError, match="damaged"):
        load_model(folder)


@pytest.mark.parametrize(
    "edit",
    [
        lambda config: config["network"].update(width=32),
        lambda config: config["network"].update(unknown=1),
        lambda config: config["network"].update(heads=0),
        lambda config: config["network"].pop("inputs"),
        lambda config: config.pop("network"),
        lambda config: config.update(model=[1]),
        lambda config: config["model"].update(schedule="quadratic"),
        lambda config: config["model"].update(conditioning="sound"),
        lambda config: config.update(format="other/1"),
    ],
)
def test_config_that_does_not_fit(folder, edit):
    change(folder, edit)
    with pytest.raises(ModelError) as raised:
        load_model(folder)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "3"])
def test_config_that_is_no_config(folder, text):
    (folder / "config.json").write_text(text)
    with pytest.raises(ModelError, match="config"):
        load_model(folder)


def test_weights_that_are_not_numbers(folder):
    tensors = load_file(folder / "model.safetensors")
    tensors["null"][0] = float("nan")
    save_file(tensors, folder / "model.safetensors")
    import hashlib

    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    change(folder, lambda config: config.update(sha256=digest))
    with pytest.raises(ModelError, match="not finite"):
        load_model(folder)


def test_a_place_that_cannot_be_written(model, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be made"):
        write_model(model, tmp_path / "file" / "model", provenance={})


def test_writing_replaces_the_model_and_leaves_other_files(model, folder):
    (folder / "README.md").write_text("mine")
    write_model(model, folder, provenance={"seed": 1})
    assert json.loads((folder / "config.json").read_text())["provenance"] == {"seed": 1}
    assert (folder / "README.md").read_text() == "mine"


def test_the_shipped_model_is_small(tmp_path):
    shipped = shutil.copytree(load_model.__globals__["_SHIPPED"] / "default", tmp_path / "copy")
    assert sum(path.stat().st_size for path in shipped.iterdir()) < 8 * 2**20
    assert load_model(shipped).id == "default"
