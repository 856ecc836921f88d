"""Compare non-maximum suppression of one video's segments with plain Python, in turns.

    python benchmarks/nms.py [--steps 1300] [--rounds 7]

Boxes are those of DSNet with four anchors per step: `random` around each step with random scores; `apart`, the worst
case, in which no box overlaps another and all are kept. Both ways must keep the same boxes. Times are medians over
rounds, the ratio the median of each round's ratio.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
from numpy.typing import NDArray

from summdiff.scoring.detection import suppress

WIDTHS, THRESHOLD = (4.0, 8.0, 16.0, 32.0), 0.5


def plain(boxes: NDArray[np.float64], scores: NDArray[np.float64]) -> list[int]:
    """Repeatedly take the best remaining box that overlaps no kept box."""
    found, values = boxes.tolist(), scores.tolist()
    kept: list[int] = []
    for i in sorted(range(len(values)), key=lambda i: -values[i]):
        start, end = found[i]
        for j in kept:
            shared = min(end, found[j][1]) - max(start, found[j][0])
            if shared > 0 and shared > THRESHOLD * (end - start + found[j][1] - found[j][0] - shared):
                break
        else:
            kept.append(i)
    return kept


def cases(steps: int) -> dict[str, NDArray[np.float64]]:
    """Return boxes (4 * steps, 2) by name."""
    rng = np.random.default_rng(0)
    centres = np.arange(steps)[:, None] + rng.standard_normal((steps, 4))
    widths = np.array(WIDTHS) * np.exp(0.3 * rng.standard_normal((steps, 4)))
    around = np.stack([centres - widths / 2, centres + widths / 2], axis=-1).reshape(-1, 2)
    starts = 2.0 * np.arange(4 * steps)
    return {"random": around, "apart": np.stack([starts, starts + 1], axis=-1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1300, help="of the video; there are four boxes for each")
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    print(f"{'boxes':>8}{'':>8}{'kept':>7}{'plain, ms':>11}{'ours, ms':>10}{'ratio':>7}")
    for name, boxes in cases(asked.steps).items():
        scores = np.random.default_rng(1).random(len(boxes))
        times: list[tuple[float, float]] = []
        for _ in range(asked.rounds + 1):
            began = time.perf_counter()
            slow = plain(boxes, scores)
            between = time.perf_counter()
            ours = suppress(boxes, scores, THRESHOLD)
            times.append((between - began, time.perf_counter() - between))
            if ours.tolist() != slow:
                raise SystemExit(f"{name}: the two ways keep different boxes")
        times = times[1:]  # the first round warms up
        a, b = (1000 * statistics.median(column) for column in zip(*times, strict=True))
        ratio = statistics.median(x / y for x, y in times)
        print(f"{len(boxes):>8}{name:>8}{len(ours):>7}{a:11.1f}{b:10.1f}{ratio:7.1f}", flush=True)


if __name__ == "__main__":
    main()
