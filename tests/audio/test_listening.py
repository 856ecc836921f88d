"""Listening beside the pictures: what is heard when, in every form of sound, and with damage."""

import threading

import av
import numpy as np
import pytest

from summdiff.audio import Sound, listen
from summdiff.audio import _listening as module
from summdiff.audio.sound import FRAME_SECONDS
from summdiff.features.extraction import extract

LOUD = -30.0  # decibels; between the beeps' level and that of codecs' noise


class NoBackbone:
    id, dimension, short_side = "none", 4, 64

    def __call__(self, images):
        return np.zeros((len(images), 4), dtype=np.float32)


def looked_at(path, **options):
    return extract(path, NoBackbone(), rate=1.0, **options)


def beeps(sound: Sound) -> list[float]:
    """Seconds at which loud stretches begin."""
    loud = np.concatenate(([False], sound.decibels() > LOUD))
    return (sound.start + np.flatnonzero(loud[1:] & ~loud[:-1]) * FRAME_SECONDS / 2).tolist()


def nearly(*seconds):
    return pytest.approx(seconds, abs=0.05)  # codecs smear the start of a beep, and frames last 0.016 s


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("stereo.mp4", {}),
        ("mono.mp4", {"sound_rate": 8000, "sound_layout": "mono"}),
        ("surround.mp4", {"sound_layout": "5.1", "sound_rate": 44100}),
        ("opus.webm", {"codec": "libvpx", "pix_fmt": "yuv420p"}),
        ("plain.avi", {}),
        ("television.mpg", {"codec": "mpeg2video"}),
        ("later.mp4", {"start": 7.0}),
        ("matroska.mkv", {"sound_rate": 22050}),
    ],
)
def test_sound_is_heard_on_the_clock_of_the_pictures(name, options, make_video, tmp_path):
    film = make_video(tmp_path / name, scenes=[(4.0, "street")], sound=True, **options)
    assert beeps(looked_at(film.path).sound) == nearly(0, 1, 2, 3)


def test_the_sound_may_be_the_first_stream_of_the_file(make_video, tmp_path):
    film = make_video(scenes=[(4.0, "street")], sound=True)
    with av.open(str(film.path)) as source, av.open(str(tmp_path / "film.mkv"), "w") as output:
        streams = {stream.index: output.add_stream_from_template(stream) for stream in reversed(source.streams)}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                output.mux(packet)
    swapped, plain = looked_at(tmp_path / "film.mkv"), looked_at(film.path)
    assert beeps(swapped.sound) == nearly(0, 1, 2, 3)
    assert swapped.video.duration == pytest.approx(plain.video.duration, abs=0.002)


def test_sound_may_begin_late_and_end_early(make_video):
    film = make_video(scenes=[(5.0, "street")], sound=True, sound_start=1.5, sound_seconds=2.0)
    sound = looked_at(film.path).sound
    assert beeps(sound) == nearly(2, 3)
    assert sound.start == pytest.approx(1.5, abs=0.05)
    assert sound.start + len(sound.speech) * FRAME_SECONDS == pytest.approx(3.5, abs=0.1)


def test_sound_beyond_the_pictures_is_heard_beside_the_last_one(make_video):
    film = make_video(scenes=[(2.5, "street")], sound=True, sound_seconds=4.5)
    features = looked_at(film.path)
    assert beeps(features.sound) == nearly(0, 1, 2, 3, 4)
    assert features.sound.start + len(features.sound.speech) * FRAME_SECONDS == pytest.approx(4.5, abs=0.1)
    assert features.video.duration == pytest.approx(4.5, abs=0.05)
    assert len(features.times) == 5


def test_sound_before_the_pictures_is_left_out(make_video):
    film = make_video(scenes=[(3.0, "street")], sound=True, start=2.0, sound_start=-2.0, sound_seconds=5.0)
    sound = looked_at(film.path).sound
    assert beeps(sound) == nearly(0, 1, 2)
    assert abs(sound.start) <= FRAME_SECONDS


def test_listening_alone_hears_the_same(make_video):
    film = make_video(scenes=[(4.0, "street")], sound=True, start=3.0)
    features = looked_at(film.path)
    alone = listen(film.path, features.video.duration)
    assert alone.start == features.sound.start
    np.testing.assert_array_equal(alone.loudness, features.sound.loudness)
    np.testing.assert_array_equal(alone.speech, features.sound.speech)


