"""The contract of `summdiff.features.Backbone`, held by every backbone."""

from __future__ import annotations

import numpy as np
import pytest
from optional_libraries import optional
from pictures import textures

from summdiff.features import Backbone, backbone_ids, load_backbone
from summdiff.features.pca import PCA

DIMENSIONS = {
    "efficientnet_lite0": 1280,
    "inception_v3": 2048,
    "inception_v3_yt8m": 1024,
    "googlenet_pool5": 1024,
    "timm:test_vit": 64,
    "timm:test_efficientnet": 256,
}


@pytest.fixture(scope="module", params=DIMENSIONS)
def name(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def spec(name, weights_file, tmp_path_factory) -> str:
    """The backbone to load, with random weights instead of downloaded ones."""
    if name == "efficientnet_lite0":
        return name
    if name.startswith("timm:"):
        optional("timm")
        return f"{name}:weights={weights_file(name.removeprefix('timm:'))}"
    optional("torchvision")
    if name == "googlenet_pool5":
        return f"{name}:weights={weights_file('googlenet')}"
    inception = f":weights={weights_file('inception_v3')}"
    if name == "inception_v3":
        return name + inception
    path = tmp_path_factory.mktemp("pca") / "pca.safetensors"
    generator = np.random.default_rng(3)
    directions = generator.permutation(np.eye(2048))[:1024]
    path.write_bytes(PCA(generator.random(2048), np.linspace(2, 0.1, 1024), directions).to_bytes())
    return f"{name}{inception},pca={path}"


@pytest.fixture(scope="module")
def backbone(spec) -> Backbone:
    return load_backbone(spec, threads=1)


@pytest.fixture(scope="module")
def images(backbone) -> np.ndarray:
    """9 wide pictures: more than a backbone takes at once, and not a multiple of that."""
    return textures(9, backbone.short_side, backbone.short_side + 77)


@pytest.fixture(scope="module")
def features(backbone, images) -> np.ndarray:
    return backbone(images)


def test_every_known_backbone_is_tested():
    assert {name.partition(":")[0] for name in DIMENSIONS} == set(backbone_ids())


def test_shape_and_type(backbone, features, name):
    assert features.shape == (9, DIMENSIONS[name]) == (9, backbone.dimension)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()


def test_different_pictures_give_different_features(features):
    distances = np.linalg.norm(features[:, None] - features[None], axis=2)[~np.eye(9, dtype=bool)]
    assert distances.min() > 1e-2 * np.linalg.norm(features, axis=1).mean()


def test_same_in_every_run(backbone, images, features):
    np.testing.assert_array_equal(backbone(images), features)


def test_same_when_loaded_again(spec, backbone, images):
    again = load_backbone(spec, threads=1)
    assert again.id == backbone.id
    np.testing.assert_array_equal(again(images[:2]), backbone(images[:2]))


def test_independent_of_the_other_pictures(backbone, images, features):
    apart = np.concatenate([backbone(images[:1]), backbone(images[6:0:-1])[::-1], backbone(images[7:])])
    np.testing.assert_allclose(apart, features, rtol=0, atol=1e-5 * np.abs(features).max())


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 1), (1, 3)])
def test_any_aspect_ratio(backbone, height, width):
    side = backbone.short_side
    features = backbone(textures(1, side * height, side * width))
    assert features.shape == (1, backbone.dimension)
    assert np.isfinite(features).all()


def test_pictures_in_any_memory_layout(backbone, images):
    planes = np.ascontiguousarray(images[:2].transpose(3, 0, 1, 2)).transpose(1, 2, 3, 0)
    np.testing.assert_array_equal(backbone(planes), backbone(images[:2]))


def test_read_only_pictures(backbone, images):
    frozen = images[:2].copy()
    frozen.flags.writeable = False
    np.testing.assert_array_equal(backbone(frozen), backbone(images[:2]))


def test_no_pictures(backbone, images):
    assert backbone(images[:0]).shape == (0, backbone.dimension)


def test_id_begins_with_the_name(backbone, name):
    assert backbone.id.split("-")[0] == name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda images: images[0], r"\(B, H, W, 3\) uint8"),
        (lambda images: images.astype(np.float32), "float32"),
        (lambda images: images[..., :1], r"\(B, H, W, 3\) uint8"),
        (lambda images: images[:, 1:], r"shorter side of \d+ pixels"),
    ],
    ids=["one picture", "float", "grey", "too small"],
)
def test_other_pictures_are_refused(backbone, images, change, message):
    with pytest.raises(ValueError, match=message):
        backbone(change(images))
