"""Backbones that need PyTorch. A module here is the backbone of its name; see docs/add-a-backbone.md."""

from summdiff.errors import BackboneError, UsageError
from summdiff.research import require

try:
    require("This backbone", "torch", extra="backbones")
except UsageError as error:
    raise BackboneError(str(error)) from error
