"""Model storage: written only if the graphs score as the network does, read back in torch, exported anew."""

import hashlib
import json
import shutil
from dataclasses import astuple, replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from small_networks import INPUTS, MEAN, awake, denoiser, features, relational, scorer

from summdiff.errors import ModelError, OutputError
from summdiff.features.relations import PLACES
from summdiff.research.networks import storage
from summdiff.research.networks.inference import in_torch, module_of
from summdiff.research.networks.mlp import MLP, MLPConfig
from summdiff.research.networks.storage import export_folder, load_in_torch, load_network, write_model
from summdiff.scoring import load_model, model_folder
from summdiff.scoring.model import ModelConfig
from summdiff.scoring.model_files import FORMAT, WITHOUT_GRAPHS
from summdiff.scoring.sampling import SamplingConfig, SamplingModel
from summdiff.scoring.scorer import ScoringModel

FILES = ["config.json", "denoise.onnx", "encode.onnx", "model.safetensors", "prepare.onnx"]


@pytest.fixture(scope="module")
def model():
    config = SamplingConfig(id="tiny", conditioning="features", feature_extractor="net", guidance_scale=0.3)
    return SamplingModel(config, in_torch(denoiser(encoder_layers=1, denoiser_layers=1)))


@pytest.fixture(scope="module")
def written(model, tmp_path_factory):
    return write_model(model, tmp_path_factory.mktemp("written") / "tiny", provenance={"seed": 0})


@pytest.fixture
def folder(written, tmp_path):
    return shutil.copytree(written, tmp_path / "tiny")


def config_of(folder):
    return json.loads((folder / "config.json").read_text())


def change(folder, edit):
    config = config_of(folder)
    edit(config)
    (folder / "config.json").write_text(json.dumps(config))


def rewrite_weights(folder, edit):
    """Change weights, and their checksum in the config."""
    tensors = load_file(folder / "model.safetensors")
    edit(tensors)
    save_file(tensors, folder / "model.safetensors")
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    change(folder, lambda config: config["sha256"].update({"model.safetensors": digest}))


def test_what_was_written_is_read(model, folder):
    assert sorted(path.name for path in folder.iterdir()) == FILES
    document = config_of(folder)
    assert (document["format"], document["provenance"]) == (FORMAT, {"seed": 0})
    assert sorted(document["sha256"]) == [name for name in FILES if name != "config.json"]
    read = load_model(folder)
    assert (read.id, read.conditioning, read.feature_extractor) == ("tiny", "features", "net")
    assert (read.config, read.provenance) == (model.config, {"seed": 0})
    x = np.random.default_rng(0).normal(size=(9, INPUTS))
    expected = model.sample(x, rate=1.0, samples=2)
    assert np.quantile(np.abs(read.sample(x, rate=1.0, samples=2) - expected), 0.9) < 1e-5
    in_torch_again = load_in_torch(folder)
    assert (in_torch_again.config, in_torch_again.provenance) == (model.config, {"seed": 0})
    assert np.array_equal(in_torch_again.sample(x, rate=1.0, samples=2), expected)
    weights = module_of(model).state_dict()
    assert all(torch.equal(weight, weights[name]) for name, weight in load_network(folder).state_dict().items())


class BakedIn(MLP):
    """A network whose scores depend on the number of steps by way of a Python number."""

    def predict(self, features, mask):
        return super().predict(features, mask) / int(features.shape[1])


def test_a_network_whose_graph_differs_is_not_written(tmp_path):
    torch.manual_seed(0)
    network = BakedIn(MLPConfig(inputs=INPUTS, width=8))
    model = ScoringModel(ModelConfig(id="baked", conditioning="features"), in_torch(network))
    with pytest.raises(ModelError, match="graphs exported from 'baked' score differently from the network") as raised:
        write_model(model, tmp_path / "baked", provenance={})
    assert "\n" not in str(raised.value)
    assert "nothing was written" in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_a_refused_network_leaves_the_model_that_is_there(model, folder, monkeypatch):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    monkeypatch.setattr(storage, "LARGEST_DIFFERENCE", -1.0)
    for write in (lambda: write_model(model, folder, provenance={}), lambda: export_folder(folder)):
        with pytest.raises(ModelError, match="score differently"):
            write()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_graph_that_gives_no_numbers_is_not_written(tmp_path):
    network = scorer("mlp")
    with torch.no_grad():
        for weight in network.parameters():
            weight.mul_(1e30)
    model = ScoringModel(ModelConfig(id="diverged", conditioning="features"), in_torch(network))
    with pytest.raises(ModelError, match="'diverged' gives scores that are not finite numbers"):
        write_model(model, tmp_path / "diverged", provenance={})
    assert not list(tmp_path.iterdir())


def test_the_shipped_graphs_are_those_of_the_shipped_weights():
    """Up to rounding, which other versions of torch and ONNX Runtime may do differently."""
    shipped, model = load_model("default"), load_in_torch(model_folder("default"))
    x = features(80)
    known = np.where(np.arange(80) % 30 == 3, 0.9, np.nan)
    for given in (None, known):
        ours, theirs = (each.score(x, rate=0.5, known=given) for each in (model, shipped))
        assert np.allclose(ours.mean, theirs.mean, atol=1e-5)
        assert np.allclose(ours.spread, theirs.spread, atol=1e-5)
        assert np.quantile(np.abs(ours.samples - theirs.samples), 0.9) < 1e-4
    ours, theirs = model.network.facts, shipped.network.facts
    assert replace(ours, prior=None) == replace(theirs, prior=None)
    assert astuple(ours.prior) == pytest.approx(astuple(theirs.prior), rel=1e-12)


