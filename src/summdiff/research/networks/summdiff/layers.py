"""What SummDiff's network is made of: layers of attention, embeddings of scores, places and times.

Equation and section numbers are the paper's. Shapes: B videos, S samples a video, N steps, C width, H heads, d = C / H.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from summdiff.research.networks.summdiff.config import Activation, NetworkConfig, Norm
from summdiff.scoring.space import LOGIT_EDGE, ScoreSpace


@dataclass(frozen=True, slots=True)
class Steps:
    """Where the steps are in time, and which are only padding.

    Attributes:
        encoding: (B, N, C), or none for rotary positions.
        turn: (2, B, 1, N, 1, d / 2) cosine and sine of each channel pair's rotation, or none.
        mask: (B, N) true where there is a step, or none if all are.
    """

    encoding: Tensor | None
    turn: Tensor | None
    mask: Tensor | None

    @classmethod
    def of(cls, config: NetworkConfig, seconds: Tensor, mask: Tensor | None) -> Steps:
        """Steps at times (B, N) or (N,)."""
        times = seconds if seconds.ndim == 2 else seconds[None]
        if config.position == "rotary":
            return cls(encoding=None, turn=rotations(times, config.width // config.heads), mask=mask)
        return cls(encoding=position_encoding(config, times, mask), turn=None, mask=mask)

    def after(self, place: Tensor) -> Steps:
        """These steps after one more, which is always there, at a place (C,) of its own."""
        encoding, mask = self.encoding, self.mask
        if encoding is not None:
            encoding = torch.cat([place.expand(encoding.shape[0], 1, -1), encoding], dim=1)
        if mask is not None:
            mask = F.pad(mask, (1, 0), value=True)
        return Steps(encoding=encoding, turn=self.turn, mask=mask)


class Layer(nn.Module):
    """Self-attention and feed-forward; to denoise, also neighbours and cross-attention, as the config says."""

    def __init__(self, config: NetworkConfig, *, denoises: bool) -> None:
        super().__init__()
        c = config
        norm: Norm = "post" if c.norm == "adaptive" and not denoises else c.norm

        kernel = c.kernel if denoises else c.encoder_kernel
        self.nearby = Sublayer(c, Nearby(c, kernel), norm) if kernel > 1 else None
        self.attend = Sublayer(c, Attention(c), norm) if not denoises or c.self_attention else None
        self.look = Sublayer(c, Attention(c), norm) if denoises and c.cross_attention else None
        self.feed_forward = Sublayer(c, mlp(c, c.feed_forward, c.width), norm)

    def project_memory(self, condition: Tensor, steps: Steps) -> tuple[Tensor, Tensor] | None:
        """Keys and values (B, H, N, d) of a condition (B, N, C), or none if this layer does not look at it."""
        return self.look.inner.project(condition, steps) if self.look is not None else None

    def forward(
        self,
        x: Tensor,
        steps: Steps,
        memory: tuple[Tensor, Tensor] | None = None,
        what: Tensor | None = None,
    ) -> Tensor:
        """X (B, S, N, C); memory as in `Prepared`; what (B, S, N or 1, C) adaptive norms depend on."""
        if self.nearby is not None:
            x = self.nearby(x, what, lambda y, nearby: nearby(y, steps.mask))
        if self.attend is not None:
            x = self.attend(x, what, lambda y, attend: attend(y, steps))
        if self.look is not None:
            x = self.look(x, what, lambda y, look: look(y, steps, memory))  # Q = softmax(Q Kᵀ) V + Q, eq. 2
        after: Tensor = self.feed_forward(x, what, lambda y, feed_forward: feed_forward(y))
        return after


Part = TypeVar("Part", bound=nn.Module)


class Sublayer(nn.Module, Generic[Part]):
    """A part of a layer, added to what came in, with its layer norm and dropout."""

    inner: Part

    def __init__(self, config: NetworkConfig, inner: Part, norm: Norm) -> None:
        super().__init__()
        self.kind = norm
        self.inner = inner
        self.norm = nn.LayerNorm(config.width, elementwise_affine=norm != "adaptive")
        self.dropout = nn.Dropout(config.dropout)
        if norm == "adaptive":  # Peebles and Xie 2023: nothing is added at first
            modulate = nn.Linear(config.width, 3 * config.width)
            nn.init.zeros_(modulate.weight)
            nn.init.zeros_(modulate.bias)
            self.modulate = nn.Sequential(nn.SiLU(), modulate)

    def forward(self, x: Tensor, what: Tensor | None, run: Callable[[Tensor, Part], Tensor]) -> Tensor:
        """X (..., C) and what the part, run on its normalised self, adds to it."""
        if self.kind == "post":
            after: Tensor = self.norm(x + self.dropout(run(x, self.inner)))
            return after
        if self.kind == "adaptive":
            shift, scale, gate = self.modulate(what).chunk(3, dim=-1)
            adapted: Tensor = x + gate * self.dropout(run(self.norm(x) * (1 + scale) + shift, self.inner))
            return adapted
        added: Tensor = x + self.dropout(run(self.norm(x), self.inner))
        return added


class Nearby(nn.Module):
    """What the next few steps on both sides say, by a convolution over time: attention finds such neighbours late."""

    def __init__(self, config: NetworkConfig, kernel: int) -> None:
        super().__init__()
        C = config.width
        self.over_time = nn.Conv1d(C, C, kernel, padding=kernel // 2, groups=C)
        self.out = nn.Linear(C, C)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """X (B, S, N, C)."""
        if mask is not None:  # padding must look like what lies outside the window
            x = x * mask[:, None, :, None]
        near = self.over_time(x.flatten(0, 1).transpose(1, 2)).transpose(1, 2)
        mixed: Tensor = self.out(near).view(x.shape)
        return mixed


class Attention(nn.Module):
    """Scaled multi-head attention over steps, softmax(Q Kᵀ / sqrt(d)) V (eq. 1 and 2)."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        c = config
        self.heads = c.heads
        self.everywhere = c.position == "relative"  # positions are added to queries and keys in every layer
        self.query = nn.Linear(c.width, c.width)
        self.key = nn.Linear(c.width, c.width)
        self.value = nn.Linear(c.width, c.width)
        self.out = nn.Linear(c.width, c.width)

    def project(self, memory: Tensor, steps: Steps) -> tuple[Tensor, Tensor]:
        """Keys and values (B, H, N, d) of a memory (B, N, C), the same for every sample."""
        key, value = self.keys_values(memory[:, None], steps)
        return key[:, 0].transpose(1, 2), value[:, 0].transpose(1, 2)

    def keys_values(self, x: Tensor, steps: Steps) -> tuple[Tensor, Tensor]:
        """Keys and values (B, S, N, H, d)."""
        return rotate(self.split(self.key(self.placed(x, steps))), steps.turn), self.split(self.value(x))

    def forward(self, x: Tensor, steps: Steps, memory: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """What steps x (B, S, N, C) see in the memory; without one, each sample looks at itself."""
        B, S, N, C = x.shape
        q = rotate(self.split(self.query(self.placed(x, steps))), steps.turn)  # (B, S, N, H, d)
        keys = None if steps.mask is None else steps.mask[:, None, None, :]
        # Heads only change places with steps in a view, so that nothing is copied
        if memory is None:  # every sample for itself: (B S, H, N, d)
            q, k, v = (part.flatten(0, 1).transpose(1, 2) for part in (q, *self.keys_values(x, steps)))
            keys = keys if keys is None else keys.repeat_interleave(S, dim=0)
        else:  # all samples' queries to the same memory: (B, H, S N, d)
            q = q.flatten(1, 2).transpose(1, 2)
            k, v = (part.expand(B, -1, -1, -1) for part in memory)
        z = F.scaled_dot_product_attention(q, k, v, attn_mask=keys)
        seen: Tensor = self.out(z.transpose(1, 2).reshape(B, S, N, C))
        return seen

    def placed(self, x: Tensor, steps: Steps) -> Tensor:
        """X with its positions, where those are added in every layer."""
        return x + steps.encoding[:, None] if self.everywhere and steps.encoding is not None else x

    def split(self, x: Tensor) -> Tensor:
        """(B, S, N, C) as heads (B, S, N, H, d)."""
        B, S, N, _ = x.shape
        return x.view(B, S, N, self.heads, -1)


def to_signal(space: ScoreSpace, scores: Tensor) -> Tensor:
    """Return `ScoreSpace.to_signal` of a tensor."""
    if space.name == "logit":
        return space.scale * torch.logit(scores, eps=LOGIT_EDGE) / 2
    return space.scale * (2 * scores - 1)


def to_scores(space: ScoreSpace, signal: Tensor) -> Tensor:
    """Return `ScoreSpace.to_scores` of a tensor."""
    if space.name == "logit":
        return torch.sigmoid(2 * signal / space.scale)
    return ((signal / space.scale).clamp(-1, 1) + 1) / 2


def projection(config: NetworkConfig) -> nn.Module:
    """From the inputs to C numbers a step: an MLP (§4.2), or the later code's three normalised layers."""
    c = config
    if not c.deep_mlps:
        return nn.Sequential(
            nn.Dropout(c.input_dropout), nn.Linear(c.seen, c.width), activation(c), nn.Linear(c.width, c.width)
        )
    layers: list[nn.Module] = []
    for number, size in enumerate((c.seen, c.width, c.width)):
        layers += [nn.ReLU()] if number else []
        layers += [nn.LayerNorm(size), nn.Dropout(c.input_dropout), nn.Linear(size, c.width)]
    return nn.Sequential(*layers)


def mlp(config: NetworkConfig, hidden: int, out: int) -> nn.Sequential:
    """Two layers with an activation between them, from C to `out`."""
    return nn.Sequential(nn.Linear(config.width, hidden), activation(config), nn.Linear(hidden, out))


def activation(config: NetworkConfig) -> nn.Module:
    """A new module, as one of them learns."""
    kinds: dict[Activation, type[nn.Module]] = {"gelu": nn.GELU, "relu": nn.ReLU, "prelu": nn.PReLU}
    return kinds[config.activation]()


def score_embedding(config: NetworkConfig) -> nn.Embedding:
    """The vectors of the K levels (Table 4)."""
    K, C = config.n_bins, config.width
    place = torch.linspace(0, 1000, K)
    if config.score_embedding == "fixed_uniform":
        vectors = torch.rand(K, C) * 2 - 1
    elif config.score_embedding == "fixed_fourier":  # orthogonal to positions and time
        vectors = F.pad(sinusoid(place, C // 4), (C - C // 4, 0))
    else:
        vectors = sinusoid(place, C)  # neighbouring levels start alike
    embedding = nn.Embedding(K, C, _weight=vectors)
    embedding.weight.requires_grad_(config.score_embedding == "learnable")
    return embedding


def position_encoding(config: NetworkConfig, seconds: Tensor, mask: Tensor | None) -> Tensor:
    """Positions (B, N, C) of steps at times (B, N).

    Sinusoidal ones leave the second half of the dimensions to other signals. Relative ones are the sinusoid of
    2 pi times the place among the video's steps, from 0 to 1.
    """
    C = config.width
    if config.position == "sinusoidal":
        return F.pad(sinusoid(seconds, C // 2), (0, C // 2))
    place = torch.arange(seconds.shape[1], device=seconds.device).float()
    count = mask.sum(dim=1, keepdim=True) if mask is not None else seconds.shape[1]
    return sinusoid((place / count * 2 * math.pi).expand(len(seconds) if mask is None else len(mask), -1), C)


def time_encoding(config: NetworkConfig, timestep: Tensor) -> Tensor:
    """The time of the diffusion (...) as sinusoids (..., C); beside sinusoidal positions in the third quarter only."""
    C = config.width
    if config.position == "sinusoidal":
        return F.pad(sinusoid(timestep, C // 4), (C // 2, C // 4))
    return sinusoid(timestep, C)


def sinusoid(values: Tensor, width: int) -> Tensor:
    """Values (...) from 0 to about 1000 as cosines and sines of geometrically spaced frequencies, (..., width)."""
    rates = torch.exp(torch.arange(width // 2, device=values.device) * (-math.log(10_000) / (width // 2)))
    angles = values[..., None] * rates
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


def rotations(seconds: Tensor, width: int) -> Tensor:
    """Cosine and sine (2, B, 1, N, 1, width / 2) of each channel pair's turn: periods from 4 s to half an hour."""
    periods = 4 * 2 ** torch.linspace(0, 9, width // 2, device=seconds.device)
    angles = 2 * math.pi * seconds[..., None].float() / periods
    return torch.stack([angles.cos(), angles.sin()])[:, :, None, :, None]


def rotate(x: Tensor, turn: Tensor | None) -> Tensor:
    """Turn the channel pairs of x (B, S, N, H, d)."""
    if turn is None:
        return x
    a, b = torch.chunk(x, 2, dim=-1)
    cos, sin = turn
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)
