"""Features of pictures, and what is worked out from them.

from summdiff.features import load_backbone
backbone = load_backbone("efficientnet_lite0")
features = backbone(images)  # (B, H, W, 3) uint8 -> (B, D) float32
"""

from summdiff.features.backbone import Backbone
from summdiff.features.registry import backbone_ids, load_backbone

__all__ = ["Backbone", "backbone_ids", "load_backbone"]
