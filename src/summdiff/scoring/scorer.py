"""Score a video of any length with a network that scores all steps at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from summdiff.scoring.detection import curve_of, suppress
from summdiff.scoring.model import Curves, Model, ModelConfig
from summdiff.scoring.networks import Array, ScoringNetwork
from summdiff.scoring.windows import Windows


class ScoringModel(Model):
    """A trained scorer. A detector can also derive its curve from the segments it finds.

    Videos longer than `config.window` are scored in overlapping windows, so a network that scales by the greatest score
    of a video then scales by that of a window.
    """

    network: ScoringNetwork

    def __init__(
        self, config: ModelConfig, network: ScoringNetwork, *, provenance: Mapping[str, Any] | None = None
    ) -> None:
        """Wrap a network."""
        super().__init__(config, network, provenance=provenance)
        self.readouts = network.facts.readouts

    def score(
        self,
        features: ArrayLike,
        *,
        rate: float,
        samples: int = 8,
        steps: int = 10,
        seed: int = 0,
        guidance_scale: float | None = None,
        readout: str = "scores",
        known: ArrayLike | None = None,
        on_progress: Callable[[float], None] | None = None,
    ) -> Curves:
        """Return the one curve of a video; see `Model.score`."""
        cells, condition = self.condition_of(features, rate=rate, readout=readout)
        self.known_in_cells(known, cells)
        inputs = condition.inputs
        windows = Windows.over(len(inputs), size=self.config.window, overlap=self.config.window // 4)
        find = self._by_segments if readout == "segments" else self.network.score
        scores = self.finite(windows.blend(find(part)[None] for part in windows.cut(inputs)))
        if on_progress is not None:
            on_progress(1.0)
        curve = cells.interpolate(scores)
        return Curves(curve, np.zeros_like(curve), curve[None])

    def _by_segments(self, inputs: Array) -> Array:
        boxes, scores = self.network.detect(inputs)
        kept = suppress(boxes, scores, self.network.facts.threshold)
        return curve_of(boxes[kept], scores[kept], len(inputs))
