"""The visual features of YouTube-8M and Mr.HiSum: Inception-v3's pool3, projected and whitened to D = 1024.

Source: Abu-El-Haija et al., "YouTube-8M: A Large-Scale Video Classification Benchmark", 2016, section 3.3.
The published matrices belong to the TensorFlow network of 2015-12-05. torchvision's weights are another training of
nearly the same network: fit matrices for them with `summdiff fit-pca`. The 8-bit quantization is left out.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from summdiff.errors import BackboneError
from summdiff.features.pca import load_pca
from summdiff.research.backbones.inception_v3 import InceptionV3

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

NAME = "inception_v3_yt8m"


class InceptionV3YouTube8M:
    """A `summdiff.features.Backbone` with D = 1024.

    Each number has a variance of about 1 over the videos to which the matrices were fitted.

    Args:
        weights: see `InceptionV3`.
        pca: a file from `summdiff fit-pca`, or the published matrices (see `summdiff.features.pca.load_pca`).
        threads: threads to compute with; None for PyTorch's setting.
        device: where to compute, see `summdiff._runtime.inference_session`.

    Raises:
        BackboneError: torchvision, the weights or the matrices are missing, or do not belong together.
    """

    options = ("weights", "pca")
    dimension = 1024
    short_side = InceptionV3.short_side

    def __init__(
        self,
        *,
        weights: str | Path | None = None,
        pca: str | Path | None = None,
        threads: int | None = None,
        device: str = "cpu",
    ) -> None:
        if pca is None:
            raise BackboneError(
                f"The backbone '{NAME}' needs PCA matrices: fit them with `summdiff fit-pca` and give them as "
                f"'{NAME}:pca=PATH'."
            )
        self._pca = load_pca(pca, features=InceptionV3.dimension, dimension=self.dimension)
        self._inception = InceptionV3(weights=weights, threads=threads, device=device, name=NAME)
        if self._pca.backbone_id not in {None, self._inception.id}:
            raise BackboneError(
                f"The matrices in '{pca}' were fitted to features of '{self._pca.backbone_id}', not of "
                f"'{self._inception.id}': fit them again."
            )
        digest = hashlib.sha256(self._inception.id.encode() + self._pca.digest())
        self.id = f"{NAME}-{digest.hexdigest()[:12]}"

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(B, H, W, 3) uint8 RGB with a shorter side of 299 -> (B, 1024) float32."""
        return self._pca.whiten(self._inception(images))


BACKBONE = InceptionV3YouTube8M
