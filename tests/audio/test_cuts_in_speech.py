"""From a film to its cuts: in the pauses of a made voice and of human ones, judged by loudness alone."""

import numpy as np
import pytest
from speech_cuts import judged, levels, loud_moments, talking_film
from voices import RATE, speech

from summdiff.features.cache import FeatureCache
from summdiff.pipeline import Summarizer

PAUSES = [(2.3, 2.8), (5.1, 5.6), (7.0, 7.6), (10.2, 10.6), (12.4, 12.9), (15.1, 15.7), (17.6, 18.0), (20.3, 20.9)]
SECONDS = 24.0
ENDS = [0.0, *(time for pause in PAUSES for time in pause), SECONDS]
PHRASES = list(zip(ENDS[::2], ENDS[1::2], strict=True))
SCENES = [(4.0, "forest"), (5.5, "street"), (4.5, "beach"), (6.0, "night"), (4.0, "forest")]


@pytest.fixture(scope="module")
def summarizer(tmp_path_factory):
    return Summarizer(cache=FeatureCache(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="module")
def film(make_video):
    """A film in which the made voice speaks over all cuts of the pictures but one."""
    return make_video(
        scenes=SCENES, sound=speech(PHRASES, SECONDS), sound_rate=RATE, sound_layout="mono", size=(128, 72)
    ).path


def cuts(summary):
    ends = {end for part in summary.selection for end in (part.start, part.end)}
    return sorted(ends - {0.0, summary.video.duration})


def test_the_made_voice_is_heard_as_speech_with_its_pauses(film, summarizer):
    summarizer.summarize(film)
    segments = summarizer._cache.get(film, "efficientnet_lite0", 1.0).sound.segments().ravel()

    def speaks(times):
        return np.searchsorted(segments, times) % 2 == 1

    assert not speaks(np.mean(PAUSES, axis=1)).any()
    assert np.mean([speaks(np.linspace(start + 0.1, end - 0.1, 50)).mean() for start, end in PHRASES]) > 0.9


@pytest.mark.parametrize("budget", [0.15, 0.3, 0.5])
def test_cuts_fall_in_pauses(budget, film, summarizer):
    found = cuts(summarizer.summarize(film, budget=budget))
    assert found
    assert judged(found, loud_moments(levels(film))) == (0, 0)


def test_reselecting_keeps_to_the_pauses(film, summarizer):
    import summdiff

    found = cuts(summdiff.reselect(summarizer.summarize(film), budget=0.4))
    assert found
    assert judged(found, loud_moments(levels(film))) == (0, 0)


def test_a_film_without_speech_is_cut_as_if_nobody_listened(make_video, summarizer):
    rng = np.random.default_rng(0)
    noise = 0.1 * rng.normal(size=round(SECONDS * RATE)).astype(np.float32)
    film = make_video(scenes=SCENES, sound=noise, sound_rate=RATE, sound_layout="mono", size=(128, 72)).path
    assert summarizer.summarize(film).selection == summarizer.summarize(film, sound=False).selection


def test_what_is_kept_is_kept_exactly_also_inside_a_word(film, summarizer):
    summary = summarizer.summarize(film, budget=0.4, keep=[(8.0, 9.0)])
    assert any(part.start <= 8.0 and part.end >= 9.0 for part in summary.selection)


def test_cuts_of_a_human_reading_fall_in_pauses(data_dir, tmp_path, summarizer):
    reading, video = data_dir / "speech" / "sonnet002.mp3", data_dir / "videos" / "sintel_trailer_52s.mp4"
    if not (reading.exists() and video.exists()):
        pytest.skip(f"no readings in {data_dir}")
    film = talking_film(video, reading, tmp_path / "film.mp4", static=False, seconds=30.0)
    loud = loud_moments(levels(film))
    found = cuts(summarizer.summarize(film, budget=0.3))
    assert found
    assert judged(found, loud)[1] == 0
    unheard = cuts(summarizer.summarize(film, budget=0.3, sound=False))
    assert judged(unheard, loud)[0] > judged(found, loud)[0]


def test_the_measure_finds_cuts_inside_speech(film):
    loud = loud_moments(levels(film))
    assert judged([1.0, 4.0, 9.0], loud) == (3, 3)
    assert judged([1.0, 4.0, 9.0], loud | True) == (3, 0)
    assert judged([(start + end) / 2 for start, end in PAUSES], loud) == (0, 0)
