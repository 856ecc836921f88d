"""Real videos for all tests, made with PyAV: known cuts, numbered frames, a flash and a beep at every full second."""

from __future__ import annotations

import gc
import os
import signal

# Tests run side by side, each with matrices too small to share out: more threads than cores only wait for each other.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import pickle
import shutil
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest

# How long an example takes says more of what else the machine does: speed is held by benchmarks.
hypothesis.settings.register_profile("no deadline", deadline=None)
hypothesis.settings.load_profile("no deadline")

REPOSITORY = Path(__file__).resolve().parents[1]
QUICKLY = {
    "libx264": {"preset": "ultrafast", "crf": "18"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
}
SOUND_CODECS = {".webm": "libopus", ".avi": "pcm_s16le", ".mpg": "mp2"}
NUMBER_BITS = 12
BEEP_SECONDS = 0.05


@dataclass(frozen=True)
class MadeVideo:
    """A generated video and what is known about it.

    Attributes:
        path: the file.
        frame_times: seconds from the first frame at which each frame is shown.
        cuts: seconds at which a new scene starts, without 0.
        flash_times: seconds at which a flash starts; it lasts one frame.
        duration: seconds.
    """

    path: Path
    frame_times: tuple[float, ...]
    cuts: tuple[float, ...]
    flash_times: tuple[float, ...]
    duration: float

    @staticmethod
    def number(image: np.ndarray) -> int:
        """The frame's number, read back from an upright RGB picture of any size."""
        height, width = image.shape[:2]
        row = image[int(height * 0.94), :, :].mean(axis=1)
        centres = ((np.arange(NUMBER_BITS) + 0.5) * width / NUMBER_BITS).astype(int)
        return int(sum(1 << bit for bit, at in enumerate(centres) if row[at] > 127))

    @staticmethod
    def flashes(image: np.ndarray) -> bool:
        """Whether the upright RGB picture shows the flash of a full second."""
        height, width = image.shape[:2]
        return bool(image[height // 32 : height // 12, width * 7 // 16 : width * 9 // 16].mean() > 127)


@pytest.fixture(autouse=True, scope="module")
def _short_garbage_collections() -> None:
    """Leave what is loaded out of later garbage collections, which would take half a second each."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests never touch the user's feature cache; all of a run share one of their own."""
    os.environ["SUMMDIFF_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True, scope="session")
def _processes_hear_signals() -> None:
    """Let processes that tests start be interrupted also where this one ignores it, as under nohup or after `&`.

    An ignored signal stays ignored in a started program; one that is handled has its default effect there.
    """
    for number in (signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


@pytest.fixture(scope="session")
def make_video(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., MadeVideo]:
    """A function that makes a video; see `write_video` for its options. Without `path` it picks one.

    Each video is encoded once per process; later calls with the same options copy it.
    """
    encoded: dict[tuple[str, bytes], MadeVideo] = {}

    def make(path: str | os.PathLike[str] | None = None, **options: Any) -> MadeVideo:
        place = tmp_path_factory.mktemp("video") / "video.mp4" if path is None else Path(path)
        key = place.suffix, pickle.dumps(sorted(options.items()))
        if key not in encoded:
            encoded[key] = write_video(tmp_path_factory.mktemp("encoded") / f"video{place.suffix}", **options)
        shutil.copyfile(encoded[key].path, place)
        return replace(encoded[key], path=place)

    return make


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder with real annotations, features and videos: $SUMMDIFF_DATA, else ../shared/data. Skips without it."""
    folder = Path(os.environ.get("SUMMDIFF_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder}; set SUMMDIFF_DATA")
    return folder


def write_video(
    path: Path,
    *,
    scenes: Sequence[tuple[float, str | int]] = ((2.0, "red"), (2.0, "blue")),
    fps: Fraction | int = 25,
    size: tuple[int, int] = (192, 108),
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: Mapping[str, str] | None = None,
    gop: int | None = None,
    times: Sequence[float] | None = None,
    start: float = 0.0,
    rotation: int = 0,
    mirrored: bool = False,
    pixel_aspect: Fraction | int = 1,
    color: Mapping[str, int] | None = None,
    sound: bool | np.ndarray = False,
    sound_start: float = 0.0,
    sound_seconds: float | None = None,
    sound_rate: int = 48000,
    sound_layout: str = "stereo",
    sound_codec: str | None = None,
    cover: bool = False,
    container_options: Mapping[str, str] | None = None,
) -> MadeVideo:
    """Write a video of textured, slowly moving scenes.

    Every frame carries its number as twelve black or white blocks along the bottom, and the first frame at or after
    each full second has a white patch at the top, which is black otherwise.

    Args:
        path: file to write; its suffix chooses the container.
        scenes: (seconds, look) each; equal looks give equal textures, all others differ in color and pattern.
        fps: frames per second; frames per scene are rounded.
        size: width and height *on display*, that is after `rotation`, before `pixel_aspect`.
        codec, pix_fmt, options, gop: video encoder, its pixel format, its options (quick ones by default), and its key
            frame interval.
        times: seconds at which the frames are shown, increasing from 0 (variable frame rate); default n / fps.
        start: time stamp of the first frame in seconds.
        rotation: clockwise turn in degrees that the player has to apply; `mirrored`: left-right, after it.
        pixel_aspect: width of a stored pixel by its height.
        color: attributes of the codec context, e.g. {"color_primaries": 1}.
        sound: whether there is sound, a beep of 1 kHz and 50 ms at each full second; or a wave (S,) float32.
        sound_start, sound_seconds, sound_rate, sound_layout, sound_codec: where it starts, how long it lasts, its form.
        cover: whether to attach a cover picture (mp4 only).
        container_options: options of the muxer.
    """
    import av

    rate = Fraction(fps)
    looks = [look for seconds, look in scenes for _ in range(round(seconds * rate))]
    shown = [float(n / rate) for n in range(len(looks))] if times is None else list(times)
    looks = (looks + [looks[-1]] * len(shown))[: len(shown)]
    time_base = 1 / rate if times is None else Fraction(1, 1000)
    last = float(1 / rate) if times is None else shown[-1] - shown[-2]
    duration = shown[-1] + last
    stored = size if rotation % 180 == 0 else size[::-1]
    has_sound = sound is not False

    with av.open(str(path), "w", options=dict(container_options or {})) as output:
        stream = output.add_stream(codec, rate=rate, options=dict(options or {}))
        context = stream.codec_context
        context.width, context.height = stored
        context.pix_fmt = pix_fmt
        context.time_base = time_base
        context.sample_aspect_ratio = Fraction(pixel_aspect)
        if not options:
            context.options = QUICKLY.get(codec, {})
        if gop is not None:
            context.gop_size = gop
        for name, value in (color or {}).items():
            setattr(context, name, value)
        if rotation or mirrored:
            stream.set_display_rotation(-rotation, hflip=mirrored)
        if has_sound:
            name = sound_codec or SOUND_CODECS.get(path.suffix, "aac")
            coder = {"aac_coder": "fast"} if name == "aac" else {}
            audio = output.add_stream(name, rate=sound_rate, layout=sound_layout, options=coder)
            seconds = sound_seconds if sound_seconds is not None else duration - sound_start
            wave = sound if isinstance(sound, np.ndarray) else _beeps(seconds, sound_start, sound_rate)
            written = 0
        textures: dict[str | int, np.ndarray] = {}
        flash_times: list[float] = []
        for n, (time, look) in enumerate(zip(shown, looks, strict=True)):
            if look not in textures:
                textures[look] = _texture(look, size)
            flash = time + 1e-9 >= len(flash_times)
            flash_times += [time] * flash
            frame = av.VideoFrame.from_ndarray(
                _stored(_picture(textures[look], n, flash), rotation=rotation, mirrored=mirrored), format="rgb24"
            )
            frame.pts, frame.time_base = round((time + start) / time_base), time_base
            output.mux(stream.encode(frame))
            if has_sound:  # alongside, as players expect
                until = min(len(wave), max(0, round((time + 1 - sound_start) * sound_rate)))
                written = _write_sound(output, audio, wave, written, until, start + sound_start)
        output.mux(stream.encode(None))
        if has_sound:
            _write_sound(output, audio, wave, written, len(wave), start + sound_start)
            output.mux(audio.encode(None))
    if cover:
        _attach_cover(path)
    changes = [shown[n] for n in range(1, len(looks)) if looks[n] != looks[n - 1]]
    return MadeVideo(path, tuple(shown), tuple(changes), tuple(flash_times), duration)


def _texture(look: str | int, size: tuple[int, int]) -> np.ndarray:
    """A pattern of colored patches (H, 2 W, 3): scenes differ for a network as well as for the eye."""
    rng = np.random.default_rng(zlib.crc32(str(look).encode()))
    width, height = size
    patches = rng.integers(4, 12)
    tint = rng.uniform(0.3, 1.0, size=3)
    coarse = rng.uniform(20, 235, size=(patches, 4 * patches, 3)) * tint
    down = np.arange(height) * patches // height
    across = np.arange(2 * width) * 4 * patches // (2 * width)
    return coarse[down][:, across].astype(np.uint8)


def _picture(texture: np.ndarray, n: int, flash: bool) -> np.ndarray:
    height, width = texture.shape[0], texture.shape[1] // 2
    image = texture[:, (n // 2) % width :][:, :width].copy()
    image[: height // 8, width * 3 // 8 : width * 5 // 8] = 255 if flash else 0
    bits = np.array([255 if n >> bit & 1 else 0 for bit in range(NUMBER_BITS)], dtype=np.uint8)
    image[height - height // 8 :] = bits[np.arange(width) * NUMBER_BITS // width][None, :, None]
    return image


def _stored(image: np.ndarray, *, rotation: int, mirrored: bool) -> np.ndarray:
    """The picture as the file holds it, so that turning it clockwise and then mirroring it gives `image`."""
    if mirrored:
        image = image[:, ::-1]
    return np.ascontiguousarray(np.rot90(image, rotation // 90))


def _beeps(seconds: float, offset: float, rate: int) -> np.ndarray:
    """Mono wave (S,) float32 with a beep at each full second of the video; it starts `offset` seconds into it."""
    at = np.arange(round(seconds * rate)) / rate + offset
    return np.where(at % 1.0 < BEEP_SECONDS, 0.5 * np.sin(2 * np.pi * 1000 * at), 0.0).astype(np.float32)


def _write_sound(output: Any, audio: Any, wave: np.ndarray, written: int, until: int, start: float) -> int:
    import av

    rate, layout = audio.codec_context.sample_rate, audio.codec_context.layout.name
    channels = audio.codec_context.layout.nb_channels
    chunk = audio.codec_context.frame_size or 1024
    while written < until:
        part = wave[written : min(written + chunk, until)]
        frame = av.AudioFrame.from_ndarray(np.repeat(part, channels)[None], format="flt", layout=layout)
        frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
        frame.pts = written + round(start * rate)
        output.mux(audio.encode(frame))
        written += len(part)
    return written


def _attach_cover(path: Path) -> None:
    """Remux with a cover picture as the first stream."""
    import av

    plain = path.with_name(f"plain{path.suffix}")
    path.rename(plain)
    with av.open(str(plain)) as source, av.open(str(path), "w") as output:
        cover = output.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        streams = {stream.index: output.add_stream_from_template(stream) for stream in source.streams}
        output.mux(cover.encode(av.VideoFrame.from_ndarray(np.full((64, 64, 3), 200, np.uint8))))
        output.mux(cover.encode(None))
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                output.mux(packet)
    plain.unlink()


@pytest.fixture(scope="session")
def shown():
    """A real Chromium, one for all tests of a process, as Playwright runs once in it."""
    from chromium import browser, chromium

    if chromium() is None:
        pytest.skip("no Chromium was found: `make test-browser` tries to install one")
    pytest.importorskip("playwright", reason="the browser tests need Playwright: `make test-browser` installs it")
    with browser() as running:
        yield running
