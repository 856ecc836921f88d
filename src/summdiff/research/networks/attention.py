"""Multi-head self-attention over a video's steps, as the baselines use it, and how several of them start.

What is said of published code was read in it by others; this is written from such descriptions and the papers.

Shapes: B videos, N steps, C width, H heads, d = inner / H.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from summdiff.errors import ModelError

WAVES = 1024  # PGL-SUM's width; its table of positions is of steps by steps, and no wider where channels are


class Attention(nn.Module):
    """Each step looks at all steps of its video; queries, keys and values come from separate linear maps.

    Args:
        width: C of inputs and outputs.
        heads: H.
        inner: total width of queries, keys and values; None for `width`.
        scale: factor on queries times keys; None for 1 / sqrt(d).
        bias: whether the maps to queries, keys and values have one.
        out_bias: whether the map from inner to width has one.
        dropout: of the weights, in training.
        transposed: a fault of public code: the softmax makes each row of weights sum to 1, but then values are combined
            by columns, which do not: output j is the sum over i of A[i, j] V[i].

    Raises:
        ModelError: heads do not divide `inner`, or there are none.
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
        dropout: float = 0.0,
        transposed: bool = False,
    ) -> None:
        """Build it with the framework's random weights."""
        super().__init__()
        inner = width if inner is None else inner
        self.check(inner, heads)
        self.heads, self.dropout, self.transposed = heads, dropout, transposed
        self.scale = (inner // heads) ** -0.5 if scale is None else scale
        self.query = nn.Linear(width, inner, bias=bias)
        self.key = nn.Linear(width, inner, bias=bias)
        self.value = nn.Linear(width, inner, bias=bias)
        self.out = nn.Linear(inner, width, bias=out_bias)

    @staticmethod
    def check(inner: int, heads: int) -> None:
        """Refuse a width that heads cannot share; for configs, which say so before anything is built."""
        check_heads(inner, heads)

    def forward(self, x: Tensor, mask: Tensor | None = None, energies: Tensor | None = None) -> Tensor:
        """What each step gathers, (B, N, C); in the padding finite, but of no meaning.

        Nothing flows from padding to steps, transposed or not. Published code masks keys only, so that padded rows of
        transposed weights do reach steps; as their values are 0 (zero inputs, no bias), that comes to the same.

        Args:
            x: (B, N, C).
            mask: (B, N) true where there is a step; None for everywhere.
            energies: (N, N), (B, N, N) or (B, 1, N, N), added to the scaled products before the softmax.
        """
        q, k, v = (
            of(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for of in (self.query, self.key, self.value)
        )  # (B, H, N, d)
        allowed = bias_of(mask, energies, like=q)
        dropout = self.dropout if self.training else 0.0
        if self.transposed:
            products = q @ k.transpose(-2, -1) * self.scale
            if allowed is not None:
                products = products + allowed
            weights = F.dropout(products.softmax(dim=-1), dropout)
            if mask is not None:
                weights = weights * mask[:, None, :, None]
            gathered = weights.transpose(-2, -1) @ v
        else:
            gathered = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed, dropout_p=dropout, scale=self.scale)
        y: Tensor = self.out(gathered.transpose(1, 2).flatten(-2))
        return y


def check_heads(inner: int, heads: int) -> None:
    """Say if so many heads cannot share a width.

    Raises:
        ModelError: they do not divide it, or there are none.
    """
    if heads < 1 or inner < 1 or inner % heads:
        raise ModelError(f"A width of {inner} cannot be shared by {heads} attention heads: use a divisor of it.")


def bias_of(mask: Tensor | None, energies: Tensor | None, *, like: Tensor) -> Tensor | None:
    """What to add to the products of queries and keys, to be broadcast to (B, H, N, N); None for nothing."""
    if energies is not None:
        energies = (energies[:, None] if energies.dim() == 3 else energies).to(like.dtype)
    if mask is None:
        return energies
    # Where there is no step at all, a softmax over nothing would be NaN
    keys = (mask | ~mask.any(dim=1, keepdim=True))[:, None, None]
    return torch.where(keys, like.new_zeros(()) if energies is None else energies, -math.inf)


def start_xavier(network: nn.Module, *, per_head: bool = False, norms: bool = False) -> None:
    """Give all linear maps Xavier's uniform weights of gain sqrt(2) and biases of 0.1.

    Args:
        network: what is changed.
        per_head: whether each head of an `Attention` counts as a map of its own, as where heads are separate modules:
            its fan-out is d, so that queries, keys and values start larger.
        norms: whether the biases of layer norms are 0.1, too.
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
            for of in (module.query, module.key, module.value):
                for head in of.weight.detach().chunk(module.heads):
                    nn.init.xavier_uniform_(head, gain)


def position_table(
    size: int, steps: Tensor | int | None = None, *, device: torch.device, published: bool = False
) -> Tensor:
    """Position of a query as sines (even columns) and cosines (odd columns) of falling frequencies, (size, size).

    Added to the products of queries and keys by PGL-SUM. A longer video's table begins with a shorter one's.

    Args:
        size: of the table.
        steps: of the part of a video that it is for, at most `size`; None for all of it.
        device: where it is wanted.
        published: leave the column of the last step 0 where the number of steps is odd, as public code does.
    """
    column = torch.arange(size, device=device)
    rates = torch.exp((column - column % 2) * (-math.log(10_000) / WAVES))
    angles = column[:, None] * rates
    table = torch.where(column % 2 == 0, angles.sin(), angles.cos())
    if published:
        steps = size if steps is None else steps
        table = table * ((column != steps - 1) | (column % 2 == 1))  # the last of an odd number has an even place
    return table
