"""Divide a sequence of features into segments: `cost` rates a segment, `kts` searches for the best segmentation."""

from summdiff.segmentation.kts import centered, kts

__all__ = ["centered", "kts"]
