"""A trial: how many bits a source's pictures take when they are encoded again, compared with those that they have."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from math import log2

import numpy as np

from summdiff.video._cut import TickPart
from summdiff.video._encode import EncoderSettings
from summdiff.video._index import FrameIndex
from summdiff.video._limits import PictureBudget
from summdiff.video._runs import Frames
from summdiff.video._side_by_side import DecoderPool, in_order
from summdiff.video._size import SourceRates
from summdiff.video._writers import RunEncoder

_PLACES, _ROUNDS = 2, 3
_SECONDS = 0.6  # of each place
_WORTHWHILE = 2  # times the length of the trial; what is shorter gets the encoder's usual factor instead
_USUAL_FACTOR = 23.0
_FIRST_FACTOR = 27.0  # at which pictures take about the bits that they have, and no second trial is needed
_PER_DOUBLING = 6  # steps of the constant rate factor that halve the bits, about
_SURE_STEP = 2.5  # a longer step of the factor is tried too


def trial_factor(
    settings: EncoderSettings,
    decoders: DecoderPool,
    index: FrameIndex,
    rates: SourceRates,
    parts: Sequence[TickPart],
    budget: PictureBudget,
    *,
    seconds: float,
    threads: int,
) -> float:
    """Return the constant rate factor at which pictures take as many bits as they may, about, or fewer.

    A little of two parts is encoded, from a key frame of the source on. Its key frames, and the bits of its others
    relative to those that they have in the source, stand for all that is encoded.

    Args:
        settings: of the encoders, with the lowest factor that is returned.
        decoders, index, rates: of the source.
        parts: the parts to write.
        budget: of what will be encoded.
        seconds: length of that.
        threads: places that are tried at the same time.
    """
    lowest = settings.factor
    if seconds < _WORTHWHILE * _PLACES * _SECONDS:
        return max(lowest, _USUAL_FACTOR)
    if len(rates.frames) != len(index.ticks) or not len(index.key_ticks) or budget.bits <= 0:
        return lowest
    length = round(_SECONDS / index.clock.time_base)
    at = np.searchsorted(index.key_ticks, [part.start for part in parts], side="right") - 1
    keys = index.key_ticks[np.unique(np.maximum(at, 0))]
    keys = [int(key) for key in keys[:: max(1, len(keys) // _PLACES)][:_PLACES]]
    spans = [np.searchsorted(index.ticks, (key, key + length)) for key in keys]
    others = float(sum(rates.frames[first + 1 : last].sum() for first, last in spans))
    runs = [(Frames(key, key + length, offset=-key, with_current=False, part=0),) for key in keys]
    factor = max(lowest, _FIRST_FACTOR + _PER_DOUBLING * log2(max(1.0, budget.like_source(rates) / budget.bits)))
    for _ in range(_ROUNDS):
        encode = RunEncoder(decoders, replace(settings, factor=factor), dissolve_ticks=0)
        with closing(in_order(encode, runs, threads=threads)) as tried:
            taken = [[8 * packet.size for packets in run for packet in packets] for run in tried]
        key_bits, other_bits = sum(sizes[0] for sizes in taken), sum(sum(sizes[1:]) for sizes in taken)
        expected = budget.key_frames * key_bits / len(keys) + budget.others * other_bits / max(others, 1.0)
        step = _PER_DOUBLING * log2(max(expected, 1.0) / budget.bits)
        before, factor = factor, max(lowest, factor + step)
        if abs(factor - before) <= _SURE_STEP:
            break
    return factor
