from __future__ import annotations

import re
import subprocess
import sys

import pytest

from plugin_packages import install_plugin
from summdiff.errors import BackboneError
from summdiff.features import backbone_ids, load_backbone
from summdiff.features._registry import parse_spec


def test_the_default_comes_first_and_needs_no_options():
    assert load_backbone().id == backbone_ids()[0] == "efficientnet_lite0"


@pytest.mark.parametrize(
    ("spec", "name", "options"),
    [
        ("efficientnet_lite0", "efficientnet_lite0", {}),
        (" inception_v3 ", "inception_v3", {}),
        ("a:weights=/x.pth,pca=/y.npz", "a", {"weights": "/x.pth", "pca": "/y.npz"}),
        ("a:pca=C:\\my files\\y.npz", "a", {"pca": "C:\\my files\\y.npz"}),
        ("a:weights=/a,b=c/1:2=3.pth", "a", {"weights": "/a", "b": "c/1:2=3.pth"}),
        ("a:weights=/one,two:three.pth", "a", {"weights": "/one,two:three.pth"}),
        ("timm:resnet50.a1_in1k", "timm:resnet50.a1_in1k", {}),
        ("timm:resnet50.a1_in1k:weights=r.pth", "timm:resnet50.a1_in1k", {"weights": "r.pth"}),
        ("", "", {}),
    ],
)
def test_parse_spec(spec, name, options):
    assert parse_spec(spec) == (name, options)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "efficientnet",
            "no backbone 'efficientnet' (did you mean 'efficientnet_lite0'?); known are efficientnet_lite0, ",
        ),
        ("", "no backbone ''; known are efficientnet_lite0, googlenet_pool5, inception_v3, "),
        ("timm:", "The backbone 'timm' needs a model: 'timm:<model>'."),
        ("timm", "The backbone 'timm' needs a model: 'timm:<model>'."),
        ("efficientnet_lite0:fast", "The backbone 'efficientnet_lite0' takes no model, got 'fast'."),
        ("_torch_network", "no backbone '_torch_network'"),
        ("efficientnet_lite0:weights=x", "'efficientnet_lite0' has no option 'weights'; it takes none."),
        ("googlenet_pool5:pca=x", "'googlenet_pool5' has no option 'pca'; it takes 'weights'."),
        ("timm:resnet18:pca=x", "'timm:resnet18' has no option 'pca'; it takes 'weights'."),
        (
            "inception_v3_yt8m:weights=",
            "The option 'weights' of the backbone 'inception_v3_yt8m:weights=' has no value.",
        ),
        (
            "inception_v3_yt8m:pca=a,pca=b",
            "The option 'pca' of the backbone 'inception_v3_yt8m:pca=a,pca=b' is given twice.",
        ),
    ],
)
def test_a_wrong_backbone_is_reported_in_one_sentence(spec, message):
    with pytest.raises(BackboneError, match=re.escape(message)) as caught:
        load_backbone(spec)
    assert "\n" not in str(caught.value)


def test_importing_the_package_imports_nothing_heavy():
    code = (
        "import sys, summdiff.features, summdiff.features._registry\n"
        "heavy = {'numpy', 'torch', 'onnx', 'onnxruntime', 'torchvision', 'timm', 'safetensors'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_plugin_adds_a_backbone(tmp_path, monkeypatch):
    install_plugin(
        monkeypatch,
        tmp_path,
        "sharp",
        "[summdiff.backbones]\nsharpness = sharp_module:Sharpness\n",
        """
class Sharpness:
    id, dimension, short_side, options = "sharpness/1", 1, 32, ("weights",)

    def __init__(self, *, weights=None, threads=None, device="cpu"):
        self.weights, self.device = weights, device
""",
    )
    assert backbone_ids()[-1] == "sharpness"
    backbone = load_backbone("sharpness:weights=w.npz", device="cuda")
    assert (backbone.id, backbone.weights, backbone.device) == ("sharpness/1", "w.npz", "cuda")
    with pytest.raises(BackboneError, match="'sharpness' has no option 'pca'; it takes 'weights'"):
        load_backbone("sharpness:pca=x")
    with pytest.raises(BackboneError, match="did you mean 'sharpness'"):
        load_backbone("sharpnes")
