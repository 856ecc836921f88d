"""Joins of a written summary, heard and seen: no click, no gap, picture and sound in step."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from test_write import KINDS, cut, expected_frames, frames_of, sound_of

RATE = 48000
PARTS = [(0.4, 1.32), (2.2, 2.92), (3.16, 4.4), (4.8, 6.0)]


def noise(seconds, seed=0):
    """Noise without a repetition, of even loudness, with steps small enough for a click to stand out."""
    n = round(seconds * RATE)
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=n))
    hertz = np.fft.rfftfreq(n, 1 / RATE)
    spectrum[(hertz < 100) | (hertz > 2000)] = 0
    wave = np.fft.irfft(spectrum, n)
    return (0.15 * wave / wave.std()).astype(np.float32)


def hum(seconds):
    """A steady deep tone: cut without a fade it jumps by hundreds of its own steps."""
    return (0.6 * np.cos(2 * np.pi * 50 * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def joins_of(parts):
    return np.cumsum([end - start for start, end in parts])[:-1]


def around(wave, second, seconds):
    return wave[round((second - seconds) * RATE) : round((second + seconds) * RATE)]


def loudness(wave, window=0.005):
    n = round(window * RATE)
    return np.sqrt((wave[: len(wave) // n * n].reshape(-1, n) ** 2).mean(axis=1))


@pytest.mark.parametrize("kind", ["mp4", "mkv", "webm", "mov"])
def test_joins_neither_click_nor_fall_silent_and_sound_stays_in_step(kind, make_video, tmp_path):
    options = {"path": "a.mov", "gop": 12} if kind == "mov" else dict(KINDS[kind])
    source = noise(6)
    made = make_video(tmp_path / options.pop("path"), scenes=[(3, "red"), (3, "blue")], sound=source, **options)
    target = cut(made, PARTS, tmp_path / "cut.mp4")

    expected, duration = expected_frames(made, PARTS)
    assert [number for _, number, _ in frames_of(target, made)] == [number for _, number in expected]
    rate, wave = sound_of(target)
    assert rate == RATE
    assert len(wave) / RATE == pytest.approx(duration, abs=0.03)
    level, step = loudness(source).mean(), np.abs(np.diff(source)).max()
    for join in joins_of(PARTS):
        assert np.abs(np.diff(around(wave, join, 0.02))).max() < 1.2 * step
        assert loudness(around(wave, join, 0.05)).min() > 0.3 * level
    offset = 0.0
    for start, end in PARTS:
        seconds = end - start - 0.2
        heard = wave[round((offset + 0.1) * RATE) :][: round(seconds * RATE)]
        lags = range(-100, 101)
        likeness = [np.dot(heard, source[round((start + 0.1) * RATE) + lag :][: len(heard)]) for lag in lags]
        assert abs(lags[int(np.argmax(likeness))]) <= 0.001 * RATE
        offset += end - start


@pytest.mark.parametrize("method", ["auto", "encode"])
def test_a_steady_tone_is_cut_without_steps_of_its_own(method, make_video, tmp_path):
    made = make_video(tmp_path / "a.mkv", scenes=[(8, "red")], gop=5, sound=hum(8), sound_codec="pcm_s16le")
    parts = [(n * 0.4, n * 0.4 + 0.12) for n in range(20)]
    _, wave = sound_of(cut(made, parts, tmp_path / "cut.mp4", method=method))
    assert np.abs(wave).max() > 0.5
    own = np.abs(np.diff(hum(1))).max()
    for join in joins_of(parts):
        # Two equal tones sum up to 1.4 times one of them in the middle of a crossfade.
        assert np.abs(np.diff(around(wave, join, 0.02))).max() < 1.6 * own


def test_a_summary_begins_and_ends_without_a_click(make_video, tmp_path):
    made = make_video(tmp_path / "a.mkv", scenes=[(3, "red")], sound=hum(3), sound_codec="pcm_s16le")
    _, wave = sound_of(cut(made, [(0.5, 1.5)], tmp_path / "cut.mp4"))
    step = np.abs(np.diff(hum(1))).max()
    for edge in (np.pad(wave[: RATE // 50], (1, 0)), wave[RATE - RATE // 50 : RATE + RATE // 100]):
        assert np.abs(np.diff(edge)).max() < 1.6 * step


def test_parts_shorter_than_a_fade_keep_their_length(make_video, tmp_path):
    made = make_video(
        tmp_path / "a.mkv", scenes=[(1, "red")], fps=200, sound=noise(1), sound_codec="pcm_s16le", size=(64, 64)
    )
    parts = [(n * 0.05, n * 0.05 + 0.01) for n in range(20)]
    rate, wave = sound_of(cut(made, parts, tmp_path / "cut.mp4"))
    assert len(wave) / rate == pytest.approx(0.2, abs=0.03)
    assert loudness(wave[: round(0.19 * rate)], 0.01)[1:].min() > 0.3 * loudness(noise(1)).mean()
    assert all(b > a for a, b in pairwise(time for time, _, _ in frames_of(tmp_path / "cut.mp4", made)))
