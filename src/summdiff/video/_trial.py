"""A trial: how many bits a source's pictures take when they are encoded again, compared with those that they have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from math import log2

import av
import numpy as np

from summdiff.video._cut import TickPart
from summdiff.video._encode import H264Encoder
from summdiff.video._index import FrameIndex, SeekingDecoder
from summdiff.video._size import SourceRates

_PLACES, _ROUNDS = 2, 3
_SECONDS = 0.6  # of each place
_SURE_STEP = 5  # a larger step of the factor is tried too
_WORTHWHILE = 2  # times the length of the trial; what is shorter gets the encoder's usual factor instead
_USUAL_FACTOR = 23.0
_PER_DOUBLING = 6  # steps of the constant rate factor that halve the bits, about


def trial_factor(
    factor: float,
    decoder: SeekingDecoder,
    index: FrameIndex,
    rates: SourceRates,
    parts: Sequence[TickPart],
    make_encoder: Callable[..., H264Encoder],
    *,
    share: float,
    seconds: float,
    surely: bool,
) -> float:
    """Return the constant rate factor at which pictures take a share of the bits that they have, or fewer.

    A little of two parts is encoded, from a key frame of the source on.

    Args:
        factor: the lowest factor that is returned.
        decoder, index, rates: of the source.
        parts: the parts to write.
        make_encoder: makes an encoder for a file, with a factor.
        share: bits that pictures may take, divided by those that they have.
        seconds: length of what will be encoded.
        surely: try every factor before it is returned.
    """
    if seconds < _WORTHWHILE * _PLACES * _SECONDS:
        return max(factor, _USUAL_FACTOR)
    if len(rates.frames) != len(index.ticks) or not len(index.key_ticks):
        return factor
    length = round(_SECONDS / index.clock.time_base)
    at = np.searchsorted(index.key_ticks, [part.start for part in parts], side="right") - 1
    keys = index.key_ticks[np.unique(np.maximum(at, 0))]
    keys = [int(key) for key in keys[:: max(1, len(keys) // _PLACES)][:_PLACES]]
    spans = [np.searchsorted(index.ticks, (key, key + length)) for key in keys]
    allowed = share * sum(int(rates.frames[first:last].sum()) for first, last in spans)
    for _ in range(_ROUNDS if allowed > 0 else 0):
        taken = 0
        with av.open(BytesIO(), "w", format="mp4") as nowhere:
            encoder = make_encoder(nowhere, factor=factor)
            for key in keys:
                for frame, tick, duration in decoder.frames(key, key + length, with_current=False):
                    taken += 8 * sum(packet.size for packet in encoder.encode(frame, tick, duration, key=tick == key))
                taken += 8 * sum(packet.size for packet in encoder.finish())
        if taken <= allowed:
            break
        step = max(0.5, _PER_DOUBLING * log2(taken / allowed))
        factor += step
        if step <= _SURE_STEP and not surely:
            break
    return factor
