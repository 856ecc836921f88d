"""Fast training compared with a plain loop: see `benchmarks/plain_training.py`."""

import importlib.util
from pathlib import Path

import pytest
import torch

from summdiff.research.training.examples import Examples
from summdiff.research.training.loading import Batches
from summdiff.research.training.processes import launch
from summdiff.research.training.recipe_files import read_recipe
from summdiff.research.training.state import TrainingState

PLAIN = Path(__file__).resolve().parents[3] / "benchmarks" / "plain_training.py"


@pytest.fixture(scope="module")
def plain():
    spec = importlib.util.spec_from_file_location("plain_training", PLAIN)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["summdiff", "release", "joint"])
def test_updates_equal_a_plain_padded_loop(plain, all_train, recipe_file, name):
    """Losses and weights, up to rounding, after six updates on videos of all lengths."""
    network = f"network={{model: {name}, width: 16, heads: 2, feed_forward: 32, dropout: 0}}"
    if name != "summdiff":
        network = network.replace("dropout: 0", "dropout: 0, input_dropout: 0")
    changes = [network, "window=null", "augmentation.views=1", "ema_decay=0", "learning_rate_schedule=constant"]
    examples = Examples(all_train, read_recipe(recipe_file, changes))
    slow = plain.PlainRun(read_recipe(recipe_file, changes), examples, longest=int(examples.lengths.max()))
    losses = [slow.epoch(Batches(examples, read_recipe(recipe_file, changes)), epoch) for epoch in range(2)]
    recipe = read_recipe(recipe_file, [*changes, "micro_batch=1"])
    run = TrainingState(recipe, examples, launch(recipe))
    for epoch in range(2):
        ours = [float(run.update(step)) for step in Batches(examples, recipe).of(epoch)]
        assert ours == pytest.approx(losses[epoch], abs=1e-5)
    for (path, a), b in zip(run.network.named_parameters(), slow.network.parameters(), strict=True):
        # A bias of keys changes no attention: its gradient is rounding, and Adam makes steps of that.
        assert torch.allclose(a, b, atol=1e-3 if path.endswith("key.bias") else 1e-5), path