def test_listening_leaves_the_features_as_they_are(make_video):
    film = make_video(scenes=[(2.0, "street"), (2.0, "lake")], sound=True)
    heard, unheard = looked_at(film.path), looked_at(film.path, sound=False)
    assert unheard.sound is None
    assert heard.video == unheard.video
    np.testing.assert_array_equal(heard.boundaries, unheard.boundaries)


def test_a_film_without_sound_is_silent(make_video):
    film = make_video(scenes=[(2.0, "street")])
    assert len(looked_at(film.path).sound.speech) == 0
    assert len(listen(film.path, 2.0).speech) == 0


def test_beeps_and_silence_are_no_speech(make_video):
    film = make_video(scenes=[(8.0, "street")], sound=True)
    assert len(looked_at(film.path).sound.segments()) == 0


@pytest.mark.parametrize("seed", range(3))
def test_damaged_packets_become_silence(seed, make_video, tmp_path):
    film = make_video(tmp_path / "film.mkv", scenes=[(4.0, "street")], sound=True, sound_codec="pcm_s16le")
    content = bytearray(film.path.read_bytes())
    generator = np.random.default_rng(seed)
    for place in generator.integers(len(content) // 4, len(content), 30):
        content[place] ^= 0xFF
    film.path.write_bytes(content)
    sound = looked_at(film.path).sound
    assert {round(at) for at in beeps(sound)} >= {0}
    assert len(sound.speech) * FRAME_SECONDS <= 4.1


@pytest.mark.parametrize("seed", [1, 44])  # with 44 the resampler fails
def test_damage_anywhere_in_a_film_does_not_break_listening(seed, make_video):
    film = make_video(scenes=[(3.0, "street")], size=(64, 48), sound=True, sound_layout="5.1")
    content, generator = bytearray(film.path.read_bytes()), np.random.default_rng(seed)
    for place in generator.integers(600, len(content), 30):
        content[place] = generator.integers(256)
    film.path.write_bytes(content)
    assert len(listen(film.path, 3.0).speech) * FRAME_SECONDS <= 3.1


def test_a_truncated_film_is_heard_up_to_its_end(make_video, tmp_path):
    film = make_video(tmp_path / "film.mkv", scenes=[(6.0, "street")], sound=True)
    film.path.write_bytes(film.path.read_bytes()[: film.path.stat().st_size // 2])
    features = looked_at(film.path)
    assert beeps(features.sound) == nearly(*range(len(beeps(features.sound))))
    assert len(beeps(features.sound)) >= 2


def test_a_gap_in_the_sound_is_silence_and_costs_no_memory():
    heard = module._Heard()
    tone = np.full(1000, 0.5, np.float32)
    heard.add(0, tone)
    heard.add(3600 * 16_000, tone)
    sound = heard.finish(7200.0)
    levels = sound.loudness.reshape(-1, 2).min(axis=1)
    assert (levels < 255).sum() == 4
    assert len(sound.speech) == pytest.approx(3600 / FRAME_SECONDS, abs=3)


def test_overlapping_packets_count_once():
    heard = module._Heard()
    for at in (0, 500, 900):
        heard.add(at, np.full(1000, 0.5, np.float32))
    assert len(heard.finish(10.0).speech) == 4  # 1,900 samples


def test_absurd_timestamps_end_the_sound():
    heard = module._Heard()
    heard.add(0, np.ones(512, np.float32))
    heard.add(10**12, np.ones(512, np.float32))
    assert len(heard.finish(1e9).speech) == 1


def test_the_listening_thread_ends_with_the_pass(make_video):
    film = make_video(scenes=[(4.0, "street")], sound=True)
    looked_at(film.path)

    class Failing(NoBackbone):
        def __call__(self, images):
            raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        extract(film.path, Failing(), rate=8.0)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("summdiff-listen")]


def test_an_error_while_listening_is_raised(make_video, monkeypatch):
    film = make_video(scenes=[(2.0, "street")], sound=True)
    monkeypatch.setattr(module, "levels", lambda frames: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        looked_at(film.path)
