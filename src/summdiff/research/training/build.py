"""Build a recipe's network, its training objective, and the model that wraps the trained network."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from summdiff._untrusted import read_arrays
from summdiff.errors import DataError, ModelError, UsageError
from summdiff.research.networks.base import Denoiser, Network, Scorer
from summdiff.research.networks.inference import Precision, in_torch
from summdiff.research.networks.registry import architectures, build_network
from summdiff.research.networks.relational import Relational
from summdiff.research.networks.relational_fit import cross_fitted_means, fit_relational
from summdiff.research.networks.storage import load_network
from summdiff.research.training.examples import Examples
from summdiff.research.training.recipe import Recipe
from summdiff.research.training.targets import count_noised
from summdiff.scoring import model_folder
from summdiff.scoring.model import Model
from summdiff.scoring.model_files import read_config

_SCORING_WINDOW = 4096  # steps scored at a time; over an hour at the rate of any data set


def new_network(recipe: Recipe, look: dict[str, Any], examples: Examples | None) -> Network:
    """Build a network with random weights or those of `init_from`, and fit its closed-form parts to the examples.

    Args:
        recipe: the recipe.
        look: result of `Examples.look`.
        examples: the training examples; None if the weights will be loaded from a checkpoint.

    Raises:
        UsageError, DataError: the model of `init_from` or the null video does not match.
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
    """Recompute the mean curves that a relational network learns around, from its stored weights."""
    if isinstance(network, Relational):
        views, elsewhere = examples.annotated(), examples.elsewhere()
        network = copy.deepcopy(network).cpu()  # the examples are on the CPU
        examples.take_means(cross_fitted_means(network, views, elsewhere, penalty=recipe.linear_penalty))


def objective(recipe: Recipe, network: Network, examples: Examples) -> nn.Module:
    """Return a module that maps the tensors of a batch to the loss (B,) of each video."""
    objective_class: Any = architectures()[recipe.network.model].objective
    if objective_class is not None:
        module: nn.Module = objective_class(
            network,
            schedule=recipe.diffusion.schedule,
            num_train_timesteps=recipe.diffusion.num_train_timesteps,
            p_uncond=recipe.diffusion.p_uncond,
            curves=count_noised(examples.how),
            expected_targets=examples.how.expected,
            rank_weight=recipe.rank_weight,
        )
        return module
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
    """Return a network as a model with the recipe's sampling, computed by torch."""
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
    """Loss of a scorer, with the mean of a video's target curves."""

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
    """Fit a denoiser's closed-form parts to the examples, and set its null video."""
    if examples is not None:
        network.fit(examples.conditions_and_means(), penalty=recipe.linear_penalty)
    path = recipe.diffusion.null_video
    if path is not None:
        try:
            network.set_null_video(read_arrays(path)[""])
        except (OSError, ValueError, KeyError) as error:
            raise DataError(f"The null video '{path}' cannot be read: {error}.") from error
        except ModelError as error:
            raise UsageError(f"The null video '{path}' cannot be used: {error}") from error


def _start_from(network: Network, recipe: Recipe) -> None:
    """Load the weights of the model that the recipe names in `init_from`."""
    directory = model_folder(recipe.init_from or "")
    trained, model = load_network(directory), read_config(directory)["model"]
    other = [] if model["conditioning"] == recipe.conditioning else ["conditioning"]
    if type(trained) is not type(network):
        other.append("network")
    else:
        ours, theirs = (_shape_of(net.config) for net in (network, trained))
        other += [name for name in ours if ours[name] != theirs[name]]
    if other:
        raise UsageError(
            f"Training cannot start from the model in '{recipe.init_from}': its {', '.join(other)} differ from the "
            "recipe's."
        )
    network.load_state_dict(trained.state_dict())


def _shape_of(config: Any) -> dict[str, Any]:
    """Return the fields of a config that must be equal for weights to be interchangeable."""
    return {name: getattr(config, name) for name in config.__dataclass_fields__ if "dropout" not in name}
