"""SummDiff as the paper describes it (§4.2 to §4.4, §5.2): importance scores by denoising, conditioned on a video.

    variable            symbol in the paper
    inputs              features of the N frames, after the pretrained image encoder (§4.2)
    tokens              Z, the encoded video (§4.2, eq. 1)
    noisy               S_t, noisy scores (§4.1); clean ones are S_0 = λ (2 s - 1) (§4.4)
    signal              sqrt(α_t), where α_t is the cumulative product, usually written ᾱ_t
    timestep            t; `time` is its encoding Emb_t
    positions.encoding  pos
    n_bins, levels      K, and the embedding of each of the K score levels (§4.3)
    score_scale         λ (§4.4)
    q                   Q_t = S_t + Emb_t + pos, then Q of eq. 2

Where the paper is silent: layers are post-norm with ReLU, as in Vaswani et al. 2017. Eq. 2 is read with the learned
projections and the scale of eq. 1.

Shapes: B videos, S samples of each, N steps, P inputs of a step, C width, H heads, d = C / H.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from summdiff.research.networks._attention import Attention, Memory, Positions, rotary_positions
from summdiff.research.networks._layers import quantise, sinusoid, to_scores
from summdiff.research.networks.base import (
    Architecture,
    Denoiser,
    EncodedVideo,
    Prepared,
    check_choice,
    check_denoiser,
    check_positive,
    check_shares,
    clamped,
)
from summdiff.research.networks.denoising import Denoising
from summdiff.scoring.space import ScoreSpace

ScoreEmbedding = Literal["learnable", "fixed_uniform", "fixed_fourier"]
PositionKind = Literal["sinusoidal", "rotary"]


@dataclass(frozen=True, slots=True)
class SummDiffConfig:
    """Sizes and options of the paper's SummDiff; the defaults are the paper's.

    Attributes:
        inputs: P, numbers of a step.
        width: C.
        heads: H.
        feed_forward: width of the hidden layer of each MLP.
        encoder_layers: of the video encoder.
        denoiser_layers: of the denoiser.
        n_bins: K, levels of the quantized score.
        score_embedding: of the levels (Table 4): learnable, or fixed uniform random or Fourier vectors.
        score_scale: lambda; scores in [0, 1] become signals in [-lambda, lambda].
        position: sinusoidal: added to tokens, as in the paper; rotary: queries and keys are rotated by time.
        dropout: after attention and MLP, in training.
    """

    inputs: int
    width: int = 256
    heads: int = 8
    feed_forward: int = 1024
    encoder_layers: int = 2
    denoiser_layers: int = 2
    n_bins: int = 200
    score_embedding: ScoreEmbedding = "learnable"
    score_scale: float = 1.0
    position: PositionKind = "sinusoidal"
    dropout: float = 0.1

    def __post_init__(self) -> None:
        """Check the fields."""
        check_denoiser(self)
        check_positive(score_scale=self.score_scale)
        check_shares(dropout=self.dropout)
        check_choice("score_embedding", self.score_embedding, ScoreEmbedding)
        check_choice("position", self.position, PositionKind)


class SummDiff(Denoiser):
    """The paper's network."""

    has_null_video: ClassVar[bool] = True
    config: SummDiffConfig

    def __init__(self, config: SummDiffConfig) -> None:
        super().__init__(config.inputs)
        self.config = c = config
        C = c.width
        # Video encoder (§4.2): an MLP on each step, then self-attention
        self.embed = nn.Sequential(nn.Linear(c.inputs, C), nn.ReLU(), nn.Linear(C, C))
        self.encoder = nn.ModuleList(Layer(c) for _ in range(c.encoder_layers))
        self.null = nn.Parameter(torch.zeros(c.inputs))  # null video, for guidance (§6)
        # Score denoiser (§4.3, §4.4): score tokens with cross-attention to the video
        self.levels = score_levels(c)
        self.time = (
            nn.Identity()  # a map could mix time with position
            if c.position == "sinusoidal"
            else nn.Sequential(nn.Linear(C, C), nn.SiLU(), nn.Linear(C, C))
        )
        self.denoiser = nn.ModuleList(Layer(c) for _ in range(c.denoiser_layers))
        self.head = nn.Linear(C, 1)

    @property
    def space(self) -> ScoreSpace:
        """S_0 = λ (2 s - 1)."""
        return ScoreSpace("linear", scale=self.config.score_scale)

    def encode(
        self, inputs: Tensor, seconds: Tensor, mask: Tensor | None = None, dropped: Tensor | None = None
    ) -> EncodedVideo:
        """Return Z; see `Denoiser.encode`."""
        x = clamped(self.standardise(inputs))  # (B, N, P)
        if dropped is not None:
            x = torch.where(dropped[:, None, None], self.null, x)
        positions = self.positions(seconds, mask)
        z = self.embed(x)  # (B, N, C)
        if positions.encoding is not None:
            z = z + positions.encoding
        z = z[:, None]  # (B, 1, N, C)
        for layer in self.encoder:
            z = layer(z, positions)
        return EncodedVideo(z[:, 0])

    def prepare(self, tokens: Tensor, seconds: Tensor, mask: Tensor | None = None, **given: Tensor | None) -> Prepared:
        """Project Z to keys and values of each denoiser layer; see `Denoiser.prepare`."""
        positions = self.positions(seconds, mask)
        memory = [layer.project_memory(tokens, positions) for layer in self.denoiser]  # type: ignore[operator]
        return Prepared(positions, own=None, memory=memory)

    def denoise(self, noisy: Tensor, timestep: Tensor, signal: Tensor, condition: Prepared) -> Tensor:
        """Predict clean scores (B, S, N), not limited to [0, 1]; see `Denoiser.denoise`."""
        positions = condition.positions
        bins = quantise(to_scores(self.space, noisy), self.config.n_bins)  # only this copy of S_t is clamped
        q = F.embedding(bins, self.levels.weight)  # (B, S, N, C)
        q = q + self.time(self.time_encoding(timestep))[:, :, None]
        if positions.encoding is not None:
            q = q + positions.encoding[:, None]
        for layer, memory in zip(self.denoiser, condition.memory, strict=True):
            q = layer(q, positions, memory)
        scores: Tensor = self.head(q)[..., 0].float()
        return scores

    def positions(self, seconds: Tensor, mask: Tensor | None = None) -> Positions:
        """Return `pos` in the first half of the dimensions, so that it is orthogonal to time (§4.4), or rotations."""
        times = seconds if seconds.ndim == 2 else seconds[None]
        C = self.config.width
        if self.config.position == "rotary":
            return Positions(None, rotary_positions(times, C // self.config.heads), mask)
        return Positions(F.pad(sinusoid(times, C // 2), (0, C // 2)), None, mask)

    def time_encoding(self, timestep: Tensor) -> Tensor:
        """Return Emb_t (..., C) of times (...), beside added positions in the third quarter of the dimensions."""
        C = self.config.width
        if self.config.position == "rotary":
            return sinusoid(timestep, C)
        return F.pad(sinusoid(timestep, C // 4), (C // 2, C // 4))


class Layer(nn.Module):
    """Attention and an MLP, each followed by its residual and a layer norm.

    The encoder's layers attend to the video itself (eq. 1), the denoiser's to a memory of it (eq. 2).
    """

    def __init__(self, config: SummDiffConfig) -> None:
        super().__init__()
        c = config
        self.attention = Attention(c.width, heads=c.heads, bias=True, out_bias=True)
        self.attention_norm = nn.LayerNorm(c.width)
        self.mlp = nn.Sequential(nn.Linear(c.width, c.feed_forward), nn.ReLU(), nn.Linear(c.feed_forward, c.width))
        self.mlp_norm = nn.LayerNorm(c.width)
        self.dropout = nn.Dropout(c.dropout)

    def project_memory(self, tokens: Tensor, positions: Positions) -> Memory:
        """Return keys and values of Z (B, N, C) for `forward`."""
        return self.attention.project_memory(tokens, rope=positions.rope)

    def forward(self, q: Tensor, positions: Positions, memory: Memory | None = None) -> Tensor:
        """Return tokens (B, S, N, C) of tokens q (B, S, N, C)."""
        gathered = self.attention(q, positions.mask, rope=positions.rope, memory=memory)
        q = self.attention_norm(q + self.dropout(gathered))  # Q = softmax(Q Kᵀ) V + Q
        out: Tensor = self.mlp_norm(q + self.dropout(self.mlp(q)))
        return out


def score_levels(config: SummDiffConfig) -> nn.Embedding:
    """Return the vectors (K, C) of the score levels (§4.3, Table 4)."""
    K, C = config.n_bins, config.width
    level = torch.linspace(0, 1000, K)
    if config.score_embedding == "fixed_uniform":
        vectors = torch.rand(K, C) * 2 - 1
    elif config.score_embedding == "fixed_fourier":  # the last quarter: orthogonal to positions and time (§6)
        vectors = F.pad(sinusoid(level, C // 4), (C - C // 4, 0))
    else:
        vectors = sinusoid(level, C)  # neighboring levels start alike
    embedding = nn.Embedding(K, C, _weight=vectors)
    embedding.weight.requires_grad_(config.score_embedding == "learnable")
    return embedding


ARCHITECTURE = Architecture.of_denoiser("summdiff", SummDiff, SummDiffConfig, objective=Denoising)
