from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sklearn.decomposition
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from summdiff.errors import BackboneError, UsageError
from summdiff.features.pca import PCA, RunningCovariance, load_pca


def correlated(rows: int, dimension: int, *, seed: int = 0) -> np.ndarray:
    """Rows with components of clearly different variance, far from the origin."""
    generator = np.random.default_rng(seed)
    spread = np.geomspace(3, 0.05, dimension)
    mixing = np.linalg.qr(generator.normal(size=(dimension, dimension)))[0]
    return (generator.normal(size=(rows, dimension)) * spread) @ mixing + 5


def fitted(rows: np.ndarray, dimension: int, *, pieces: int = 1) -> PCA:
    moments = RunningCovariance(rows.shape[1])
    for piece in np.array_split(rows, pieces):
        moments.add(piece)
    return moments.pca(dimension)


def test_equals_scikit_learn():
    rows = correlated(200, 24)
    pca = fitted(rows, 10)
    reference = sklearn.decomposition.PCA(n_components=10, svd_solver="full").fit(rows)
    np.testing.assert_allclose(pca.mean, reference.mean_, rtol=1e-12)
    np.testing.assert_allclose(pca.eigenvals, reference.explained_variance_, rtol=1e-9)
    np.testing.assert_allclose(np.abs(np.sum(pca.eigenvecs * reference.components_, axis=1)), 1, rtol=1e-9)


@given(pieces=st.integers(1, 60), offset=st.sampled_from([0.0, 1e3, 1e6]))
def test_pieces_and_a_large_mean_change_nothing(pieces, offset):
    rows = correlated(60, 6)
    whole = fitted(rows, 6)
    other = fitted(rows + offset, 6, pieces=pieces)
    np.testing.assert_allclose(other.mean - offset, whole.mean, atol=1e-12 * max(1, offset))
    np.testing.assert_allclose(other.eigenvals, whole.eigenvals, rtol=1e-9 * max(1, offset**0.5))


def test_whitened_features_are_uncorrelated_with_variance_one():
    rows = correlated(500, 16)
    white = fitted(rows, 8).whiten(rows)
    assert white.dtype == np.float32
    covariance = np.cov(white.astype(np.float64).T)
    eigenvals = fitted(rows, 8).eigenvals
    np.testing.assert_allclose(covariance, np.diag(eigenvals / (eigenvals + 1e-4)), atol=1e-5)


def test_whitening_is_the_published_formula():
    pca = PCA(np.array([1.0, 2.0]), np.array([4.0, 0.0]), np.array([[0.6, 0.8], [-0.8, 0.6]]))
    white = pca.whiten(np.array([[2.0, 2.0]]))
    np.testing.assert_allclose(white, [[0.6 / np.sqrt(4.0001), -0.8 / 0.01]], rtol=1e-6)


@pytest.mark.parametrize(
    ("rows", "dimension", "message"),
    [
        (50, 11, "Features of length 10 have 1 to 10 components, not 11"),
        (50, 0, "1 to 10 components, not 0"),
        (8, 8, "8 components need more than 8 frames, but there are 8"),
        (0, 1, "but there are 0"),
    ],
)
def test_what_cannot_be_fitted_is_said(rows, dimension, message):
    with pytest.raises(UsageError, match=message):
        fitted(correlated(rows, 10), dimension)


def write(pca: PCA, form: str, folder) -> str:
    """Write matrices in one of the forms that are read; columns for mean and eigenvalues, as in YouTube-8M's files."""
    columns = {"mean": pca.mean[:, None], "eigenvals": pca.eigenvals[:, None], "eigenvecs": pca.eigenvecs}
    if form == "folder":
        for name, array in columns.items():
            np.save(folder / f"{name}.npy", array.astype(np.float32))
        return folder
    path = folder / f"pca.{form}"
    if form == "npz":
        np.savez(path, **columns)
    else:
        path.write_bytes(pca.to_bytes())
    return path


@pytest.mark.parametrize("form", ["folder", "npz", "safetensors"])
def test_every_form_is_read(tmp_path, form):
    rows = correlated(100, 12)
    pca = fitted(rows, 9)
    loaded = load_pca(write(pca, form, tmp_path), features=12, dimension=5)
    np.testing.assert_allclose(loaded.whiten(rows), pca.whiten(rows)[:, :5], atol=1e-4)
    if form == "safetensors":
        exact = load_pca(tmp_path / "pca.safetensors", features=12, dimension=9)
        assert exact.digest() == pca.digest()
        assert exact.digest() != loaded.digest()


def test_the_backbone_is_remembered(tmp_path):
    path = tmp_path / "pca.safetensors"
    path.write_bytes(replace(fitted(correlated(50, 4), 3), backbone_id="inception_v3-0123").to_bytes())
    assert load_pca(path, features=4, dimension=3).backbone_id == "inception_v3-0123"


GOOD = {"mean": np.zeros(6), "eigenvals": np.array([3.0, 2.0, 1.0, 0.0]), "eigenvecs": np.eye(6)[:4]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mean": np.zeros(5)}, "has a mean of length 5, but the features have 6"),
        ({"eigenvecs": np.eye(6)[:, :4]}, r"eigenvecs of shape \(6, 4\), but 4 or more rows of 6 are needed"),
        ({"eigenvecs": np.eye(6)[:3]}, r"eigenvecs of shape \(3, 6\), but 4 or more rows"),
        ({"eigenvals": np.ones(3)}, "has 3 eigenvals, but 4 are needed"),
        ({"eigenvals": np.arange(4.0)}, "not sorted from the greatest down"),
        ({"eigenvals": np.array([3.0, 2, 1, -1])}, "are negative"),
        ({"mean": np.full(6, np.nan)}, "not finite"),
        ({"mean": None}, "needed are mean, eigenvals and eigenvecs"),
    ],
)
@pytest.mark.parametrize("form", ["npz", "safetensors"])
def test_matrices_that_do_not_fit_are_refused(tmp_path, change, message, form):
    arrays = {name: np.ascontiguousarray(array) for name, array in {**GOOD, **change}.items() if array is not None}
    path = tmp_path / f"pca.{form}"
    (np.savez(path, **arrays) if form == "npz" else save_file(arrays, path))
    with pytest.raises(BackboneError, match=message):
        load_pca(path, features=6, dimension=4)


@pytest.mark.parametrize(
    "name", ["gone.npz", "gone.safetensors", "gone", "text.npz", "text.safetensors", "empty", "array.npy"]
)
def test_other_files_are_refused_in_one_sentence(tmp_path, name):
    (tmp_path / "text.npz").write_text("text")
    (tmp_path / "text.safetensors").write_text("text")
    (tmp_path / "empty").mkdir()
    np.save(tmp_path / "array.npy", np.zeros(3))
    with pytest.raises(BackboneError, match="cannot be read as PCA matrices"):
        load_pca(tmp_path / name, features=6, dimension=4)
