"""Principal components and whitening, the last step of YouTube-8M's visual features.

Source: Abu-El-Haija et al., "YouTube-8M: A Large-Scale Video Classification Benchmark", 2016, section 3.3, and the file
format and constant of its published feature extractor.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from summdiff._untrusted import read_arrays
from summdiff.errors import BackboneError, UsageError, reason
from summdiff.features.files import read_tensors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

# Limits the gain of directions in which the features hardly vary.
WHITENING_EPSILON = 1e-4

_ARRAYS = ("mean", "eigenvals", "eigenvecs")


@dataclass(frozen=True, eq=False)
class PCA:
    """The first K principal components of D-dimensional features.

    Attributes:
        mean: (D,) float64.
        eigenvals: (K,) float64, variance along each component, greatest first.
        eigenvecs: (K, D) float64, components as unit rows.
        backbone_id: id of the backbone; None if unknown.
    """

    mean: NDArray[np.float64]
    eigenvals: NDArray[np.float64]
    eigenvecs: NDArray[np.float64]
    backbone_id: str | None = None

    def whiten(self, features: NDArray[np.floating]) -> NDArray[np.float32]:
        """Transform (B, D) to (B, K) float32: (x - mean) · eigenvecsᵀ / sqrt(eigenvals + 1e-4)."""
        projected = (features - self.mean) @ self.eigenvecs.T
        return (projected / np.sqrt(self.eigenvals + WHITENING_EPSILON)).astype(np.float32)

    def digest(self) -> bytes:
        """Return the SHA-256 of the arrays, independent of the file format."""
        numbers = (np.ascontiguousarray(array).tobytes() for array in (self.mean, self.eigenvals, self.eigenvecs))
        return hashlib.sha256(b"".join(numbers)).digest()

    def to_bytes(self) -> bytes:
        """Return the content of a .safetensors file for `load_pca`."""
        from safetensors.numpy import save

        arrays = {name: np.ascontiguousarray(getattr(self, name)) for name in _ARRAYS}
        return save(arrays, metadata={} if self.backbone_id is None else {"backbone": self.backbone_id})


class RunningCovariance:
    """Mean and covariance of rows that arrive in batches, exact up to float64 rounding.

    Uses the formulas of Chan, Golub and LeVeque (1979), which unlike sums of squares stay accurate if the mean is large
    compared with the deviation.

    Args:
        dimension: D, the length of a row.
    """

    def __init__(self, dimension: int) -> None:
        self.count = 0
        self._mean = np.zeros(dimension)
        self._scatter = np.zeros((dimension, dimension))

    def add(self, rows: NDArray[np.floating]) -> None:
        """Add (B, D) rows."""
        if len(rows) == 0:
            return
        new = rows.astype(np.float64)
        mean = new.mean(axis=0)
        new -= mean
        total = self.count + len(rows)
        step = mean - self._mean
        self._scatter += new.T @ new
        self._scatter += np.outer(step, step) * (self.count * len(rows) / total)
        self._mean += step * (len(rows) / total)
        self.count = total

    def pca(self, dimension: int, *, backbone_id: str | None = None) -> PCA:
        """Return the first `dimension` principal components of all rows so far.

        The sign of each is chosen so that its largest entry is positive.

        Raises:
            UsageError: there are too few rows for so many components, or the rows are too short.
        """
        length = len(self._mean)
        if not 1 <= dimension <= length:
            raise UsageError(f"Features of length {length} have 1 to {length} components, not {dimension}.")
        if self.count <= dimension:
            raise UsageError(
                f"{dimension} components need more than {dimension} frames, but there are {self.count}: give more or "
                "longer videos, a higher rate, or ask for fewer components."
            )
        values, vectors = np.linalg.eigh(self._scatter / (self.count - 1))
        # eigh returns columns, smallest variance first; rounding can make a variance of 0 slightly negative.
        eigenvals = np.maximum(values[::-1][:dimension], 0.0)
        eigenvecs = vectors[:, ::-1][:, :dimension].T
        largest = np.take_along_axis(eigenvecs, np.abs(eigenvecs).argmax(axis=1)[:, None], axis=1)
        return PCA(self._mean.copy(), eigenvals, eigenvecs * np.sign(largest), backbone_id)


def load_pca(path: str | os.PathLike[str], *, features: int, dimension: int) -> PCA:
    """Read the first `dimension` components for features of length `features`.

    Accepts the unpacked folder of YouTube-8M's `yt8m_pca.tgz` (mean.npy, eigenvals.npy, eigenvecs.npy), and .npz or
    .safetensors files with arrays of these names. Eigenvectors are rows, those of the greatest eigenvalues first; mean
    and eigenvalues may be columns, as in YouTube-8M's files.

    Args:
        path: the folder or file.
        features: D, the length of a feature vector before the projection.
        dimension: K, the length after it; further components are ignored.

    Raises:
        BackboneError: it cannot be read, or its arrays do not fit.
    """
    path = Path(path)
    arrays, backbone_id = _read_arrays(path)
    mean, eigenvals = (np.asarray(arrays[name], dtype=np.float64).reshape(-1) for name in ("mean", "eigenvals"))
    eigenvecs = np.asarray(arrays["eigenvecs"], dtype=np.float64)
    if mean.shape != (features,):
        raise BackboneError(f"'{path}' has a mean of length {mean.size}, but the features have {features}.")
    if eigenvecs.ndim != 2 or eigenvecs.shape[1] != features or len(eigenvecs) < dimension:
        raise BackboneError(
            f"'{path}' has eigenvecs of shape {eigenvecs.shape}, but {dimension} or more rows of {features} are needed."
        )
    if len(eigenvals) < dimension:
        raise BackboneError(f"'{path}' has {len(eigenvals)} eigenvals, but {dimension} are needed.")
    pca = PCA(mean, eigenvals[:dimension], np.ascontiguousarray(eigenvecs[:dimension]), backbone_id)
    if not all(np.isfinite(array).all() for array in (pca.mean, pca.eigenvals, pca.eigenvecs)):
        raise BackboneError(f"'{path}' has values that are not finite.")
    if pca.eigenvals.min() < 0 or np.any(np.diff(pca.eigenvals) > 1e-6 * pca.eigenvals[0]):
        raise BackboneError(f"'{path}' has eigenvals that are negative or not sorted from the greatest down.")
    return pca


def _read_arrays(path: Path) -> tuple[Mapping[str, NDArray[np.generic]], str | None]:
    """Return the three arrays, and the id of the backbone if the file has one."""
    from safetensors import SafetensorError, safe_open

    try:
        if path.suffix == ".safetensors":
            arrays = read_tensors(path, {name: name for name in _ARRAYS})
            with safe_open(path, framework="numpy") as file:
                return arrays, (file.metadata() or {}).get("backbone")
        if path.is_dir():
            return {name: read_arrays(path / f"{name}.npy")[""] for name in _ARRAYS}, None
        arrays = read_arrays(path)
        return {name: arrays[name] for name in _ARRAYS}, None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        raise BackboneError(
            f"'{path}' cannot be read as PCA matrices ({reason(error)}); needed are mean, eigenvals and eigenvecs in a "
            "folder of .npy files, an .npz or a .safetensors file."
        ) from error
