"""SummDiff as in the code that its authors released later, which departs from the paper (`summdiff`) in many places.

Scores are denoised in logit space. Inputs pass three normalized layers; a learned global token joins the encoder;
positions, relative to the video's length, are added to queries and keys of every layer. The denoiser's layers have
adaptive layer norms whose shift, scale and gate depend on time and position (DiT, Peebles and Xie 2023). With `kernel`
and `own_step` and without `cross_attention` it is that code's denoiser for TVSum and SumMe; the default is that for
Mr.HiSum. This is written from a description of the code.

    variable            symbol in the paper
    inputs, tokens      features of the frames, Z (§4.2)
    noisy, signal       S_t, sqrt(α_t)
    n_bins, levels      K, and the embeddings of the score levels (§4.3)
    q                   Q_t without time and position, which enter by `modulation`

Shapes: B videos, S samples of each, N steps, P inputs of a step, C width, H heads, d = C / H.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from summdiff.errors import ModelError
from summdiff.research.networks._attention import Attention, Memory, Positions
from summdiff.research.networks._layers import NeighbourConvolution, quantise, sinusoid, to_scores
from summdiff.research.networks.base import (
    Architecture,
    Denoiser,
    EncodedVideo,
    Prepared,
    check_denoiser,
    check_kernel,
    check_shares,
    clamped,
)
from summdiff.research.networks.denoising import Denoising
from summdiff.scoring.space import ScoreSpace


@dataclass(frozen=True, slots=True)
class ReleaseConfig:
    """Sizes and options of the released form; the defaults are those for Mr.HiSum.

    Attributes:
        inputs: P, numbers of a step.
        width: C.
        heads: H.
        feed_forward: width of the hidden layer of each MLP.
        encoder_layers: of the video encoder.
        denoiser_layers: of the denoiser.
        n_bins: K, levels of the quantized score.
        cross_attention: whether score tokens attend to the video.
        own_step: whether each score token receives the encoded video at its own step.
        kernel: steps that a convolution over score tokens spans, odd; 1 for none.
        dropout: after attention, MLP and convolution, in training.
        input_dropout: of the inputs of the first three layers, in training.
    """

    inputs: int
    width: int = 256
    heads: int = 8
    feed_forward: int = 1024
    encoder_layers: int = 2
    denoiser_layers: int = 2
    n_bins: int = 100
    cross_attention: bool = True
    own_step: bool = False
    kernel: int = 1
    dropout: float = 0.1
    input_dropout: float = 0.5

    def __post_init__(self) -> None:
        """Check the fields."""
        check_denoiser(self)
        check_kernel(self.kernel)
        check_shares(dropout=self.dropout, input_dropout=self.input_dropout)
        if not (self.cross_attention or self.own_step):
            raise ModelError("`cross_attention` or `own_step` must be true: otherwise no score depends on the video.")


class Release(Denoiser):
    """The network of the released code."""

    has_null_video: ClassVar[bool] = True
    config: ReleaseConfig

    def __init__(self, config: ReleaseConfig) -> None:
        super().__init__(config.inputs)
        self.config = c = config
        self.joint_denoising = c.kernel > 1
        C = c.width
        # Video encoder
        self.embed = nn.Sequential(
            *(nn.LayerNorm(c.inputs), nn.Dropout(c.input_dropout), nn.Linear(c.inputs, C), nn.ReLU()),
            *(nn.LayerNorm(C), nn.Dropout(c.input_dropout), nn.Linear(C, C), nn.ReLU()),
            *(nn.LayerNorm(C), nn.Dropout(c.input_dropout), nn.Linear(C, C)),
        )
        self.global_token = nn.Parameter(torch.randn(2, C) * 0.02)  # the token and its position
        self.encoder = nn.ModuleList(EncoderLayer(c) for _ in range(c.encoder_layers))
        self.null = nn.Parameter(torch.zeros(c.inputs))  # null video, for guidance
        # Score denoiser
        self.levels = nn.Embedding(c.n_bins, C, _weight=sinusoid(torch.linspace(0, 1000, c.n_bins), C))
        self.level_mlp = mlp(C, C, C)
        self.time = nn.Sequential(nn.Linear(C, C), nn.SiLU(), nn.Linear(C, C))
        self.own = nn.Linear(C, C) if c.own_step else None
        self.denoiser = nn.ModuleList(DenoiserLayer(c) for _ in range(c.denoiser_layers))
        self.head_norm = nn.LayerNorm(C)
        self.head = mlp(C, C, 1)

    @property
    def space(self) -> ScoreSpace:
        """S_0 = logit(s) / 2."""
        return ScoreSpace("logit")

    def encode(
        self, inputs: Tensor, seconds: Tensor, mask: Tensor | None = None, dropped: Tensor | None = None
    ) -> EncodedVideo:
        """Encode each step together with the global token; see `Denoiser.encode`."""
        x = clamped(self.standardise(inputs))  # (B, N, P)
        if dropped is not None:
            x = torch.where(dropped[:, None, None], self.null, x)
        z = self.embed(x)  # (B, N, C)
        token, place = self.global_token
        encoding = self.positions(seconds, mask).encoding
        assert encoding is not None  # noqa: S101 (positions are added here)
        shift = torch.cat([place.expand(encoding.shape[0], 1, -1), encoding], dim=1)[:, None]  # (B, 1, 1 + N, C)
        mask = None if mask is None else F.pad(mask, (1, 0), value=True)
        z = torch.cat([token.expand(z.shape[0], 1, -1), z], dim=1)[:, None]  # (B, 1, 1 + N, C)
        for layer in self.encoder:
            z = layer(z, shift, mask)
        return EncodedVideo(z[:, 0, 1:])  # the global token has served

    def prepare(self, tokens: Tensor, seconds: Tensor, mask: Tensor | None = None, **given: Tensor | None) -> Prepared:
        """Project the video to keys and values of each layer, and to its own steps; see `Denoiser.prepare`."""
        positions = self.positions(seconds, mask)
        memory = [layer.project_memory(tokens, positions) for layer in self.denoiser]  # type: ignore[operator]
        return Prepared(positions, None if self.own is None else self.own(tokens), memory)

    def denoise(self, noisy: Tensor, timestep: Tensor, signal: Tensor, condition: Prepared) -> Tensor:
        """Predict clean scores (B, S, N) in (0, 1); see `Denoiser.denoise`."""
        positions = condition.positions
        assert positions.encoding is not None  # noqa: S101 (positions are added here)
        bins = quantise(to_scores(self.space, noisy), self.config.n_bins)
        q = F.embedding(bins, self.level_mlp(self.levels.weight))  # (B, S, N, C)
        if condition.own is not None:
            q = q + condition.own[:, None]
        time = self.time(sinusoid(timestep, self.config.width))[:, :, None]  # (B, S, 1, C)
        modulation = time + positions.encoding[:, None]  # (B, S, N, C)
        for layer, memory in zip(self.denoiser, condition.memory, strict=True):
            q = layer(q, modulation, positions, memory)
        return torch.sigmoid(self.head(self.head_norm(q))[..., 0].float())

    def positions(self, seconds: Tensor, mask: Tensor | None = None) -> Positions:
        """Return the sinusoids of each step's place among its video's steps, from 0 to 2 pi."""
        steps = seconds.shape[-1]
        place = torch.arange(steps, device=seconds.device).float()
        count = steps if mask is None else mask.sum(dim=1, keepdim=True)
        videos = (1 if seconds.ndim == 1 else len(seconds)) if mask is None else len(mask)
        angle = (place / count * 2 * math.pi).expand(videos, -1)
        return Positions(sinusoid(angle, self.config.width), None, mask)


class EncoderLayer(nn.Module):
    """Self-attention and an MLP, post-norm; positions are added to queries and keys."""

    def __init__(self, config: ReleaseConfig) -> None:
        super().__init__()
        c = config
        self.attention = Attention(c.width, heads=c.heads, bias=True, out_bias=True)
        self.attention_norm = nn.LayerNorm(c.width)
        self.mlp = mlp(c.width, c.feed_forward, c.width)
        self.mlp_norm = nn.LayerNorm(c.width)
        self.dropout = nn.Dropout(c.dropout)

    def forward(self, z: Tensor, shift: Tensor, mask: Tensor | None) -> Tensor:
        """Return tokens (B, 1, N, C)."""
        z = self.attention_norm(z + self.dropout(self.attention(z, mask, shift=shift)))
        out: Tensor = self.mlp_norm(z + self.dropout(self.mlp(z)))
        return out


class DenoiserLayer(nn.Module):
    """Convolution over neighboring score tokens, cross-attention to the video, and an MLP, each modulated."""

    def __init__(self, config: ReleaseConfig) -> None:
        super().__init__()
        c = config
        self.convolution = Modulated(c, NeighbourConvolution(c.width, c.kernel)) if c.kernel > 1 else None
        attention = Attention(c.width, heads=c.heads, bias=True, out_bias=True) if c.cross_attention else None
        self.attention = None if attention is None else Modulated(c, attention)
        self.mlp = Modulated(c, mlp(c.width, c.feed_forward, c.width))

    def project_memory(self, tokens: Tensor, positions: Positions) -> Memory | None:
        """Return keys and values of the video's tokens (B, N, C)."""
        if self.attention is None:
            return None
        assert isinstance(self.attention.module, Attention)  # noqa: S101 (see `__init__`)
        return self.attention.module.project_memory(tokens, shift=positions.encoding)

    def forward(self, q: Tensor, modulation: Tensor, positions: Positions, memory: Memory | None) -> Tensor:
        """Return score tokens (B, S, N, C)."""
        if self.convolution is not None:
            q = self.convolution(q, modulation, positions.mask)
        if self.attention is not None:
            assert positions.encoding is not None  # noqa: S101 (positions are added here)
            q = self.attention(q, modulation, positions.mask, shift=positions.encoding[:, None], memory=memory)
        out: Tensor = self.mlp(q, modulation)
        return out


