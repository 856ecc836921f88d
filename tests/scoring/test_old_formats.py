"""Model folders and recipes of older formats, in terms of the present ones."""

import json
import shutil

import numpy as np
import pytest

from summdiff.errors import ModelError
from summdiff.features.relations import PLACES
from summdiff.scoring import load_model, model_folder
from summdiff.scoring._old_formats import modernised_network, modernised_recipe, modernised_weight

# As the present code's predecessor wrote them: every field of the one config
FIELDS = {
    "inputs": 70,
    "relations": 0,
    "power": 1.0,
    "components": 0,
    "width": 64,
    "heads": 4,
    "feed_forward": 256,
    "encoder_layers": 2,
    "denoiser_layers": 2,
    "n_bins": 200,
    "score_embedding": "learnable",
    "score_scale": 1.0,
    "score_space": "linear",
    "fade_scores": True,
    "position": "rotary",
    "aligned": True,
    "cross_attention": True,
    "self_attention": True,
    "kernel": 5,
    "encoder_kernel": 1,
    "mean_head": False,
    "linear_share": 0.0,
    "mean_gain": 0.7,
    "norm": "pre",
    "activation": "gelu",
    "deep_mlps": False,
    "global_token": False,
    "squash": True,
    "null": "condition",
    "dropout": 0.1,
    "input_dropout": 0.0,
}
ALONE = {"aligned": False, "self_attention": False, "kernel": 1, "fade_scores": False, "null": "video"}
PAPER = FIELDS | ALONE | {"position": "sinusoidal", "norm": "post", "activation": "relu", "squash": False}
RELEASE = FIELDS | ALONE | {"position": "relative", "norm": "adaptive", "activation": "prelu", "score_space": "logit"}
RELEASE |= {"deep_mlps": True, "global_token": True, "input_dropout": 0.5}
RELATIONAL = FIELDS | {"mean_head": True, "linear_share": 1.0, "squash": False, "mean_gain": 1.0, "score_scale": 2.0}
RELATIONAL |= {"guess_noise": 20.0, "corrects": True}
COMPLETE = {"summdiff": FIELDS, "relational": RELATIONAL, "ridge": {"inputs": 3}}
SHARED = {name: FIELDS[name] for name in ("inputs", "width", "heads", "feed_forward", "encoder_layers", "dropout")}
SHARED |= {"denoiser_layers": 2, "n_bins": 200}


@pytest.mark.parametrize(
    ("architecture", "fields", "name", "own"),
    [
        (
            "summdiff",
            PAPER,
            "summdiff",
            {"score_embedding": "learnable", "score_scale": 1.0, "projected_attention": True},
        ),
        ("summdiff", RELEASE, "release", {"cross_attention": True, "kernel": 1, "own_step": False}),
        (
            "summdiff",
            FIELDS,
            "joint",
            {"mean_curve": False, "linear_share": 0.0, "mean_gain": 0.7, "kernel": 5, "cross_attention": True},
        ),
        (
            "relational",
            RELATIONAL,
            "relational",
            {"guess_noise": 20.0, "gaussian_only": False, "inputs": 70 - PLACES, "score_scale": 2.0, "kernel": 5},
        ),
    ],
)
def test_each_old_preset_has_its_own_network(architecture, fields, name, own):
    found_name, found = modernised_network(architecture, fields)
    assert found_name == name
    wanted = SHARED | own
    assert {field: found[field] for field in wanted} == wanted
    assert not found.keys() & {"power", "components", "encoder_kernel", "norm", "squash", "aligned", "corrects"}


@pytest.mark.parametrize(
    ("architecture", "change"),
    [
        ("summdiff", {"power": 0.5}),
        ("summdiff", {"components": 64}),
        ("summdiff", {"encoder_kernel": 9}),
        ("summdiff", {"squash": False}),
        ("ridge", {"power": 0.5}),
        ("relational", {"self_attention": False}),
    ],
)
def test_an_option_that_no_longer_exists_is_named(architecture, change):
    ((option, value),) = change.items()
    with pytest.raises(ModelError, match=f"The option {option}={value} no longer exists"):
        modernised_network(
            architecture, {"ridge": {"inputs": 3}, "relational": RELATIONAL}.get(architecture, FIELDS) | change
        )


def test_other_networks_stay_as_they_are():
    assert modernised_network("vasnet", {"inputs": 3, "width": 8}) == ("vasnet", {"inputs": 3, "width": 8})
    assert modernised_network("ridge", {"inputs": 3, "relations": 1, "power": 1.0}) == ("ridge", {"inputs": 3})
    assert modernised_weight("vasnet", "attention.query.weight") == "attention.query.weight"


@pytest.mark.parametrize(
    ("network", "old", "new"),
    [
        ("summdiff", "embed.1.weight", "embed.0.weight"),
        ("summdiff", "denoiser.0.look.inner.key.bias", "denoiser.0.attention.key.bias"),
        ("summdiff", "encoder.1.feed_forward.norm.weight", "encoder.1.mlp_norm.weight"),
        ("release", "summary", "global_token"),
        ("release", "encoder.0.attend.inner.out.bias", "encoder.0.attention.out.bias"),
        ("release", "denoiser.1.nearby.modulate.1.bias", "denoiser.1.convolution.modulate.1.bias"),
        ("release", "denoiser.1.look.inner.query.weight", "denoiser.1.attention.module.query.weight"),
        ("joint", "embed.1.weight", "embed.1.weight"),
        ("joint", "denoiser.0.look.norm.bias", "denoiser.0.cross_norm.bias"),
        ("relational", "considered.weight", "posterior_in.weight"),
        ("relational", "kinship.logs", "prior_logs"),
    ],
)
def test_weights_are_found_under_their_present_names(network, old, new):
    assert modernised_weight(network, old) == new


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            {"network": {"preset": "paper", "width": 32}},
            {"model": "summdiff", "width": 32, "projected_attention": True},
        ),
        (
            {"network": {"model": "summdiff", "preset": "release", "aligned": True}},
            {"model": "release", "own_step": True},
        ),
        ({"network": {"preset": "joint", "mean_head": True, "squash": False}}, {"model": "joint", "mean_curve": True}),
        ({"network": {"model": "relational", "corrects": False}}, {"model": "relational", "gaussian_only": True}),
        ({"network": {"model": "vasnet", "width": 8}}, {"model": "vasnet", "width": 8}),
        ({"network": {"model": "joint", "kernel": 9}}, {"model": "joint", "kernel": 9}),
    ],
)
def test_a_recipe_with_a_preset_names_the_network(old, new):
    assert modernised_recipe(old)["network"] == new


def test_a_recipe_with_kinship_has_a_gaussian_prior():
    assert modernised_recipe({"conditioning": "kinship"}) == {"conditioning": "gaussian_prior"}
    assert modernised_recipe({"conditioning": "both"}) == {"conditioning": "both"}


def test_a_folder_of_the_format_before_scores_the_same(model, tmp_path):
    """The shipped model as `summdiff.model/2` had it."""
    folder = shutil.copytree(model_folder("default"), tmp_path / "old")
    document = json.loads((folder / "config.json").read_text())
    document["format"] = "summdiff.model/2"
    document["model"]["conditioning"] = "kinship"
    document["inference"]["inputs"] += PLACES
    (folder / "config.json").write_text(json.dumps(document))
    old, x = load_model(folder), np.random.default_rng(0).normal(size=(40, 16))
    assert (old.config, old.network.facts) == (model.config, model.network.facts)
    assert np.array_equal(old.score(x, rate=1.0).samples, model.score(x, rate=1.0).samples)
