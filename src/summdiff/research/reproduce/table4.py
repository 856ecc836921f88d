"""Table 4: how the quantised score is embedded."""

from __future__ import annotations

from collections.abc import Sequence

from summdiff.research.reproduce.cells import Ground, Measurement
from summdiff.research.reproduce.lineup import EMBEDDINGS, Scale, cell, main_system
from summdiff.research.reproduce.tables import Experiment, Part, Row, ruled
from summdiff.research.reproduce.verdicts import Ruling, ahead


def plan(grounds: Sequence[Ground], scale: Scale) -> list[tuple[Ground, list[Row]]]:
    """One training for each kind of embedding."""
    return [
        (
            ground,
            [
                Row(
                    label,
                    Measurement(cell(main_system(), ground, scale, f"network.score_embedding={kind}")),
                    paper=label,
                    at={"score_embedding": kind},
                )
                for kind, label in EMBEDDINGS.items()
            ],
        )
        for ground in grounds
    ]


def rule(part: Part) -> Ruling:
    """Learnable against both fixed ones."""
    learnable = part.find(score_embedding="learnable")
    others = [i for i in range(len(part.rows)) if i != learnable]
    numbers = f"{part.shown(learnable)}: " + "; ".join(part.shown_difference(learnable, i) for i in others)
    return ruled(part, lambda found: ahead(list(found.values())), [(learnable, i) for i in others], numbers)


EXPERIMENT = Experiment(
    name="table4",
    title="Embedding of the quantised score",
    claim="learnable embeddings are best",
    plan=plan,
    rule=rule,
)
