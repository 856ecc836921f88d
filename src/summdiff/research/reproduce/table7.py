"""Table 7: lambda, the scale of the clean scores beside the noise."""

from __future__ import annotations

from collections.abc import Sequence

from summdiff.research.reproduce.cells import Ground, Measurement
from summdiff.research.reproduce.lineup import SCALES, Scale, cell, main_system
from summdiff.research.reproduce.tables import Experiment, Part, Row, ruled
from summdiff.research.reproduce.verdicts import Ruling, ahead


def plan(grounds: Sequence[Ground], scale: Scale) -> list[tuple[Ground, list[Row]]]:
    """One training for each lambda."""
    return [
        (
            ground,
            [
                Row(
                    f"lambda = {x:g}",
                    Measurement(cell(main_system(), ground, scale, f"network.score_scale={x:g}")),
                    paper=f"lambda={x:g}",
                    at={"lambda": x},
                )
                for x in scale.some(SCALES, (1.0, 4.0))
            ],
        )
        for ground in grounds
    ]


def rule(part: Part) -> Ruling:
    """1 against all others."""
    one = part.find(**{"lambda": 1.0})
    others = [i for i in range(len(part.rows)) if i != one]
    numbers = f"{part.shown(one)}: " + "; ".join(part.shown_difference(one, i) for i in others)
    return ruled(part, lambda found: ahead(list(found.values())), [(one, i) for i in others], numbers)


EXPERIMENT = Experiment(
    name="table7",
    title="Scale of the scores",
    claim="lambda = 1 is best",
    plan=plan,
    rule=rule,
    axis=("lambda", "lambda, scale of the scores"),
)
