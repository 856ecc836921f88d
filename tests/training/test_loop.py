import csv
from dataclasses import replace

import numpy as np
import pytest
import torch

from summdiff.data.tvsum import TVSum
from summdiff.errors import OutputError, UsageError
from summdiff.training import loop
from summdiff.training.loop import MovingAverage, evaluate, expected_scores, fit, variety
from summdiff.training.recipe import read_recipe


@pytest.fixture
def videos(data_file):
    data = TVSum(data_file)
    return [data[name] for name in data.names]


def weights(model):
    return torch.cat([tensor.flatten().float() for tensor in model.network.state_dict().values()])


def test_learns_a_simple_rule(videos, recipe_file, tmp_path):
    """On videos that it was not trained on. Chance is 0, the mean annotator reaches 0.75."""
    recipe = read_recipe(recipe_file, ["epochs=60", "validate_every=60", "learning_rate=0.01", "augmentation.views=1"])
    model = fit(recipe, videos[:8], videos[8:], tmp_path)
    quality = evaluate(model, videos[8:], recipe)
    assert quality.rho > 0.35
    assert quality.spread > 0.05


def test_same_seed_same_weights(videos, recipe_file, tmp_path):
    recipe = read_recipe(recipe_file)
    a, b = fit(recipe, videos, [], tmp_path / "a"), fit(recipe, videos, [], tmp_path / "b")
    other = fit(read_recipe(recipe_file, ["seed=1"]), videos, [], tmp_path / "c")
    assert torch.equal(weights(a), weights(b))
    assert not torch.equal(weights(a), weights(other))


def test_interrupted_and_resumed_equals_uninterrupted(videos, recipe_file, tmp_path):
    recipe = read_recipe(recipe_file, ["epochs=6", "select=best"])
    whole = fit(recipe, videos[:8], videos[8:], tmp_path / "whole")

    class StopError(Exception):
        pass

    def stop(row):
        if row["epoch"] == 3:
            raise StopError

    with pytest.raises(StopError):
        fit(recipe, videos[:8], videos[8:], tmp_path / "parts", on_epoch=stop)
    torch.rand(17)  # whatever happens between must not matter
    seen = []
    resumed = fit(recipe, videos[:8], videos[8:], tmp_path / "parts", on_epoch=lambda row: seen.append(row["epoch"]))
    assert seen == [5]
    assert torch.equal(weights(whole), weights(resumed))
    logs = [(tmp_path / part / "log.csv").read_text() for part in ("whole", "parts")]
    assert logs[0] == logs[1]
    assert [int(row["epoch"]) for row in csv.DictReader(logs[0].splitlines())] == [1, 3, 5]


def test_a_checkpoint_of_something_else_is_refused(videos, recipe_file, tmp_path):
    fit(read_recipe(recipe_file, ["epochs=2"]), videos, [], tmp_path)
    with pytest.raises(UsageError, match="another recipe"):
        fit(read_recipe(recipe_file, ["epochs=2", "seed=5"]), videos, [], tmp_path)
    with pytest.raises(UsageError, match="another recipe"):
        fit(read_recipe(recipe_file, ["epochs=2"]), videos[1:], [], tmp_path)
    louder = [replace(videos[0], features=videos[0].features * 2), *videos[1:]]
    with pytest.raises(UsageError, match="other data"):
        fit(read_recipe(recipe_file, ["epochs=2"]), louder, [], tmp_path)
    fit(read_recipe(recipe_file, ["epochs=2", "seed=5", "resume=never"]), videos, [], tmp_path)


