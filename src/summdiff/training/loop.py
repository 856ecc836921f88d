"""The training loop. Needs the `train` extra (lightning-fabric)."""

from __future__ import annotations

import copy
import csv
import hashlib
import pickle
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import mse_loss

from summdiff.atomic import written_whole
from summdiff.data.batches import Example, collate
from summdiff.data.video import AnnotatedVideo
from summdiff.diffusion.schedule import add_noise, alphas_cumprod
from summdiff.errors import OutputError, UsageError
from summdiff.metrics.rank import kendall_tau, spearman_rho
from summdiff.models.sampling import Model, ModelConfig
from summdiff.models.summdiff import NetworkConfig, SummDiff
from summdiff.training.recipe import Recipe
from summdiff.training.views import panels, views

try:
    from lightning_fabric import Fabric
except ImportError as error:
    raise UsageError("Training needs more packages: install them with `pip install 'summdiff[train]'`.") from error

CHECKPOINT = "checkpoint.pt"
LOG = "log.csv"


@dataclass(frozen=True, slots=True)
class Quality:
    """How well scores agree with annotators, mean over videos.

    Attributes:
        tau, rho: Kendall's tau-b and Spearman's rho of the mean of the samples with each annotator.
        spread: deviation over the samples, relative to the mean curve's own deviation over time.
        coherence: how alike a sample's departure from the mean is at neighbouring steps (correlation): near 0 where
            samples differ by noise only, higher where each is a view of its own.
    """

    tau: float
    rho: float
    spread: float
    coherence: float


def fit(
    recipe: Recipe,
    training: Sequence[AnnotatedVideo],
    validation: Sequence[AnnotatedVideo],
    directory: Path,
    *,
    on_epoch: Callable[[dict[str, float]], None] | None = None,
) -> Model:
    """Train a model.

    Everything random in an epoch comes from the recipe's seed and the epoch's number. So a checkpoint needs no random
    states, and a run that was interrupted ends with the weights of one that was not.

    Args:
        recipe: what to do.
        training, validation: videos; the second may be empty.
        directory: for `log.csv` and `checkpoint.pt`.
        on_epoch: told of each row of the log.

    Returns:
        The moving average of the weights: of the last epoch, or with `select: best` of the epoch with the best tau on
        the validation videos.

    Raises:
        UsageError: `select: best` without validation videos, an accelerator that is not there, or a checkpoint that is
            damaged or of another recipe or data.
        OutputError: the folder cannot be made.
    """
    if recipe.select == "best" and not validation:
        raise UsageError(f"Recipe '{recipe.name}' selects the best epoch but there are no validation videos.")
    torch.set_num_threads(recipe.threads)
    try:
        fabric = Fabric(accelerator=recipe.accelerator, devices=1)
    except RuntimeError as error:
        raise UsageError(f"Accelerator '{recipe.accelerator}' cannot be used here: set accelerator=cpu.") from error
    make_folder(directory)

    rng = np.random.default_rng([recipe.seed, 0])
    pool = [views(video, recipe, rng) for video in training]
    torch.manual_seed(recipe.seed)
    network = new_network(recipe, pool)
    average = MovingAverage(network, recipe.ema_decay)
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=recipe.epochs)
    learner, optimizer = fabric.setup(network, optimizer)
    learner.mark_forward_method("encode")
    learner.mark_forward_method("denoise")

    state = {"network": network, "average": average, "optimizer": optimizer, "scheduler": scheduler}
    trained_on = [recipe.model_dump_json(exclude={"output", "data", "resume"}), _fingerprint(training)]
    best: dict[str, Any] = {"tau": -2.0, "weights": {}}
    first, rows = 0, []
    if recipe.resume == "auto" and (directory / CHECKPOINT).exists():
        saved = _load(directory / CHECKPOINT, fabric.device)
        if saved["trained_on"] != trained_on:
            raise UsageError(
                f"'{directory / CHECKPOINT}' is of another recipe or other data: remove it or set resume=never."
            )
        for name, part in state.items():
            part.load_state_dict(saved[name])
        best, first, rows = saved["best"], saved["epoch"] + 1, saved["rows"]

    signal_left = alphas_cumprod(
        recipe.diffusion.schedule, num_train_timesteps=recipe.diffusion.num_train_timesteps
    ).to(fabric.device)
    scale = recipe.network.score_scale
    for epoch in range(first, recipe.epochs):
        torch.manual_seed(recipe.seed * 1_000_003 + epoch)  # dropout, noise
        rng = np.random.default_rng([recipe.seed, 1, epoch])  # which videos, views and windows
        network.train()
        losses = []
        for examples in draw(pool, recipe, rng):
            batch = collate(examples).to(fabric.device)
            # Some panels' curves, noised at a random time (§4.4)
            everyone = scale * (2 * batch.targets - 1)  # (B, U, N)
            clean = everyone[:, : recipe.targets.curves_per_video]  # (B, S, N)
            timestep = torch.randint(signal_left.numel(), clean.shape[:2], device=fabric.device)
            noisy = add_noise(clean, torch.randn_like(clean), timestep, signal_left)
            wanted = expected_scores(noisy, signal_left[timestep], everyone, batch.targets, batch.mask)
            condition = learner.encode(batch.inputs, batch.seconds, batch.mask)
            dropped = torch.rand(len(examples), 1, 1, device=fabric.device) < recipe.diffusion.p_uncond
            condition = torch.where(dropped, network.null, condition)
            predicted = learner.denoise(
                noisy, timestep, signal_left[timestep].sqrt().float(), condition, batch.seconds, batch.mask
            )
            # Eq. 3, over real steps only; each video counts the same, whatever its length
            squared = mse_loss(predicted, wanted, reduction="none").mean(dim=1)
            loss = ((squared * batch.mask).sum(dim=1) / batch.mask.sum(dim=1)).mean()
            optimizer.zero_grad()
            fabric.backward(loss)
            fabric.clip_gradients(learner, optimizer, max_norm=recipe.clip_norm)
            optimizer.step()
            average.update()
            losses.append(float(loss.detach()))
        row: dict[str, float] = {
            "epoch": epoch,
            "learning_rate": float(scheduler.get_last_lr()[0]),
            "loss": float(np.mean(losses)),
        }
        scheduler.step()

        last = epoch == recipe.epochs - 1
        if (epoch + 1) % recipe.validate_every == 0 or last:
            if validation:
                quality = evaluate(as_model(recipe, average.network), validation, recipe)
                row |= asdict(quality)
                if quality.tau > best["tau"]:
                    best = {"tau": quality.tau, "epoch": epoch, "weights": _copy(average.network)}
            rows.append(row)
            _write_log(directory / LOG, rows)
            saved = {name: part.state_dict() for name, part in state.items()}
            _save(
                saved | {"best": best, "epoch": epoch, "rows": rows, "trained_on": trained_on}, directory / CHECKPOINT
            )
            if on_epoch:
                on_epoch(row)
    if recipe.select == "best":
        average.network.load_state_dict(best["weights"])
    return as_model(recipe, average.network)


