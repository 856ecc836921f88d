"""SummDiff: importance scores by denoising, conditioned on a video. Equation and section numbers are the paper's.

Three things differ from the paper, each for a measured reason (docs/default-model.md):

- Score tokens see each other (self-attention), so that one sample is one coherent view of the video.
- A score token also gets the encoded condition of its own step; with eq. 2 alone it would first have to find it.
- Positions enter as rotations of queries and keys by time in seconds (Su et al. 2021). So they never mix with the time
  of the diffusion, which §4.4 wants; only differences of positions count, and any frame rate fits.

Shapes: B videos, S samples a video, N steps, P inputs a step, C width, H heads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from summdiff.errors import ModelError


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """Sizes of the network.

    Attributes:
        inputs: P, numbers a step that condition it.
        width, heads, feed_forward: of every transformer layer.
        encoder_layers, denoiser_layers: how many.
        n_bins: K, levels of the quantised score (§4.3).
        score_scale: lambda; scores in [0, 1] become signals in [-lambda, lambda] (§4.4).
        dropout: in training, after each sublayer.
        input_dropout: in training, share of the conditioning numbers set to 0.
        cross_attention: whether score tokens look at other steps' condition (eq. 2) or only at their own.
        kernel: steps that the convolution over time of a score token spans, odd; 1 for none.
    """

    inputs: int
    width: int = 64
    heads: int = 4
    feed_forward: int = 256
    encoder_layers: int = 2
    denoiser_layers: int = 2
    n_bins: int = 200
    score_scale: float = 1.0
    dropout: float = 0.1
    input_dropout: float = 0.0
    cross_attention: bool = True
    kernel: int = 5

    def __post_init__(self) -> None:
        """Refuse sizes that make no network."""
        sizes = (self.inputs, self.width, self.heads, self.feed_forward, self.denoiser_layers)
        if (
            min(sizes) < 1
            or self.encoder_layers < 0
            or self.n_bins < 2
            or self.score_scale <= 0
            or self.kernel % 2 != 1
        ):
            raise ModelError(f"A network cannot have these sizes: {self}.")
        if self.width % (2 * self.heads):
            raise ModelError(f"Width {self.width} must be a multiple of twice the number of heads, {self.heads}.")


class SummDiff(nn.Module):
    """The network: `encode` a video once, then `denoise` its scores at each time of the diffusion."""

    input_mean: Tensor
    input_std: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        """Build it with random weights."""
        super().__init__()
        self.config = c = config
        self.register_buffer("input_mean", torch.zeros(c.inputs))  # set from the training videos
        self.register_buffer("input_std", torch.ones(c.inputs))
        self.embed = nn.Sequential(
            nn.Dropout(c.input_dropout), nn.Linear(c.inputs, c.width), nn.GELU(), nn.Linear(c.width, c.width)
        )
        self.encoder = nn.ModuleList(Layer(c, denoises=False) for _ in range(c.encoder_layers))
        self.encoder_norm = nn.LayerNorm(c.width)
        self.null = nn.Parameter(torch.zeros(c.width))  # the condition when there is none (guidance)

        self.levels = nn.Embedding(c.n_bins, c.width)
        with torch.no_grad():  # neighbouring levels start alike
            self.levels.weight.copy_(sinusoid(torch.linspace(0, 1000, c.n_bins), c.width))
        self.time = nn.Sequential(nn.Linear(c.width, c.width), nn.SiLU(), nn.Linear(c.width, c.width))
        self.own = nn.Linear(c.width, c.width)
        self.denoiser = nn.ModuleList(Layer(c, denoises=True) for _ in range(c.denoiser_layers))
        self.head = nn.Sequential(nn.LayerNorm(c.width), nn.Linear(c.width, 1))

    def encode(self, inputs: Tensor, seconds: Tensor, mask: Tensor | None = None) -> Tensor:
        """The condition: each step's inputs in the context of the video (eq. 1).

        Args:
            inputs: (B, N, P).
            seconds: (B, N) or (N,) time of each step.
            mask: (B, N), true where there is a step.

        Returns:
            (B, N, C).
        """
        x = (inputs - self.input_mean) / self.input_std
        z = self.embed(x.clamp(-5, 5))  # (B, N, C); far-off inputs must not carry the network away
        turn = rotations(seconds, self.config.width // self.config.heads)
        for layer in self.encoder:
            z = layer(z, turn, mask)
        encoded: Tensor = self.encoder_norm(z)
        return encoded

    def denoise(
        self,
        noisy: Tensor,
        timestep: Tensor,
        signal: Tensor,
        condition: Tensor,
        seconds: Tensor,
        mask: Tensor | None = None,
    ) -> Tensor:
        """The clean scores f(S_t, t, F) that noisy ones came from (§4.4).

        Args:
            noisy: (B, S, N) signal S_t around [-lambda, lambda]; only this copy is clamped.
            timestep: (B, S) integer time t.
            signal: (B, S) share of the clean signal that is left at that time, sqrt(abar_t).
            condition: (B, N, C) from `encode`, or the null condition.
            seconds, mask: as for `encode`.

        Returns:
            (B, S, N) in (0, 1).
        """
        c = self.config
        scores = ((noisy / c.score_scale).clamp(-1, 1) + 1) / 2
        bins = (scores * c.n_bins).long().clamp(max=c.n_bins - 1)  # min(floor(K x), K - 1), §4.3
        when = self.time(sinusoid(timestep, c.width))  # (B, S, C)
        # What a score says counts as much as is left of it. A network that has to learn this first lets noise through.
        said = self.levels(bins) * signal[..., None, None]
        q = said + when[:, :, None] + self.own(condition)[:, None]  # (B, S, N, C)

        B, S, N, C = q.shape
        q = q.reshape(B * S, N, C)
        memory = condition.repeat_interleave(S, dim=0)  # (B S, N, C)
        every = None if mask is None else mask.repeat_interleave(S, dim=0)
        times = seconds if seconds.ndim == 1 else seconds.repeat_interleave(S, dim=0)
        turn = rotations(times, C // c.heads)
        for layer in self.denoiser:
            q = layer(q, turn, every, memory)
        predicted: Tensor = torch.sigmoid(self.head(q)).reshape(B, S, N)
        return predicted


class Layer(nn.Module):
    """Self-attention and feed-forward, each added to what came in; to denoise, also neighbours and cross-attention."""

    def __init__(self, config: NetworkConfig, *, denoises: bool) -> None:
        super().__init__()
        c = config
        self.nearby = Nearby(c) if denoises and c.kernel > 1 else None
        self.attend = Attention(c)
        self.look = Attention(c) if denoises and c.cross_attention else None
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(c.width),
            nn.Linear(c.width, c.feed_forward),
            nn.GELU(),
            nn.Linear(c.feed_forward, c.width),
        )
        self.dropout = nn.Dropout(c.dropout)

    def forward(self, x: Tensor, turn: Tensor, mask: Tensor | None = None, memory: Tensor | None = None) -> Tensor:
        """X (B, N, C), memory (B, N, C) or none; both at the same times."""
        if self.nearby is not None:
            x = x + self.nearby(x, mask)
        x = x + self.dropout(self.attend(x, None, turn, mask))
        if self.look is not None:
            x = x + self.dropout(self.look(x, memory, turn, mask))
        added: Tensor = x + self.dropout(self.feed_forward(x))
        return added


class Nearby(nn.Module):
    """What the next few steps on both sides say, by a convolution over time: attention finds such neighbours late."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        c = config
        self.norm = nn.LayerNorm(c.width)
        self.over_time = nn.Conv1d(c.width, c.width, c.kernel, padding=c.kernel // 2, groups=c.width)
        self.out = nn.Linear(c.width, c.width)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """X (B, N, C)."""
        x = self.norm(x)
        if mask is not None:  # padding must look like what lies outside the window
            x = x * mask[..., None]
        near: Tensor = self.out(self.over_time(x.transpose(1, 2)).transpose(1, 2))
        return near


class Attention(nn.Module):
    """Scaled multi-head attention over steps, softmax(Q Kᵀ / sqrt(d)) V (eq. 1 and 2), turned by time."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        c = config
        self.heads = c.heads
        self.norm = nn.LayerNorm(c.width)
        self.query = nn.Linear(c.width, c.width)
        self.key_value = nn.Linear(c.width, 2 * c.width)
        self.out = nn.Linear(c.width, c.width)

    def forward(self, x: Tensor, memory: Tensor | None, turn: Tensor, mask: Tensor | None) -> Tensor:
        """X and memory (B, N, C); without a memory, x looks at itself."""
        B, N, C = x.shape
        x = self.norm(x)
        q = self.query(x).view(B, N, self.heads, -1).transpose(1, 2)  # (B, H, N, C / H)
        k, v = self.key_value(x if memory is None else memory).view(B, N, 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        keys = None if mask is None else mask[:, None, None, :]
        z = F.scaled_dot_product_attention(rotate(q, turn), rotate(k, turn), v, attn_mask=keys)
        attended: Tensor = self.out(z.transpose(1, 2).reshape(B, N, C))
        return attended


def sinusoid(values: Tensor, width: int) -> Tensor:
    """Values (...) from 0 to about 1000 as sines and cosines of geometrically spaced frequencies, (..., width)."""
    rates = torch.exp(torch.arange(width // 2, device=values.device) * (-math.log(10_000) / (width // 2)))
    angles = values[..., None] * rates
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


def rotations(seconds: Tensor, width: int) -> Tensor:
    """Cosine and sine (2, ..., 1, N, width / 2) of the turn of each channel pair: periods from 4 s to half an hour."""
    periods = 4 * 2 ** torch.linspace(0, 9, width // 2, device=seconds.device)
    angles = 2 * math.pi * seconds[..., None].float() / periods
    return torch.stack([angles.cos(), angles.sin()]).unsqueeze(-3)


def rotate(x: Tensor, turn: Tensor) -> Tensor:
    """Turn the channel pairs of x (B, H, N, d)."""
    a, b = torch.chunk(x, 2, dim=-1)
    cos, sin = turn
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)
