"""What a network takes over from its training videos in closed form: units, principal components, ridge regression."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray

from summdiff.errors import ModelError
from summdiff.research.networks.statistics import Moments, favours, half_whitened, powered
from summdiff.research.networks.summdiff.network import SummDiff


@torch.no_grad()
def fit_closed_form(
    network: SummDiff, videos: Iterable[tuple[NDArray[np.floating], NDArray[np.floating]]], *, penalty: float = 10.0
) -> None:
    """Set a network's units, components, linear weights and the width of its mean curves from videos, in one pass.

    Memory grows with P², or with P where neither components nor linear weights are asked for.

    Args:
        network: what they are set in, as far as its config has them.
        videos: inputs (N, P) and mean curve (N,) of each.
        penalty: of ridge regression, for each video.

    Raises:
        ModelError: more components than features or steps.
    """
    c = network.config
    moments = Moments(c.inputs, pairs=bool(c.components or c.linear_share))
    spreads = []
    for inputs, curve in videos:
        moments.add(powered(inputs, power=c.power, relations=c.relations), curve)
        spreads.append(curve.std())
    mean, std = moments.mean, moments.std
    network.input_mean.copy_(torch.from_numpy(mean))
    network.input_std.copy_(torch.from_numpy(std))
    features = c.inputs - c.relations
    if c.components:
        if c.components > min(features, moments.steps):
            raise ModelError(
                f"{c.components} components cannot be found in {features} features of {moments.steps} steps."
            )
        network.input_components.copy_(
            torch.from_numpy(half_whitened(moments.correlations()[:features, :features], c.components))
        )
    if c.mean_head:
        network.curve_std.fill_(float(np.mean(spreads)))
    if c.linear_share:
        network.linear_weights.copy_(torch.from_numpy(moments.ridge(penalty, favours(c.inputs, c.relations))))
