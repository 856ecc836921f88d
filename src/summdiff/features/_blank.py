"""Pictures that show nothing: of one color, or color bars."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_BLOCKS = 28  # about, of the picture on either side; their means are free of noise
_SAME = 2.0  # deviation, in levels of 255, below which blocks have one color
_BARS = 20.0  # deviation of the columns' colors, above which they are bars
_COLUMNS = 0.9  # share of the columns that have one color each; in others two bars meet


def is_blank(picture: NDArray[np.uint8]) -> bool:
    """Return whether a picture (H, W, 3) has one color, or its upper half color bars.

    Text of a readable size is not blank; neither are color bars under letters.
    """
    height, width = picture.shape[:2]
    means = Image.fromarray(picture).reduce((max(1, width // _BLOCKS), max(1, height // _BLOCKS)))
    blocks = np.asarray(means, dtype=np.float32)
    if blocks.std(axis=(0, 1)).max() < _SAME:
        return True
    upper = blocks[1 : len(blocks) // 2 + 1]  # test cards have other patterns further down
    same = upper.std(axis=0).max(axis=1) < _SAME
    return bool(same.mean() >= _COLUMNS and upper.mean(axis=0).std(axis=0).max() > _BARS)
