from __future__ import annotations

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from summdiff.cli.fit_pca import fit_pca
from summdiff.errors import BackboneError, OutputError, UsageError, VideoError
from summdiff.features import load_backbone
from summdiff.features.extraction import extract
from summdiff.features.pca import load_pca

DIMENSION = 5


@pytest.fixture(scope="module")
def videos(make_video):
    return [make_video(scenes=((4.0, 1), (3.0, 2))).path, make_video(scenes=((5.0, 3),)).path]


def test_fits_to_all_frames_of_the_readable_videos(videos, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    out = tmp_path / "pca.safetensors"
    app = typer.Typer()
    app.command()(fit_pca)
    arguments = [tmp_path / "broken.mp4", *videos, "-o", out, "--backbone", "efficientnet_lite0", "--dimension", "5"]
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{out}\n"
    first = result.stderr.splitlines()[0]
    assert "broken.mp4" in first
    assert "left out" in first

    pca = load_pca(out, features=1280, dimension=DIMENSION)
    assert pca.backbone_id == "efficientnet_lite0"
    backbone = load_backbone("efficientnet_lite0")
    rows = np.concatenate([extract(path, backbone, rate=1.0).features for path in videos]).astype(np.float64)
    assert len(rows) == 12
    np.testing.assert_allclose(pca.mean, rows.mean(axis=0), atol=1e-12)
    singular = np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False)
    np.testing.assert_allclose(pca.eigenvals, singular[:DIMENSION] ** 2 / 11, rtol=1e-9)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"dimension": 1281}, UsageError, "features of 1280 numbers, which have no 1281 components"),
        ({"dimension": 12}, UsageError, "12 components need more than 12 frames, but there are 12"),
        ({"backbone": "efficientnet"}, BackboneError, "did you mean 'efficientnet_lite0'"),
        ({"rate": 0.0}, UsageError, "`rate` must be a positive number"),
        ({"out": "pca.npz"}, UsageError, "must end in .safetensors"),
        ({"out": "gone/pca.safetensors"}, OutputError, "there is no folder"),
        ({"videos": ["gone.mp4"]}, VideoError, "None of the videos can be read"),
    ],
)
def test_errors_are_reported_and_leave_no_file(videos, tmp_path, options, error, message):
    asked = {"backbone": "efficientnet_lite0", "dimension": DIMENSION, "out": "pca.safetensors", **options}
    asked["out"] = tmp_path / asked["out"]
    asked["videos"] = [tmp_path / name for name in asked["videos"]] if "videos" in asked else videos
    with pytest.raises(error, match=message):
        fit_pca(**asked)
    assert list(tmp_path.iterdir()) == []
