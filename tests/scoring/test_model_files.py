"""Model folders: what is loaded, and what is said of damaged ones, which are copies of the shipped one."""

import hashlib
import json
import shutil

import numpy as np
import pytest

from summdiff.errors import ModelError, UsageError
from summdiff.scoring import load_model, model_folder
from summdiff.scoring.gaussian import GaussianPrior
from summdiff.scoring.model_files import WITHOUT_GRAPHS, facts_from, facts_to_dict
from summdiff.scoring.networks import DenoiserFacts, MeanCurve, ScorerFacts
from summdiff.scoring.space import ScoreSpace

GRAPHS = ["encode.onnx", "prepare.onnx", "denoise.onnx"]


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(model_folder("default"), tmp_path / "copy")


def change(folder, edit):
    config = json.loads((folder / "config.json").read_text())
    edit(config)
    (folder / "config.json").write_text(json.dumps(config))


def replace_file(folder, name, content):
    """Write a file, and its checksum into the config."""
    (folder / name).write_bytes(content)
    change(folder, lambda config: config["sha256"].update({name: hashlib.sha256(content).hexdigest()}))


def test_a_folder_is_read(model, folder):
    read = load_model(folder)
    assert (read.id, read.config, read.provenance) == ("default", model.config, model.provenance)
    assert read.network.facts == model.network.facts
    x = np.random.default_rng(0).normal(size=(30, 16))
    assert np.array_equal(read.score(x, rate=1.0, samples=2).samples, model.score(x, rate=1.0, samples=2).samples)


def test_weights_for_training_are_not_needed(folder):
    (folder / "model.safetensors").unlink()
    assert load_model(folder).id == "default"


def test_the_shipped_model_is_small():
    assert sum(path.stat().st_size for path in model_folder("default").iterdir()) < 8 * 2**20


def test_an_unknown_model_is_named():
    with pytest.raises(ModelError, match="no model 'nonesuch': use 'default'"):
        load_model("nonesuch")


@pytest.mark.parametrize(("device", "said"), [("tpu9", "no device 'tpu9'"), ("cuda:99999", "no device 'cuda:99999'")])
def test_an_unknown_device_is_named(device, said):
    with pytest.raises(UsageError, match=said):
        load_model("default", device=device)


def test_auto_finds_a_device(model):
    x = np.random.default_rng(0).normal(size=(9, 16))
    found = load_model("default", device="auto").score(x, rate=1.0, steps=2).mean
    assert np.allclose(found, model.score(x, rate=1.0, steps=2).mean, atol=1e-3)


@pytest.mark.parametrize("name", ["config.json", *GRAPHS])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(ModelError, match=name if name != "config.json" else "cannot be read"):
        load_model(folder)


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("at", [0, 4000, -1])
def test_one_changed_byte_is_noticed(folder, name, at):
    content = bytearray((folder / name).read_bytes())
    content[at] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ModelError, match=f"{name}' is damaged or belongs to another config"):
        load_model(folder)


def test_half_a_file_is_noticed(folder):
    content = (folder / "encode.onnx").read_bytes()
    (folder / "encode.onnx").write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError, match="damaged"):
        load_model(folder)


@pytest.mark.parametrize("content", [b"", b"not a graph", b"\x08\x07"])
def test_a_graph_that_is_none_is_refused_in_one_line(folder, content):
    replace_file(folder, "prepare.onnx", content)
    with pytest.raises(ModelError, match=r"graph 'prepare\.onnx' cannot be loaded") as raised:
        load_model(folder)
    assert "\n" not in str(raised.value)


def test_a_graph_that_refers_to_another_file_is_not_loaded(folder):
    replace_file(folder, "encode.onnx", (folder / "encode.onnx").read_bytes() + b"\n\x08location\x12\x06../out")
    with pytest.raises(ModelError, match=r"'encode\.onnx' refers to another file"):
        load_model(folder)