def test_a_damaged_checkpoint_and_other_places_that_cannot_be_used(videos, recipe_file, tmp_path):
    fit(read_recipe(recipe_file, ["epochs=2"]), videos, [], tmp_path)
    whole = (tmp_path / "checkpoint.pt").read_bytes()
    for content in (b"", b"no checkpoint", whole[: len(whole) // 2]):
        (tmp_path / "checkpoint.pt").write_bytes(content)
        with pytest.raises(UsageError, match="damaged: remove it"):
            fit(read_recipe(recipe_file, ["epochs=2"]), videos, [], tmp_path)
    with pytest.raises(OutputError, match="cannot be made"):
        fit(read_recipe(recipe_file), videos, [], tmp_path / "log.csv" / "folder")
    if not torch.backends.mps.is_available():
        with pytest.raises(UsageError, match="Accelerator 'mps' cannot be used here"):
            fit(read_recipe(recipe_file, ["accelerator=mps"]), videos, [], tmp_path)


def test_best_needs_validation_videos_and_takes_the_best_epoch(videos, recipe_file, tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="no validation videos"):
        fit(read_recipe(recipe_file, ["select=best"]), videos, [], tmp_path)
    kept = []
    taus = iter([0.1, 0.5, 0.3])

    def judged(model, held_out, recipe):
        kept.append(weights(model).clone())
        return loop.Quality(tau=next(taus), rho=0.0, spread=0.0, coherence=0.0)

    monkeypatch.setattr(loop, "evaluate", judged)
    model = fit(read_recipe(recipe_file, ["epochs=6", "select=best"]), videos[:8], videos[8:], tmp_path)
    assert torch.equal(weights(model), kept[1])


def test_validation_does_not_change_training(videos, recipe_file, tmp_path):
    often = read_recipe(recipe_file, ["validate_every=1"])
    once = read_recipe(recipe_file, ["validate_every=4"])
    a, b = fit(often, videos[:8], videos[8:], tmp_path / "a"), fit(once, videos[:8], videos[8:], tmp_path / "b")
    assert torch.equal(weights(a), weights(b))


def test_expected_scores_are_bayes():
    """Against the posterior mean written with densities, on few steps so that no annotator is certain."""
    generator = torch.Generator().manual_seed(0)
    targets = torch.rand(2, 4, 6, generator=generator, dtype=torch.float64)
    mask = torch.ones(2, 6, dtype=torch.bool)
    mask[1, 4:] = False
    everyone = 2 * targets - 1
    left = torch.tensor([[0.1, 0.5, 0.9], [0.01, 0.3, 0.999]], dtype=torch.float64)
    noisy = left.sqrt()[..., None] * everyone[:, :3] + (1 - left).sqrt()[..., None] * torch.randn(
        2, 3, 6, generator=generator, dtype=torch.float64
    )
    found = expected_scores(noisy, left, everyone, targets, mask)
    for b in range(2):
        for s in range(3):
            n = int(mask[b].sum())
            normal = torch.distributions.Normal(left[b, s].sqrt() * everyone[b, :, :n], (1 - left[b, s]).sqrt())
            likelihood = normal.log_prob(noisy[b, s, :n]).sum(dim=-1).exp()
            wanted = (likelihood[:, None] * targets[b]).sum(dim=0) / likelihood.sum()
            assert torch.allclose(found[b, s, :n], wanted[:n], atol=1e-9)


def test_expected_scores_at_both_ends_of_the_noise():
    targets = torch.rand(1, 20, 50, generator=torch.Generator().manual_seed(1))
    mask = torch.ones(1, 50, dtype=torch.bool)
    everyone = 2 * targets - 1
    clean = expected_scores(everyone[:, 3:4], torch.tensor([[0.9999]]), everyone, targets, mask)
    assert torch.allclose(clean[0, 0], targets[0, 3], atol=1e-5)
    lost = expected_scores(torch.zeros(1, 1, 50), torch.tensor([[1e-9]]), everyone, targets, mask)
    assert torch.allclose(lost[0, 0], targets[0].mean(dim=0), atol=1e-3)


def test_variety_tells_noise_from_views():
    rng = np.random.default_rng(0)
    mean = np.sin(np.arange(400) / 20)
    noise = variety((mean + 0.1 * rng.normal(size=(50, 400))).astype(np.float32))
    assert noise == pytest.approx((0.1 / mean.std(), 0.0), abs=0.03)
    slow = np.repeat(rng.normal(size=(50, 40)), 10, axis=1)
    assert variety((mean + 0.1 * slow).astype(np.float32)) == pytest.approx((0.1 / mean.std(), 0.9), abs=0.05)
    assert variety(np.ones((1, 5), dtype=np.float32)) == (0.0, 0.0)
    assert variety(np.ones((2, 1), dtype=np.float32)) == (0.0, 0.0)


def test_moving_average_follows_the_weights():
    network = torch.nn.Linear(2, 1)
    average = MovingAverage(network, 0.9)
    with torch.no_grad():
        network.weight.fill_(3.0)
    for _ in range(300):
        average.update()
    assert torch.allclose(average.network.weight, network.weight, atol=1e-4)
    with torch.no_grad():
        network.weight.fill_(4.0)
    average.update()
    assert torch.allclose(average.network.weight, torch.full((1, 2), 3.1), atol=1e-3)
