"""The state of a training run: weights, moving average, optimizer and progress, all of which a checkpoint holds."""

from __future__ import annotations

import copy
import math
from functools import partial
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from summdiff.errors import UsageError
from summdiff.research.networks.base import Denoiser, Network
from summdiff.research.training.build import as_model, look_again, new_network, objective
from summdiff.research.training.examples import Examples
from summdiff.research.training.loading import Step
from summdiff.research.training.logs import LogRow
from summdiff.research.training.recipe import Recipe
from summdiff.research.training.validation import Quality
from summdiff.scoring.model import Model


class TrainingState:
    """A run's weights and progress.

    Attributes:
        network, average: the weights and their moving average.
        epoch, step: current epoch and number of finished steps in it.
        done: number of finished steps in all epochs.
        losses: mean loss of the batch of each step in the epoch.
        rows: rows of the log, one per finished epoch.
        best: value, epoch and weights of the best epoch on the validation videos.
        seconds: training time.
    """

    def __init__(self, recipe: Recipe, examples: Examples, fabric: Fabric, saved: dict[str, Any] | None = None) -> None:
        """Start from random weights or those of `init_from`, or from a checkpoint.

        Raises:
            UsageError, DataError: the model or null video to start from does not fit.
        """
        self._recipe, self._fabric = recipe, fabric
        torch.manual_seed(recipe.seed)
        self._look = examples.look() if saved is None else saved["look"]
        self.network = new_network(recipe, self._look, examples if saved is None else None)
        learner = objective(recipe, self.network, examples)
        # The gradient scaler of half precision cannot clip with fused optimizers.
        fused = recipe.precision != "16-mixed"
        kind: dict[str, Any] = {
            "adamw": partial(torch.optim.AdamW, fused=fused),
            "adam": partial(torch.optim.Adam, fused=fused),
            "sgd": partial(torch.optim.SGD, momentum=0.9),
        }
        weights = [weight for weight in self.network.parameters() if weight.requires_grad]
        optimizer = kind[recipe.optimizer](weights, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
        if recipe.compile:
            compile_parts(learner)
        self._learner, self._optimizer = fabric.setup(learner, optimizer)
        self.average = MovingAverage(self.network, recipe.ema_decay)
        self.epoch = self.step = self.done = 0
        self.losses: list[float] = []
        self.rows: list[LogRow] = []
        self.best: dict[str, Any] = {"value": -math.inf, "epoch": -1, "weights": {}}
        self.seconds = 0.0
        if saved is not None:
            self.load_state_dict(saved)
            look_again(recipe, self.network, examples)

    def update(self, step: Step) -> Tensor:
        """Take one step of the optimizer and return this process's part of the loss.

        Raises:
            UsageError: the gradients' norm is not finite.
        """
        recipe, fabric = self._recipe, self._fabric
        # For dropout: a seed of its own for each step and process.
        torch.manual_seed(_seed(recipe.seed, self.epoch, self.step, fabric.global_rank))
        self._learner.train()
        for group in self._optimizer.param_groups:
            group["lr"] = self._learning_rate
        self._optimizer.zero_grad()
        total = torch.zeros((), device=fabric.device)
        for number, batch_part in enumerate(step, start=1):
            batch = batch_part.batch.to(fabric.device)
            # Processes exchange gradients once, after the last part.
            with fabric.no_backward_sync(self._learner, enabled=number < len(step)):
                losses = self._learner(
                    batch.inputs, batch.targets, batch.seconds, batch.mask, batch.seeds, batch.means, batch.places
                )
                loss: Tensor = batch_part.share * losses.mean()
                fabric.backward(loss)
            total += loss.detach()
        if recipe.clip_norm:
            norm = fabric.clip_gradients(
                self._learner, self._optimizer, max_norm=recipe.clip_norm, error_if_nonfinite=False
            )
            if norm is not None and not bool(norm.isfinite()):
                raise self._diverged("gradients' norm", float(norm))
        self._optimizer.step()
        self.average.update()
        return total

    def count_step(self, loss: float) -> None:
        """Record a finished step.

        Raises:
            UsageError: the loss is not finite.
        """
        if not math.isfinite(loss):
            raise self._diverged("loss", loss)
        self.losses.append(loss)
        self.step, self.done = self.step + 1, self.done + 1

    def _diverged(self, what: str, value: float) -> UsageError:
        return UsageError(
            f"The {what} became {value} in epoch {self.epoch + 1}: try a lower learning_rate, or a clip_norm."
        )

    def count_epoch(self, quality: Quality | None) -> None:
        """Record a finished epoch, with its quality if it was validated."""
        row: LogRow = {
            "epoch": self.epoch,
            "learning_rate": self._learning_rate,
            "loss": float(np.mean(self.losses)),
        }
        if quality is not None:
            row |= quality.values
            if quality.main > self.best["value"]:
                weights = {name: tensor.detach().clone() for name, tensor in self.average.network.state_dict().items()}
                self.best = {"value": quality.main, "epoch": self.epoch, "weights": weights}
        self.rows.append(row)
        self.epoch, self.step, self.losses = self.epoch + 1, 0, []

    def model(self, **where: Any) -> Model:
        """Return the moving average as a model with the recipe's sampling; `where` as for `as_model`."""
        return as_model(self._recipe, self._look, self.average.to_network(), **where)

    def selected_model(self) -> Model:
        """Return the model of the last epoch, or with `select: best` of the best one."""
        network = self.average.to_network()
        if self._recipe.select == "best":
            network.load_state_dict(self.best["weights"])
        return as_model(self._recipe, self._look, network)

    def state_dict(self) -> dict[str, Any]:
        """Return everything that `load_state_dict` needs."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "precision": self._fabric.strategy.precision.state_dict(),
            "recipe": self._recipe.model_dump_json(),
            "look": self._look,
            **{name: getattr(self, name) for name in ("epoch", "step", "done", "losses", "rows", "best", "seconds")},
        }

    def finished_dict(self) -> dict[str, Any]:
        """Return what is needed of a finished run: the averaged weights of the last and the best epoch, and the log."""
        return self.state_dict() | {"network": None, "optimizer": None}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore from a state dict, or from that of a finished run, which cannot be trained further."""
        self.average.load_state_dict(state["average"])
        self.network.load_state_dict(state["network"] or state["average"]["network"])
        if state["optimizer"] is not None:
            self._optimizer.load_state_dict(state["optimizer"])
        self._fabric.strategy.precision.load_state_dict(state["precision"])
        self.epoch, self.step, self.done = state["epoch"], state["step"], state["done"]
        self.seconds = state["seconds"]
        self.losses, self.rows, self.best = list(state["losses"]), list(state["rows"]), dict(state["best"])

    @property
    def _learning_rate(self) -> float:
        """The epoch's learning rate; it depends on the epoch's number alone, so the schedule has no state."""
        return self._recipe.learning_rate * learning_rate(self._recipe, self.epoch)


class MovingAverage:
    """Exponential moving average of a network's weights, which training returns.

    Attributes:
        network: a copy with the averaged weights, on the same device.
    """

    def __init__(self, network: Network, decay: float) -> None:
        """Start from the network's current weights; with a decay of 0 the average equals the current weights."""
        self.network = copy.deepcopy(network).requires_grad_(False)
        self._source, self._decay, self._updates = network, decay, 0

    @torch.no_grad()
    def update(self) -> None:
        """Update the average with the current weights, with more weight in the first updates."""
        self._updates += 1
        decay = min(self._decay, self._updates / (self._updates + 10))
        averages: list[Tensor] = [*self.network.parameters()]
        sources: list[Tensor] = [*self._source.parameters()]
        torch._foreach_lerp_(averages, sources, 1 - decay)  # one kernel for all tensors

    def to_network(self) -> Network:
        """Return the average as a trainable network on the CPU."""
        copied = copy.deepcopy(self.network).cpu()
        for ours, theirs in zip(copied.parameters(), self._source.parameters(), strict=True):
            ours.requires_grad_(theirs.requires_grad)
        return copied

    def state_dict(self) -> dict[str, Any]:
        """Return everything that `load_state_dict` needs."""
        return {"network": self.network.state_dict(), "updates": self._updates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore from a state dict."""
        self.network.load_state_dict(state["network"])
        self._updates = state["updates"]


def compile_parts(learner: nn.Module) -> None:
    """Compile a denoiser's layers, or a scorer with its loss, with torch.compile.

    The random draws of a denoiser's loss happen outside torch and cannot be compiled.
    """
    denoisers = [module for module in learner.modules() if isinstance(module, Denoiser)]
    for module in [layer for network in denoisers for layer in (*network.encoder, *network.denoiser)] or [learner]:
        module.compile()


def learning_rate(recipe: Recipe, epoch: int) -> float:
    """Return the factor of the learning rate in an epoch, from 0."""
    warm = recipe.warmup_epochs
    if epoch < warm:
        return (epoch + 1) / (warm + 1)
    if recipe.learning_rate_schedule == "cosine":
        return (1 + math.cos(math.pi * (epoch - warm) / max(1, recipe.epochs - warm))) / 2
    if recipe.learning_rate_schedule == "exponential":
        return recipe.learning_rate_factor ** (epoch - warm)
    return 1.0


def _seed(*seeds: int) -> int:
    """Mix several seeds into one."""
    return int(np.random.SeedSequence(seeds).generate_state(1, np.uint64)[0])
