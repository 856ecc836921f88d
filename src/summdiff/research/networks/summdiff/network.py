"""SummDiff: importance scores by denoising, conditioned on a video. Equation and section numbers are the paper's.

One network, three presets:

- `paper`: as the paper has it (§4.2 to §4.4, §5.2).
- `release`: with what the authors' later code does: logit space, adaptive layer norm, a global token, deeper MLPs.
- `joint`: ours. In both others a step's score is denoised without sight of its neighbours, and has to find its own step
  among all of the video's. Here score tokens see each other (self-attention and a convolution over time), so that a
  sample is one coherent view of the video; each gets the encoded condition of its own step; and positions enter as
  rotations of queries and keys by time in seconds (Su et al. 2021), so that only differences count and any frame rate
  fits.

With `mean_head`, a video's mean curve and the residual are learned apart: f(S_t, t, F) = mu(F) + D, where D is odd in
the residual of S_t. Then two samples that start from opposite noise stay mirror images around
mu, and their mean is mu, whatever the noise (as in residual diffusion, Mardani et al. 2023).

Shapes: B videos, S samples a video, N steps, P inputs a step, C width, H heads, d = C / H.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from torch import Tensor, nn

from summdiff.errors import ModelError
from summdiff.research.networks.base import Network, full_precision
from summdiff.research.networks.summdiff.config import NetworkConfig
from summdiff.research.networks.summdiff.layers import (
    Layer,
    Steps,
    mlp,
    projection,
    score_embedding,
    time_encoding,
    to_scores,
    to_signal,
)
from summdiff.scoring.networks import DenoiserFacts, MeanCurve


@dataclass(frozen=True, slots=True)
class Encoded:
    """Videos as the encoder sees them; `summdiff.scoring.networks.Encoded` in torch.

    Attributes:
        tokens: (B, N, C).
        curves: (B, N, K) raw mean curves, each on a scale of its own: the head's, the linear one; None without.
        log_scale: (B, N) log s of the expected disagreement; None without a prior.
    """

    tokens: Tensor
    curves: Tensor | None = None
    log_scale: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A condition as the denoiser uses it, computed once a video.

    Attributes:
        steps: where its steps are.
        own: (B, N, C) what each score token gets of its own step, or none.
        memory: keys and values (B, H, N, d) for each denoiser layer, or none where it does not look at them.
        mean: (B, N), or (B, S, N) where each sample has its own: the mean curve in units of scores, with `mean_head`.
        directions: (B, N, N) of a Gaussian posterior; none without a prior.
        variances: (B, N) of each direction.
    """

    steps: Steps
    own: Tensor | None
    memory: list[tuple[Tensor, Tensor] | None]
    mean: Tensor | None = None
    directions: Tensor | None = None
    variances: Tensor | None = None


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
        # From the training videos, in closed form: see `summdiff.research.networks.summdiff.closed_form`
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

    @property
    def encoder_inputs(self) -> int:
        """Numbers a step that `encode` takes."""
        return self.config.inputs

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
    ) -> Encoded:
        """Encode each step's inputs in the context of the video (§4.2, eq. 1).

        Args:
            inputs: (B, N, P).
            seconds: (B, N) or (N,) time of each step.
            mask: (B, N), true where there is a step.
            dropped: (B,), true for videos to be taken for the null video (guidance).
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
            z = torch.cat([token.expand(z.shape[0], 1, -1), z], dim=1)
            steps = steps.after(place)
        z = z[:, None]  # (B, 1, N, C): layers know samples
        for layer in self.encoder:
            z = layer(z, steps)
        z = z[:, 0, 1:] if self.summary is not None else z[:, 0]
        encoded: Tensor = self.encoder_norm(z)
        curves = self.mean_curves(encoded, standardised)  # before the video is dropped: the mean can always be learned
        if dropped is not None and c.null == "condition":
            encoded = torch.where(dropped[:, None, None], self.null, encoded)
        return Encoded(encoded, torch.cat(curves, dim=-1) if curves else None)

    def mean_curves(self, encoded: Tensor, standardised: Tensor) -> list[Tensor]:
        """Return the raw mean curves, each (B, N, 1) on a scale of its own: the head's, and the linear one."""
        curves = [self.mean_head(encoded)] if self.mean_head is not None else []
        if self.config.linear_share:
            with full_precision(standardised.device):
                curves.append((standardised @ self.linear_weights)[..., None])
        return curves

    def facts(self) -> DenoiserFacts:
        """Return what the sampler has to know about this network."""
        c = self.config
        mean = None
        if c.mean_head:
            shares = (1 - c.linear_share, c.linear_share) if c.linear_share else (1.0,)
            mean = MeanCurve(shares, c.mean_gain * float(self.curve_std))
        return DenoiserFacts(c.inputs, c.space, mean)

    def prepare(self, tokens: Tensor, seconds: Tensor, mask: Tensor | None = None, **beside: Tensor | None) -> Prepared:
        """Compute what is the same for every time and every sample.

        Args:
            tokens: (B, N, C) of whole videos.
            seconds, mask: as for `encode`.
            beside: `mean`, `directions` and `variances` of `Prepared`.
        """
        steps = Steps.of(self.config, seconds, mask)
        return Prepared(
            steps=steps,
            own=self.own(tokens) if self.own is not None else None,
            memory=[layer.project_memory(tokens, steps) for layer in self.denoiser if isinstance(layer, Layer)],
            **beside,
        )

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
        residual = noisy - signal[..., None] * to_signal(self.config.space, mean)
        up, down = self._predict(*both_signs(residual, timestep, signal), condition).chunk(2, dim=1)
        return mean + (up - down) / 2  # the odd part of what is predicted

    def _predict(
        self, noisy: Tensor, timestep: Tensor, signal: Tensor, condition: Prepared, more: Tensor | None = None
    ) -> Tensor:
        """What the denoiser's layers make of noisy signals (B, S, N), on any scale.

        More (B, S, N, C) is added to score tokens.
        """
        c = self.config
        steps = condition.steps
        scores = to_scores(c.space, noisy)
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


def both_signs(residual: Tensor, timestep: Tensor, signal: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return residuals (B, 2 S, N) of both signs, with their times and shares of the signal, for `SummDiff.denoise`."""
    if timestep.shape[1] > 1:
        timestep, signal = timestep.repeat(1, 2), signal.repeat(1, 2)
    return torch.cat([residual, -residual], dim=1), timestep, signal
