"""Films of recordings that were joined or paused: numbered pictures, and as sound noise that never repeats itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

FPS, RATE = 25, 48_000
SIZE = 96, 64
_BITS = 12


@dataclass(frozen=True)
class Recording:
    """A part of a film.

    Attributes:
        first, last: [first, last) pictures of the whole film.
        clock: seconds at which its first picture is stamped.
        sound_start, sound_end: seconds by which the sound starts after the pictures, and ends before them.
    """

    first: int
    last: int
    clock: float = 0.0
    sound_start: float = 0.0
    sound_end: float = 0.0


def noise(seconds: float, seed: int = 1) -> NDArray[np.float32]:
    """Return noise (n,) without a repetition, softened so that codecs keep it."""
    wave = np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    return np.asarray(np.convolve(wave, np.ones(6) / 6, "same") * 0.3, dtype=np.float32)


def picture(number: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """Return picture (H, W, 3) of a number: black and white blocks above a color that changes every two seconds."""
    width, height = size
    image = np.empty((height, width, 3), np.uint8)
    image[:] = np.random.default_rng(number // (2 * FPS)).integers(40, 216, 3)
    bits = np.array([235 if number >> bit & 1 else 20 for bit in range(_BITS)], np.uint8)
    image[: height // 2] = bits[np.arange(width) * _BITS // width][None, :, None]
    return image


def number_of(image: NDArray[np.uint8]) -> int:
    """Return the number of a picture (H, W, 3), also after coding."""
    height, width = image.shape[:2]
    row = image[height // 8 : height * 3 // 8].mean(axis=(0, 2))
    return sum(1 << bit for bit in range(_BITS) if row[int((bit + 0.5) * width / _BITS)] > 128)


def write_film(
    path: Path,
    recordings: Sequence[Recording],
    *,
    codecs: tuple[str, str] = ("libx264", "aac"),
    options: dict[str, str] | None = None,
    size: tuple[int, int] = SIZE,
    sound: NDArray[np.float32] | None = None,
    container_options: dict[str, str] | None = None,
    form: str | None = None,
) -> Path:
    """Write one file of recordings whose clocks go forward: a recorder that was paused.

    Args:
        path: file to write.
        recordings: its parts.
        codecs: of pictures and sound.
        options: of the video encoder.
        size: width and height of the pictures.
        sound: samples (n,) of the whole film; `noise` of its length where None.
        container_options: of the muxer.
        form: FFmpeg's name of the container, where the path does not tell.
    """
    wave = noise(recordings[-1].last / FPS) if sound is None else sound
    with av.open(str(path), "w", format=form, container_options=dict(container_options or {})) as output:
        video = output.add_stream(codecs[0], rate=FPS, options=options or _options(codecs[0]))
        video.width, video.height = size
        video.pix_fmt, video.codec_context.gop_size = "yuv420p", 10
        video.codec_context.max_b_frames = 0
        audio = output.add_stream(codecs[1], rate=RATE, layout="mono")
        if codecs[1] in ("aac", "mp2"):
            audio.codec_context.bit_rate = 128_000
        packets: list[Any] = []
        for recording in recordings:
            packets += _encoded(video, audio, recording, wave)
        packets += [(float("inf"), packet) for stream in (video, audio) for packet in stream.encode(None)]
        for _, packet in sorted(packets, key=lambda entry: entry[0]):
            output.mux(packet)
    return path


def joined(
    path: Path,
    recordings: Sequence[Recording],
    *,
    header: int = 0,
    sound: NDArray[np.float32] | None = None,
    **how: Any,
) -> Path:
    """Write recordings as files of their own and join them byte by byte, later ones without their header.

    Args:
        path: file to write.
        recordings: its parts.
        header: bytes of the header.
        sound, how: see `write_film`.
    """
    wave = noise(recordings[-1].last / FPS) if sound is None else sound
    content = b""
    for recording in recordings:
        part = write_film(path.with_name(f"part{path.suffix}"), [recording], sound=wave, **how)
        content += part.read_bytes()[header if content else 0 :]
        part.unlink()
    path.write_bytes(content)
    return path


def _options(codec: str) -> dict[str, str]:
    return {"preset": "ultrafast", "crf": "20"} if codec == "libx264" else {"b": "2000000"}


def _encoded(video: Any, audio: Any, recording: Recording, wave: NDArray[np.float32]) -> list[tuple[float, Any]]:
    """Encode a recording; return its packets with the times at which they belong into the file."""
    packets: list[tuple[float, Any]] = []
    for number in range(recording.first, recording.last):
        frame = av.VideoFrame.from_ndarray(picture(number, (video.width, video.height)), format="rgb24")
        at = recording.clock + (number - recording.first) / FPS
        frame.pts, frame.time_base = round(at * FPS), Fraction(1, FPS)
        packets += [(at, packet) for packet in video.encode(frame)]
    size = audio.codec_context.frame_size or 1024
    begin = recording.first / FPS + recording.sound_start
    end = recording.last / FPS - recording.sound_end
    samples = wave[round(begin * RATE) : round(end * RATE)]
    for at in range(0, len(samples), size):
        sound = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None, at : at + size]), "flt", "mono")
        seconds = recording.clock + recording.sound_start + at / RATE
        sound.sample_rate, sound.pts, sound.time_base = RATE, round(seconds * RATE), Fraction(1, RATE)
        packets += [(seconds, packet) for packet in audio.encode(sound)]
    return packets


MPEG = ("mpeg2video", "mp2")


def _parts(frames: int, *, clock: Callable[[int], float] = lambda k: 0.0, **how: float) -> list[Recording]:
    return [Recording(k * frames, (k + 1) * frames, clock(k), **how) for k in range(6)]


# Each takes a folder and the number of pictures of each of its six recordings.
FILMS: dict[str, Callable[[Path, int], Path]] = {
    "ts, joined, sound 0.3 s shorter": lambda f, n: joined(
        f / "a.ts", _parts(n, sound_end=0.3), codecs=("libx264", "mp2")
    ),
    "ts, joined, sound 0.2 s later": lambda f, n: joined(f / "b.ts", _parts(n, sound_start=0.2)),
    "ts, joined, clocks forward and back, past 2**33": lambda f, n: joined(
        f / "c.ts", _parts(n, clock=lambda k: (95_440.0, 10.0, 70_000.0, 300.0, 5.0, 8.0)[k], sound_end=0.2)
    ),
    "ts, parts of a stream missing": lambda f, n: joined(
        f / "d.ts", _parts(n, clock=lambda k: k * 24.0, sound_end=0.1)
    ),
    "mpg, joined, sound 0.3 s shorter": lambda f, n: joined(
        f / "e.mpg", _parts(n, sound_end=0.3), codecs=MPEG, form="vob"
    ),
    "flv, appended, sound 0.25 s shorter": lambda f, n: joined(f / "f.flv", _parts(n, sound_end=0.25), header=13),
    "mkv, paused for 20 s": lambda f, n: write_film(f / "g.mkv", _parts(n, clock=lambda k: k * 24.0, sound_end=0.2)),
    "mp4, paused for 20 s": lambda f, n: write_film(f / "h.mp4", _parts(n, clock=lambda k: k * 24.0, sound_end=0.2)),
    "fragmented mp4, paused for 2 h": lambda f, n: write_film(
        f / "i.mp4",
        _parts(n, clock=lambda k: k * 7204.0, sound_end=0.2),
        container_options={"movflags": "frag_keyframe+empty_moov+default_base_moof"},
    ),
    "mov, paused for 20 s": lambda f, n: write_film(f / "j.mov", _parts(n, clock=lambda k: k * 24.0, sound_end=0.2)),
    "webm, paused for 20 s": lambda f, n: write_film(
        f / "k.webm",
        _parts(n, clock=lambda k: k * 24.0, sound_end=0.2),
        codecs=("libvpx", "libopus"),
        options={"deadline": "realtime", "cpu-used": "8", "b": "1000000"},
    ),
}
