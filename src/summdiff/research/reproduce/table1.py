"""Table 1: SummDiff beside the systems of the literature, and beside ridge regression, chance and people."""

from __future__ import annotations

from collections.abc import Sequence

from summdiff.research.reproduce.cells import Ground, Measurement
from summdiff.research.reproduce.lineup import Scale, cell, systems_on
from summdiff.research.reproduce.tables import Experiment, Part, Row, ruled
from summdiff.research.reproduce.verdicts import Ruling, ahead


def plan(grounds: Sequence[Ground], scale: Scale) -> list[tuple[Ground, list[Row]]]:
    """Every system on each data set."""
    return [
        (
            ground,
            [
                Row(
                    system.label,
                    Measurement(cell(system, ground, scale)),
                    paper=system.paper,
                    at={"form": system.recipe},
                    baseline=not system.ours,
                )
                for system in systems_on(ground)
            ],
        )
        for ground in grounds
    ]


def rule(part: Part) -> Ruling:
    """SummDiff's main form against every baseline; the numbers also name the best form of SummDiff."""
    others = [i for i, row in enumerate(part.rows) if row.baseline]
    papers = [i for i in others if part.rows[i].paper]
    ours = [i for i, row in enumerate(part.rows) if not row.baseline]
    best, best_form, best_of_papers = part.best(others), part.best(ours), part.best(papers)
    numbers = f"{part.shown(0)}: {part.shown_difference(0, best)}, the best of {len(others)} baselines"
    if best_of_papers != best:
        numbers += f"; {part.shown_difference(0, best_of_papers)}, the best of those that the paper has"
    if best_form != 0:
        numbers += f"; {part.shown(best_form)}: {part.shown_difference(best_form, best)}"
    return ruled(part, lambda found: ahead(list(found.values())), [(0, i) for i in others], numbers)


EXPERIMENT = Experiment(
    name="table1",
    title="All systems",
    claim="SummDiff is ahead of every baseline",
    plan=plan,
    rule=rule,
    about=(
        "The paper's form has positions that are added to tokens once, by which a score token hardly finds its own "
        "step with so few videos; the form with rotary positions is otherwise the same, and is what all tables are of.",
        "Ridge regression and the perceptron are not in the paper. They look at each step by itself; what the two on "
        "relations see of it is how it relates to the rest of the video.",
        "Detectors are judged by their classifier's scores; `docs/baselines.md` also has them by the segments they "
        "find.",
    ),
)
