"""One training run from recipe to model folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from summdiff import __version__
from summdiff.research.networks.folder import write_model
from summdiff.research.training.logs import Watcher
from summdiff.research.training.loop import fit
from summdiff.research.training.recipe import Recipe
from summdiff.research.training.videos import Videos, further_data, names_with_features, to_train


def train(recipe: Recipe, *, watcher: Watcher | None = None, dry_run: bool = False) -> Path | None:
    """Train as a recipe says and write a folder that `load_model` accepts.

    Beside the model the folder gets the logs and the checkpoints from which an interrupted run goes on.

    Args:
        recipe: what to do.
        watcher: told how it goes.
        dry_run: only do everything once, and write nothing.

    Returns:
        The folder, `recipe.output`; None after a dry run, and in every process but the first.

    Raises:
        DataError, UsageError, ModelError, OutputError: as said in one sentence.
        Interrupted: by SIGINT or SIGTERM; the run can go on.
    """
    first_process = is_first_process()
    watcher = watcher if watcher is not None and first_process else Watcher()
    videos = to_train(recipe, watcher.say)
    trained = fit(recipe, videos, recipe.output, watcher=watcher, dry_run=dry_run)
    if trained is None or not first_process:
        return None
    return write_model(trained.model, recipe.output, provenance=describe(recipe, videos))


def describe(recipe: Recipe, videos: Videos) -> dict[str, Any]:
    """What a model's folder says of how it came about."""
    split, data = videos.split, videos.data
    best = recipe.select == "best"
    return {
        "summdiff": __version__,
        "recipe": recipe.stated(),
        "data": videos.describe(),
        "also": [{"file": other.path.name, "sha256": other.fingerprint()} for other in further_data(recipe)],
        "selection": f"the epoch that did best on {validated(recipe, len(split.validation))} validation videos"
        if best
        else "the last epoch; settings were chosen before, by cross-validation",
        # Videos that chose the epoch are no new ones to it either.
        "trained_on": [
            *(data.identity(name) for name in (*split.train, *(split.validation if best else ()))),
            *(other.identity(name) for other in further_data(recipe) for name in names_with_features(other)),
        ],
        "validated_on": [data.identity(name) for name in split.validation],
    }


def validated(recipe: Recipe, videos: int) -> int:
    """On how many of so many validation videos a model is validated."""
    return min(videos, recipe.validate_videos or videos)


def is_first_process() -> bool:
    """Whether this process is the one that writes, as launchers of distributed runs say in the environment."""
    rank = os.environ.get("RANK", os.environ.get("SLURM_PROCID"))
    if rank is None:  # Fabric's own launcher
        return os.environ.get("LOCAL_RANK", "0") == os.environ.get("NODE_RANK", "0") == "0"
    return rank == "0"