# Folders of the format without graphs


def without_graphs(folder):
    """Bring a folder to the older format."""
    for path in folder.glob("*.onnx"):
        path.unlink()
    tensors = load_file(folder / "model.safetensors")
    if "prior_logs" in tensors:
        tensors["kinship.logs"] = tensors.pop("prior_logs")
        change(folder, lambda config: config["model"].update(conditioning="kinship"))
        change(folder, lambda config: config["network"].update(inputs=config["network"]["inputs"] + PLACES))
    save_file(tensors, folder / "model.safetensors")
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    change(folder, lambda config: config.update(format=WITHOUT_GRAPHS, sha256=digest))
    change(folder, lambda config: config.pop("inference"))
    return folder


@pytest.mark.parametrize("name", ["joint with a mean curve", "relational", "dsnet"])
def test_a_folder_without_graphs_is_refused_until_they_are_exported(name, tmp_path):
    made = {
        "joint with a mean curve": lambda: SamplingModel(
            SamplingConfig("x", "features", eta=0.5), in_torch(awake(denoiser(**MEAN)))
        ),
        "relational": lambda: SamplingModel(
            SamplingConfig("x", "gaussian_prior"), in_torch(awake(relational(videos=3)))
        ),
        "dsnet": lambda: ScoringModel(ModelConfig("x", "features"), in_torch(scorer("dsnet_anchor_based"))),
    }[name]()
    folder = write_model(made, tmp_path / "x", provenance={"seed": 3}, graphs=False)
    for change_format in (lambda folder: None, without_graphs):  # as a fold has it, and as an older version wrote it
        change_format(folder)
        with pytest.raises(ModelError, match="summdiff export-graphs") as raised:
            load_model(folder)
        assert "\n" not in str(raised.value)
    assert export_folder(folder) == folder
    assert config_of(folder)["format"] == FORMAT
    again, x = load_model(folder), features(30, dimension=INPUTS)
    assert (again.config, again.provenance) == (made.config, {"seed": 3})
    assert (again.network.facts, again.conditions_on_known) == (made.network.facts, made.conditions_on_known)
    sampled = (model.sample(x, rate=1.0, samples=2) for model in (made, load_in_torch(folder)))
    assert np.array_equal(*sampled)
    for readout in made.readouts:
        ours, theirs = (each.score(x, rate=1.0, readout=readout) for each in (made, again))
        assert np.allclose(ours.mean, theirs.mean, atol=1e-5)
        assert np.allclose(ours.spread, theirs.spread, atol=1e-5)


# Damaged storage, read for further training


def test_missing_weights_are_named(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"model\.safetensors"):
        load_network(folder)


@pytest.mark.parametrize("at", [0, 40, -1])
def test_one_changed_byte_is_noticed(folder, at):
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[at] ^= 1
    (folder / "model.safetensors").write_bytes(weights)
    with pytest.raises(ModelError, match="damaged"):
        load_network(folder)


def test_half_a_file_is_noticed(folder):
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(ModelError, match="damaged"):
        load_network(folder)


@pytest.mark.parametrize(
    "edit",
    [
        lambda config: config["network"].update(width=32),
        lambda config: config["network"].update(unknown=1),
        lambda config: config["network"].update(heads=0),
        lambda config: config["network"].update(encoder_layers=1_000_000),
        lambda config: config["network"].pop("inputs"),
        lambda config: config.pop("network"),
        lambda config: config.update(network=[1]),
        lambda config: config.update(architecture="perceptron"),
        lambda config: config.update(architecture="relational"),
        lambda config: config.update(format="other/1"),
    ],
)
def test_a_config_that_does_not_fit_the_weights_is_refused_in_one_line(folder, edit):
    change(folder, edit)
    with pytest.raises(ModelError) as raised:
        load_network(folder)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("edit", [{"schedule": "quadratic"}, {"window": "wide"}, {"unknown": 1}])
def test_a_model_config_that_does_not_fit_is_refused_in_one_line(folder, edit):
    change(folder, lambda config: config["model"].update(edit))
    with pytest.raises(ModelError) as raised:
        load_in_torch(folder)
    assert "\n" not in str(raised.value)


def test_weights_that_are_not_numbers_are_refused(folder):
    rewrite_weights(folder, lambda tensors: tensors["null"].fill_(float("nan")))
    with pytest.raises(ModelError, match="not finite"):
        load_network(folder)


# Writing


def test_a_place_that_cannot_be_written(model, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be made"):
        write_model(model, tmp_path / "file" / "model", provenance={}, graphs=False)


def test_writing_replaces_the_model_and_leaves_other_files(model, folder):
    (folder / "README.md").write_text("mine")
    write_model(model, folder, provenance={"seed": 1})
    assert config_of(folder)["provenance"] == {"seed": 1}
    assert (folder / "README.md").read_text() == "mine"
    assert load_model(folder).provenance == {"seed": 1}


def test_a_folder_says_whether_scores_follow_known_ones(written, tmp_path):
    config = SamplingConfig(id="paper", conditioning="features")
    paper = write_model(SamplingModel(config, in_torch(denoiser("summdiff"))), tmp_path / "paper", provenance={})
    assert load_model(written).conditions_on_known
    assert not load_model(paper).conditions_on_known
