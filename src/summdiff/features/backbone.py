"""The interface of a feature extractor, and functions shared by most extractors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Backbone(Protocol):
    """Turns images into feature vectors.

    The vector of an image does not depend on the other images of its batch (up to rounding of about 1e-5), and is the
    same in every run on the same machine with the same number of threads.

    A class may also have `options`, the names of its keyword arguments that users can set (each a path), and
    `takes_model = True` if its first argument is the name of a model; see `summdiff.features.load_backbone`.

    Attributes:
        id: identifies the features: equal ids mean equal features, so they may be mixed and cached together. It changes
            with the weights and the preprocessing.
        dimension: D, the length of a feature vector.
        short_side: length of the shorter side of the images in pixels. The decoder scales to it, so that images are
            resampled once.
    """

    @property
    def id(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    @property
    def short_side(self) -> int: ...

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Compute the features of images.

        Args:
            images: (B, H, W, 3) uint8, RGB, upright, B >= 0, min(H, W) == short_side.

        Returns:
            (B, D) float32.

        Raises:
            ValueError: the images have another form.
        """
        ...


def check_images(images: NDArray[np.uint8], *, short_side: int) -> None:
    """Raise ValueError unless `images` are (B, H, W, 3) uint8 with min(H, W) == short_side."""
    if images.dtype != "uint8" or images.ndim != 4 or images.shape[3] != 3:
        raise ValueError(f"images must be (B, H, W, 3) uint8, not {images.shape} {images.dtype}.")
    if min(images.shape[1:3]) != short_side:
        raise ValueError(
            f"images must have a shorter side of {short_side} pixels, not {images.shape[2]}x{images.shape[1]}."
        )


def center_crop(images: NDArray[np.uint8], *, size: int) -> NDArray[np.uint8]:
    """Return the middle (B, size, size, 3) of images (B, H, W, 3) with H, W >= size, as a view."""
    top, left = (images.shape[1] - size) // 2, (images.shape[2] - size) // 2
    return images[:, top : top + size, left : left + size]
