"""Sizes and options of SummDiff's network, and its three presets. Equation and section numbers are the paper's."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args

from summdiff.errors import ModelError
from summdiff.scoring.space import ScoreSpace, SpaceName

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
        score_space: "linear", or "logit" as in the later code; see `summdiff.scoring.space`.
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
