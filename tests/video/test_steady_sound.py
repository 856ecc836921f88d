"""Sound whose timestamps disagree with its samples: faded holes and overlaps, softly resampled drift."""

import numpy as np
import pytest

from summdiff.video._steady_sound import SteadySound

RATE, FRAME = 48_000, 1024


def tone(seconds, hertz=440.0):
    return (0.4 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def placed(frames, rate=RATE):
    """Samples (n,) by their places, with NaN where there are none."""
    steady = SteadySound(rate)
    blocks = [block for at, samples in frames for block in steady.add(at, samples[None])]
    blocks += steady.finish()
    wave = np.full(max(at + samples.shape[1] for at, samples in blocks), np.nan, np.float32)
    for at, samples in blocks:
        assert np.isnan(wave[at : at + samples.shape[1]]).all(), "no sample is given twice"
        wave[at : at + samples.shape[1]] = samples[0]
    return wave


def frames_of(wave, stamp=lambda n: n * FRAME, without=()):
    count = len(wave) // FRAME
    return [(round(stamp(n)), wave[n * FRAME : (n + 1) * FRAME]) for n in range(count) if n not in without]


def breaks(wave, hertz=440.0):
    """Residual of the best linear prediction of a tone: large where it breaks."""
    return np.abs(wave[2:] - 2 * np.cos(2 * np.pi * hertz / RATE) * wave[1:-1] + wave[:-2])


@pytest.mark.parametrize("jitter", [0, 48, 500])
def test_sound_passes_as_it_is_while_timestamps_only_jitter(jitter):
    wave = tone(3)
    shifts = np.random.default_rng(0).integers(-jitter, jitter + 1, 1000)
    shifts[0] = 0
    result = placed(frames_of(wave, stamp=lambda n: n * FRAME + shifts[n]))
    if jitter < 100:
        np.testing.assert_array_equal(result, wave[: len(result)])
    assert not np.isnan(result).any()
    assert breaks(result).max() < 0.001


@pytest.mark.parametrize("speed", [0.99, 0.999, 1.001, 1.01])
def test_drift_is_resampled_and_stays_in_step(speed):
    """A tone whose pitch says where it is: sweep from 200 to 1200 Hz."""
    seconds = np.arange(20 * RATE) / RATE
    wave = (0.4 * np.sin(2 * np.pi * (200 * seconds + 25 * seconds**2))).astype(np.float32)
    result = placed(frames_of(wave, stamp=lambda n: n * FRAME * speed))
    assert not np.isnan(result).any()
    for at in (5.0, 10.0, 15.0):
        piece = result[round(at * RATE) : round(at * RATE) + 4096]
        rises = np.flatnonzero((piece[:-1] < 0) & (piece[1:] >= 0))
        hertz = (len(rises) - 1) / (rises[-1] - rises[0]) * RATE
        middle = at + (rises[0] + rises[-1]) / 2 / RATE
        place = (hertz * speed - 200) / 50 * speed  # the source's pitch there, at its speed
        assert place == pytest.approx(middle, abs=0.06)
    assert np.abs(np.diff(result[:-RATE], n=2)).max() < 0.02


def test_a_lost_frame_becomes_a_hole_that_fades():
    result = placed(frames_of(tone(2), without={40}))
    hole = np.flatnonzero(np.isnan(result))
    assert len(hole) == FRAME
    assert hole[0] == 40 * FRAME
    filled = np.nan_to_num(result)
    assert np.abs(np.diff(filled)).max() < 0.025, "the tone's own step is 0.023"
    assert np.abs(filled[hole[0] - 10 : hole[0]]).max() < 0.05
    assert np.abs(filled[hole[-1] + 1 : hole[-1] + 11]).max() < 0.05


def test_an_overlap_is_crossfaded():
    """The second recording begins 30 ms before the first one ends."""
    early = round(0.03 * RATE)
    start = 20 * FRAME - early
    frames = frames_of(tone(2)[: 20 * FRAME]) + [
        (start + n * FRAME, wave) for n, (_, wave) in enumerate(frames_of(tone(1, 300.0)))
    ]
    result = placed(frames)
    assert len(result) == start + len(tone(1)) // FRAME * FRAME
    assert not np.isnan(result).any()
    assert np.abs(np.diff(result)).max() < 0.05


def test_a_single_wrong_timestamp_moves_nothing():
    wave = tone(2)
    result = placed(frames_of(wave, stamp=lambda n: n * FRAME + 2000 * (n == 30)))
    np.testing.assert_array_equal(result, wave[: len(result)])
