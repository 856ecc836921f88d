"""Denoising of a video's curves, window by window.

The windows denoise one curve together: at every step their predictions are blended with weights that add up to one. A
window waits only for those that share steps with it, so a few are worked on at a time, whatever the length, and what
conditions a window is needed only while it is denoised.

Shapes: N steps of the video, L steps of a window, M samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from summdiff._runtime import side_by_side
from summdiff.scoring.ddim import DDIM
from summdiff.scoring.windows import Windows

# Curves denoised at a time: numbers that do not depend on the machine, so that the result does not.
_FEWEST_CURVES, _MOST_SHARES, _MOST_VALUES = 4, 4, 1 << 14

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class WindowNetwork:
    """Denoising of one window by a network.

    Attributes:
        prepare: returns what conditions a window, by its number.
        predict: returns clean signals (M, L) of noisy ones (M, L), at a place in the list of time steps, given what
            conditions the window.
        finite: returns numbers as they are, or refuses those that are not finite.
    """

    prepare: Callable[[int], Any]
    predict: Callable[[Array, int, Any], Array]
    finite: Callable[[Array], Array]


def denoise(
    noise: Array,
    windows: Windows,
    ddim: DDIM,
    network: WindowNetwork,
    *,
    known: Array | None,
    eta: float,
    generator: np.random.Generator,
    on_progress: Callable[[float], None],
) -> Array:
    """Return the clean signals (N, M) that noise (N, M) is denoised to.

    Args:
        noise: standard normal.
        windows: over the steps.
        ddim: with its time steps.
        network: for each window.
        known: (N,) clean signals that replace those that are predicted, NaN where unknown; None if there are none.
        eta: of the DDIM steps.
        generator: of their noise.
        on_progress: called with the finished share, rising to 1.
    """
    times, count = ddim.timesteps, len(windows.starts)
    state, clean = noise.copy(), np.zeros_like(noise)
    curves = _shares(noise.shape[1], windows.size)
    # Drawn step by step, as if all windows were denoised together
    drawn = [generator.standard_normal(noise.shape).astype(np.float32) if eta > 0 else None for _ in times]
    conditions = {0: network.prepare(0)}
    done = 0
    for due in windows.rounds(len(times)):
        tasks: list[Callable[[], Any]] = [
            partial(network.predict, state[windows.span(window), some].T, number, conditions[window])
            for window, number in due
            for some in curves
        ]
        upcoming = max(conditions, default=count) + 1
        if upcoming < count:
            tasks.append(partial(network.prepare, upcoming))
        found = side_by_side(_call, tasks)
        if upcoming < count:
            conditions[upcoming] = found.pop()
        for place, (window, number) in enumerate(due):
            predicted = np.concatenate(found[place * len(curves) : (place + 1) * len(curves)]).T  # (L, M)
            clean[windows.span(window)] += predicted * windows.weights[window][:, None]
            steps = windows.alone(window)
            signals = network.finite(clean[steps])
            if known is not None:
                signals = np.where(np.isnan(known[steps, None]), signals, known[steps, None])
            noise_of_step = drawn[number]
            state[steps] = ddim.step(
                signals,
                times[number],
                state[steps],
                eta=eta,
                variance_noise=None if noise_of_step is None else noise_of_step[steps],
            )
            clean[steps] = 0.0
            if number + 1 == len(times):
                del conditions[window]
        done += len(due)
        on_progress(done / (count * len(times)))
    return state


def _shares(count: int, steps: int) -> list[slice]:
    """Return shares of `count` curves: few, but none of so many values that memory grows with the number of curves."""
    share = max(_FEWEST_CURVES, min(math.ceil(count / _MOST_SHARES), _MOST_VALUES // steps))
    return [slice(first, first + share) for first in range(0, count, share)]


def _call(task: Callable[[], Any]) -> Any:
    return task()
