"""Networks as ONNX graphs: what `summdiff train` exports and ONNX Runtime computes.

A denoiser has three graphs, since what depends on the video alone is computed once: `encode`, `prepare` and `denoise`.
A scorer has one, `score`. Names of inputs and outputs are those of the arguments in `summdiff.scoring.networks`;
whatever `prepare` gives is passed on to `denoise` by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from summdiff._runtime import inference_session, threads_asked, usable_cores
from summdiff.errors import ModelError, UsageError
from summdiff.scoring.gaussian import ScorePosterior
from summdiff.scoring.networks import Array, DenoiserFacts, Encoded, ScorerFacts

if TYPE_CHECKING:
    import onnxruntime

DENOISER_GRAPHS = ("encode", "prepare", "denoise")
SCORER_GRAPHS = ("score",)
_MOST_THREADS = 4  # the graphs are small: more gain nothing. Their number changes no result.
# How a serialized graph names a file that holds some of its numbers: the entry "location" of `external_data`.
_OUTSIDE = b"\n\x08location"


class GraphDenoiser:
    """A denoiser whose three graphs ONNX Runtime computes; see `summdiff.scoring.networks.DenoisingNetwork`."""

    def __init__(self, facts: DenoiserFacts, graphs: Mapping[str, bytes], *, device: str = "cpu") -> None:
        """Load `encode`, `prepare` and `denoise`.

        Raises:
            ModelError: a graph is damaged.
            UsageError: there is no such device here.
        """
        self.facts = facts
        self._encode, self._prepare, self._denoise = (
            _session(name, graphs[name], device=device, threads=1)
            for name in DENOISER_GRAPHS  # called side by side
        )

    def encode(self, inputs: Array, seconds: Array, *, null: bool = False) -> Encoded:
        """Encode windows (W, L, P)."""
        found = _run(self._encode, inputs=inputs, seconds=seconds, dropped=np.full(len(inputs), null))
        return Encoded(found["tokens"], found.get("curves"), found.get("log_scale"))

    def prepare(
        self, tokens: Array, seconds: Array, *, mean: Array | None, posteriors: list[ScorePosterior] | None
    ) -> dict[str, Any]:
        """Return what `denoise` takes beside the noisy signals, by the names of its inputs."""
        found = _run(self._prepare, tokens=tokens, seconds=seconds) | {"seconds": seconds, "mean": mean}
        if posteriors is not None:
            found["directions"] = np.stack([each.directions for each in posteriors]).astype(np.float32)
            found["variances"] = np.stack([each.variances for each in posteriors]).astype(np.float32)
        return found

    def denoise(self, noisy: Array, timestep: int, signal: float, condition: dict[str, Any]) -> Array:
        """Predict clean scores (W, M, L)."""
        windows = (len(noisy), 1)
        found: Array = _run(
            self._denoise,
            **condition,
            noisy=noisy,
            timestep=np.full(windows, timestep, dtype=np.int64),
            signal=np.full(windows, signal, dtype=np.float32),
        )["scores"]
        return found


class GraphScorer:
    """A scorer whose graph ONNX Runtime computes; see `summdiff.scoring.networks.ScoringNetwork`."""

    def __init__(self, facts: ScorerFacts, graphs: Mapping[str, bytes], *, device: str = "cpu") -> None:
        """Load `score`.

        Raises:
            ModelError: the graph is damaged.
            UsageError: there is no such device here.
        """
        self.facts = facts
        threads = min(_MOST_THREADS, threads_asked() or usable_cores())
        self._session = _session("score", graphs["score"], device=device, threads=threads)

    def score(self, inputs: Array) -> Array:
        """Return scores (L,) of inputs (L, P)."""
        found: Array = _run(self._session, inputs=inputs[None])["scores"][0]
        return found

    def detect(self, inputs: Array) -> tuple[Array, Array]:
        """Return boxes (K, 2) and their scores (K,)."""
        found = _run(self._session, inputs=inputs[None])
        return found["boxes"][0], found["box_scores"][0]


def _session(name: str, graph: bytes, *, device: str, threads: int) -> onnxruntime.InferenceSession:
    if _OUTSIDE in graph:
        raise ModelError(
            f"The graph '{name}.onnx' refers to another file, which summdiff never writes: it is not loaded."
        )
    try:
        return inference_session(graph, threads=threads, device=device)
    except UsageError:
        raise
    except Exception as error:  # a damaged graph makes ONNX Runtime fail in many ways, each a type of its own
        raise ModelError(f"The graph '{name}.onnx' cannot be loaded: {_first_line(error)}.") from error


def _run(session: onnxruntime.InferenceSession, **arrays: Any) -> dict[str, Any]:
    """Run a graph on those of the arrays that it takes, and return its outputs by name."""
    wanted = {put.name: arrays.get(put.name) for put in session.get_inputs()}
    names = [out.name for out in session.get_outputs()]
    try:
        return dict(zip(names, session.run(names, wanted), strict=True))
    except Exception as error:  # the same: shapes that do not fit, an operator that fails
        raise ModelError(f"The model's graph does not fit its config: {_first_line(error)}.") from error


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
