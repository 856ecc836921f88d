"""Measure how well a pass that leaves out frames knows where the picture changes most, and what features tell of cuts.

    python scripts/measure_boundaries.py VIDEO...

Each video is looked at twice, with every frame and without those that nothing needs. Prints, for the steps of all
videos: how many boundaries the second pass knows exactly, within three frames, or only within more; how many of the
spans miss the exact boundary; and the share of cuts between whose steps the features change by less than some amounts.
A cut is a change of the picture that is five times the median of its step and at least 12 of 255 levels.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np

from summdiff.features import Backbone, load_backbone
from summdiff.features.extraction import extract
from summdiff.selection.places import feature_changes
from summdiff.video import FrameDecoder
from summdiff.video._picture import LumaSampler

TIMES_MEDIAN, LEAST_LEVELS = 5.0, 12 / 255
FEW_FRAMES = 3
AMOUNTS = (0.1, 0.2, 0.3, 0.4, 0.5)


def are_cuts(path: Path, times: np.ndarray) -> np.ndarray:
    """Return (N,) whether the film cuts between each step, at these times, and the step before it."""
    sampler, before, seconds, sizes = LumaSampler(), None, [], []
    with FrameDecoder(path) as decoder:
        for timed in decoder:
            luma = sampler(timed.frame)
            sizes.append(luma.change_from(before or luma))
            seconds.append(decoder.seconds(timed.ticks))
            before = luma
    shown = np.searchsorted(seconds, times, side="right")
    found = np.zeros(len(times), dtype=bool)
    for step, (first, last) in enumerate(pairwise(shown), start=1):
        inside = np.array(sizes[first:last])
        found[step] = len(inside) and inside.max() >= max(TIMES_MEDIAN * np.median(inside), LEAST_LEVELS)
    return found


def measured(path: Path, backbone: Backbone) -> tuple[np.ndarray, np.ndarray]:
    """Return for each step but the first (width of its span in frames, whether the exact boundary is outside it), and
    (whether it follows a cut, change of the features)."""
    exact, normal = (extract(path, backbone, rate=1.0, decoding=way, sound=False) for way in ("exact", "normal"))
    spans = normal.spans if len(normal.spans) else np.column_stack((normal.boundaries, normal.boundaries))
    width = np.rint((spans[:, 1] - spans[:, 0]) * normal.video.fps)
    known = np.isclose(exact.boundaries, normal.boundaries, atol=1e-6)
    inside = (exact.boundaries > spans[:, 0]) & (exact.boundaries <= spans[:, 1] + 1e-6)
    missed = np.where(width > 0, ~inside, ~known)
    change = np.append(0.0, feature_changes(exact.features))
    return np.column_stack((width, missed))[1:], np.column_stack((are_cuts(path, exact.times), change))[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="+")
    asked = parser.parse_args()
    backbone = load_backbone()
    spans, changes = map(np.concatenate, zip(*(measured(path, backbone) for path in asked.videos), strict=True))
    width, missed = spans[:, 0], spans[:, 1] > 0
    print(f"{len(width)} steps: {np.mean(width == 0):.0%} exact, {np.mean((width > 0) & (width <= FEW_FRAMES)):.0%} "
          f"within {FEW_FRAMES} frames, the others within {np.mean(width[width > FEW_FRAMES]):.0f} frames in the mean; "
          f"{missed.sum():.0f} lie elsewhere")  # fmt: skip
    cuts = changes[changes[:, 0] > 0, 1]
    print(f"{len(cuts)} cuts; features change by less than …")
    for amount in AMOUNTS:
        of_cuts, of_steps = np.mean(cuts < amount), np.mean(changes[:, 1] < amount)
        print(f"  {amount:g} at {of_cuts:6.1%} of them, and at {of_steps:4.0%} of all steps")


if __name__ == "__main__":
    main()
