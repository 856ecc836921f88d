"""SummDiff as the paper describes it (§4.2 to §4.4, §5.2): importance scores by denoising, conditioned on a video.

    variable                  symbol in the paper
    inputs                    features of the N frames, after the pretrained image encoder (§4.2)
    tokens, z                 Z, the encoded video (§4.2, eq. 1)
    noisy                     S_t, noisy scores (§4.1); clean ones are S_0 = λ (2 s - 1) (§4.4)
    timestep, time_encoding   t, Emb_t
    positions.encoding        pos
    n_bins, levels            K, and the embedding of each of the K score levels (§4.3)
    score_scale               λ (§4.4)
    q                         Q_t = S_t + Emb_t + pos, then Q of eq. 2

Read as it is written, eq. 2 has no maps to queries and keys and no scale, which eq. 1 has: score tokens and the encoded
video meet as they are, and as both carry `pos`, a score token attends to its own step from the start.

The paper leaves open:

- the rest of a layer: residual, then layer norm, then an MLP with ReLU, residual and layer norm, as in Vaswani et al.
  2017; values and what the heads gather are linear maps, as in eq. 1
- orthogonal encodings: `pos` has the first half of the dimensions, Emb_t the third quarter
- the start of learnable levels: sinusoids, so that neighboring levels are alike
- inputs: standardized by the training videos and clamped to five deviations, for features of any scale

Shapes: B videos, S samples of each, N steps, P inputs of a step, C width, H heads, d = C / H.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from summdiff.research.networks._attention import Attention, Memory, Positions
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
        projected_attention: whether eq. 2 has the maps and the scale of eq. 1. Not in the paper: with few videos, score
            tokens then hardly find their own steps.
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
    projected_attention: bool = False
    dropout: float = 0.1

    def __post_init__(self) -> None:
        """Check the fields."""
        check_denoiser(self)
        check_positive(score_scale=self.score_scale)
        check_shares(dropout=self.dropout)
        check_choice("score_embedding", self.score_embedding, ScoreEmbedding)


class SummDiff(Denoiser):
    """The paper's network."""

    has_null_video: ClassVar[bool] = True
    joint_denoising = False  # eq. 2 lets score tokens see the video, but not each other
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
        self.denoiser = nn.ModuleList(Layer(c, literal=not c.projected_attention) for _ in range(c.denoiser_layers))
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
        z = self.embed(x) + self.position_encoding(seconds)  # (B, N, C)
        for layer in self.encoder:
            z = layer(z, mask)
        return EncodedVideo(z)

    def prepare(self, tokens: Tensor, seconds: Tensor, mask: Tensor | None = None, **given: Tensor | None) -> Prepared:
        """Return keys and values of Z for each denoiser layer; see `Denoiser.prepare`."""
        memory = [layer.attention.project_memory(tokens) for layer in self.denoiser]  # type: ignore[operator,union-attr]
        return Prepared(self.positions(seconds, mask), own=None, memory=memory)

    def denoise(self, noisy: Tensor, timestep: Tensor, signal: Tensor, condition: Prepared) -> Tensor:
        """Predict clean scores (B, S, N), not limited to [0, 1]; see `Denoiser.denoise`."""
        pos, mask = condition.positions.encoding, condition.positions.mask
        assert pos is not None  # noqa: S101 (see `positions`)
        bins = quantise(to_scores(self.space, noisy), self.config.n_bins)  # only this copy of S_t is clamped
        q = F.embedding(bins, self.levels.weight)  # (B, S, N, C)
        q = q + self.time_encoding(timestep)[:, :, None] + pos[:, None]
        for layer, memory in zip(self.denoiser, condition.memory, strict=True):
            q = layer(q, mask, memory)
        scores: Tensor = self.head(q)[..., 0].float()
        return scores

    def positions(self, seconds: Tensor, mask: Tensor | None = None) -> Positions:
        """Return positions that are added to tokens; see `Denoiser.positions`."""
        return Positions(self.position_encoding(seconds), None, mask)

    def position_encoding(self, seconds: Tensor) -> Tensor:
        """Return pos (B, N, C), or (1, N, C), of times in seconds: orthogonal to Emb_t (§4.4)."""
        C = self.config.width
        return F.pad(sinusoid(seconds if seconds.ndim == 2 else seconds[None], C // 2), (0, C // 2))

    def time_encoding(self, timestep: Tensor) -> Tensor:
        """Return Emb_t (..., C) of times t (...)."""
        C = self.config.width
        return F.pad(sinusoid(timestep, C // 4), (C // 2, C // 4))


class Layer(nn.Module):
    """Attention and an MLP, each followed by its residual and a layer norm.

    The encoder's layers attend to the video itself (eq. 1), the denoiser's to the encoded video (eq. 2).
    """

    def __init__(self, config: SummDiffConfig, *, literal: bool = False) -> None:
        super().__init__()
        C = config.width
        # Eq. 2 as written: queries and keys are the tokens, and their products are not scaled
        scale = 1.0 if literal else None
        self.attention = Attention(C, heads=config.heads, scale=scale, projected=not literal, bias=True, out_bias=True)
        self.attention_norm = nn.LayerNorm(C)
        self.mlp = nn.Sequential(nn.Linear(C, config.feed_forward), nn.ReLU(), nn.Linear(config.feed_forward, C))
        self.mlp_norm = nn.LayerNorm(C)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, q: Tensor, mask: Tensor | None, memory: Memory | None = None) -> Tensor:
        """Return tokens shaped as q, which attend to the memory, or without one to each other; mask (B, N)."""
        q = self.attention_norm(q + self.dropout(self.attention(q, mask, memory=memory)))  # softmax(Q Kᵀ) V + Q
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
        vectors = sinusoid(level, C)
    embedding = nn.Embedding(K, C, _weight=vectors)
    embedding.weight.requires_grad_(config.score_embedding == "learnable")
    return embedding


ARCHITECTURE = Architecture.of_denoiser("summdiff", SummDiff, SummDiffConfig, objective=Denoising)
