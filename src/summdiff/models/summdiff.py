"""SummDiff: importance scores by denoising, conditioned on a video. Equation and section numbers are the paper's.

One network, three presets:

- `paper`: as the paper has it (§4.2 to §4.4, §5.2).
- `release`: with what the authors' later code does: logit space, adaptive layer norm, a global token, deeper MLPs.
- `joint`: ours. In both others a step's score is denoised without sight of its neighbours, and has to find its own step
  among all of the video's. Here score tokens see each other (self-attention and a convolution over time), so that a
  sample is one coherent view of the video; each gets the encoded condition of its own step; and positions enter as
  rotations of queries and keys by time in seconds (Su et al. 2021), so that only differences count and any frame rate
  fits.

With `mean_head`, a video's mean curve and the departures from it are two things to learn: f(S_t, t, F) = mu(F) + D,
where D is odd in what S_t departs from mu by. Then two samples that start from opposite noise stay mirror images around
mu, and their mean is mu, whatever the noise (as in residual diffusion, Mardani et al. 2023).

Shapes: B videos, S samples a video, N steps, P inputs a step, C width, H heads, d = C / H.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Generic, Literal, TypeVar, get_args

import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from torch import Tensor, nn

from summdiff.diffusion.space import ScoreSpace, SpaceName
from summdiff.errors import ModelError
from summdiff.models.contract import Network, full_precision

MEAN_SMOOTHING = 0.7  # steps, deviation of the Gaussian

Position = Literal["sinusoidal", "relative", "rotary"]
ScoreEmbedding = Literal["learnable", "fixed_uniform", "fixed_fourier"]
Norm = Literal["pre", "post", "adaptive"]
Activation = Literal["gelu", "relu", "prelu"]
Null = Literal["condition", "video"]


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """Sizes and options of the network. The defaults are those of the `joint` preset.

    Attributes:
        inputs: P, numbers a step that condition it.
        relations: how many of them, the last ones, are relational descriptors; the others are features.
        power: of the features' size, their signs kept; 1 for as they are.
        components: principal components that the features are reduced to, half-whitened; 0 for none of it.
        width, heads, feed_forward: of every transformer layer.
        encoder_layers, denoiser_layers: how many.
        n_bins: K, levels of the quantised score (§4.3).
        score_embedding: of each level (Table 4): learnable, fixed uniform random vectors, or fixed Fourier features.
        score_scale: lambda; scores in [0, 1] become signals in [-lambda, lambda] (§4.4).
        score_space: "linear", or "logit" as in the later code; see `summdiff.diffusion.space`.
        fade_scores: whether a level's embedding fades with the share of the signal that is left. A network that has to
            learn this first lets noise through.
        position: "sinusoidal" is added once to the tokens, in other dimensions than the time of the diffusion (§4.4);
            "relative" (place in the video from 0 to 1, later code) is added to queries and keys of every layer;
            "rotary" turns them.
        aligned: whether a score token also gets the encoded condition of its own step; with eq. 2 alone it first has to
            find it.
        cross_attention: whether score tokens look at all steps' condition (eq. 2).
        self_attention: whether score tokens look at each other.
        kernel: steps that the convolution over time of a score token spans, odd; 1 for none.
        encoder_kernel: the same of the encoder's tokens.
        mean_head: whether to predict a mean curve and denoise only what departs from it.
        linear_share: weight of ridge regression, fitted in closed form, in the mean curve.
        mean_gain: deviation of mean curves over time, relative to that of people's. What cannot be foreseen makes it
            less than 1, and leaves room for departures.
        norm: layer norm before each sublayer, after it, or before it with shift, scale and gate that depend on time and
            position (zero at first; the encoder then has it after).
        activation: between the two layers of an MLP.
        deep_mlps: later code: inputs pass three normalised layers, levels and the output two.
        global_token: later code: a learned token that the encoder's steps can look at.
        squash: whether predictions pass a sigmoid; the paper has a linear layer only.
        null: how "no video" looks (guidance): a learned "condition", or a "video" of one step's inputs throughout,
            learned or stored (`SummDiff.set_null_video`).
        dropout: in training, in each sublayer.
        input_dropout: in training, share of the conditioning numbers set to 0.
    """

    inputs: int
    relations: int = 0
    power: float = 1.0
    components: int = 0
    width: int = 64
    heads: int = 4
    feed_forward: int = 256
    encoder_layers: int = 2
    denoiser_layers: int = 2
    n_bins: int = 200
    score_embedding: ScoreEmbedding = "learnable"
    score_scale: float = 1.0
    score_space: SpaceName = "linear"
    fade_scores: bool = True
    position: Position = "rotary"
    aligned: bool = True
    cross_attention: bool = True
    self_attention: bool = True
    kernel: int = 5
    encoder_kernel: int = 1
    mean_head: bool = False
    linear_share: float = 0.0
    mean_gain: float = 0.7
    norm: Norm = "pre"
    activation: Activation = "gelu"
    deep_mlps: bool = False
    global_token: bool = False
    squash: bool = True
    null: Null = "condition"
    dropout: float = 0.1
    input_dropout: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what makes no network."""
        sizes = (self.inputs, self.width, self.heads, self.feed_forward, self.denoiser_layers)
        if min(sizes) < 1 or self.encoder_layers < 0 or self.n_bins < 2 or self.components < 0:
            raise ModelError(f"A network cannot have these sizes: {self}.")
        if any(kernel < 1 or kernel % 2 != 1 for kernel in (self.kernel, self.encoder_kernel)):
            raise ModelError(f"A convolution spans an odd number of steps, not {self.kernel} or {self.encoder_kernel}.")
        if not (self.score_scale > 0 and self.power > 0 and 0 <= self.dropout < 1 and 0 <= self.input_dropout < 1):
            raise ModelError(f"A network cannot have these numbers: {self}.")
        if not (0 <= self.relations <= self.inputs and 0 <= self.linear_share <= 1 and self.mean_gain > 0):
            raise ModelError(f"A network cannot have these numbers: {self}.")
        if self.width % (2 * self.heads):
            raise ModelError(f"Width {self.width} must be a multiple of twice the number of heads, {self.heads}.")
        if self.width % 8:
            raise ModelError(f"Width {self.width} must be a multiple of 8, for its position and time encodings.")
        for value, known in (
            (self.score_embedding, ScoreEmbedding),
            (self.score_space, SpaceName),
            (self.position, Position),
            (self.norm, Norm),
            (self.activation, Activation),
            (self.null, Null),
        ):
            if value not in get_args(known):
                raise ModelError(f"A network has no option '{value}': use {' or '.join(get_args(known))}.")
        if self.global_token and self.position == "rotary":
            raise ModelError("A global token has no time to rotate by: use another position with it.")
        if self.linear_share > 0 and not self.mean_head:
            raise ModelError("A linear share is one of the mean curve: it needs mean_head.")
        if self.mean_head and (self.squash or self.score_space != "linear"):
            raise ModelError("A mean curve with departures needs squash=false and the linear score space.")
        if self.score_space == "logit" and not self.squash:
            raise ModelError("In logit space predictions must lie between 0 and 1: squash them.")

    @classmethod
    def preset(cls, name: str, *, inputs: int, **changes: Any) -> NetworkConfig:
        """A preset's network for P inputs, with some fields changed.

        Raises:
            ModelError: no such preset or field, or values that make no network.
        """
        if name not in PRESETS:
            raise ModelError(f"There is no preset '{name}': use {', '.join(PRESETS)}.")
        try:
            return cls(inputs=inputs, **{**PRESETS[name], **changes})
        except TypeError as error:
            unknown = [field for field in changes if field not in cls.__dataclass_fields__]
            raise ModelError(f"A network has no option '{', '.join(unknown)}'.") from error

    @property
    def seen(self) -> int:
        """Numbers a step that are left of the inputs when features are reduced to components."""
        return self.components + self.relations if self.components else self.inputs

    @property
    def space(self) -> ScoreSpace:
        """How scores become signals."""
        return ScoreSpace(self.score_space, scale=self.score_scale)


