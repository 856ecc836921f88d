"""Table 2: SummDiff with a single denoising step against the best baseline."""

from __future__ import annotations

from collections.abc import Sequence

from summdiff.research.reproduce.cells import Ground, Measurement
from summdiff.research.reproduce.lineup import OURS, Scale, baselines, cell, main_system
from summdiff.research.reproduce.tables import Experiment, Part, Row, ruled
from summdiff.research.reproduce.verdicts import Ruling, ahead


def plan(grounds: Sequence[Ground], scale: Scale) -> list[tuple[Ground, list[Row]]]:
    """One step, all steps, and the baselines of table 1."""
    planned = []
    for ground in grounds:
        ours = cell(main_system(), ground, scale)
        steps = ours.checked.diffusion.steps
        rows = [
            Row(f"{OURS}, 1 step", Measurement(ours, steps=1), paper=f"{OURS}, 1 step", at={"steps": 1}),
            Row(f"{OURS}, {steps} steps", Measurement(ours), at={"steps": steps}),
        ]
        rows += [
            Row(
                system.label,
                Measurement(cell(system, ground, scale)),
                paper=system.paper if system.paper == "PGL-SUM" else None,
                baseline=True,
            )
            for system in baselines(ground)
        ]
        planned.append((ground, rows))
    return planned


def rule(part: Part) -> Ruling:
    """One step against the baseline that is best on these videos, which is hard on SummDiff."""
    others = [i for i, row in enumerate(part.rows) if row.baseline]
    numbers = f"{part.shown(0)}: {part.shown_difference(0, part.best(others))}, the best baseline here"
    return ruled(
        part,
        lambda found: ahead(list(found.values())),
        lambda measure: [(0, part.best(others, measure))],
        numbers,
    )


EXPERIMENT = Experiment(
    name="table2",
    title="One denoising step against the best baseline",
    claim="SummDiff is already ahead of the best baseline with one step",
    plan=plan,
    rule=rule,
    about=("The best baseline is the one with the best mean on these very videos; in the paper it is PGL-SUM.",),
)
