"""Cutting a sequence of features into segments: the cost is apart from the search."""

from summdiff.segmentation.kts import kts, segments

__all__ = ["kts", "segments"]
