"""Export of torch networks to the ONNX graphs that `summdiff.scoring.graphs` computes."""

from __future__ import annotations

import copy
import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.onnx import (  # type: ignore[attr-defined]
    register_custom_op_symbolic,
    symbolic_helper,
    unregister_custom_op_symbolic,
)

from summdiff.research.networks.base import Denoiser, Detector, Network, Prepared
from summdiff.research.networks.inference import everywhere

OPSET = 17  # runs on every ONNX Runtime that is accepted
_FUSED = "com.microsoft"  # ONNX Runtime's own operators
_TRACED_STEPS, _TRACED_SAMPLES, _TRACED_WINDOWS = 11, 3, 2


def export_graphs(network: Network) -> dict[str, bytes]:
    """Return a network's graphs by name, for any number of windows, samples and steps.

    The legacy exporter needs no further package. It traces, so a Python number made from a tensor becomes a constant;
    `summdiff.research.networks.storage` therefore compares graphs and network before it writes a model.
    """
    module: Any = copy.deepcopy(network).eval().cpu().float().requires_grad_(False)
    if not isinstance(module, Denoiser):
        return {"score": _scorer(module)}
    with _fused_attention(module.config.heads):
        return _denoiser(module)


@contextmanager
def _fused_attention(heads: int) -> Iterator[None]:
    """Export attention without a mask as one fused operator, which never holds its (N, N) weights."""

    def attention(g: Any, query: Any, key: Any, value: Any, *rest: Any) -> Any:
        def integers(*values: int) -> Any:
            return g.op("Constant", value_t=torch.tensor(values))

        # (B, H, N, d) as (B, N, H d)
        q, k, v = (
            g.op("Reshape", g.op("Transpose", x, perm_i=[0, 2, 1, 3]), integers(0, 0, -1)) for x in (query, key, value)
        )
        scale = symbolic_helper._get_const(rest[3], "f", "scale")  # type: ignore[no-untyped-call] # after mask, dropout and causality
        found = g.op(f"{_FUSED}::MultiHeadAttention", q, k, v, num_heads_i=heads, scale_f=scale)
        return g.op("Transpose", g.op("Reshape", found, integers(0, 0, heads, -1)), perm_i=[0, 2, 1, 3])

    name = "aten::scaled_dot_product_attention"
    register_custom_op_symbolic(name, attention, OPSET)
    try:
        yield
    finally:
        unregister_custom_op_symbolic(name, OPSET)


def _denoiser(module: Denoiser) -> dict[str, bytes]:
    W, M, L = _TRACED_WINDOWS, _TRACED_SAMPLES, _TRACED_STEPS
    facts = module.facts()
    seconds = torch.arange(L) / 2.0
    inputs, dropped = torch.randn(W, L, module.config.inputs), torch.tensor([False, True])
    encoded = module.encode(inputs, seconds, dropped=dropped)
    names = ["tokens", *(name for name in ("curves", "log_scale") if getattr(encoded, name) is not None)]
    steps = {0: "windows", 1: "steps"}
    encode = _export(
        _Encode(module, names),
        {"inputs": inputs, "seconds": seconds, "dropped": dropped},
        names,
        {"inputs": steps, "seconds": {0: "steps"}, "dropped": {0: "windows"}} | dict.fromkeys(names, steps),
    )

    prepared = module.prepare(encoded.tokens, seconds)
    kept = _flat(prepared)
    axes = {name: steps if name == "own" else {0: "windows", 2: "memory"} for name in kept}
    # Without own step and memory there is nothing to prepare; a graph needs an output all the same
    prepare = _export(
        _Prepare(module),
        {"tokens": encoded.tokens, "seconds": seconds},
        list(kept) or ["tokens_out"],
        {"tokens": steps, "seconds": {0: "steps"}} | axes,
    )

    given = {
        "noisy": torch.randn(W, M, L),
        "timestep": torch.full((W, 1), 500),
        "signal": torch.full((W, 1), 0.7),
        "seconds": seconds,
        **kept,
    }
    if facts.mean is not None:
        given["mean"] = torch.rand(W, L)
    if facts.prior is not None:
        given["directions"] = torch.linalg.qr(torch.randn(W, L, L)).Q
        given["variances"] = torch.rand(W, L)
    denoise = _export(
        _Denoise(module, list(given), layers=len(prepared.memory)),
        given,
        ["scores"],
        {
            "noisy": {0: "windows", 1: "samples", 2: "steps"},
            "timestep": {0: "windows"},
            "signal": {0: "windows"},
            "seconds": {0: "steps"},
            **dict.fromkeys(("mean", "variances"), steps),
            "directions": {0: "windows", 1: "steps", 2: "steps"},
            "scores": {0: "windows", 1: "samples", 2: "steps"},
            **axes,
        },
    )
    return {"encode": encode, "prepare": prepare, "denoise": denoise}


