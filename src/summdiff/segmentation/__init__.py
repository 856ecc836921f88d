"""Divide a sequence of features into segments: `cost` rates a segment, `kts` searches for the best segmentation."""

from summdiff.segmentation.kts import kts

__all__ = ["kts"]