def expected_scores(noisy: Tensor, left: Tensor, everyone: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    """What the best network would predict from noisy scores: the mean of the curves, by how likely each of them is.

    The curve that the noise was added to is but one that the noisy scores may come from. Learning E[S_0 | S_t] over
    many of a video's curves has the same optimum and much less noise, above all at late times, where little of the
    curve is left (Xu et al., Stable Target Field, ICLR 2023).

    Args:
        noisy: (B, S, N) S_t.
        left: (B, S) abar_t.
        everyone: (B, U, N) every curve's clean signal S_0, that of `noisy` among them.
        targets: (B, U, N) the same in [0, 1].
        mask: (B, N) true where there is a step.

    Returns:
        (B, S, N) in [0, 1].
    """
    left = left[..., None].to(noisy.dtype)
    real = mask[:, None].to(noisy.dtype)
    # log N(S_t; sqrt(abar) S_0, 1 - abar) without what all curves share
    match = (noisy * real) @ (everyone * real).transpose(1, 2)  # (B, S, U)
    size = ((everyone * real) ** 2).sum(dim=-1)[:, None]  # (B, 1, U)
    likely = torch.softmax((left.sqrt() * match - left * size / 2) / (1 - left), dim=-1)
    expected: Tensor = likely @ targets
    return expected


class MovingAverage:
    """The exponential moving average of a network's weights, which is what training returns.

    Attributes:
        network: a copy that holds the average. It stays on the processor, where validation draws its samples.
    """

    def __init__(self, network: SummDiff, decay: float) -> None:
        """Start from the network's present weights."""
        self.network = copy.deepcopy(network).requires_grad_(False)
        self._source, self._decay, self._updates = network, decay, 0

    @torch.no_grad()
    def update(self) -> None:
        """Take in the source's weights; at first with more weight, so that the random start is soon forgotten."""
        self._updates += 1
        decay = min(self._decay, self._updates / (self._updates + 10))
        for average, now in zip(self.network.parameters(), self._source.parameters(), strict=True):
            average.lerp_(now.to(average.device), 1 - decay)

    def state_dict(self) -> dict[str, Any]:
        return {"network": self.network.state_dict(), "updates": self._updates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self._updates = state["updates"]


def new_network(recipe: Recipe, pool: Sequence[Sequence[Example]]) -> SummDiff:
    """A network with random weights that knows mean and deviation of the inputs of the unchanged and changed videos."""
    inputs = torch.from_numpy(np.concatenate([example.inputs for examples in pool for example in examples]))
    network = SummDiff(NetworkConfig(inputs=inputs.shape[1], **recipe.network.model_dump()))
    network.input_mean.copy_(inputs.mean(dim=0))
    network.input_std.copy_(inputs.std(dim=0).clamp(min=1e-4))
    return network


def draw(pool: Sequence[Sequence[Example]], recipe: Recipe, rng: np.random.Generator) -> list[list[Example]]:
    """The batches of an epoch: each video once, a window of a random view, with panels of its annotators."""
    how = recipe.targets
    examples = []
    for video in rng.permutation(len(pool)):
        view = pool[video][int(rng.integers(len(pool[video])))]
        start = int(rng.integers(max(1, len(view.inputs) - recipe.window + 1)))
        part = slice(start, start + recipe.window)
        curves = panels(view.targets[:, part], size=how.panel, count=how.panels_per_video, rng=rng)
        examples.append(Example(inputs=view.inputs[part], targets=curves, rate=view.rate))
    size = recipe.videos_per_batch
    return [examples[first : first + size] for first in range(0, len(examples), size)]


def as_model(recipe: Recipe, network: SummDiff) -> Model:
    """The network with what the recipe says about sampling."""
    config = ModelConfig(
        id=recipe.name,
        conditioning=recipe.conditioning,
        feature_extractor=recipe.feature_extractor,
        schedule=recipe.diffusion.schedule,
        num_train_timesteps=recipe.diffusion.num_train_timesteps,
        guidance_scale=recipe.diffusion.guidance_scale,
        step_seconds=recipe.diffusion.step_seconds,
        eta=recipe.diffusion.eta,
    )
    return Model(config, network)


def evaluate(model: Model, videos: Sequence[AnnotatedVideo], recipe: Recipe) -> Quality:
    """Mean quality over videos of samples drawn as the recipe says."""
    rows = []
    for video in videos:
        curves = model.sample(
            video.need_features(),
            rate=video.rate,
            samples=recipe.diffusion.samples,
            steps=recipe.diffusion.steps,
            seed=recipe.seed,
        )
        mean = curves.mean(axis=0)
        users = video.need_user_scores()
        rows.append((kendall_tau(mean, users), spearman_rho(mean, users), *variety(curves)))
    tau, rho, spread, coherence = (float(value) for value in np.mean(rows, axis=0))
    return Quality(tau=tau, rho=rho, spread=spread, coherence=coherence)


def variety(curves: NDArray[np.float32]) -> tuple[float, float]:
    """Spread and coherence (see `Quality`) of curves (M, N); 0 where they are undefined."""
    mean = curves.mean(axis=0)
    apart = curves - mean
    spread = curves.std(axis=0).mean() / max(float(mean.std()), 1e-6)
    here, there = apart[:, :-1], apart[:, 1:]
    products, sizes = (here * there).sum(), np.sqrt((here**2).sum() * (there**2).sum())
    return float(spread), float(products / sizes) if sizes > 0 else 0.0


def make_folder(directory: Path) -> None:
    """Make a folder if it is missing.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder '{directory}' cannot be made: {error}.") from error


def _fingerprint(videos: Sequence[AnnotatedVideo]) -> str:
    digest = hashlib.sha256()
    for video in videos:
        for part in (video.name.encode(), video.need_features().tobytes(), video.need_user_scores().tobytes()):
            digest.update(part)
    return digest.hexdigest()


def _load(path: Path, device: torch.device) -> dict[str, Any]:
    try:
        saved: dict[str, Any] = torch.load(path, weights_only=True, map_location=device)
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        raise UsageError(f"The checkpoint '{path}' is damaged: remove it or set resume=never.") from error
    return saved


def _copy(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}


def _save(state: dict[str, Any], path: Path) -> None:
    """Write a checkpoint beside its final name, then rename it: whoever stops the run leaves a whole one."""
    with written_whole(path) as partial:
        torch.save(state, partial)


def _write_log(path: Path, rows: Sequence[dict[str, float]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(dict.fromkeys(key for row in rows for key in row)))
        writer.writeheader()
        writer.writerows(rows)
