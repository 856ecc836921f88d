"""The importance curve as paths of an SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from summdiff.summary import Summary, clock

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MAX_STEPS = 1000  # about one per pixel
_WIDTH, _HEIGHT = 1000, 160  # of the drawing, in its own units
_THINNEST_PART = 1.5  # units: less could not be seen
_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)  # seconds between labels


def curve_paths(summary: Summary) -> dict[str, Any]:
    """Return the drawings of the curve, in a box of 1000 × 160 units, and the labels of its time axis.

    Returns:
        `width`, `height`; `parts`, left edge and width of each chosen part; `ticks`, place in percent and text of each
        label; `alone` and `banded`, each with the path `line` and the scores `low` and `high` at bottom and top.
        `alone` is scaled to the curve, `banded` to the path `band` of one standard deviation around it.
    """
    import numpy as np

    duration = summary.video.duration
    mean, std = np.array(summary.scores.mean), np.array(summary.scores.std)
    edges = np.append(summary.scores.times, duration)  # a score holds until the next step
    if len(mean) > _MAX_STEPS:
        first = np.arange(_MAX_STEPS) * len(mean) // _MAX_STEPS
        counts = np.diff(np.append(first, len(mean)))
        mean, std = np.add.reduceat(mean, first) / counts, np.add.reduceat(std, first) / counts
        edges = np.append(edges[first], duration)
    across = _WIDTH * np.clip(edges / duration, 0, 1)
    tick = next((step for step in _TICKS if duration / step <= 8), _TICKS[-1])
    return {
        "width": _WIDTH,
        "height": _HEIGHT,
        "parts": [
            (
                round(_WIDTH * part.start / duration, 1),
                max(round(_WIDTH * part.duration / duration, 1), _THINNEST_PART),
            )
            for part in summary.selection
        ],
        "ticks": [
            (round(100 * n * tick / duration, 2), clock(n * tick)) for n in range(int(duration * 0.97 / tick) + 1)
        ],
        "alone": _drawing(across, mean, np.zeros_like(std)),
        "banded": _drawing(across, mean, std),
    }


def _drawing(across: NDArray[np.float64], mean: NDArray[np.float64], spread: NDArray[np.float64]) -> dict[str, str]:
    """Return a curve (N,) with a band, scaled to both; `across` (N + 1,) are the edges of its steps."""
    upper, lower = mean + spread, mean - spread
    low, high = max(0.0, float(lower.min())), min(1.0, float(upper.max()))
    margin = 0.08 * (high - low) + 0.005
    low, high = max(0.0, low - margin), min(1.0, high + margin)

    def steps(values: NDArray[np.float64], ends: NDArray[np.float64]) -> str:
        return " ".join(f"V{y:.1f} H{x:.1f}" for x, y in zip(ends, down(values), strict=True))

    def down(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return _HEIGHT * (1 - (values.clip(low, high) - low) / (high - low))

    start = f"M{across[0]:.1f}"
    return {
        "line": f"{start} {down(mean)[0]:.1f} {steps(mean, across[1:])}",
        "band": f"{start} {down(upper)[0]:.1f} {steps(upper, across[1:])} {steps(lower[::-1], across[:-1][::-1])} Z",
        "low": f"{low:.2f}",
        "high": f"{high:.2f}",
    }
