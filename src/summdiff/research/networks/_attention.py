"""Multi-head attention over steps, and rotary positions.

Shapes: B videos, S samples of each, N steps, C width, H heads, d = C / H.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from summdiff.errors import ModelError

Memory = tuple[Tensor, Tensor]
"""Keys and values (B, H, N, d) to attend to."""

_TABLE_WIDTH = 1024  # PGL-SUM's width; its position table is (N, N) whatever the network's width


@dataclass(frozen=True, slots=True)
class Positions:
    """Positions of a batch's steps in time, and the padding mask.

    Attributes:
        encoding: (B, N, C) vectors to add; None for rotary positions.
        rope: (2, B, 1, N, 1, d / 2) cosines and sines; None for added positions.
        mask: (B, N) true at steps; None if there is no padding.
    """

    encoding: Tensor | None
    rope: Tensor | None
    mask: Tensor | None


class Attention(nn.Module):
    """Multi-head attention, softmax(Q Kᵀ · scale) V.

    Args:
        width: C of inputs and outputs.
        heads: H.
        inner: total width of queries, keys and values; None for `width`.
        scale: factor on the products of queries and keys; None for 1 / sqrt(d).
        bias: whether the maps to queries, keys and values have one.
        out_bias: whether the output map has one.
        projected: whether queries and keys are linear maps of the tokens, as values are, or the tokens themselves.
        dropout: of the attention weights, in training.
        transposed: reproduces a fault of published code. The softmax normalizes each row of the weights, but values are
            combined along columns: output j is the sum over i of A[i, j] V[i].

    Raises:
        ModelError: `heads` does not divide `inner`.
    """

    def __init__(
        self,
        width: int,
        *,
        heads: int = 1,
        inner: int | None = None,
        scale: float | None = None,
        bias: bool = False,
        out_bias: bool = False,
        projected: bool = True,
        dropout: float = 0.0,
        transposed: bool = False,
    ) -> None:
        super().__init__()
        inner = width if inner is None else inner
        check_heads(inner, heads)
        self.heads, self.dropout, self.transposed = heads, dropout, transposed
        self.scale = (inner // heads) ** -0.5 if scale is None else scale
        self.query = nn.Linear(width, inner, bias=bias) if projected else nn.Identity()
        self.key = nn.Linear(width, inner, bias=bias) if projected else nn.Identity()
        self.value = nn.Linear(width, inner, bias=bias)
        self.out = nn.Linear(inner, width, bias=out_bias)

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        energies: Tensor | None = None,
        *,
        shift: Tensor | None = None,
        rope: Tensor | None = None,
        memory: Memory | None = None,
    ) -> Tensor:
        """Return what each step gathers, shaped as x; any finite number in the padding.

        Args:
            x: (B, N, C), or (B, S, N, C) where S samples of a video attend separately.
            mask: (B, N) true at steps; None if there is no padding. Nothing flows from padding to steps.
            energies: (N, N), (B, N, N) or (B, 1, N, N), added to the scaled products before the softmax.
            shift: broadcast to x, added to the input of queries and keys but not of values.
            rope: of `Positions`, rotates queries and keys.
            memory: from `project_memory`, to attend to a video; None to attend to x itself.
        """
        samples = x if x.ndim == 4 else x[:, None]
        placed = samples if shift is None else samples + shift
        q = rotate(self._split(self.query(placed)), rope)  # (B, S, N, H, d)
        bias = attention_bias(mask, energies, like=q)
        # Views only: heads change places with steps, nothing is copied
        if memory is None:  # (B S, H, N, d): each sample by itself
            k, v = rotate(self._split(self.key(placed)), rope), self._split(self.value(samples))
            q, k, v = (part.flatten(0, 1).transpose(1, 2) for part in (q, k, v))
            if bias is not None and x.ndim == 4 and bias.ndim == 4:
                bias = bias.repeat_interleave(x.shape[1], dim=0)
        else:  # (B, H, S N, d): all samples of a video ask the same memory
            q = q.flatten(1, 2).transpose(1, 2)
            k, v = (part.expand(x.shape[0], -1, -1, -1) for part in memory)
        gathered = self._attend(q, k, v, mask, bias)
        y: Tensor = self.out(gathered.transpose(1, 2).reshape(*x.shape[:-1], -1))
        return y

    def project_memory(self, tokens: Tensor, *, shift: Tensor | None = None, rope: Tensor | None = None) -> Memory:
        """Return keys and values (B, H, N, d) of a video's tokens (B, N, C)."""
        placed = tokens if shift is None else tokens + shift
        key = rotate(self._split(self.key(placed)[:, None]), rope)
        return key[:, 0].transpose(1, 2), self._split(self.value(tokens)).transpose(1, 2)

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, bias: Tensor | None) -> Tensor:
        dropout = self.dropout if self.training else 0.0
        if not self.transposed:
            return F.scaled_dot_product_attention(q, k, v, attn_mask=bias, dropout_p=dropout, scale=self.scale)
        products = q @ k.transpose(-2, -1) * self.scale
        weights = F.dropout((products if bias is None else products + bias).softmax(dim=-1), dropout)
        # Published code masks keys only, so padded rows reach steps; their values are 0, hence this is the same.
        return (weights if mask is None else weights * mask[:, None, :, None]).transpose(-2, -1) @ v

    def _split(self, x: Tensor) -> Tensor:
        """Return x (..., C) as heads (..., H, d)."""
        return x.view(*x.shape[:-1], self.heads, -1)


