"""GoogLeNet's pool5, the features in which TVSum and SumMe are usually distributed.

Source: Szegedy et al., "Going Deeper with Convolutions", CVPR 2015, in torchvision's version with batch normalization.
The distributed files were made with the Caffe network: features are similar, not equal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from summdiff.features import center_crop, check_images
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

NAME = "googlenet_pool5"


class GoogLeNetPool5:
    """A `summdiff.features.Backbone` with D = 1024, after the last average pooling.

    Uses the 224-pixel square in the middle of the image.

    Args:
        weights: a file with torchvision's state dict (googlenet-1378be20.pth); None lets torchvision fetch it.
        threads: threads to compute with; None for PyTorch's setting.
        device: where to compute, see `summdiff._runtime.inference_session`.

    Raises:
        BackboneError: torchvision or the weights are missing, or the weights do not fit.
    """

    options = ("weights",)
    dimension = 1024
    short_side = 256

    def __init__(self, *, weights: str | Path | None = None, threads: int | None = None, device: str = "cpu") -> None:
        models = import_torchvision(NAME)
        self._network: nn.Module = models.googlenet(
            weights=None, aux_logits=False, init_weights=False, transform_input=False
        )
        self._network.fc = nn.Identity()
        state = obtain_weights(
            NAME,
            weights,
            lambda: models.GoogLeNet_Weights.IMAGENET1K_V1.get_state_dict(progress=False, check_hash=True),
        )
        load_weights(
            self._network, state, unused=("fc", "aux1", "aux2"), source=f"'{weights}'" if weights else "torchvision"
        )
        self._network.eval().requires_grad_(False)
        self.id = f"{NAME}-{content_hash(self._network)}"
        self._network.to(find_device(device))
        self._threads = threads

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(B, H, W, 3) uint8 RGB with a shorter side of 256 -> (B, 1024) float32."""
        check_images(images, short_side=self.short_side)
        crops = center_crop(images, size=224)
        return compute(self._network, crops, scaled_to_unit, dimension=self.dimension, threads=self._threads)


BACKBONE = GoogLeNetPool5
