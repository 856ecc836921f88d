"""Divide a sequence of features into segments: `cost` rates a segment, `kts` searches for the best segmentation."""

from summdiff.segmentation.kts import kts
from summdiff.segmentation.unit_rows import Rows, centered

__all__ = ["Rows", "centered", "kts"]
