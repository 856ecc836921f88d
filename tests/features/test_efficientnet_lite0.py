from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import photograph, photographs, textures
from torch_efficientnet_lite0 import published

from summdiff.errors import BackboneError
from summdiff.features.backbone import center_crop
from summdiff.features.backbones import efficientnet_lite0
from summdiff.features.backbones.efficientnet_lite0 import GRAPH, GRAPH_SHA256, EfficientNetLite0

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
from make_backbone import WEIGHTS_SHA256, build_graph, read_weights, weights_path


@pytest.fixture(scope="module")
def backbone() -> EfficientNetLite0:
    return EfficientNetLite0(threads=1)


def test_equals_the_plain_network(backbone):
    images = np.concatenate([textures(3, 256, 320), np.full((1, 256, 320, 3), 255, np.uint8)])
    with torch.inference_mode():
        expected = published(str(weights_path()))(torch.from_numpy(center_crop(images, size=224).copy())).numpy()
    features = backbone(images)
    assert np.abs(expected).max() > 1
    # float32 through 50 layers, in another order of summation
    np.testing.assert_allclose(features, expected, atol=2e-4)


@pytest.mark.parametrize(
    ("name", "classes"),
    [
        # numbers of the ImageNet classes in the order of ILSVRC 2012
        ("Grace Hopper in uniform", {400: "academic gown", 652: "military uniform", 667: "mortarboard"}),
        ("yellow flower", {985: "daisy"}),
        ("Chinese palace", {698: "palace", 442: "bell cote"}),
    ],
)
def test_sees_what_is_in_photographs(backbone, name, classes):
    # The features are right only if the published classifier still understands them.
    weights = read_weights()
    features = backbone(photograph(photographs()[name], short_side=256)[None])
    scores = features[0] @ weights["_fc.weight"].T + weights["_fc.bias"]
    top = np.argsort(scores)[::-1]
    assert set(top[: len(classes)]) == set(classes)


def test_sees_only_the_square_in_the_middle(backbone):
    images = textures(2, 256, 400)
    changed = images.copy()
    changed[:, :16] = changed[:, -16:] = changed[:, :, :88] = changed[:, :, -88:] = 0
    np.testing.assert_array_equal(backbone(images), backbone(changed))
    changed[:, 16, 88] = 255
    assert np.abs(backbone(images) - backbone(changed)).max() > 0


def test_number_of_threads_hardly_changes_the_numbers(backbone):
    images = textures(2, 256, 256)
    np.testing.assert_allclose(EfficientNetLite0(threads=2)(images), backbone(images), atol=1e-5)


def test_the_graph_that_ships_is_what_the_script_makes():
    assert hashlib.sha256(build_graph(read_weights())).hexdigest() == GRAPH_SHA256


def test_the_notice_names_both_files():
    notice = GRAPH.with_name("NOTICE.md").read_text()
    assert WEIGHTS_SHA256 in notice
    assert GRAPH_SHA256 in notice


def test_a_damaged_graph_is_refused(tmp_path, monkeypatch):
    damaged = bytearray(GRAPH.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    copy = tmp_path / "graph.onnx"
    copy.write_bytes(damaged)
    monkeypatch.setattr(efficientnet_lite0, "GRAPH", copy)
    with pytest.raises(BackboneError, match="is damaged: install summdiff again"):
        EfficientNetLite0()


def test_a_missing_graph_is_said(monkeypatch):
    monkeypatch.setattr(efficientnet_lite0, "GRAPH", Path("gone.onnx"))
    with pytest.raises(BackboneError, match=r"cannot be read .*install summdiff again"):
        EfficientNetLite0()
