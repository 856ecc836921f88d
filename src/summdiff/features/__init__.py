"""Features of video frames: backbones, extraction, and files that keep features.

    from summdiff.features import load_backbone

    backbone = load_backbone("efficientnet_lite0")
    features = backbone(images)  # (B, H, W, 3) uint8 -> (B, D) float32

`extraction` runs a backbone over a video, `cache` keeps the features of single videos, `store` those of many (both as
the `files` they share); `pca` and `relations` transform features.
"""

from summdiff.features._registry import backbone_ids, load_backbone
from summdiff.features.backbone import Backbone, center_crop, check_images

__all__ = ["Backbone", "backbone_ids", "center_crop", "check_images", "load_backbone"]
