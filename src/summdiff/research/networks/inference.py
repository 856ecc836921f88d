"""Torch networks behind the small interface of `summdiff.scoring.networks`, for validation while they train."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from summdiff.errors import UsageError
from summdiff.research.devices import find_device
from summdiff.research.networks.base import Denoiser, Network, Prepared
from summdiff.scoring.gaussian import ScorePosterior
from summdiff.scoring.model import Model
from summdiff.scoring.networks import Array, Encoded

Precision = Literal["float32", "bfloat16"]


class TorchNetwork:
    """A network in evaluation mode, on a device.

    Args:
        module: the network; it is moved.
        device: "cpu", "cuda", "cuda:1", …; "auto" for a CUDA device where there is one.
        precision: "bfloat16" computes matrix products and attention in half precision (autocast): faster where the
            hardware supports it, with slightly different scores.

    Raises:
        UsageError: there is no such device here, or no such precision.
    """

    def __init__(
        self, module: Network, *, device: str | torch.device = "cpu", precision: Precision = "float32"
    ) -> None:
        if precision not in get_args(Precision):
            raise UsageError(f"There is no precision '{precision}': use {' or '.join(get_args(Precision))}.")
        self.device, self.precision = find_device(device), precision
        inside: Any = module.eval().to(self.device)
        self.module, self.facts = inside, inside.facts()

    def _in(self, values: Any) -> Tensor:
        return torch.tensor(np.asarray(values, dtype=np.float32), device=self.device)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.precision == "bfloat16")


class TorchDenoiser(TorchNetwork):
    """A denoiser behind the interface `summdiff.scoring.networks.DenoisingNetwork`."""

    @torch.inference_mode()
    def encode(self, inputs: Array, seconds: Array, *, null: bool = False) -> Encoded:
        """Encode windows (W, L, P)."""
        dropped = torch.full((len(inputs),), null, device=self.device)
        with self._autocast():
            found = self.module.encode(self._in(inputs), self._in(seconds), dropped=dropped)
        return Encoded(_out(found.tokens), _out(found.curves), _out(found.log_scale))

    @torch.inference_mode()
    def prepare(
        self, tokens: Array, seconds: Array, *, mean: Array | None, posteriors: list[ScorePosterior] | None
    ) -> Prepared:
        """Compute what is the same for every time and sample."""
        beside = {} if mean is None else {"mean": self._in(mean)}
        if posteriors is not None:
            for name in ("directions", "variances"):
                beside[name] = self._in(np.stack([getattr(each, name) for each in posteriors]))
        with self._autocast():
            prepared: Prepared = self.module.prepare(self._in(tokens), self._in(seconds), **beside)
        return prepared

    @torch.inference_mode()
    def denoise(self, noisy: Array, timestep: int, signal: float, condition: Prepared) -> Array:
        """Predict clean scores (W, M, L)."""
        when = torch.full((len(noisy), 1), timestep, device=self.device)
        share = torch.full_like(when, signal, dtype=torch.float32)
        with self._autocast():
            found: Array = _out(self.module.denoise(self._in(noisy), when, share, condition))
        return found


class TorchScorer(TorchNetwork):
    """A scorer behind the interface `summdiff.scoring.networks.ScoringNetwork`."""

    @torch.inference_mode()
    def score(self, inputs: Array) -> Array:
        """Return scores (L,) of inputs (L, P)."""
        x = self._in(inputs)[None]
        with self._autocast():
            found: Array = _out(self.module.predict(x, everywhere(x))[0])
        return found

    @torch.inference_mode()
    def detect(self, inputs: Array) -> tuple[Array, Array]:
        """Return boxes (K, 2) and their scores (K,)."""
        x = self._in(inputs)[None]
        with self._autocast():
            boxes, scores = self.module.boxes(x, everywhere(x))
        return _out(boxes[0]), _out(scores[0])


def in_torch(module: Network, *, device: str | torch.device = "cpu", precision: Precision = "float32") -> TorchNetwork:
    """Wrap a network in `TorchDenoiser` or `TorchScorer`."""
    kind = TorchDenoiser if isinstance(module, Denoiser) else TorchScorer
    return kind(module, device=device, precision=precision)


def module_of(model: Model) -> Any:
    """Return the torch network of a model made by training."""
    assert isinstance(model.network, TorchNetwork)  # noqa: S101 (models from a folder hold graphs)
    return model.network.module


def everywhere(x: Tensor) -> Tensor:
    """Return a mask (B, N) that is true at each step of inputs (B, N, P)."""
    return torch.ones_like(x[..., 0], dtype=torch.bool)


def _out(values: Tensor | None) -> Any:
    return None if values is None else values.float().cpu().numpy()
