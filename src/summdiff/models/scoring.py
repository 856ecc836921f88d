"""From a video's features to scores by a network that scores all steps at once, for videos of any length."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from summdiff.models.contract import Detector, Scorer
from summdiff.models.model import Model, ModelConfig
from summdiff.models.windows import Windows


class ScoringModel(Model):
    """A trained scorer. A detector also reads its curve off the segments that it finds.

    Longer videos than `config.window` are scored in overlapping windows, so what a network scales by the greatest score
    of a video is then scaled by that of a window.
    """

    network: Scorer

    def __init__(self, config: ModelConfig, network: Scorer, *, provenance: Mapping[str, Any] | None = None) -> None:
        """Wrap a network; it is put into evaluation mode."""
        super().__init__(config, network, provenance=provenance)
        if isinstance(network, Detector):
            self.readouts = ("scores", "segments")

    @torch.inference_mode()
    def sample(
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
    ) -> NDArray[np.float32]:
        """The one curve (1, N) of a video; see `Model.sample`."""
        cells, inputs = self.look(features, rate=rate, readout=readout, inputs=self.network.config.inputs)
        self.known_in_cells(known, cells)
        windows = Windows.over(
            len(inputs), size=self.config.window, overlap=self.config.window // 4, device=self.device
        )
        score = self.network.predict
        if readout == "segments" and isinstance(self.network, Detector):
            score = self.network.predict_by_segments
        parts = windows.cut(torch.from_numpy(inputs).to(self.device))
        everywhere = torch.ones(1, windows.size, dtype=torch.bool, device=self.device)
        with self.autocast():
            scores = self.finite(windows.blend(score(part[None], everywhere).float() for part in parts))
        if on_progress is not None:
            on_progress(1.0)
        return cells.interpolate(scores.cpu().numpy())[None]
