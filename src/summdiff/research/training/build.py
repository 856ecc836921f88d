"""What a recipe trains: its network, the objective that the network learns by, and the model that comes of it."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from summdiff.errors import DataError, ModelError, UsageError
from summdiff.research.networks.base import Denoiser, Network, Scorer
from summdiff.research.networks.folder import load_network
from summdiff.research.networks.inference import Precision, in_torch
from summdiff.research.networks.registry import architectures, build_network
from summdiff.research.networks.relational import Relational
from summdiff.research.networks.relational_fit import cross_fitted_means, fit_relational
from summdiff.research.training.data import Examples
from summdiff.research.training.recipe import Recipe
from summdiff.research.training.targets import count_noised
from summdiff.scoring import model_folder
from summdiff.scoring.folder import read_config
from summdiff.scoring.model import Model

_SCORING_WINDOW = 4096  # steps that a scorer looks at at a time: over an hour of any data set's


def new_network(recipe: Recipe, look: dict[str, Any], examples: Examples | None) -> Network:
    """A network with random weights or those of another model, and what it takes over from the examples, if given.

    Args:
        recipe: what it is to be.
        look: what `Examples.look` says.
        examples: what it is to be trained on.

    Raises:
        UsageError, DataError: the model or null video to start from does not fit.
    """
    try:
        config = recipe.network.config(inputs=look["inputs"])
        network = build_network(architectures()[recipe.network.model], config)
    except ModelError as error:
        raise UsageError(f"Recipe '{recipe.name}': {error}") from error
    if isinstance(network, Relational):
        if examples is not None:
            views, elsewhere = examples.annotated(), examples.elsewhere()
            examples.take_means(fit_relational(network, views, elsewhere, penalty=recipe.linear_penalty))
    elif isinstance(network, Denoiser):
        _fit(network, recipe, examples)
    if recipe.init_from is not None:
        _start_from(network, recipe)
        if examples is not None:
            look_again(recipe, network, examples)
    return network


def look_again(recipe: Recipe, network: Network, examples: Examples) -> None:
    """What a network learns from beside the examples as they are, where a run goes on with stored weights."""
    if isinstance(network, Relational):
        views, elsewhere = examples.annotated(), examples.elsewhere()
        network = copy.deepcopy(network).cpu()  # where the examples are
        examples.take_means(cross_fitted_means(network, views, elsewhere, penalty=recipe.linear_penalty))


def objective(recipe: Recipe, network: Network, examples: Examples) -> nn.Module:
    """A module whose call with the tensors of a batch gives the loss (B,) of each video."""
    wanted: Any = architectures()[recipe.network.model].objective
    if wanted is not None:
        made: nn.Module = wanted(
            network,
            schedule=recipe.diffusion.schedule,
            num_train_timesteps=recipe.diffusion.num_train_timesteps,
            p_uncond=recipe.diffusion.p_uncond,
            curves=count_noised(examples.how),
            expected_targets=examples.how.expected,
            rank_weight=recipe.rank_weight,
        )
        return made
    assert isinstance(network, Scorer)  # noqa: S101 (without an objective)
    return _Scoring(network)


def as_model(
    recipe: Recipe,
    look: dict[str, Any],
    network: Network,
    *,
    device: str | torch.device = "cpu",
    precision: Precision = "float32",
) -> Model:
    """Return a network as a model that gives curves as the recipe says, computed by torch."""
    how = recipe.diffusion
    common: dict[str, Any] = {
        "id": recipe.name,
        "conditioning": recipe.conditioning,
        "feature_extractor": recipe.feature_extractor,
        "step_seconds": look["step_seconds"] if how.step_seconds == "data" else how.step_seconds,
    }
    architecture = architectures()[recipe.network.model]
    if isinstance(network, Denoiser):
        common |= {name: getattr(how, name) for name in ("schedule", "num_train_timesteps", "guidance_scale")}
        common |= {name: getattr(how, name) for name in ("eta", "guide_final", "window")}
    else:
        common["window"] = _SCORING_WINDOW
    inside = in_torch(network, device=device, precision=precision)
    model: Model = architecture.model(architecture.model_config(**common), inside)
    return model


class _Scoring(nn.Module):
    """A scorer's loss; where a video has several curves, their mean is learned from."""

    def __init__(self, network: Scorer) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        inputs: Tensor,
        targets: Tensor,
        seconds: Tensor,
        mask: Tensor,
        seeds: Tensor,
        means: Tensor,
        places: Tensor,
    ) -> Tensor:
        return self.network.loss(inputs, targets.mean(dim=1), mask, seeds)


def _fit(network: Denoiser, recipe: Recipe, examples: Examples | None) -> None:
    """What a SummDiff knows before it is trained: what the examples give in closed form, and the null video."""
    if examples is not None:
        network.fit(examples.conditions_and_means(), penalty=recipe.linear_penalty)
    path = recipe.diffusion.null_video
    if path is not None:
        try:
            network.set_null_video(np.load(path, allow_pickle=False))
        except (OSError, ValueError) as error:
            raise DataError(f"The null video '{path}' cannot be read: {error}.") from error
        except ModelError as error:
            raise UsageError(f"The null video '{path}' cannot be used: {error}") from error


def _start_from(network: Network, recipe: Recipe) -> None:
    """Take another model's weights."""
    directory = model_folder(recipe.init_from or "")
    given, model = load_network(directory), read_config(directory)["model"]
    other = [] if model["conditioning"] == recipe.conditioning else ["conditioning"]
    if type(given) is not type(network):
        other.append("network")
    else:
        ours, theirs = (_shape_of(each.config) for each in (network, given))
        other += [name for name in ours if ours[name] != theirs[name]]
    if other:
        raise UsageError(
            f"The model in '{recipe.init_from}' cannot be started from: its {', '.join(other)} differ from the "
            "recipe's."
        )
    network.load_state_dict(given.state_dict())


def _shape_of(config: Any) -> dict[str, Any]:
    """What must be the same for weights to mean the same."""
    return {name: getattr(config, name) for name in config.__dataclass_fields__ if "dropout" not in name}