@pytest.mark.parametrize(("name", "other"), [("encode", "prepare"), ("prepare", "denoise"), ("denoise", "encode")])
def test_graphs_in_each_others_place_do_not_fit(folder, name, other):
    """It is noticed when they are loaded or first used."""
    replace_file(folder, f"{name}.onnx", (folder / f"{other}.onnx").read_bytes())
    with pytest.raises(ModelError) as raised:
        load_model(folder).score(np.random.default_rng(0).normal(size=(9, 16)), rate=1.0, steps=2)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "edit",
    [
        lambda config: config.pop("inference"),
        lambda config: config.update(inference=[1]),
        lambda config: config["inference"].pop("mean"),
        lambda config: config["inference"].update(mean=None),
        lambda config: config["inference"].update(inputs=0),
        lambda config: config["inference"].update(inputs="many"),
        lambda config: config["inference"].update(guess_noise=-1.0),
        lambda config: config["inference"].update(score_space="circle"),
        lambda config: config["inference"].update(score_scale=0.0),
        lambda config: config["inference"].update(score_scale=True),
        lambda config: config["inference"]["mean"].update(width="wide"),
        lambda config: config["inference"]["mean"].update(shares=3),
        lambda config: config["inference"]["prior"].update(near=-1.0),
        lambda config: config["inference"]["prior"].update(far=1.0),
        lambda config: config["inference"]["prior"].pop("own"),
        lambda config: config.update(inference={"readouts": ["scores"], "inputs": 3}),
        lambda config: config.update(inference={"readouts": ["segments"], "inputs": 3, "threshold": 0.5}),
        lambda config: config.update(inference={"readouts": ["scores"], "inputs": 3, "threshold": 2.0}),
        lambda config: config.pop("model"),
        lambda config: config.update(model=[1]),
        lambda config: config["model"].update(unknown=1),
        lambda config: config["model"].update(schedule="quadratic"),
        lambda config: config["model"].update(conditioning="sound"),
        lambda config: config["model"].update(step_seconds=[1]),
        lambda config: config["model"].update(id=3),
        lambda config: config["model"].update(window="wide"),
        lambda config: config["model"].update(eta=True),
        lambda config: config["model"].update(guidance_scale=1e999),
        lambda config: config.pop("sha256"),
        lambda config: config.update(sha256="0" * 64),
        lambda config: config["sha256"].pop("encode.onnx"),
        lambda config: config.update(format="other/1"),
        lambda config: config.update(format=["x" * 1000]),
        lambda config: config.pop("format"),
    ],
)
def test_a_config_that_does_not_fit_is_refused_in_one_line(folder, edit):
    change(folder, edit)
    with pytest.raises(ModelError) as raised:
        load_model(folder)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 1000


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"format": {}}', "[" * 100_000])
def test_a_config_that_is_no_config_is_refused(folder, text):
    (folder / "config.json").write_text(text)
    with pytest.raises(ModelError, match="config"):
        load_model(folder)


@pytest.mark.parametrize("provenance", [None, [1], "somebody"])
def test_provenance_that_is_none_is_none(folder, provenance):
    change(folder, lambda config: config.update(provenance=provenance))
    assert load_model(folder).provenance == {}


def test_a_folder_without_graphs_says_how_to_make_them(folder):
    change(folder, lambda config: config.update(format=WITHOUT_GRAPHS))
    with pytest.raises(ModelError, match="summdiff export-graphs") as raised:
        load_model(folder)
    assert f"`summdiff export-graphs {folder}`" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "facts",
    [
        DenoiserFacts(5, ScoreSpace("logit", 0.5)),
        DenoiserFacts(5, ScoreSpace(), MeanCurve((0.25, 0.75), 0.1)),
        DenoiserFacts(5, ScoreSpace(scale=2.0), MeanCurve((1.0,), 0.1), GaussianPrior(near=0.5), 3.0),
        ScorerFacts(4),
        ScorerFacts(4, ("scores", "segments"), 0.25),
    ],
)
def test_facts_are_read_as_they_were_written(facts):
    assert facts_from(json.loads(json.dumps(facts_to_dict(facts)))) == facts


def test_a_model_loads_twice():
    """No module may replace a function of the package: modules become attributes of it once they are imported."""
    load_model()
    assert load_model().id == load_model("default").id
