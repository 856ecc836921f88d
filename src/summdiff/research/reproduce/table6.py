"""Table 6: classifier-free guidance, p (share trained without the video) by w (its weight in sampling)."""

from __future__ import annotations

from collections.abc import Sequence

from summdiff.research.reproduce.cells import Ground, Measurement
from summdiff.research.reproduce.lineup import SHARES, WEIGHTS, Scale, cell, main_system
from summdiff.research.reproduce.tables import Experiment, Part, Row, ruled
from summdiff.research.reproduce.verdicts import Ruling, ahead

_P, _W = 0.2, 0.1  # of the paper's headline


def plan(grounds: Sequence[Ground], scale: Scale) -> list[tuple[Ground, list[Row]]]:
    """One training for each p; w is varied by sampling only."""
    planned = []
    for ground in grounds:
        rows = []
        for p in scale.some(SHARES, (0.0, _P)):
            # Of a model that never learned without its video, the null video says nothing.
            own = (f"diffusion.p_uncond={p:g}", f"diffusion.guidance_scale={_W if p else 0:g}")
            trained = cell(main_system(), ground, scale, *own)
            for w in (0.0, *scale.some(WEIGHTS, (_W, 0.8))) if p else (0.0,):
                rows.append(
                    Row(
                        f"p = {p:g}, w = {w:g}" if p else "p = 0",
                        Measurement(trained, guidance_scale=w),
                        paper=(f"p={p:g} w={w:g}" if w else None) if p else "p=0",
                        at={"p": p, "w": w},
                    )
                )
        planned.append((ground, rows))
    return planned


def rule(part: Part) -> Ruling:
    """The paper's best, p = 0.2 and w = 0.1, against no guidance in training, and in sampling only."""
    gentle = part.find(p=_P, w=_W)
    others = [part.find(p=0.0), part.find(p=_P, w=0.0)]
    best = part.best(range(len(part.rows)))
    numbers = f"{part.shown(gentle)}: " + "; ".join(part.shown_difference(gentle, i) for i in others)
    numbers += f"; the best is {part.shown(best)}"
    return ruled(part, lambda found: ahead(list(found.values())), [(gentle, i) for i in others], numbers)


EXPERIMENT = Experiment(
    name="table6",
    title="Classifier-free guidance",
    claim="gentle guidance helps",
    plan=plan,
    rule=rule,
    about=(
        f"The epoch is the one that validates best with w = {_W:g}; other w are then sampled from the same weights.",
        "Guidance reaches the last prediction, which is the answer, as the paper's equation has it; in the authors' "
        "later code it only steers the way there.",
        "The video that stands for none is learned; in the paper it is a black one, whose features the files lack.",
    ),
)