_PAPER_SIZES = {"width": 256, "heads": 8, "feed_forward": 1024}
_ALONE = {"aligned": False, "self_attention": False, "kernel": 1, "fade_scores": False, "null": "video"}

PRESETS: MappingProxyType[str, dict[str, Any]] = MappingProxyType(
    {
        "paper": {
            **_PAPER_SIZES,
            **_ALONE,
            "position": "sinusoidal",
            "norm": "post",
            "activation": "relu",
            "squash": False,
        },
        "release": {
            **_PAPER_SIZES,
            **_ALONE,
            "n_bins": 100,
            "position": "relative",
            "norm": "adaptive",
            "activation": "prelu",
            "score_space": "logit",
            "deep_mlps": True,
            "global_token": True,
            "input_dropout": 0.5,
        },
        "joint": {},
    }
)
"""What each preset changes in the defaults of `NetworkConfig`."""


class SummDiff(Network):
    """The network: `encode` a video and `prepare` it once, then `denoise` its scores at each time of the diffusion."""

    config: NetworkConfig
    input_mean: Tensor
    input_std: Tensor
    input_components: Tensor
    linear_weights: Tensor
    curve_std: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        """Build it with random weights."""
        super().__init__()
        self.config = c = config
        # From the training videos, in closed form: see `summdiff.models.closed_form`
        inputs = c.inputs if c.components else c.seen
        self.register_buffer("input_mean", torch.zeros(inputs))
        self.register_buffer("input_std", torch.ones(inputs))
        if c.components:
            self.register_buffer("input_components", torch.zeros(c.inputs - c.relations, c.components))
        if c.linear_share:
            self.register_buffer("linear_weights", torch.zeros(inputs))
        if c.mean_head:
            self.register_buffer("curve_std", torch.ones(()))
        self.embed = projection(c)
        self.summary = nn.Parameter(torch.randn(2, c.width) * 0.02) if c.global_token else None  # token, position
        self.encoder = nn.ModuleList(Layer(c, denoises=False) for _ in range(c.encoder_layers))
        self.encoder_norm = nn.LayerNorm(c.width) if c.norm == "pre" else nn.Identity()
        self.mean_head = nn.Sequential(nn.LayerNorm(c.width), nn.Linear(c.width, 1)) if c.mean_head else None
        # The condition when there is none; as a video in standardised units
        self.null = nn.Parameter(torch.zeros(c.width if c.null == "condition" else c.seen))

        self.levels = score_embedding(c)
        self.level_mlp = mlp(c, c.width, c.width) if c.deep_mlps else nn.Identity()
        self.time = (
            nn.Identity()  # an MLP would mix time with position
            if c.position == "sinusoidal"
            else nn.Sequential(nn.Linear(c.width, c.width), nn.SiLU(), nn.Linear(c.width, c.width))
        )
        self.own = nn.Linear(c.width, c.width) if c.aligned else None
        self.denoiser = nn.ModuleList(Layer(c, denoises=True) for _ in range(c.denoiser_layers))
        self.head_norm = nn.Identity() if c.norm == "post" else nn.LayerNorm(c.width)
        self.head = mlp(c, c.width, 1) if c.deep_mlps else nn.Linear(c.width, 1)

    def standardise(self, inputs: Tensor) -> Tensor:
        """Inputs (..., P) in the training videos' units."""
        c = self.config
        if c.power != 1:
            features, relations = torch.split(inputs, [c.inputs - c.relations, c.relations], dim=-1)
            inputs = torch.cat([features.sign() * features.abs() ** c.power, relations], dim=-1)
        return (inputs - self.input_mean) / self.input_std

    def reduce(self, x: Tensor) -> Tensor:
        """What the network sees of standardised inputs; far-off ones must not carry it away."""
        c = self.config
        if c.components:
            features, relations = torch.split(x, [c.inputs - c.relations, c.relations], dim=-1)
            x = torch.cat([features @ self.input_components, relations], dim=-1)
        return x.clamp(-5, 5)

    @torch.no_grad()
    def set_null_video(self, features: ArrayLike) -> None:
        """Let the null video have these inputs (P,) at each step, those of a black video, and learn them no further.

        The inputs' mean and deviation must be set before.

        Raises:
            ModelError: a network whose null is not a video, or another number of inputs.
        """
        vector = torch.as_tensor(features, dtype=torch.float32)
        if self.config.null != "video" or vector.shape != self.input_mean.shape:
            raise ModelError(
                f"A null video of shape {tuple(vector.shape)} does not fit: the network needs null='video' and "
                f"({self.config.inputs},)."
            )
        self.null.copy_(self.reduce(self.standardise(vector)))
        self.null.requires_grad_(False)

    def encode(
        self, inputs: Tensor, seconds: Tensor, mask: Tensor | None = None, dropped: Tensor | None = None
    ) -> Tensor:
        """The condition: each step's inputs in the context of the video (§4.2, eq. 1).

        Args:
            inputs: (B, N, P).
            seconds: (B, N) or (N,) time of each step.
            mask: (B, N), true where there is a step.
            dropped: (B,), true for videos to be taken for the null video (guidance).

        Returns:
            (B, N, C), and with `mean_head` one or two numbers more, see `mean_curves` and `settle`.
        """
        c = self.config
        standardised = self.standardise(inputs)
        x = self.reduce(standardised)
        if dropped is not None and c.null == "video":
            x = torch.where(dropped[:, None, None], self.null, x)
        z = self.embed(x)
        steps = Steps.of(c, seconds, mask)
        if c.position == "sinusoidal" and steps.encoding is not None:
            z = z + steps.encoding
        if self.summary is not None:
            token, place = self.summary
            z = torch.cat([token.expand(len(z), 1, -1), z], dim=1)
            steps = steps.after(place)
        z = z[:, None]  # (B, 1, N, C): layers know samples
        for layer in self.encoder:
            z = layer(z, steps)
        z = z[:, 0, 1:] if self.summary is not None else z[:, 0]
        encoded: Tensor = self.encoder_norm(z)
        curves = self.mean_curves(encoded, standardised)  # before the video is dropped: the mean can always be learned
        if dropped is not None and c.null == "condition":
            encoded = torch.where(dropped[:, None, None], self.null, encoded)
        return torch.cat([encoded, *curves], dim=-1) if curves else encoded

    def mean_curves(self, encoded: Tensor, standardised: Tensor) -> list[Tensor]:
        """What the mean curve is made of, each (B, N, 1) on a scale of its own: the head's, and the linear one."""
        curves = [self.mean_head(encoded)] if self.mean_head is not None else []
        if self.config.linear_share:
            with full_precision(standardised.device):
                curves.append((standardised @ self.linear_weights)[..., None])
        return curves

    def settle(self, condition: Tensor) -> Tensor:
        """The condition (N, C) or (N, C + 1) of a whole video, from what `encode` gave, put together from its windows.

        With `mean_head` the last number is the mean curve in units of scores: the head's and the linear curve, each
        smoothed and standardised over the video, since neither has a scale that could be trusted; then as wide as
        people's mean curves are, less what cannot be foreseen.
        """
        c = self.config
        if not c.mean_head:
            return condition
        own, curves = condition[:, : c.width], condition[:, c.width :].T  # (1 or 2, N)
        shares = curves.new_tensor([1 - c.linear_share, c.linear_share] if len(curves) == 2 else [1.0])
        both = standardised_curves(smoothed(curves, MEAN_SMOOTHING)).T @ shares
        mean = 0.5 + c.mean_gain * self.curve_std * standardised_curves(both[None])[0]
        return torch.cat([own, mean[:, None]], dim=1)

    def encode_null(self, seconds: Tensor) -> Tensor:
        """The settled condition (1, N, C) or (1, N, C + 1) of the null video at given times (N,)."""
        inputs = self.input_mean.expand(1, len(seconds), -1)
        encoded = self.encode(inputs, seconds, dropped=torch.ones(1, dtype=torch.bool, device=seconds.device))
        own = encoded[..., : self.config.width]
        return F.pad(own, (0, 1), value=0.5) if self.config.mean_head else own

    def prepare(
        self, condition: Tensor, seconds: Tensor, mask: Tensor | None = None, known: Tensor | None = None
    ) -> Prepared:
        """What of a settled condition (B, N, C) or (B, N, C + 1) is the same for every time and every sample.

        Scores (B, N) that are known, NaN where none is, are no part of it here: whoever samples puts them in place.
        """
        steps = Steps.of(self.config, seconds, mask)
        mean = condition[..., self.config.width] if self.config.mean_head else None
        condition = condition[..., : self.config.width]
        return Prepared(
            steps=steps,
            mean=mean,
            own=self.own(condition) if self.own is not None else None,
            memory=[layer.remember(condition, steps) for layer in self.denoiser if isinstance(layer, Layer)],
        )

    def prepare_null(self, seconds: Tensor, known: Tensor | None = None) -> Prepared:
        """What `prepare` gives for the null video at given times (N,), of B 1; or of known scores' (B, N)."""
        null = self.encode_null(seconds)
        prepared = self.prepare(null if known is None else null.expand(len(known), -1, -1), seconds, known=known)
        if self.config.null == "video":
            return prepared
        # All steps have the same value, so attention finds that one, wherever it looks: the first step is enough.
        memory = [None if both is None else (both[0][:, :, :1], both[1][:, :, :1]) for both in prepared.memory]
        return replace(prepared, memory=memory)

    def denoise(self, noisy: Tensor, timestep: Tensor, signal: Tensor, condition: Prepared) -> Tensor:
        """The clean scores f(S_t, t, F) that noisy ones came from (§4.4).

        Args:
            noisy: (B, S, N) signal S_t; only this copy is brought to [0, 1].
            timestep: (B, S) integer time t; (B, 1) where it is the same for all samples, which saves work.
            signal: as `timestep`, share of the clean signal that is left at that time, sqrt(abar_t).
            condition: from `prepare`; its B may be 1, for all videos the same.

        Returns:
            (B, S, N), in (0, 1) if predictions are squashed.
        """
        if condition.mean is None:
            predicted = self._predict(noisy, timestep, signal, condition)
            return torch.sigmoid(predicted) if self.config.squash else predicted
        mean = condition.mean[:, None]  # (B, 1, N)
        apart = noisy - signal[..., None] * self.config.space.to_signal(mean)
        up, down = self._predict(*both_signs(apart, timestep, signal), condition).chunk(2, dim=1)
        return mean + (up - down) / 2  # the odd part of what is predicted

    def _predict(
        self, noisy: Tensor, timestep: Tensor, signal: Tensor, condition: Prepared, more: Tensor | None = None
    ) -> Tensor:
        """What the denoiser's layers make of noisy signals (B, S, N), on any scale.

        More (B, S, N, C) is added to score tokens.
        """
        c = self.config
        steps = condition.steps
        scores = c.space.to_scores(noisy)
        bins = (scores * c.n_bins).long().clamp(max=c.n_bins - 1)  # min(floor(K x), K - 1), §4.3
        q = F.embedding(bins, self.level_mlp(self.levels.weight))  # (B, S, N, C); K levels are fewer than scores
        if c.fade_scores:
            q = q * signal[..., None, None]
        when = self.time(time_encoding(c, timestep))[:, :, None]  # (B, S, 1, C)
        if c.norm == "adaptive":
            what = when if steps.encoding is None else when + steps.encoding[:, None]
        else:
            q, what = q + when, None
        if c.position == "sinusoidal" and steps.encoding is not None:
            q = q + steps.encoding[:, None]  # Q_t = S_t + Emb_t + pos
        if condition.own is not None:
            q = q + condition.own[:, None]
        if more is not None:
            q = q + more
        for layer, memory in zip(self.denoiser, condition.memory, strict=True):
            q = layer(q, steps, memory, what)
        predicted: Tensor = self.head(self.head_norm(q))[..., 0].float()  # from here on in full precision
        return predicted


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
            encoding = torch.cat([place.expand(len(encoding), 1, -1), encoding], dim=1)
        if mask is not None:
            mask = F.pad(mask, (1, 0), value=True)
        return Steps(encoding=encoding, turn=self.turn, mask=mask)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A condition as the denoiser uses it, computed once a video.

    Attributes:
        steps: where its steps are.
        mean: (B, N) the mean curve in units of scores, with `mean_head`.
        own: (B, N, C) what each score token gets of its own step, or none.
        memory: keys and values (B, H, N, d) for each denoiser layer, or none where it does not look at them.
    """

    steps: Steps
    mean: Tensor | None
    own: Tensor | None
    memory: list[tuple[Tensor, Tensor] | None]


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

    def remember(self, condition: Tensor, steps: Steps) -> tuple[Tensor, Tensor] | None:
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


def both_signs(apart: Tensor, timestep: Tensor, signal: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Departures (B, 2 S, N) of both signs, with their times and shares of the signal, as for `SummDiff.denoise`."""
    if timestep.shape[1] > 1:
        timestep, signal = timestep.repeat(1, 2), signal.repeat(1, 2)
    return torch.cat([apart, -apart], dim=1), timestep, signal


def smoothed(curves: Tensor, deviation: float) -> Tensor:
    """Curves (K, N) smoothed by a Gaussian over two steps on each side; the ends count on."""
    weights = torch.exp(-((torch.arange(-2.0, 3.0, device=curves.device) / deviation) ** 2) / 2)
    padded = F.pad(curves[:, None], (2, 2), mode="replicate")
    return F.conv1d(padded, (weights / weights.sum())[None, None])[:, 0]


def standardised_curves(curves: Tensor) -> Tensor:
    """Curves (K, N) with mean 0 and deviation 1 over their steps; 0 where a curve is flat."""
    spread, mean = torch.std_mean(curves, dim=1, correction=0, keepdim=True)
    return (curves - mean) / spread.clamp(min=1e-6)


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