class Modulated(nn.Module):
    """A residual block with adaptive layer norm: shift, scale and gate depend on the modulation, and are 0 at first."""

    def __init__(self, config: ReleaseConfig, module: nn.Module) -> None:
        super().__init__()
        C = config.width
        self.module: nn.Module = module
        self.norm = nn.LayerNorm(C, elementwise_affine=False)
        self.dropout = nn.Dropout(config.dropout)
        self.modulate = nn.Sequential(nn.SiLU(), nn.Linear(C, 3 * C))
        for weights in self.modulate[1].parameters():
            nn.init.zeros_(weights)

    def forward(self, q: Tensor, modulation: Tensor, *given: Any, **named: Any) -> Tensor:
        """Return q (B, S, N, C) plus the gated output of the module, called with what else is given."""
        shift, scale, gate = self.modulate(modulation).chunk(3, dim=-1)
        out: Tensor = q + gate * self.dropout(self.module(self.norm(q) * (1 + scale) + shift, *given, **named))
        return out


def mlp(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Return two linear layers with a PReLU between them."""
    return nn.Sequential(nn.Linear(inputs, hidden), nn.PReLU(), nn.Linear(hidden, outputs))


ARCHITECTURE = Architecture.of_denoiser("release", Release, ReleaseConfig, objective=Denoising)
