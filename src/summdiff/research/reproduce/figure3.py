"""Figure 3: quality over DDIM steps."""

from __future__ import annotations

from collections.abc import Sequence

from summdiff.research.reproduce.cells import Ground, Measurement
from summdiff.research.reproduce.lineup import STEPS, Scale, cell, main_system
from summdiff.research.reproduce.tables import Experiment, Part, Row, ruled
from summdiff.research.reproduce.verdicts import Ruling, ahead


def plan(grounds: Sequence[Ground], scale: Scale) -> list[tuple[Ground, list[Row]]]:
    """One training; the number of steps is varied by sampling only."""
    planned = []
    for ground in grounds:
        trained = cell(main_system(), ground, scale)
        rows = [
            Row(
                f"{n} step" if n == 1 else f"{n} steps",
                Measurement(trained, steps=n),
                paper=f"steps={n}" if n == 1 else None,
                at={"steps": n},
            )
            for n in map(int, scale.some(STEPS, (1, 3, 6)))
        ]
        planned.append((ground, rows))
    return planned


def rule(part: Part) -> Ruling:
    """The most steps against one."""
    most = max(range(len(part.rows)), key=lambda i: part.rows[i].at["steps"])
    one = part.find(steps=1)
    numbers = f"{part.shown(most)}: {part.shown_difference(most, one)}"
    return ruled(part, lambda found: ahead(list(found.values())), [(most, one)], numbers)


EXPERIMENT = Experiment(
    name="figure3",
    title="Quality over DDIM steps",
    claim="more denoising steps give better summaries",
    plan=plan,
    rule=rule,
    axis=("steps", "DDIM steps"),
    about=(
        "The epoch is the one that validates best with the recipe's steps; others are then sampled from the same "
        "weights.",
        "The mean of the samples is judged, from which noise cancels; the paper judges one sample.",
    ),
)
