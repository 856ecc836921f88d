"""Table 5: K, the number of levels that scores are quantised to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from summdiff.evaluation import PairedDifference
from summdiff.research.reproduce.cells import Ground, Measurement
from summdiff.research.reproduce.lineup import BINS, Scale, cell, main_system
from summdiff.research.reproduce.tables import Experiment, Part, Row, ruled
from summdiff.research.reproduce.verdicts import Ruling, Status, ahead, both

_PLATEAU = 200


def plan(grounds: Sequence[Ground], scale: Scale) -> list[tuple[Ground, list[Row]]]:
    """One training for each K."""
    return [
        (
            ground,
            [
                Row(
                    f"K = {k}",
                    Measurement(cell(main_system(), ground, scale, f"network.n_bins={k}")),
                    paper=f"K={k}",
                    at={"K": k},
                )
                for k in map(int, scale.some(BINS, (5, _PLATEAU)))
            ],
        )
        for ground in grounds
    ]


def rule(part: Part) -> Ruling:
    """Better at 200 than with the fewest levels, and no more levels better than 200."""
    at = part.find(K=_PLATEAU)
    fewest = min(range(len(part.rows)), key=lambda i: part.rows[i].at["K"])
    more = [i for i, row in enumerate(part.rows) if float(row.at["K"]) > _PLATEAU]
    best = part.best(range(len(part.rows)))
    numbers = f"{part.shown(at)}: {part.shown_difference(at, fewest)}; the best is {part.shown(best)}"

    def judge(found: Mapping[tuple[int, int], PairedDifference]) -> Status:
        above = any(found[at, i].mean.high < 0 for i in more)
        return both([ahead([found[at, fewest]]), "contrary" if above else "confirmed"])

    return ruled(part, judge, [(at, fewest), *((at, i) for i in more)], numbers)


EXPERIMENT = Experiment(
    name="table5",
    title="Number of levels of the score",
    claim="quality rises with K up to a plateau near 200",
    plan=plan,
    rule=rule,
    axis=("K", "K, levels of the quantised score"),
)
