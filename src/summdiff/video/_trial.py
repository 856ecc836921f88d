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

_PLACES = 3
_SECONDS = 1.0  # of each place
_PER_DOUBLING = 6  # steps of the constant rate factor that halve the bits


def trial_factor(
    factor: float,
    decoder: SeekingDecoder,
    index: FrameIndex,
    rates: SourceRates,
    parts: Sequence[TickPart],
    make_encoder: Callable[[av.container.OutputContainer], H264Encoder],
    *,
    share: float,
) -> float:
    """Return the constant rate factor at which pictures take a share of the bits that they have, or fewer.

    A second of up to three parts is encoded, from a key frame of the source on.

    Args:
        factor: the factor to try, the lowest that is returned.
        decoder, index, rates: of the source.
        parts: the parts to write.
        make_encoder: makes an encoder with the factor to try for a file.
        share: bits that pictures may take, divided by those that they have.
    """
    if len(rates.frames) != len(index.ticks) or not len(index.key_ticks):
        return factor
    length = round(_SECONDS / index.clock.time_base)
    had = took = 0
    with av.open(BytesIO(), "w", format="mp4") as nowhere:
        encoder = make_encoder(nowhere)
        for part in parts[:: max(1, len(parts) // _PLACES)][:_PLACES]:
            key = int(index.key_ticks[max(0, int(np.searchsorted(index.key_ticks, part.start, side="right")) - 1)])
            first, last = np.searchsorted(index.ticks, (key, key + length))
            had += int(rates.frames[first:last].sum())
            for frame, tick, duration in decoder.frames(key, key + length, with_current=False):
                took += 8 * sum(packet.size for packet in encoder.encode(frame, tick, duration, key=tick == key))
            took += 8 * sum(packet.size for packet in encoder.finish())
    return factor + max(0.0, _PER_DOUBLING * log2(took / (share * had))) if had and took else factor
