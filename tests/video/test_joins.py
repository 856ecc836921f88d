"""Joins of a written summary, heard and seen: no click, no gap, picture and sound in step."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from test_write import KINDS, cut, expected_frames, frames_of, sound_of, upright

from summdiff.options import MovieOptions
from summdiff.summary import Interval
from summdiff.video import cut_list, write_cut

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
    made = make_video(
        tmp_path / options.pop("path"), scenes=[(3, "red"), (3, "blue")], sound=source, size=(96, 64), **options
    )
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


def pictures_of(path):
    return [(frame.time, image) for frame, image in upright(path)]


def dissolved(parts, half):
    """(frame, frame of the next part or None, share of the next part) of every frame of a summary with dissolves.

    Args:
        parts: [first, last) in frames of the source.
        half: frames of a dissolve on each side of a join.
    """
    shown = []
    for n, (first, last) in enumerate(parts):
        begin, end = first + 2 * half * (n > 0), last - 2 * half * (n + 1 < len(parts))
        shown += [(frame, None, 0.0) for frame in range(begin, end)]
        if n + 1 < len(parts):
            shown += [(end + k, parts[n + 1][0] + k, (k + 0.5) / (2 * half)) for k in range(2 * half)]
    return shown


@pytest.mark.parametrize("kind", ["mp4 with B-frames and key frames", "mkv", "webm", "mov", "30000/1001 fps"])
def test_pictures_and_sound_dissolve_where_parts_overlap(kind, make_video, tmp_path):
    options = {"path": "a.mov", "gop": 12} if kind == "mov" else dict(KINDS[kind])
    source = noise(7)
    made = make_video(
        tmp_path / options.pop("path"), scenes=[(3, "red"), (3, "blue")], sound=source, size=(96, 64), **options
    )
    frames = [(10, 40), (60, 88), (92, 140)]
    times = made.frame_times
    parts = [(times[first], times[last]) for first, last in frames]
    target = cut(made, parts, tmp_path / "cut.mp4", transition=0.4, options=MovieOptions(quality="high"))

    half = round(0.2 / times[1])
    expected = dissolved(frames, half)
    before = {made.number(image): image.astype(float) for _, image in pictures_of(made.path)}
    found = pictures_of(target)
    assert len(found) == len(expected)
    for n, ((time, image), (a, b, share)) in enumerate(zip(found, expected, strict=True)):
        assert time - found[0][0] == pytest.approx(times[n], abs=0.0021)
        mixed = before[a] if b is None else (1 - share) * before[a] + share * before[b]
        assert np.abs(image - mixed).mean() < 6
        if b is None:
            assert made.number(image) == a

    rate, wave = sound_of(target)
    assert len(wave) / rate == pytest.approx(len(expected) * times[1], abs=0.03)
    offset = 0.0
    for n, (start, end) in enumerate(parts):
        if n:
            offset -= 2 * half * times[1]
            during = wave[round(offset * RATE) : round((offset + 2 * half * times[1]) * RATE)]
            assert np.abs(np.diff(during)).max() < 1.5 * np.abs(np.diff(source)).max()
            assert loudness(during, 0.02).min() > 0.5 * loudness(source).mean()
        middle = round((start + end) / 2 * RATE)
        heard = wave[round((offset + (end - start) / 2) * RATE) :][: round(0.05 * RATE)]
        lags = range(-100, 101)
        likeness = [np.dot(heard, source[middle + lag :][: len(heard)]) for lag in lags]
        assert abs(lags[int(np.argmax(likeness))]) <= 0.001 * RATE
        offset += end - start


def test_a_dissolve_takes_at_most_half_of_a_part(make_video, tmp_path):
    made = make_video(tmp_path / "a.mp4", scenes=[(3, "red"), (3, "blue")], gop=12)
    times = made.frame_times
    frames = [(0, 30), (40, 48), (50, 51), (60, 150)]
    cut(made, [(times[a], (*times, made.duration)[b]) for a, b in frames], tmp_path / "cut.mp4", transition=5.0)
    # 8 frames allow 2 on each side of a join; one frame allows none, so that its joins are cut.
    expected = [*range(26), None, None, None, None, *range(44, 48), 50, *range(60, 150)]
    found = [number for _, number, _ in frames_of(tmp_path / "cut.mp4", made)]
    assert len(found) == len(expected)
    assert all(number in (None, seen) for number, seen in zip(expected, found, strict=True))


def test_still_pictures_dissolve_smoothly(make_video, tmp_path):
    """Slides have no frames at the times of a dissolve: some are made."""
    times = [0.0, 0.04, 4.0, 4.04, 8.0, 8.04, 12.0]
    made = make_video(tmp_path / "slides.mkv", times=times, scenes=[(0.08, "red"), (0.08, 5), (9, "blue")], sound=True)
    write_cut(made.path, [Interval(1, 3), Interval(9, 11)], tmp_path / "cut.mp4", transition=1.0)
    found = pictures_of(tmp_path / "cut.mp4")
    assert [time for time, _ in found][:: len(found) - 1] == pytest.approx([0.0, 2.0], abs=0.06)
    assert len(found) > 20
    changes = [np.abs(after.astype(float) - before).mean() for (_, before), (_, after) in pairwise(found)]
    assert max(changes) < 0.1 * np.abs(found[-1][1].astype(float) - found[0][1]).mean()


def test_subtitles_and_timelines_are_in_step_with_a_summary_that_dissolves(make_video):
    made = make_video(scenes=[(3, "red"), (3, "blue")], gop=12)
    parts = [Interval(0.4, 2.0), Interval(2.8, 4.0), Interval(4.4, 5.6)]
    plain, cut_at = cut_list(made.path, parts), cut_list(made.path, parts, transition=0.4)
    assert [part.dissolve for part in cut_at.parts] == [0, 5, 5]
    assert cut_at.duration == plain.duration - 2 * Fraction(2, 5)
    for before, after in pairwise(cut_at.parts):
        assert after.record == before.record + before.frames
        assert after.offset == before.offset + before.end - before.start
    for chosen, part in zip(plain.parts, cut_at.parts, strict=True):
        assert part.first - part.dissolve == chosen.first
