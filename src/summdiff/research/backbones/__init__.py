"""Backbones that torch computes: Inception-v3, GoogLeNet, and any model of timm."""

from summdiff.errors import BackboneError, UsageError
from summdiff.research import require

try:
    require("This backbone", "torch", extra="backbones")
except UsageError as error:
    raise BackboneError(str(error)) from error
