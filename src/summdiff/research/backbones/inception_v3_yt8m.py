"""The visual features of YouTube-8M, and so of Mr.HiSum: Inception-v3's pool3, projected and whitened to 1024-D.

Source: Abu-El-Haija et al., "YouTube-8M: A Large-Scale Video Classification Benchmark", 2016, section 3.3.
Their network is the TensorFlow release of 2015-12-05, and the matrices that they published belong to it. torchvision's
weights are another training of nearly the same network: with these, fit matrices of your own (`summdiff fit-pca`).
Their 8-bit quantisation is left out.
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
    """The backbone; see `summdiff.features.backbone.Backbone` for the contract.

    D = 1024, each with a variance of about 1 over the videos for which the matrices were fitted.

    Args:
        weights: as of `InceptionV3`.
        pca: a file from `summdiff fit-pca`, or the published matrices (see `summdiff.features.pca.load_pca`).
        threads: threads to compute with; None leaves PyTorch's own setting.
        device: where to compute, see `summdiff._runtime.inference_session`.

    Raises:
        BackboneError: torchvision, the weights or the matrices are missing, or they do not belong together.
    """

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
                f"The backbone '{NAME}' needs matrices to project with; fit them with \"summdiff fit-pca\" "
                f"and give them with '{NAME}:pca=PATH'."
            )
        self._pca = load_pca(pca, features=InceptionV3.dimension, dimension=self.dimension)
        self._inception = InceptionV3(weights=weights, threads=threads, device=device, name=NAME)
        if self._pca.backbone_id not in {None, self._inception.id}:
            raise BackboneError(
                f"The matrices in '{pca}' were fitted to features of '{self._pca.backbone_id}', "
                f"but the weights make those of '{self._inception.id}'; fit them again."
            )
        digest = hashlib.sha256(self._inception.id.encode() + self._pca.digest())
        self.id = f"{NAME}-{digest.hexdigest()[:12]}"

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(B, H, W, 3) uint8 RGB with a shorter side of 299 -> (B, 1024) float32."""
        return self._pca.whiten(self._inception(images))
