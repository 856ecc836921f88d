"""Ridge regression on a recipe's inputs: what a model has to beat before it is worth its trouble."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from summdiff.data.splits import Split
from summdiff.data.video import AnnotatedVideo
from summdiff.features.relational import DESCRIPTORS
from summdiff.models.closed_form import Moments, favours, powered
from summdiff.models.sampling import Conditioning, condition_inputs
from summdiff.training.recipe import Recipe
from summdiff.training.targets import targets
from summdiff.training.validation import MAIN, agreement

_PENALTIES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)  # for each video
_PARTS = 5


def count_relations(conditioning: Conditioning, inputs: int) -> int:
    """How many of P inputs, the last ones, are relational."""
    return {"features": 0, "relational": inputs, "both": 2 * len(DESCRIPTORS)}[conditioning]


def ridge_curves(
    recipe: Recipe, videos: Mapping[str, AnnotatedVideo], splits: Sequence[Split]
) -> dict[str, NDArray[np.float64]]:
    """Scores (N,) of each split's test videos by ridge regression on the same inputs and the same mean of curves.

    Each video counts the same. The penalty is the one that does best in a cross-validation among the split's training
    videos. Scores are about as great as the curves that they learned from: a knapsack never takes what is worth 0 or
    less, so F1 depends on where 0 is.
    """
    inputs, wanted = {}, {}
    relations, power = 0, recipe.network.config(inputs=1, relations=0).power
    for name, video in videos.items():
        x = condition_inputs(video.need_features(), rate=video.rate, conditioning=recipe.conditioning)
        relations = count_relations(recipe.conditioning, x.shape[1])
        inputs[name] = powered(x, power=power, relations=relations)
        wanted[name] = targets(video, recipe.targets).mean(axis=0, dtype=np.float64)

    def moments(names: Sequence[str]) -> Moments:
        found = Moments(next(iter(inputs.values())).shape[1], pairs=True)
        for name in names:
            found.add(inputs[name], wanted[name])
        return found

    curves: dict[str, NDArray[np.float64]] = {}
    for split in splits:
        held_out = [
            split.train[start :: min(_PARTS, len(split.train))] for start in range(min(_PARTS, len(split.train)))
        ]
        parts = [moments(names) for names in held_out]
        everything = reduce(add, parts)
        favour = favours(len(everything.mean), relations)
        values = np.zeros(len(_PENALTIES))
        for number, names in enumerate(held_out):
            rest = reduce(add, [part for i, part in enumerate(parts) if i != number] or parts)
            for i, penalty in enumerate(_PENALTIES):
                weights = rest.ridge(penalty, favour)
                values[i] += sum(
                    agreement(inputs[name] / rest.std @ weights, videos[name])[MAIN[videos[name].kind]]
                    for name in names
                )
        weights = everything.ridge(_PENALTIES[int(values.argmax())], favour)
        level = float(np.mean([wanted[name].mean() for name in split.train]))
        curves |= {name: level + (inputs[name] - everything.mean) / everything.std @ weights for name in split.test}
    return curves
