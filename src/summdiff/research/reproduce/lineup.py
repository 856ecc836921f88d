"""The systems of the paper's tables and the recipes that train them.

The paper's schedule (AdamW at 5e-5, batches of 256, 200 epochs) is for 27,892 videos and a GPU. Two CPU cores are
enough for all tables on TVSum and YouTube Highlights: the `reproduce` section of each recipe has a shorter schedule,
and validation videos choose the epoch. Each table names its schedule and shows the validation curves, which tell
whether a longer one would have helped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from summdiff.errors import UsageError
from summdiff.research.reproduce.cells import Cell, Ground
from summdiff.research.training.recipe_files import read_recipe, recipe_names

OURS = "SummDiff"
BINS = (5, 10, 50, 100, 200, 400, 800, 1600)
WEIGHTS = (0.1, 0.2, 0.3, 0.4, 0.8, 1.6, 3.2)
SHARES = (0.0, 0.1, 0.2)
SCALES = (0.5, 1.0, 2.0, 4.0)
STEPS = (1, 2, 5, 10, 20, 50)
EMBEDDINGS = {
    "fixed_uniform": "Fixed Uniform Rand",
    "fixed_fourier": "Fixed Fourier",
    "learnable": "Learnable",
}


@dataclass(frozen=True, slots=True)
class System:
    """A row of table 1.

    Attributes:
        label: what it is called.
        recipe: stem of the recipe's name, without the data set; or the name, where it has none.
        paper: the row of the paper's table 1 that it answers to, None where the paper has none.
        ours: whether it is a form of SummDiff.
        changes: to the recipe.
    """

    label: str
    recipe: str
    paper: str | None = None
    ours: bool = False
    changes: tuple[str, ...] = ()


SYSTEMS = (
    System(f"{OURS}, rotary positions", "summdiff_paper_rotary", OURS, ours=True),
    System(f"{OURS}, as the paper has it", "summdiff_paper", OURS, ours=True),
    System(f"{OURS}, as the later code", "summdiff_release", ours=True),
    System(f"{OURS}, joint (ours)", "summdiff_joint", ours=True),
    System(f"{OURS}, relational (ours, ships)", "default", ours=True),
    System("PGL-SUM", "pgl_sum", "PGL-SUM"),
    System("VASNet", "vasnet", "VASNet"),
    System("SL-module", "sl_module", "SL-module"),
    System("A2Summ, without text", "a2summ", "A2Summ"),
    System("DSNet, with anchors", "dsnet_anchor_based", "DSNet"),
    System("DSNet, without anchors", "dsnet_anchor_free", "DSNet"),
    System("iPTNet, summariser branch", "iptnet", "iPTNet"),
    System("perceptron", "mlp"),
    System("ridge regression", "ridge"),
    System("ridge regression on relations", "relational_ridge"),
    System("ridge regression on both", "ridge", changes=("conditioning=both",)),
)

_IN_MEMORY = 2**30  # bytes of a file, up to which ridge regression is fitted

_QUICK = ("epochs=2", "warmup_epochs=0", "validate_every=1", "folds=2", "diffusion.samples=2", "diffusion.steps=3")
_TINY_SUMMDIFF = ("network.width=16", "network.heads=2", "network.feed_forward=16", "videos_per_batch=8")
_TINY = {
    "pgl_sum": ("network.width=32", "network.heads=2", "network.segment_width=16", "network.segment_heads=2"),
    "vasnet": ("network.width=16",),
    "sl_module": ("network.width=16", "network.layers=1", "network.heads=2", "network.feed_forward=16"),
    "a2summ": ("network.width=16", "network.layers=1", "network.heads=2", "network.feed_forward=16"),
    "dsnet_anchor_based": ("network.width=16", "network.heads=2"),
    "dsnet_anchor_free": ("network.width=16", "network.heads=2"),
    "iptnet": ("network.width=16", "network.layers=2", "network.feed_forward=16"),
    "mlp": ("network.width=16",),
}


@dataclass(frozen=True)
class Scale:
    """How large the experiments are.

    Attributes:
        quick: tiny networks, two epochs and two folds, and few values of what a table varies: whether it runs, not what
            it finds.
        overrides: to every recipe, after all others.
    """

    quick: bool = False
    overrides: tuple[str, ...] = ()

    def some(self, values: Sequence[float], kept: Sequence[float]) -> Sequence[float]:
        """All values that a table varies, or those that are kept in quick mode."""
        return kept if self.quick else values


def systems_on(ground: Ground) -> tuple[System, ...]:
    """The systems that can be trained on a data set."""
    if ground.kind not in ("tvsum", "youtube_highlights", "mr_hisum"):
        raise UsageError(
            f"'{ground.path}' is of {ground.kind}, for which the tables have no schedules: "
            "give a file of tvsum, youtube_highlights or mr_hisum."
        )
    # Ridge regression, in closed form, needs all features in memory.
    large = ground.kind == "mr_hisum" and ground.path.stat().st_size > _IN_MEMORY
    return tuple(
        system for system in SYSTEMS if _recipe(system, ground) and not (large and system.recipe.endswith("ridge"))
    )


def _recipe(system: System, ground: Ground) -> str | None:
    """Name of a system's recipe for a data set; None where there is none."""
    names = recipe_names()
    if system.recipe in names:  # the shipped model, for one data set only
        return system.recipe if read_recipe(system.recipe).kind == ground.kind else None
    name = f"{system.recipe}_{ground.kind}"
    return name if name in names else None


def left_out(ground: Ground) -> str:
    """Which systems are not there, and why, as a sentence; "" where all are."""
    missing = [system.label for system in SYSTEMS if system not in systems_on(ground)]
    if not missing:
        return ""
    why = {
        "youtube_highlights": "they learn from the key-shots of segments or from single annotators, and it has neither",
        "mr_hisum": "no recipe of theirs is for it, or they need all features in memory",
    }[ground.kind]
    return f"without {'; '.join(missing)}: {why}."


def cell(system: System, ground: Ground, scale: Scale, *changes: str) -> Cell:
    """The cell that a system is on a data set, with further changes."""
    name, stem = _recipe(system, ground), system.recipe
    if name is None:
        raise UsageError(f"There is no recipe for {system.label} on {ground.kind}.")
    given = [*system.changes]
    if scale.quick and stem not in ("ridge", "relational_ridge"):
        ours = stem.startswith("summdiff")
        given += [*_QUICK, *(_TINY_SUMMDIFF if ours else _TINY.get(stem, ()))]
        if stem == "summdiff_joint":
            given += ["network.components=8"]
        if stem == "default":
            given += ["diffusion.steps=1"]
    elif scale.quick:
        given += ["folds=2"]
    return Cell(name, ground, (*given, *changes, *scale.overrides))


def main_system() -> System:
    """The form of SummDiff that the ablations are of: the paper's, whose tokens can tell where they are."""
    return SYSTEMS[0]


def baselines(ground: Ground) -> tuple[System, ...]:
    """The systems that are none of SummDiff's forms."""
    return tuple(system for system in systems_on(ground) if not system.ours)
