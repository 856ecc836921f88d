"""Importance by sound alone: where people speak, and where it is louder."""

import numpy as np
import pytest
from joined_films import RATE, Recording, noise, write_film

from summdiff import Summarizer
from summdiff.audio import Sound, importance_of_sound
from summdiff.audio.sound import FRAME_SECONDS

SECONDS = 60
FRAMES = round(SECONDS / FRAME_SECONDS)
TIMES = np.arange(float(SECONDS))


def sound(*, loud=(), speech=()):
    """60 s of quiet sound, louder and spoken in the given spans (seconds)."""
    middles = (np.arange(FRAMES) + 0.5) * FRAME_SECONDS
    level, said = np.full(FRAMES, 100, np.uint8), np.zeros(FRAMES, np.uint8)
    for start, end in loud:
        level[(middles >= start) & (middles < end)] = 40
    for start, end in speech:
        said[(middles >= start) & (middles < end)] = 255
    return Sound(0.0, said, np.repeat(level, 2))


def test_loud_music_is_more_important():
    scores = importance_of_sound(sound(loud=[(20, 35)]), TIMES)
    assert scores.shape == (SECONDS,)
    assert scores.min() >= 0
    assert scores.max() <= 1
    assert scores[22:33].min() > scores[:15].max() + 0.3


def test_speech_counts_more_than_loudness():
    scores = importance_of_sound(sound(loud=[(5, 20)], speech=[(40, 55)]), TIMES)
    assert scores[42:53].min() > scores[7:18].max()


@pytest.mark.parametrize("times", [TIMES[:1], TIMES[:5], np.arange(0, SECONDS + 30, 0.5)])
def test_short_films_and_times_without_sound_have_scores(times):
    scores = importance_of_sound(sound(loud=[(20, 35)]), times)
    assert scores.shape == times.shape
    assert np.isfinite(scores).all()


def test_a_film_of_one_picture_is_summarised_by_its_sound(tmp_path):
    wave = noise(40) * 0.02
    wave[12 * RATE : 22 * RATE] *= 40
    film = write_film(tmp_path / "podcast.mp4", [Recording(0, 1, sound_end=1 / 25 - 40)], sound=wave)
    summary = Summarizer(cache=False).summarize(film, duration=8)
    assert summary.video.duration == pytest.approx(40, abs=0.1)
    assert all(part.start >= 11.9 and part.end <= 22.1 for part in summary.selection)
    assert any("one picture throughout" in warning for warning in summary.warnings)
