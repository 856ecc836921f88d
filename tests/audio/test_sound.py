"""Levels and segments of speech, and their times in the film."""

import hashlib

import numpy as np
import pytest

from summdiff.audio import Sound, voice_activity_graph
from summdiff.audio._silero import GRAPH_SHA256, VoiceActivity
from summdiff.audio.sound import FRAME_SECONDS, levels
from summdiff.errors import ModelError


def sound(probabilities, start=0.0):
    speech = np.round(255 * np.asarray(probabilities)).astype(np.uint8)
    return Sound(start, speech, np.full(2 * len(speech), 60, np.uint8))


def seconds(*frames):
    return pytest.approx(np.array(frames) * FRAME_SECONDS)


def test_levels_are_half_decibels_below_full_scale():
    full, tenth = np.ones((1, 512), np.float32), np.full((1, 512), 0.1, np.float32)
    assert levels(np.concatenate((full, tenth, 0 * full))).tolist() == [0, 0, 40, 40, 255, 255]


def test_speech_begins_at_one_half_and_ends_below_035():
    assert sound([0.1, 0.45] + [0.6] * 9 + [0.4] * 3 + [0.3] * 5 + [0.45]).segments()[0] == seconds(2, 14)


def test_silence_below_a_tenth_of_a_second_does_not_end_speech():
    segments = sound([0.9] * 10 + [0.0] * 3 + [0.9] * 10 + [0.0] * 4 + [0.9] * 10).segments()
    assert segments.tolist() == [seconds(0, 23), seconds(27, 37)]


def test_speech_below_a_quarter_of_a_second_does_not_count():
    assert sound([0.0] * 5 + [0.9] * 7 + [0.0] * 5).segments().shape == (0, 2)
    assert len(sound([0.0] * 5 + [0.9] * 8 + [0.0] * 5).segments()) == 1


@pytest.mark.parametrize("probabilities", [[], [0.9] * 20, [0.0] * 20, [0.4] * 20])
def test_segments_lie_within_the_sound_and_in_order(probabilities):
    segments = sound(probabilities, start=1.5).segments()
    assert (np.diff(segments.ravel()) > 0).all()
    assert ((segments >= 1.5) & (segments <= 1.5 + len(probabilities) * FRAME_SECONDS + 1e-9)).all()


def test_probabilities_do_not_depend_on_how_the_frames_are_grouped():
    frames = np.random.default_rng(0).normal(0, 0.1, (50, 512)).astype(np.float32)
    grouped = VoiceActivity()
    pieces = np.concatenate([grouped(part) for part in np.split(frames, [1, 8, 30])])
    np.testing.assert_allclose(pieces, VoiceActivity()(frames), atol=1e-6)


def test_a_reset_detector_has_forgotten_what_it_heard():
    frames = np.random.default_rng(0).normal(0, 0.1, (20, 512)).astype(np.float32)
    voice = VoiceActivity()
    voice(frames[::-1].copy())
    voice.reset()
    np.testing.assert_array_equal(voice(frames), VoiceActivity()(frames))


def test_the_notice_names_the_shipped_weights():
    notice = voice_activity_graph().with_name("NOTICE.md").read_text()
    assert hashlib.sha256(voice_activity_graph().read_bytes()).hexdigest() == GRAPH_SHA256
    assert GRAPH_SHA256 in notice
    assert "MIT License" in notice


def test_damaged_weights_are_refused(tmp_path, monkeypatch):
    copy = tmp_path / "copy.onnx"
    copy.write_bytes(voice_activity_graph().read_bytes()[:-1])
    monkeypatch.setattr("summdiff.audio._silero.GRAPH", copy)
    with pytest.raises(ModelError, match="is damaged: install summdiff again"):
        voice_activity_graph()
