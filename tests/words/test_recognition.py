"""Recognition over the stretches of speech of a video: with an engine that tells where it is, and with Moonshine."""

import numpy as np
import pytest

from summdiff.audio import Sound, listen, speech_samples
from summdiff.audio.sound import FRAME_SECONDS
from summdiff.features.cache import FeatureCache
from summdiff.pipeline import Summarizer
from summdiff.words import Phrase, find_words, finding, speech_engines
from summdiff.words.recognition import recognize, stretches_of

RATE = 16_000


def sound_of(spans, *, start=0.0, seconds=120.0):
    """A sound with speech in these spans, in seconds, and silence elsewhere."""
    times = start + (np.arange(round(seconds / FRAME_SECONDS)) + 0.5) * FRAME_SECONDS
    speaks = np.any([(times >= first) & (times < last) for first, last in spans], axis=0)
    loudness = np.where(speaks, 40, 160).astype(np.uint8)
    return Sound(start, (255 * speaks).astype(np.uint8), np.repeat(loudness, 2))


class Counting:
    """An engine that says how many beeps a stretch has; unsure of the second stretch."""

    id, language = "counting 1", "en"

    def __init__(self):
        self.heard = []

    def __call__(self, samples):
        self.heard.append(len(samples) / RATE)
        loud = np.flatnonzero(np.abs(samples) > 0.05)
        beeps = 1 + int((np.diff(loud) > RATE / 2).sum())
        return Phrase(f"I heard {beeps} beeps.", 0.2 if len(self.heard) == 2 else 0.9)


def test_stretches_end_at_long_pauses_and_last_12_seconds_at_most():
    spans = [(1, 4), (4.2, 8), (10, 12), (12.3, 16), (16.2, 19), (19.4, 25)]
    stretches = stretches_of(sound_of(spans))
    assert [np.round([part[0][0], part[-1][1]]).tolist() for part in stretches] == [[1, 8], [10, 19], [19, 25]]


def test_speech_without_a_pause_is_divided_at_its_quietest_moment():
    sound = sound_of([(0, 50)])
    quiet = round(23.0 / FRAME_SECONDS) * 2
    sound.loudness[quiet : quiet + 6] = 90
    stretches = stretches_of(sound)
    assert all(part[-1][1] - part[0][0] <= 20 for part in stretches)
    assert min(abs(part[0][0] - 23.05) for part in stretches) < 0.1


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("stereo.mp4", {}),
        ("telephone.mp4", {"sound_rate": 8000, "sound_layout": "mono"}),
        ("surround.mp4", {"sound_layout": "5.1", "sound_rate": 44100}),
        ("later.mp4", {"start": 7.0}),
    ],
)
def test_samples_are_those_of_their_spans(name, options, make_video, tmp_path):
    film = make_video(tmp_path / name, scenes=[(4.0, "street")], sound=True, **options).path
    spans = [(0.2, 0.8), (0.9, 1.2), (2.9, 3.2), (3.8, 9.0)]
    pieces = list(speech_samples(film, spans))
    assert [len(piece) for piece in pieces] == [round((end - start) * RATE) for start, end in spans]
    for (start, _), piece in zip(spans, pieces, strict=True):
        loud = np.flatnonzero(np.abs(piece) > 0.05)
        beep = np.ceil(start) if np.ceil(start) < 4 and np.ceil(start) - start < 0.5 else None
        if beep is None:
            assert not len(loud)
        else:
            assert start + loud[0] / RATE == pytest.approx(beep, abs=0.05)


def test_words_are_placed_where_they_were_heard_and_doubtful_ones_left_out(make_video):
    film = make_video(scenes=[(4.0, "street")], sound=True).path
    engine = Counting()
    transcript = recognize(film, sound_of([(0.0, 0.4), (0.95, 1.4), (2.0, 3.8)], seconds=4.0), engine)
    assert engine.heard == pytest.approx([0.4 + 0.15 + 0.15, 0.15 + 0.45 + 0.15, 2.1], abs=0.07)
    assert [(round(s.start), round(s.end), s.text) for s in transcript.sentences] == [
        (0, 0, "I heard 1 beeps."),
        (2, 4, "I heard 2 beeps."),
    ]
    assert transcript.confidence == pytest.approx(0.78, abs=0.03)


def test_what_was_recognized_is_kept_with_the_features(make_video, tmp_path, monkeypatch):
    from voices import speech

    film = make_video(
        scenes=[(6.0, "street")], sound=speech([(0.5, 5.0)], 6.0), sound_rate=RATE, sound_layout="mono", size=(64, 36)
    ).path
    engine = Counting()
    monkeypatch.setattr(finding, "speech_engines", lambda: ("counting",))
    monkeypatch.setattr(finding, "load_engine", lambda name: engine)
    finding._engine.cache_clear()
    cache = FeatureCache(tmp_path)
    first = Summarizer(cache=cache).summarize(film)
    heard = len(engine.heard)
    again = Summarizer(cache=cache).summarize(film)
    assert heard == len(engine.heard) > 0
    assert first.transcript.source == "counting 1"
    assert first.transcript == again.transcript
    assert Summarizer(cache=cache).summarize(film, speech="off").transcript is None
    finding._engine.cache_clear()


def test_an_engine_that_understands_nothing_is_named_in_a_warning(make_video, monkeypatch):
    class Unsure(Counting):
        def __call__(self, samples):
            return Phrase("Uh.", 0.31)

    monkeypatch.setattr(finding, "load_engine", lambda name: Unsure())
    finding._engine.cache_clear()
    film = make_video(scenes=[(4.0, "street")], sound=True).path
    found = find_words(film, sound_of([(0.5, 3.5)], seconds=4.0), speech="counting")
    finding._engine.cache_clear()
    assert found.transcript is None
    assert "mean probability of 0.31. It knows English only: give a transcript" in found.warning


@pytest.mark.skipif("moonshine" not in speech_engines(), reason="moonshine-voice is not installed")
def test_moonshine_reads_a_sonnet(data_dir, tmp_path):
    from speech_cuts import talking_film

    reading, video = data_dir / "speech" / "sonnet003.mp3", data_dir / "videos" / "bbb_480p_30s.mp4"
    if not (reading.exists() and video.exists()):
        pytest.skip(f"no readings in {data_dir}")
    film = talking_film(video, reading, tmp_path / "film.mp4", static=True, seconds=20.0)
    words = find_words(film, listen(film, 20.0)).transcript.words
    text = " ".join(word.text for word in words)
    assert "Look in thy glass, and tell the face thou viewest." in text
    assert next(word.start for word in words if word.text == "Look") == pytest.approx(2.98, abs=0.2)
