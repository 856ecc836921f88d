"""Backbones of torchvision and timm with wrong or missing weights, matrices and libraries."""

from __future__ import annotations

import os
import re
import sys

import numpy as np
import pytest
import torch
from optional_libraries import optional
from pictures import photograph, photographs, textures
from safetensors.torch import save_file

from summdiff.errors import BackboneError
from summdiff.features import load_backbone
from summdiff.features.pca import PCA


@pytest.fixture(scope="module")
def googlenet(weights_file):
    optional("torchvision")
    return weights_file("googlenet")


@pytest.fixture(scope="module")
def vit(weights_file):
    optional("timm")
    return weights_file("test_vit")


def test_googlenet_is_torchvisions_own_with_its_own_preprocessing(googlenet):
    # The published weights come with a preset; ours must give the network the same numbers.
    models = optional("torchvision").models
    from PIL import Image

    network = models.googlenet(weights=None, aux_logits=True, init_weights=False, transform_input=True)
    network.load_state_dict(torch.load(googlenet, weights_only=True))
    network.fc = torch.nn.Identity()
    image = photograph(photographs()["yellow flower"], short_side=256)
    preset = models.GoogLeNet_Weights.IMAGENET1K_V1.transforms()
    with torch.inference_mode():
        expected = network.eval()(preset(Image.fromarray(image))[None]).numpy()
    features = load_backbone(f"googlenet_pool5:weights={googlenet}")(image[None])
    np.testing.assert_allclose(features, expected, atol=1e-4 * np.abs(expected).max())


def test_inception_is_torchvisions_own_on_the_whole_picture(weights_file):
    models = optional("torchvision").models
    network = models.inception_v3(weights=None, aux_logits=True, init_weights=False, transform_input=False)
    network.load_state_dict(torch.load(weights_file("inception_v3"), weights_only=True))
    network.fc = torch.nn.Identity()
    image = photograph(photographs()["Chinese palace"], short_side=299)
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    squeezed = torch.nn.functional.interpolate(pixels, (299, 299), mode="bilinear", antialias=True)
    with torch.inference_mode():
        expected = network.eval()((squeezed - 127.5) / 127.5).numpy()
    features = load_backbone(f"inception_v3:weights={weights_file('inception_v3')}")(image[None])
    np.testing.assert_allclose(features, expected, atol=1e-4 * np.abs(expected).max())


def test_timm_models_get_timms_own_preprocessing(weights_file):
    timm = optional("timm")
    from PIL import Image

    path = weights_file("test_efficientnet")
    network = timm.create_model("test_efficientnet", num_classes=0)
    network.load_state_dict(torch.load(path, weights_only=True), strict=False)
    config = timm.data.resolve_model_data_config(network)
    backbone = load_backbone(f"timm:test_efficientnet:weights={path}")
    image = photograph(photographs()["Chinese palace"], short_side=backbone.short_side)
    transform = timm.data.create_transform(**config, is_training=False)
    with torch.inference_mode():
        expected = network.eval()(transform(Image.fromarray(image))[None]).numpy()
    # Scaling to `short_side` is the decoder's work, so timm's own must find nothing left to scale.
    assert backbone.short_side == int(config["input_size"][1] / config["crop_pct"])
    np.testing.assert_allclose(backbone(image[None]), expected, atol=1e-4 * np.abs(expected).max())


def test_the_id_stands_for_the_numbers_and_not_for_the_file(googlenet, tmp_path):
    state = torch.load(googlenet, weights_only=True)
    identifier = load_backbone(f"googlenet_pool5:weights={googlenet}").id
    assert re.fullmatch(r"googlenet_pool5-[0-9a-f]{12}", identifier)

    save_file({name: tensor.contiguous() for name, tensor in state.items()}, tmp_path / "other form.safetensors")
    assert load_backbone(f"googlenet_pool5:weights={tmp_path / 'other form.safetensors'}").id == identifier

    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "wrapped,=.pth")
    assert load_backbone(f"googlenet_pool5:weights={tmp_path / 'wrapped,=.pth'}").id == identifier

    state["fc.weight"] += 1  # classifies only
    torch.save(state, tmp_path / "same.pth")
    assert load_backbone(f"googlenet_pool5:weights={tmp_path / 'same.pth'}").id == identifier

    state["inception5b.branch4.1.bn.bias"][0] += 1e-6
    torch.save(state, tmp_path / "changed.pth")
    assert load_backbone(f"googlenet_pool5:weights={tmp_path / 'changed.pth'}").id != identifier


class Danger:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (self.path,))


