"""One training run from recipe to model folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from summdiff import __version__
from summdiff.data.tvsum import TVSum
from summdiff.models.store import write_model
from summdiff.training.loop import fit
from summdiff.training.recipe import Recipe


def train(recipe: Recipe, *, on_epoch: Callable[[dict[str, float]], None] | None = None) -> Path:
    """Train on every video of the recipe's data and write a folder that `load_model` accepts.

    No video is held out: epochs and settings are chosen before, by cross-validation. Beside the model the folder gets
    the log and the checkpoint from which an interrupted run goes on.

    Returns:
        The folder, `recipe.output`.

    Raises:
        DataError, UsageError, OutputError: as said in one sentence.
    """
    data = TVSum(recipe.data_path())
    videos = [data[name] for name in data.names]
    model = fit(recipe, videos, [], recipe.output, on_epoch=on_epoch)
    provenance = {
        "summdiff": __version__,
        "recipe": recipe.model_dump(mode="json", exclude={"data", "output"}),
        "data": {"file": data.path.name, "sha256": data.fingerprint(), "videos": len(videos)},
        "selection": "the last epoch; settings were chosen before, by cross-validation",
        "trained_on": [data.identity(name) for name in data.names],
    }
    return write_model(model, recipe.output, provenance=provenance)
