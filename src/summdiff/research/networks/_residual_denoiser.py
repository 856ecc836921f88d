"""A denoiser whose samples are coherent curves: the relational network's part D, and the joint network's.

Shapes: B videos, S samples of each, N steps, P numbers of a step, C width, H heads.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from summdiff.research.networks._attention import Attention, Memory, Positions, rotary_positions
from summdiff.research.networks._layers import NeighbourConvolution, quantise, sinusoid, to_scores
from summdiff.research.networks.base import (
    Denoiser,
    Prepared,
    check_denoiser,
    check_kernel,
    check_positive,
    check_shares,
    clamped,
)
from summdiff.scoring.space import ScoreSpace


@dataclass(frozen=True, slots=True)
class ResidualConfig:
    """Sizes of a `ResidualDenoiser`.

    Attributes:
        inputs: P, numbers of a step.
        width: C.
        heads: H.
        feed_forward: width of the hidden layer of each MLP.
        encoder_layers: of the video encoder.
        denoiser_layers: of the denoiser.
        n_bins: K, levels of the quantized signal.
        kernel: steps that the convolution over score tokens spans, odd; 1 for none.
        score_scale: lambda; scores in [0, 1] become signals in [-lambda, lambda].
        dropout: after attention, MLP and convolution, in training.
        input_dropout: of the inputs, in training.
    """

    inputs: int
    width: int = 64
    heads: int = 4
    feed_forward: int = 256
    encoder_layers: int = 1
    denoiser_layers: int = 2
    n_bins: int = 200
    kernel: int = 5
    score_scale: float = 2.0
    dropout: float = 0.1
    input_dropout: float = 0.0

    def __post_init__(self) -> None:
        """Check the fields."""
        check_denoiser(self)
        check_kernel(self.kernel)
        check_positive(score_scale=self.score_scale)
        check_shares(dropout=self.dropout, input_dropout=self.input_dropout)


class ResidualDenoiser(Denoiser):
    """Encoder, and score tokens that see each other, so that a sample is one coherent curve: of both networks.

    Each score token receives the encoded video at its own step; positions are rotations by time in seconds, so only
    differences count and any rate fits. "No video" (guidance) is a learned token.
    """

    def __init__(self, config: ResidualConfig, *, cross_attention: bool = True) -> None:
        super().__init__(config.inputs)
        c, C = config, config.width
        self.config = config
        # Video encoder
        self.embed = nn.Sequential(nn.Dropout(c.input_dropout), nn.Linear(c.inputs, C), nn.GELU(), nn.Linear(C, C))
        self.encoder = nn.ModuleList(ResidualLayer(c) for _ in range(c.encoder_layers))
        self.encoder_norm = nn.LayerNorm(C)
        self.null = nn.Parameter(torch.zeros(C))
        # Score denoiser
        self.levels = nn.Embedding(c.n_bins, C, _weight=sinusoid(torch.linspace(0, 1000, c.n_bins), C))
        self.time = nn.Sequential(nn.Linear(C, C), nn.SiLU(), nn.Linear(C, C))
        self.own = nn.Linear(C, C)
        self.denoiser = nn.ModuleList(
            ResidualLayer(c, kernel=c.kernel, cross_attention=cross_attention) for _ in range(c.denoiser_layers)
        )
        self.head_norm = nn.LayerNorm(C)
        self.head = nn.Linear(C, 1)

    @property
    def space(self) -> ScoreSpace:
        """S_0 = λ (2 s - 1)."""
        return ScoreSpace("linear", scale=self.config.score_scale)

    def encode_steps(self, standardised: Tensor, seconds: Tensor, mask: Tensor | None) -> Tensor:
        """Return tokens (B, N, C) of standardized inputs (B, N, P); other arguments as for `encode`."""
        z = self.embed(clamped(standardised))[:, None]  # (B, 1, N, C)
        positions = self.positions(seconds, mask)
        for layer in self.encoder:
            z = layer(z, positions)
        tokens: Tensor = self.encoder_norm(z[:, 0])
        return tokens

    def drop(self, tokens: Tensor, dropped: Tensor | None) -> Tensor:
        """Replace the tokens (B, N, C) of dropped (B,) videos by the null token."""
        return tokens if dropped is None else torch.where(dropped[:, None, None], self.null, tokens)

    def prepare(self, tokens: Tensor, seconds: Tensor, mask: Tensor | None = None, **given: Tensor | None) -> Prepared:
        """Project the video to keys and values of each layer, and to its own steps; see `Denoiser.prepare`."""
        positions = self.positions(seconds, mask)
        memory = [layer.project_memory(tokens, positions) for layer in self.denoiser]  # type: ignore[operator]
        return Prepared(positions, self.own(tokens), memory, **given)

    def predict_raw(
        self, noisy: Tensor, timestep: Tensor, signal: Tensor, condition: Prepared, added: Tensor | None = None
    ) -> Tensor:
        """Return the head's output (B, S, N) for noisy signals (B, S, N), on no scale of its own.

        Args:
            noisy, timestep, signal, condition: as for `denoise`.
            added: (B, S, N, C) to add to score tokens.
        """
        bins = quantise(to_scores(self.space, noisy), self.config.n_bins)
        q = F.embedding(bins, self.levels.weight)  # (B, S, N, C)
        q = q * signal[..., None, None]  # without it the network must first learn to ignore pure noise
        q = q + self.time(sinusoid(timestep, self.config.width))[:, :, None]
        if condition.own is not None:
            q = q + condition.own[:, None]
        if added is not None:
            q = q + added
        for layer, memory in zip(self.denoiser, condition.memory, strict=True):
            q = layer(q, condition.positions, memory)
        raw: Tensor = self.head(self.head_norm(q))[..., 0].float()
        return raw

    def odd_part(
        self,
        residual: Tensor,
        timestep: Tensor,
        signal: Tensor,
        condition: Prepared,
        added: Tensor | None = None,
    ) -> Tensor:
        """Return (raw(r) - raw(-r)) / 2 of residuals r (B, S, N), both signs in one batch.

        Args:
            residual: in place of noisy signals.
            timestep, signal, condition: as for `denoise`.
            added: (B, 2 S, N, C) to add to the score tokens of r, then to those of -r.
        """
        if timestep.shape[1] > 1:
            timestep, signal = timestep.repeat(1, 2), signal.repeat(1, 2)
        both = torch.cat([residual, -residual], dim=1)
        up, down = self.predict_raw(both, timestep, signal, condition, added).chunk(2, dim=1)
        return (up - down) / 2

    def positions(self, seconds: Tensor, mask: Tensor | None = None) -> Positions:
        """Return rotations by time."""
        times = seconds if seconds.ndim == 2 else seconds[None]
        return Positions(None, rotary_positions(times, self.config.width // self.config.heads), mask)


class ResidualLayer(nn.Module):
    """Pre-norm layer: self-attention and MLP; in the denoiser also a convolution and cross-attention to the video."""

    def __init__(self, config: ResidualConfig, *, kernel: int = 1, cross_attention: bool = False) -> None:
        super().__init__()
        c, C = config, config.width
        self.convolution_norm = nn.LayerNorm(C) if kernel > 1 else None
        self.convolution = NeighbourConvolution(C, kernel) if kernel > 1 else None
        self.attention_norm = nn.LayerNorm(C)
        self.attention = Attention(C, heads=c.heads, bias=True, out_bias=True)
        self.cross_norm = nn.LayerNorm(C) if cross_attention else None
        self.cross = Attention(C, heads=c.heads, bias=True, out_bias=True) if cross_attention else None
        self.mlp_norm = nn.LayerNorm(C)
        self.mlp = nn.Sequential(nn.Linear(C, c.feed_forward), nn.GELU(), nn.Linear(c.feed_forward, C))
        self.dropout = nn.Dropout(c.dropout)

    def project_memory(self, tokens: Tensor, positions: Positions) -> Memory | None:
        """Return keys and values of the video's tokens (B, N, C), if this layer attends to them."""
        return None if self.cross is None else self.cross.project_memory(tokens, rope=positions.rope)

    def forward(self, q: Tensor, positions: Positions, memory: Memory | None = None) -> Tensor:
        """Return tokens (B, S, N, C)."""
        mask, rope = positions.mask, positions.rope
        if self.convolution is not None and self.convolution_norm is not None:
            q = q + self.dropout(self.convolution(self.convolution_norm(q), mask))
        q = q + self.dropout(self.attention(self.attention_norm(q), mask, rope=rope))
        if self.cross is not None and self.cross_norm is not None:
            q = q + self.dropout(self.cross(self.cross_norm(q), mask, rope=rope, memory=memory))
        out: Tensor = q + self.dropout(self.mlp(self.mlp_norm(q)))
        return out