def test_code_in_a_weights_file_is_not_run(googlenet, tmp_path):
    torch.save({"weight": Danger(str(tmp_path / "made"))}, tmp_path / "weights.pth")
    with pytest.raises(BackboneError, match="cannot be read as weights"):
        load_backbone(f"googlenet_pool5:weights={tmp_path / 'weights.pth'}")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gone.pth", None, "The weights file '.*gone.pth' does not exist."),
        ("gone.safetensors", None, "The weights file '.*gone.safetensors' does not exist."),
        ("text.pth", b"text", "'.*text.pth' cannot be read as weights"),
        ("empty.pth", b"", "'.*empty.pth' cannot be read as weights"),
        ("text.safetensors", b"text", "'.*text.safetensors' cannot be read as weights"),
        ("number.pth", 3, "'.*number.pth' holds no state dict"),
        ("list.pth", {"a": 1}, "'.*list.pth' holds no state dict"),
        ("none.pth", {}, r"those of another network: they lack 'conv1.conv.weight' and \d+ more."),
    ],
)
def test_files_without_weights_are_refused(googlenet, tmp_path, name, content, message):
    if isinstance(content, bytes):
        (tmp_path / name).write_bytes(content)
    elif content is not None:
        torch.save(content, tmp_path / name)
    with pytest.raises(BackboneError, match=message) as caught:
        load_backbone(f"googlenet_pool5:weights={tmp_path / name}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("conv3.conv.weight"), "they lack 'conv3.conv.weight'."),
        (lambda state: state.update(other=torch.zeros(1)), "they have an unknown 'other'."),
        (
            lambda state: state.update({"conv3.bn.bias": torch.zeros(7)}),
            "they have another shape of 'conv3.bn.bias'.",
        ),
    ],
)
def test_weights_of_another_network_are_refused(googlenet, tmp_path, change, message):
    state = torch.load(googlenet, weights_only=True)
    change(state)
    torch.save(state, tmp_path / "other.pth")
    with pytest.raises(BackboneError, match=re.escape(message)):
        load_backbone(f"googlenet_pool5:weights={tmp_path / 'other.pth'}")


def test_weights_that_cannot_be_fetched(googlenet, tmp_path, monkeypatch):
    # The folder for fetched weights is in the way of a file, so this fails with a network as well as without.
    (tmp_path / "file").touch()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "file"))
    expected = r"weights of 'googlenet_pool5' cannot be fetched \(.*\); .*'googlenet_pool5:weights=PATH'"
    with pytest.raises(BackboneError, match=expected):
        load_backbone("googlenet_pool5")


def test_models_that_timm_does_not_have(vit):
    with pytest.raises(BackboneError, match=r"timm has no model 'resnet1888'"):
        load_backbone(f"timm:resnet1888:weights={vit}")
    with pytest.raises(BackboneError, match=r"timm cannot make the model 'test_vit\.nothing'"):
        load_backbone(f"timm:test_vit.nothing:weights={vit}")


def test_youtube8m_needs_matrices_that_belong_to_its_network(weights_file, tmp_path):
    with pytest.raises(BackboneError, match=r"needs PCA matrices.* fit-pca.*'inception_v3_yt8m:pca=PATH'"):
        load_backbone("inception_v3_yt8m")
    optional("torchvision")
    path = tmp_path / "pca.safetensors"
    path.write_bytes(PCA(np.zeros(2048), np.ones(1024), np.eye(2048)[:1024], "inception_v3-other").to_bytes())
    with pytest.raises(BackboneError, match="were fitted to features of 'inception_v3-other'"):
        load_backbone(f"inception_v3_yt8m:weights={weights_file('inception_v3')},pca={path}")


def test_youtube8m_is_inception_whitened(weights_file, tmp_path):
    optional("torchvision")
    weights = f"weights={weights_file('inception_v3')}"
    inception = load_backbone(f"inception_v3:{weights}")
    generator = np.random.default_rng(2)
    directions = generator.permutation(np.eye(2048))[:1024]
    pca = PCA(generator.random(2048), np.linspace(1, 0.1, 1024), directions, inception.id)
    (tmp_path / "pca.safetensors").write_bytes(pca.to_bytes())
    backbone = load_backbone(f"inception_v3_yt8m:{weights},pca={tmp_path / 'pca.safetensors'}")
    images = textures(1, 299, 400)
    np.testing.assert_array_equal(backbone(images), pca.whiten(inception(images)))


@pytest.mark.parametrize(
    ("spec", "library"),
    [("googlenet_pool5", "torchvision"), ("inception_v3", "torchvision"), ("timm:resnet18", "timm")],
)
def test_a_missing_library_is_said(monkeypatch, spec, library):
    monkeypatch.setitem(sys.modules, library, None)
    message = f"'{spec}' needs {library}: install it with `pip install 'summdiff[backbones]'`."
    with pytest.raises(BackboneError, match=re.escape(message)):
        load_backbone(spec)


def test_a_library_for_another_torch_is_said(monkeypatch, tmp_path):
    # What happens where a torchvision built for CUDA lies beside a torch for the CPU.
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')"
    )
    monkeypatch.syspath_prepend(tmp_path)
    message = "cannot be imported with the installed torch (operator torchvision::nms does not exist)"
    with pytest.raises(BackboneError, match=re.escape(message)):
        load_backbone("googlenet_pool5")
