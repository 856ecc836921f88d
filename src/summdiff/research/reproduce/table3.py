"""Table 3: trained on the data set itself, against zero-shot after training on a larger one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from summdiff.errors import UsageError
from summdiff.evaluation import PairedDifference
from summdiff.research.reproduce.cells import Ground, Measurement
from summdiff.research.reproduce.lineup import OURS, SYSTEMS, Scale, cell
from summdiff.research.reproduce.tables import Experiment, Part, Row, ruled
from summdiff.research.reproduce.verdicts import Ruling, Status, ahead, both, not_behind

_COMPARED = ("summdiff_paper_rotary", "vasnet", "pgl_sum", "ridge")
# Who needs no videos to validate on gives up as many.
_LIKE_THE_OTHERS = {"ridge": ("hold_out=0.2",)}
_SCRATCH, _ZERO = "from scratch", "zero-shot"


def plan(grounds: Sequence[Ground], scale: Scale) -> list[tuple[Ground, list[Row]]]:
    """From scratch on the smaller data set, and trained on all of the larger one.

    Raises:
        UsageError: there is only one data set, or their features cannot be the same.
    """
    if len(grounds) < 2:
        raise UsageError(
            "table3 needs two data sets with the same features, a larger one to learn from and one to be judged on: "
            "give --data twice."
        )
    by_size = sorted(grounds, key=lambda ground: len(ground.data))
    target, source = by_size[0], by_size[-1]
    widths = [ground.data.feature_shape(ground.data.names[0]) for ground in (source, target)]
    if any(width is None for width in widths) or len({width[1] for width in widths if width}) > 1:
        raise UsageError(f"'{source.path}' and '{target.path}' do not have the same features, so nothing carries over.")
    rows = []
    for system in SYSTEMS:
        if system.recipe not in _COMPARED:
            continue
        name = OURS if system.ours else system.label
        for how, what in (
            (_SCRATCH, Measurement(cell(system, target, scale))),
            (_ZERO, Measurement(cell(system, source, scale, *_LIKE_THE_OTHERS.get(system.recipe, ())), target=target)),
        ):
            in_paper = f"{name} {how}, {target.kind}" if system.paper else None
            at = {"system": name, "how": how}
            rows.append(Row(f"{name}, {how}", what, paper=in_paper, at=at, baseline=not system.ours))
    return [(target, rows)]


def rule(part: Part) -> Ruling:
    """Zero-shot SummDiff is no worse than from scratch, and ahead of the zero-shot baselines."""
    scratch, zero = part.find(system=OURS, how=_SCRATCH), part.find(system=OURS, how=_ZERO)
    others = [i for i, row in enumerate(part.rows) if row.baseline and row.at["how"] == _ZERO]
    best = part.best(others)
    numbers = f"{part.shown(zero)}: {part.shown_difference(zero, scratch)}; {part.shown_difference(zero, best)}"
    against = [(zero, i) for i in others]

    def judge(found: Mapping[tuple[int, int], PairedDifference]) -> Status:
        return both([not_behind([found[zero, scratch]]), ahead([found[pair] for pair in against])])

    return ruled(part, judge, [(zero, scratch), *against], numbers)


EXPERIMENT = Experiment(
    name="table3",
    title="From scratch, and zero-shot after training on a larger data set",
    claim="zero-shot transfer holds: no worse than from scratch, and ahead of the zero-shot baselines",
    plan=plan,
    rule=rule,
    about=("The paper learns from Mr.HiSum and is judged on TVSum and SumMe; zero-shot models never saw a video of the "
           "data set that they are judged on. But settings come from there: SummDiff's rotary positions and eta, the "
           "others' recipes.",),
)  # fmt: skip
