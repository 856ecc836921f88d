"""Pictures for the tests of features: photographs that installed packages bring, and textures of any shape."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def photographs() -> dict[str, Path]:
    """Photographs with well-known content, from matplotlib and scikit-learn."""
    import matplotlib
    import sklearn

    samples = Path(sklearn.__file__).parent / "datasets" / "images"
    return {
        "Grace Hopper in uniform": Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg",
        "yellow flower": samples / "flower.jpg",
        "Chinese palace": samples / "china.jpg",
    }


def photograph(path: Path, *, short_side: int) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB with that shorter side."""
    with Image.open(path) as image:
        scale = short_side / min(image.size)
        size = (max(short_side, round(image.width * scale)), max(short_side, round(image.height * scale)))
        return np.array(image.convert("RGB").resize(size, Image.Resampling.BICUBIC))


def textures(count: int, height: int, width: int, *, seed: int = 0) -> NDArray[np.uint8]:
    """(count, height, width, 3) uint8: a different smooth texture each, as in photographs and unlike in noise."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 256, size=(count, 9, 9, 3), dtype=np.uint8)
    return np.stack(
        [np.array(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC)) for image in coarse]
    )