def _scorer(module: Any) -> bytes:
    inputs = torch.randn(1, _TRACED_STEPS, module.config.inputs)
    names = ["scores", *(("boxes", "box_scores") if isinstance(module, Detector) else ())]
    axes: dict[str, dict[int, str]] = {"inputs": {1: "steps"}, "scores": {1: "steps"}}
    return _export(_Score(module), {"inputs": inputs}, names, axes | {name: {1: "boxes"} for name in names[1:]})


def _flat(prepared: Prepared) -> dict[str, Tensor]:
    """Return what the prepare graph gives, by name."""
    found = {} if prepared.own is None else {"own": prepared.own}
    for layer, memory in enumerate(prepared.memory):
        if memory is not None:
            found |= {f"key_{layer}": memory[0], f"value_{layer}": memory[1]}
    return found


class _Encode(nn.Module):
    def __init__(self, module: Denoiser, names: Sequence[str]) -> None:
        super().__init__()
        self.module, self.names = module, names

    def forward(self, inputs: Tensor, seconds: Tensor, dropped: Tensor) -> tuple[Tensor, ...]:
        encoded = self.module.encode(inputs, seconds, dropped=dropped)
        return tuple(getattr(encoded, name) for name in self.names)


class _Prepare(nn.Module):
    def __init__(self, module: Denoiser) -> None:
        super().__init__()
        self.module = module

    def forward(self, tokens: Tensor, seconds: Tensor) -> tuple[Tensor, ...]:
        return tuple(_flat(self.module.prepare(tokens, seconds)).values()) or (tokens + 0,)


class _Denoise(nn.Module):
    def __init__(self, module: Denoiser, names: Sequence[str], *, layers: int) -> None:
        super().__init__()
        self.module, self.names, self.layers = module, names, layers

    def forward(self, *tensors: Tensor) -> Tensor:
        given = dict(zip(self.names, tensors, strict=True))
        condition = Prepared(
            positions=self.module.positions(given["seconds"]),
            own=given.get("own"),
            memory=[
                (given[f"key_{i}"], given[f"value_{i}"]) if f"key_{i}" in given else None for i in range(self.layers)
            ],
            **{name: given.get(name) for name in ("mean", "directions", "variances")},
        )
        return self.module.denoise(given["noisy"], given["timestep"], given["signal"], condition)


class _Score(nn.Module):
    def __init__(self, module: Any) -> None:
        super().__init__()
        self.module = module

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        mask = everywhere(inputs)
        scores: Tensor = self.module.predict(inputs, mask)
        return (scores, *self.module.boxes(inputs, mask)) if isinstance(self.module, Detector) else (scores,)


def _export(module: nn.Module, given: dict[str, Tensor], outputs: list[str], axes: dict[str, dict[int, str]]) -> bytes:
    content = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of traced sizes, which the comparison of both ways covers, and of deprecation
        torch.onnx.export(
            module.eval(),
            tuple(given.values()),
            content,  # type: ignore[arg-type]  # the legacy exporter takes a file
            input_names=list(given),
            output_names=outputs,
            dynamic_axes={name: named for name, named in axes.items() if name in given or name in outputs},
            opset_version=OPSET,
            dynamo=False,
        )
    return content.getvalue()