def check_heads(inner: int, heads: int) -> None:
    """Raise a ModelError unless the number of heads divides the width."""
    if heads < 1 or inner < 1 or inner % heads:
        raise ModelError(f"`heads` must divide the attention's width {inner}, got {heads}.")


def attention_bias(mask: Tensor | None, energies: Tensor | None, *, like: Tensor) -> Tensor | None:
    """Return what to add to the products of queries and keys, broadcast to (B, H, N, N); None for nothing."""
    if energies is not None:
        energies = (energies[:, None] if energies.dim() == 3 else energies).to(like.dtype)
    if mask is None:
        return energies
    # A softmax over a video without any step would be NaN
    keys = (mask | ~mask.any(dim=1, keepdim=True))[:, None, None]
    return torch.where(keys, like.new_zeros(()) if energies is None else energies, -math.inf)


def rotary_positions(seconds: Tensor, head_width: int) -> Tensor:
    """Return cosines and sines (2, B, 1, N, 1, d / 2) of times (B, N) in seconds (Su et al. 2021).

    Periods are 4 s to 34 min.
    """
    periods = 4 * 2 ** torch.linspace(0, 9, head_width // 2, device=seconds.device)
    angles = 2 * math.pi * seconds[..., None].float() / periods
    return torch.stack([angles.cos(), angles.sin()])[:, :, None, :, None]


def rotate(x: Tensor, rope: Tensor | None) -> Tensor:
    """Rotate the channel pairs of x (B, S, N, H, d); None leaves it as it is."""
    if rope is None:
        return x
    a, b = torch.chunk(x, 2, dim=-1)
    cos, sin = rope
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


def position_table(
    size: int, steps: Tensor | int | None = None, *, device: torch.device, published: bool = False
) -> Tensor:
    """Return the sinusoid table (size, size) that PGL-SUM adds to the products of queries and keys.

    Row i holds the sines (even columns) and cosines (odd columns) of i times falling frequencies.

    Args:
        size: of the table.
        steps: of the part of a video that the table is for, at most `size`; None for all of it.
        device: of the table.
        published: leave the last step's column 0 where the number of steps is odd, as published code does.
    """
    column = torch.arange(size, device=device)
    rates = torch.exp((column - column % 2) * (-math.log(10_000) / _TABLE_WIDTH))
    angles = column[:, None] * rates
    table = torch.where(column % 2 == 0, angles.sin(), angles.cos())
    if published:
        steps = size if steps is None else steps
        table = table * ((column != steps - 1) | (column % 2 == 1))
    return table


def init_xavier(network: nn.Module, *, per_head: bool = False, norms: bool = False) -> None:
    """Initialize linear maps with Xavier's uniform weights of gain sqrt(2) and biases of 0.1.

    Args:
        network: changed in place.
        per_head: whether each head of an `Attention` counts as a map of its own, which makes queries, keys and values
            start larger.
        norms: whether the biases of layer norms become 0.1 too.
    """
    gain = math.sqrt(2)
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight, gain)
        if isinstance(module, nn.Linear | nn.LayerNorm if norms else nn.Linear) and module.bias is not None:
            nn.init.constant_(module.bias, 0.1)
    if not per_head:
        return
    for module in network.modules():
        if isinstance(module, Attention):
            for name in ("query", "key", "value"):
                for head in module.get_submodule(name).get_parameter("weight").detach().chunk(module.heads):
                    nn.init.xavier_uniform_(head, gain)
