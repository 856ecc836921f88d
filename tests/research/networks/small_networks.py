"""Small networks of every kind, and what they are shown."""

from __future__ import annotations

import numpy as np
import torch

from summdiff.research.networks.registry import architectures
from summdiff.research.networks.relational import Relational, RelationalConfig
from summdiff.research.networks.relational_fit import AnnotatedView, fit_relational
from summdiff.scoring.inputs import condition_of

INPUTS = 6
# Each as the papers mean it
SCORERS = {
    "vasnet": ("vasnet", {"width": 16, "dropout": 0.0}),
    "pgl_sum": (
        "pgl_sum",
        {"width": 16, "heads": 2, "segment_width": 8, "segment_heads": 2, "dropout": 0.0},
    ),
    "sl_module": (
        "sl_module",
        {"width": 16, "layers": 2, "heads": 2, "feed_forward": 32, "hidden": 16, "dropout": 0.0},
    ),
    "mlp": ("mlp", {"width": 64}),
    "dsnet_anchor_based": ("dsnet", {"head": "anchor_based", "width": 16, "hidden": 16, "heads": 2, "dropout": 0.0}),
    "dsnet_anchor_free": ("dsnet", {"head": "anchor_free", "width": 16, "hidden": 16, "heads": 2, "dropout": 0.0}),
    "a2summ": (
        "a2summ",
        {"width": 16, "hidden": 16, "heads": 2, "feed_forward": 32, "input_dropout": 0.0, "dropout": 0.0},
    ),
    "iptnet_anchor_based": (
        "iptnet",
        {"head": "anchor_based", "width": 16, "hidden": 16, "heads": 2, "input_dropout": 0.0, "dropout": 0.0},
    ),
    "iptnet_anchor_free": (
        "iptnet",
        {"width": 16, "hidden": 16, "layers": 2, "heads": 2, "feed_forward": 16, "input_dropout": 0.0, "dropout": 0.0},
    ),
}
DENOISERS = ("summdiff", "release", "joint")  # beside the relational network, which needs fitting
SMALL = {"width": 16, "heads": 2, "feed_forward": 32}
MEAN = {"mean_curve": True, "linear_share": 0.5}


def scorer(name, **options):
    """A scorer with random weights."""
    architecture, sizes = SCORERS[name]
    one = architectures()[architecture]
    torch.manual_seed(0)
    return one.network(one.config(inputs=INPUTS, **sizes, **options))


def denoiser(name="joint", *, inputs=INPUTS, **changes):
    """A denoiser with random weights."""
    one = architectures()[name]
    torch.manual_seed(0)
    return one.network(one.config(inputs=inputs, **{**SMALL, **changes}))


def relational(videos=8, **changes):
    """A relational SummDiff, fitted to a few videos but not trained."""
    views = annotated(videos)
    torch.manual_seed(0)
    config = RelationalConfig(
        inputs=views[0].descriptors.shape[1], **{**SMALL, "n_bins": 20, "dropout": 0.0, **changes}
    )
    network = Relational(config)
    fit_relational(network, views)
    return network.eval()


@torch.no_grad()
def awake(network):
    """The network, each of whose weights and units has an effect, as if it had learned something."""
    generator = torch.Generator().manual_seed(3)
    for name, weight in network.state_dict().items():
        if weight.is_floating_point() and not weight.any():
            weight.normal_(0, 0.3, generator=generator)
        elif name.endswith("input_std"):
            weight.uniform_(0.5, 2, generator=generator)
    return network.eval()


def features(n, seed=0, kinds=4, dimension=24):
    """Scenes of a few kinds that come again."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 1, (kinds, dimension))
    scenes = rng.integers(kinds, size=n // 5 + 1)
    return (centres[np.repeat(scenes, 5)[:n]] + rng.normal(0, 0.3, (n, dimension)) + 3).astype(np.float32)


def people(x, seed=0, count=12):
    """Curves (U, N) of people who find steps that stand out important, and each some kind of step as well."""
    rng = np.random.default_rng(seed)
    unusual = np.linalg.norm(x - x.mean(axis=0), axis=1)
    own = (x - x.mean(axis=0)) @ rng.normal(0, 1, (x.shape[1], count))
    raw = 0.7 * (unusual / unusual.std())[None] + (own / own.std(axis=0)).T + rng.normal(0, 0.3, (count, len(x)))
    return ((raw.argsort(axis=1).argsort(axis=1) + 0.5) / len(x)).astype(np.float32)


def annotated(videos=8):
    """Training videos of a relational network."""
    found = []
    for seed in range(videos):
        x = features(50 + seed, seed)
        condition = condition_of(x, rate=0.5, conditioning="gaussian_prior")
        found.append(AnnotatedView(seed, condition, people(x, seed), 2.0 * np.arange(len(x))))
    return found


def descriptors(view):
    """Relational descriptors (N, P) of a view, without places, as float32."""
    return view.condition.inputs.astype(np.float32)
