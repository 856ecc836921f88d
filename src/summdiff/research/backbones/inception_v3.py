"""Inception-v3's pool3, from which YouTube-8M's features are made (see `inception_v3_yt8m`).

Source: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016, as in torchvision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn import functional as F

from summdiff.features import check_images
from summdiff.research.backbones._torch_network import (
    compute,
    content_hash,
    import_torchvision,
    load_weights,
    obtain_weights,
    scaled_to_unit,
)
from summdiff.research.devices import find_device

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

NAME = "inception_v3"
SIZE = 299


class InceptionV3:
    """A `summdiff.features.Backbone` with D = 2048, after the last average pooling ("pool3").

    As for YouTube-8M, the whole image is squeezed into a 299-pixel square, so that nothing is cropped.

    Args:
        weights: a file with torchvision's state dict (inception_v3_google-0cc3c7bd.pth); None lets torchvision fetch
            it.
        threads: threads to compute with; None for PyTorch's setting.
        device: where to compute, see `summdiff._runtime.inference_session`.
        name: name of the backbone in messages.

    Raises:
        BackboneError: torchvision or the weights are missing, or the weights do not fit.
    """

    options = ("weights",)
    dimension = 2048
    short_side = SIZE

    def __init__(
        self, *, weights: str | Path | None = None, threads: int | None = None, device: str = "cpu", name: str = NAME
    ) -> None:
        models = import_torchvision(name)
        self._network: nn.Module = models.inception_v3(
            weights=None, aux_logits=False, init_weights=False, transform_input=False
        )
        self._network.fc = nn.Identity()
        state = obtain_weights(
            name,
            weights,
            lambda: models.Inception_V3_Weights.IMAGENET1K_V1.get_state_dict(progress=False, check_hash=True),
        )
        load_weights(
            self._network, state, unused=("fc", "AuxLogits"), source=f"'{weights}'" if weights else "torchvision"
        )
        self._network.eval().requires_grad_(False)
        self.id = f"{NAME}-{content_hash(self._network)}"
        self._network.to(find_device(device))
        self._threads = threads

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(B, H, W, 3) uint8 RGB with a shorter side of 299 -> (B, 2048) float32."""
        check_images(images, short_side=self.short_side)
        return compute(self._network, images, _squeeze, dimension=self.dimension, threads=self._threads)


def _squeeze(images: NDArray[np.uint8]) -> Tensor:
    pixels = scaled_to_unit(images)
    return F.interpolate(pixels, size=(SIZE, SIZE), mode="bilinear", antialias=True, align_corners=False)


BACKBONE = InceptionV3
