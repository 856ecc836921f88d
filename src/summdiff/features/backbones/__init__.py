"""Backbones that need no PyTorch. A module here is the backbone of its name; see docs/add-a-backbone.md."""
