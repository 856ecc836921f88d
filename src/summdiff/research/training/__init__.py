"""Training: recipes, the loop, checkpoints, cross-validation."""

from summdiff.research import require

require(
    "Training",
    *("torch", "lightning_fabric", "pydantic", "yaml", "h5py", "scipy", "tensorboardX"),
    extra="train",
)
