"""The contract that every feature extractor keeps, and what most of them need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Backbone(Protocol):
    """Turns pictures into feature vectors.

    What a picture gives depends on that picture alone, not on the others in its batch (up to about 1e-5 of rounding),
    and is the same in every run on the same machine with the same number of threads.

    Attributes:
        id: names the numbers that come out. It changes whenever they would (other weights, other preprocessing), so
            features under equal ids may be mixed and cached together.
        dimension: D, the length of a feature vector.
        short_side: pixels that the shorter side of each picture must have. Whoever decodes scales to it, so that
            pictures are resampled once.
    """

    @property
    def id(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    @property
    def short_side(self) -> int: ...

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Extract features.

        Args:
            images: (B, H, W, 3) uint8, RGB, upright, B >= 0, min(H, W) == short_side.

        Returns:
            (B, D) float32.

        Raises:
            ValueError: the pictures do not have that form.
        """
        ...


def check_images(images: NDArray[np.uint8], *, short_side: int) -> None:
    """Raise ValueError unless `images` is what a `Backbone` with this `short_side` takes."""
    if images.dtype != "uint8" or images.ndim != 4 or images.shape[3] != 3:
        raise ValueError(f"images must be (B, H, W, 3) uint8, not {images.shape} {images.dtype}.")
    if min(images.shape[1:3]) != short_side:
        raise ValueError(
            f"images must have a shorter side of {short_side} pixels, not {images.shape[2]}x{images.shape[1]}."
        )


def centre_crop(images: NDArray[np.uint8], *, size: int) -> NDArray[np.uint8]:
    """The (B, size, size, 3) middle of (B, H, W, 3) pictures with H, W >= size; a view."""
    top, left = (images.shape[1] - size) // 2, (images.shape[2] - size) // 2
    return images[:, top : top + size, left : left + size]
