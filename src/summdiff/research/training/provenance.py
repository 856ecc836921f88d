"""Identity of a run, which a resumed one must share, and the record in its model's folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from summdiff._version import __version__
from summdiff.data.h5 import AnnotatedFile
from summdiff.research.training.recipe import Recipe
from summdiff.research.training.videos import Videos, further_data, names_with_features


def identity(recipe: Recipe, videos: Videos) -> str:
    """Return the recipe's training fields and the data's digests; a run is resumed only if they are equal."""
    further = [data.fingerprint() for data in further_data(recipe)]
    return json.dumps([recipe.stated(), videos.fingerprint, *further], sort_keys=True)


def provenance(recipe: Recipe, videos: Videos) -> dict[str, Any]:
    """Return a model folder's record of recipe, data and selection."""
    split, data = videos.split, videos.data
    best = recipe.select == "best"
    return {
        "summdiff": __version__,
        "recipe": recipe.stated(),
        "data": videos.describe(),
        "also": [{"file": other.path.name, "sha256": other.fingerprint()} for other in further_data(recipe)],
        "selection": f"the epoch that did best on {validation_count(recipe, len(split.validation))} validation videos"
        if best
        else "the last epoch; settings were chosen before, by cross-validation",
        "trained_on": [
            *(data.identity(name) for name in split.train),
            *(other.identity(name) for other, name in _further_videos(recipe, videos)),
        ],
        "validated_on": [data.identity(name) for name in split.validation],
    }


def _further_videos(recipe: Recipe, videos: Videos) -> Sequence[tuple[AnnotatedFile, str]]:
    """Return the training videos of other files; a relational network uses all."""
    if recipe.network.model != "relational":
        return videos.elsewhere
    return [(other, name) for other in further_data(recipe) for name in names_with_features(other)]


def validation_count(recipe: Recipe, videos: int) -> int:
    """Return how many of `videos` validation videos are used."""
    return min(videos, recipe.validate_videos or videos)
