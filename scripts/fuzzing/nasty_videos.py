"""Videos that are broken, odd or hostile, made with PyAV or byte by byte; each with what has to become of it.

`CASES` is a table: a name, a function that writes the file into a folder and returns its path, and what is expected:
"summary", the text of the sentence that refuses it (a regular expression), or "either" where damage decides.
"""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np

RATE = 10
X264 = {"preset": "ultrafast", "crf": "30", "bf": "0"}
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}


@dataclass(frozen=True)
class Nasty:
    """One case.

    Attributes:
        make: writes the file into the folder that it is given, and returns its path.
        expected: "summary", "either", or a regular expression for the sentence that refuses it.
    """

    make: Callable[[Path], Path]
    expected: str


def picture(n: int, size: tuple[int, int]) -> np.ndarray:
    """Frame n (H, W, 3): a scene changes every second, and something moves."""
    width, height = size
    rng = np.random.default_rng(n // RATE)
    image = np.empty((height, width, 3), np.uint8)
    image[:] = rng.integers(30, 220, size=3)
    image[:: max(1, height // 7)] = rng.integers(0, 255, size=3)
    image[:, (7 * n) % width] = 255
    return image


def clip(
    path: Path,
    *,
    frames: int = 40,
    size: tuple[int, int] = (96, 64),
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    gop: int = 10,
    stamps: Sequence[int | None] | None = None,
    clock: Fraction = Fraction(1, 1000),
    aspect: Fraction = Fraction(1),
    sound: int = 0,
    further: int = 0,
    muxer: dict[str, str] | None = None,
    form: str | None = None,
    adapt: Callable[[Any, Any], None] = lambda output, stream: None,
    last: int | None = None,
) -> Path:
    """Write a short film.

    Args:
        path: file to write; its suffix, or `form`, chooses the container.
        frames, size, codec, pix_fmt, options, gop: of the picture.
        stamps: time stamps of the frames in units of `clock`; default: RATE frames a second.
        aspect: width of a stored pixel by its height.
        sound: tracks of sound.
        further: further tracks of picture, all the same.
        muxer: options of the container.
        adapt: called with output and stream before anything is written.
        last: duration of the last packet in units of `clock`.
    """
    shown = [round(n / RATE / clock) for n in range(frames)] if stamps is None else list(stamps)
    # Without bitexact Matroska numbers its tracks by chance, and "the same file" would be another each time.
    with av.open(str(path), "w", format=form, options={"fflags": "bitexact"} | (muxer or {})) as output:
        streams = [output.add_stream(codec, rate=RATE) for _ in range(1 + further)]
        for stream in streams:
            context = stream.codec_context
            context.width, context.height = size
            context.pix_fmt, context.gop_size = pix_fmt, gop
            context.time_base = clock
            context.sample_aspect_ratio = aspect
            context.options = dict(options if options is not None else X264 if codec == "libx264" else {})
            stream.time_base = clock
        tracks = [output.add_stream("aac", rate=16000, layout="mono") for _ in range(sound)]
        adapt(output, streams[0])
        for stream in streams:
            packets = []
            for n in range(len(shown)):
                frame = av.VideoFrame.from_ndarray(picture(n, size), format="rgb24")
                frame.pts, frame.time_base = n, clock  # the encoder wants rising stamps; the file gets those asked for
                packets += stream.encode(frame)
            packets += stream.encode(None)
            for n, packet in enumerate(packets):
                packet.pts = packet.dts = shown[n]
                packet.time_base = clock
                packet.duration = last if last is not None and n == len(packets) - 1 else round(1 / RATE / clock)
                output.mux(packet)
        for track in tracks:
            wave = (0.3 * np.sin(np.arange(16000 * frames // RATE) * 0.2)).astype(np.float32)
            for start in range(0, len(wave), 1024):
                block = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], format="flt", layout="mono")
                block.sample_rate, block.pts, block.time_base = 16000, start, Fraction(1, 16000)
                output.mux(track.encode(block))
            output.mux(track.encode(None))
    return path


def remuxed(
    source: Path, target: Path, *, change: Callable[[int, Any], bool], muxer: dict[str, str] | None = None
) -> Path:
    """Copy packets into another file; `change` may alter the n-th packet and says whether it is kept."""
    with av.open(str(source)) as read, av.open(str(target), "w", options=dict(muxer or {})) as output:
        stream = output.add_stream_from_template(read.streams.video[0])
        for n, packet in enumerate(read.demux(video=0)):
            if packet.size and change(n, packet):
                packet.stream = stream
                output.mux(packet)
    source.unlink()
    return target


def _plain(folder: Path, suffix: str, **options: Any) -> Path:
    """An ordinary film with sound, to be damaged."""
    codec = {".avi": "mpeg4", ".webm": "libvpx", ".mpg": "mpeg2video"}.get(suffix)
    if codec is not None:
        options = {
            "codec": codec,
            "options": {"deadline": "good", "cpu-used": "5"} if suffix == ".webm" else {},
        } | options
    sound = 0 if suffix in (".webm", ".mpg", ".avi") else 1
    clock = Fraction(1, RATE if suffix in (".avi", ".mpg") else 1000)
    return clip(folder / f"film{suffix}", sound=sound, **{"clock": clock} | options)


def truncated(folder: Path, suffix: str, tenths: int, **options: Any) -> Path:
    path = _plain(folder, suffix, **options)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * tenths // 10])
    return path


def flipped(folder: Path, suffix: str, every: int, seed: int) -> Path:
    """About one flipped bit in `every` bytes."""
    path = _plain(folder, suffix)
    content = np.frombuffer(path.read_bytes(), np.uint8).copy()
    rng = np.random.default_rng(seed)
    at = rng.integers(0, len(content), size=max(1, len(content) // every))
    content[at] ^= (1 << rng.integers(0, 8, size=len(at))).astype(np.uint8)
    path.write_bytes(content.tobytes())
    return path


def written(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def named(folder: Path, name: str | bytes) -> Path:
    """An ordinary film under a name that is not."""
    plain = clip(folder / "plain.mp4", frames=20, sound=1)
    target = folder / (os.fsdecode(name) if isinstance(name, bytes) else name)
    plain.rename(target)
    return target


def _head(folder: Path, suffix: str, size: int) -> Path:
    path = _plain(folder, suffix)
    path.write_bytes(path.read_bytes()[:size])
    return path


def _without_pictures(folder: Path) -> Path:
    """An mp4 whose index is whole and whose media data is gone."""
    path = _plain(folder, ".mp4", muxer={"movflags": "+faststart"})
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"mdat") + 4])
    return path


def _sound_only(folder: Path, *, cover: bool = False) -> Path:
    path = folder / "sound.m4a"
    with av.open(str(path), "w", format="mp4") as output:
        if cover:
            still = output.add_stream("mjpeg", rate=1)
            still.width, still.height, still.pix_fmt = 64, 64, "yuvj420p"
            still.disposition = av.stream.Disposition.attached_pic
        track = output.add_stream("aac", rate=16000, layout="mono")
        if cover:
            output.mux(still.encode(av.VideoFrame.from_ndarray(np.full((64, 64, 3), 200, np.uint8))))
            output.mux(still.encode(None))
        for start in range(0, 32000, 1024):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="flt", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 16000, start, Fraction(1, 16000)
            output.mux(track.encode(frame))
        output.mux(track.encode(None))
    return path


def _png(width: int, height: int) -> bytes:
    """A png that says it is that large; its one data chunk holds rows of zeros, packed."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(width // 8 + 2)) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _bomb(folder: Path, width: int, height: int) -> Path:
    """A few kilobytes that decode to a picture of that size, several times."""
    still = _png(width, height)
    with av.open(str(folder / "bomb.mov"), "w") as output:
        stream = output.add_stream("png", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = width, height, "monob"
        for n in range(3):
            packet = av.Packet(still)
            packet.stream, packet.pts, packet.dts = stream, n * 100, n * 100
            packet.time_base, packet.is_keyframe = Fraction(1, 1000), True
            output.mux(packet)
    return folder / "bomb.mov"


def _no_keyframes(folder: Path, *, all_of_them: bool) -> Path:
    source = clip(folder / "keyed.mkv")
    return remuxed(
        source, folder / "unkeyed.mkv", change=lambda n, packet: not (packet.is_keyframe and (all_of_them or n == 0))
    )


def _unstamped(folder: Path) -> Path:
    """An elementary stream: pictures without any clock."""
    return clip(folder / "raw.h264", form="h264")


def _patched(folder: Path, box: bytes, at: int, value: bytes, *, offset: int = 0, **options: Any) -> Path:
    """An mp4 with some bytes of one of its boxes written over, `at` bytes behind the box's name."""
    path = _plain(folder, ".mp4", **options)
    content = bytearray(path.read_bytes())
    start = content.index(box, offset) + len(box) + at
    content[start : start + len(value)] = value
    path.write_bytes(content)
    return path


def _turned(folder: Path, degrees: float, *, flip: bool = False) -> Path:
    return clip(
        folder / "turned.mp4", sound=1, adapt=lambda output, stream: stream.set_display_rotation(degrees, hflip=flip)
    )


def _matrix(folder: Path, matrix: Sequence[int]) -> Path:
    return clip(folder / "matrix.mp4", adapt=lambda output, stream: stream.set_display_matrix(tuple(matrix)))


def _tagged(folder: Path, suffix: str = ".mkv", **tags: str) -> Path:
    return clip(folder / f"tagged{suffix}", sound=1, adapt=lambda output, stream: output.metadata.update(tags))


def _chapters(folder: Path, marks: Sequence[tuple[int, int, str]], suffix: str = ".mkv") -> Path:
    def adapt(output: Any, stream: Any) -> None:
        output.set_chapters(
            [
                {"id": n + 1, "start": start, "end": end, "time_base": Fraction(1, 1000), "metadata": {"title": title}}
                for n, (start, end, title) in enumerate(marks)
            ]
        )

    return clip(folder / f"chapters{suffix}", sound=1, adapt=adapt)


def _bad_text(folder: Path) -> Path:
    """A title that is no UTF-8."""
    path = _tagged(folder, title="T" * 40)
    path.write_bytes(path.read_bytes().replace(b"T" * 40, b"\xff\xfe\x80\x00" * 10))
    return path


def _covered(folder: Path) -> Path:
    """A cover picture as the first stream, larger than the film."""

    source = clip(folder / "plain.mp4")
    with av.open(str(source)) as read, av.open(str(folder / "covered.mp4"), "w") as output:
        still = output.add_stream("mjpeg", rate=1)
        still.width, still.height, still.pix_fmt = 640, 480, "yuvj420p"
        still.disposition = av.stream.Disposition.attached_pic
        film = output.add_stream_from_template(read.streams.video[0])
        output.mux(still.encode(av.VideoFrame.from_ndarray(np.full((480, 640, 3), 200, np.uint8))))
        output.mux(still.encode(None))
        for packet in read.demux(video=0):
            if packet.size:
                packet.stream = film
                output.mux(packet)
    source.unlink()
    return folder / "covered.mp4"


def _joined(folder: Path, sizes: Sequence[tuple[int, int]]) -> Path:
    """Transport streams one after the other: the clock starts again, and the picture changes its size."""
    content = b""
    for n, size in enumerate(sizes):
        part = clip(folder / f"part{n}.ts", size=size, frames=20, sound=1)
        content += part.read_bytes()
        part.unlink()
    return written(folder, "joined.ts", content)


def _fifo(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.mp4")
    return folder / "pipe.mp4"


def _link(folder: Path, target: str) -> Path:
    (folder / "link.mp4").symlink_to(target)
    return folder / "link.mp4"


def _zip(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "archive.mp4", "w") as archive:
        archive.writestr("a.txt", "no film" * 100)
    return folder / "archive.mp4"


def _pointing(folder: Path, name: str, text: str) -> Path:
    """A list that wants another file of this machine opened."""
    clip(folder / "other.ts", sound=1)
    clip(folder / "other.mp4", sound=1)
    return written(folder, name, text.encode())


def _beside_a_pipe(folder: Path, name: str, pipe: str, content: bytes) -> Path:
    """A file from which FFmpeg would go on to another one, and wait there for ever."""
    os.mkfifo(folder / pipe)
    return written(folder, name, content)


def _subtitles(folder: Path, text: str, *, only: bool = False) -> Path:
    (folder / "film.srt").write_text(f"1\n00:00:00,500 --> 00:00:03,000\n{text}\n", encoding="utf-8")
    source = clip(folder / "plain.mkv", sound=1)
    with (
        av.open(str(source)) as film,
        av.open(str(folder / "film.srt")) as said,
        av.open(str(folder / "said.mkv"), "w") as output,
    ):
        pairs = {} if only else {film.streams.video[0]: None}
        pairs |= {said.streams.subtitles[0]: None}
        made = {stream: output.add_stream_from_template(stream) for stream in pairs}
        for read in (film, said):
            for packet in read.demux():
                if packet.size and packet.stream in made:
                    packet.stream = made[packet.stream]
                    output.mux(packet)
    source.unlink()
    (folder / "film.srt").unlink()
    return folder / "said.mkv"


def _lossless(folder: Path, pix_fmt: str, codec: str = "ffv1") -> Path:
    return clip(folder / "lossless.mkv", codec=codec, pix_fmt=pix_fmt, options={})


def _sized(folder: Path, width: int, height: int, **options: Any) -> Path:
    return clip(folder / "sized.mkv", **{"codec": "ffv1", "options": {}, "size": (width, height)} | options)


def _stamped(folder: Path, stamps: Sequence[int], suffix: str = ".mkv", **options: Any) -> Path:
    """Time stamps in milliseconds."""
    if suffix == ".mkv" and any(b <= a for a, b in pairwise(stamps)):
        suffix = ".nut"
    return clip(folder / f"stamped{suffix}", stamps=stamps, **options)


def _cues(folder: Path, stamps: Sequence[int]) -> Path:
    """A Matroska file with times that no muxer would write: each picture is in a cluster whose time is changed."""
    path = clip(folder / "cues.mkv", frames=len(stamps), gop=1, muxer={"cluster_time_limit": "1", "live": "1"})
    content = path.read_bytes()
    changed, at, number = bytearray(), 0, 0
    while (found := content.find(b"\x1f\x43\xb6\x75", at)) >= 0:  # Cluster: its size, then its Timestamp (E7)
        width = 9 - content[found + 4].bit_length()
        size = int.from_bytes(content[found + 4 : found + 4 + width], "big") & ((1 << 7 * width) - 1)
        stamp = found + 4 + width
        length = content[stamp + 1] & 0x7F
        unknown = size == (1 << 7 * width) - 1
        wider = b"\x01" + (b"\xff" * 7 if unknown else (size + 8 - length).to_bytes(7, "big"))
        value = stamps[min(number, len(stamps) - 1)].to_bytes(8, "big")
        changed += content[at : found + 4] + wider + b"\xe7\x88" + value
        at = stamp + 2 + length
        number += 1
    assert number == len(stamps), "not one picture a cluster"
    path.write_bytes(bytes(changed + content[at:]))
    return path


HOUR = 3_600_000
HOSTILE_NAMES: dict[str, str | bytes] = {
    "newline": "two\nlines.mp4",
    "leading dash": "-rf.mp4",
    "quotes": 'it\'s "quoted" `id` $(id).mp4',
    "escape sequence": "\x1b[31mred\x1b]0;title\x07.mp4",
    "percent": "100%d %s %n %05d.mp4",
    "unicode": "ü 日本 🎬 é.mp4",
    "right to left": "abc\u202e4pm.mp4",
    "markup": "[bold red]x[red] [.mp4",
    "a protocol": "file:http:a.mp4",
    "no utf-8": b"caf\xe9 \xff.mp4",
    "backslashes": "a\\b\\..\\c.mp4",
    "only a dash": "-.mp4",
    "long": "n" * 240 + ".mp4",
    "long in bytes": "日" * 80 + ".mp4",
    "spaces and dots": " .. .mp4",
    "html": "<img src=x onerror=alert(1)>&amp;.mp4",
    "carriage return": "a\rsumm.mp4",
}


def _cases() -> Iterator[tuple[str, Nasty]]:
    for suffix in (".mp4", ".mkv", ".ts"):
        for tenths in range(1, 10):
            expected = "cannot be read as a video" if suffix == ".mp4" else "either"
            yield (
                f"cut off at {tenths}0 % ({suffix[1:]})",
                Nasty(partial(truncated, suffix=suffix, tenths=tenths), expected),
            )
    for tenths in (3, 7):
        make = partial(truncated, suffix=".mp4", tenths=tenths, muxer=FRAGMENTED)
        yield f"cut off at {tenths}0 % (fragmented mp4)", Nasty(make, "summary")
        make = partial(truncated, suffix=".mp4", tenths=tenths, muxer={"movflags": "+faststart"})
        yield f"cut off at {tenths}0 % (mp4, index first)", Nasty(make, "either")
        yield f"cut off at {tenths}0 % (avi)", Nasty(partial(truncated, suffix=".avi", tenths=tenths), "either")
    for suffix in (".mp4", ".mkv", ".avi", ".ts", ".webm", ".mpg"):
        for every in (5000, 500, 50):
            make = partial(flipped, suffix=suffix, every=every, seed=every)
            yield f"one bit in {every} bytes flipped ({suffix[1:]})", Nasty(make, "either")

    yield "zero bytes", Nasty(partial(written, name="empty.mp4", content=b""), r"is empty \(0 bytes\)")
    yield "one byte", Nasty(partial(written, name="one.mp4", content=b"\0"), "cannot be read as a video")
    yield (
        "noise",
        Nasty(
            partial(written, name="noise.mkv", content=np.random.default_rng(1).bytes(50_000)),
            "cannot be read as a video",
        ),
    )
    yield "zeros", Nasty(partial(written, name="zeros.mp4", content=bytes(100_000)), "cannot be read as a video")
    yield "header only (mp4)", Nasty(partial(_head, suffix=".mp4", size=40), "cannot be read as a video")
    yield "header only (mkv)", Nasty(partial(_head, suffix=".mkv", size=300), "'.*film.mkv'")
    yield "index without pictures", Nasty(_without_pictures, "no frame that can be decoded|cannot be read as a video")
    yield "sound only", Nasty(_sound_only, "has only sound")
    yield "sound with a cover picture", Nasty(partial(_sound_only, cover=True), "summary")
    yield "subtitles only", Nasty(partial(_subtitles, text="words", only=True), "has no picture")
    yield "a png named mp4", Nasty(partial(written, name="png.mp4", content=_png(64, 64)), "is a picture")
    yield "a text named mp4", Nasty(partial(written, name="text.mp4", content=b"words\n" * 300), "'.*text.mp4'")
    yield (
        "a web page named mp4",
        Nasty(
            partial(written, name="page.mp4", content=b"<html><body>404 not found</body></html>\n" * 50), "'.*page.mp4'"
        ),
    )
    yield "a zip named mp4", Nasty(_zip, "cannot be read as a video")
    yield "an mkv named avi", Nasty(lambda folder: _plain(folder, ".mkv").rename(folder / "film.avi"), "summary")
    yield "an mp4 named txt", Nasty(lambda folder: _plain(folder, ".mp4").rename(folder / "film.txt"), "summary")
    yield "an mp4 without an ending", Nasty(lambda folder: _plain(folder, ".mp4").rename(folder / "film"), "summary")
    yield "a pipe", Nasty(_fifo, "is not a regular file")
    yield "a link to /dev/zero", Nasty(partial(_link, target="/dev/zero"), "is not a regular file")
    yield "a link to itself", Nasty(partial(_link, target="link.mp4"), "does not exist|cannot be read")
    yield "a folder", Nasty(lambda folder: folder, "is a folder|No video in the folder")
    yield (
        "a playlist of this machine's files",
        Nasty(
            partial(
                _pointing,
                name="list.mp4",
                text="#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:4,\nother.ts\n#EXT-X-ENDLIST\n",
            ),
            "cannot be read as a video",
        ),
    )
    yield (
        "a list to join of this machine's files",
        Nasty(
            partial(_pointing, name="list.mkv", text="ffconcat version 1.0\nfile other.mp4\nfile other.mp4\n"),
            "cannot be read as a video",
        ),
    )
    index = "# VobSub index file, v7\nsize: 720x576\nid: en, index: 0\ntimestamp: 00:00:01:000, filepos: 000000000\n"
    yield (
        "an index of subtitles beside a pipe",
        Nasty(partial(_beside_a_pipe, name="film.idx", pipe="film.sub", content=index.encode()), "cannot be read as"),
    )
    yield (
        "a name for a series of images beside a pipe",
        Nasty(partial(_beside_a_pipe, name="a%d.png", pipe="a0.png", content=_png(64, 64)), "cannot be read as"),
    )

    for width, height in ((1, 1), (2, 2), (1, 500), (500, 1), (97, 63), (16384, 2), (16384, 16), (2, 8192)):
        codec = "rawvideo" if height > 100 * width else "ffv1"  # which cannot write pictures of one column
        yield (
            f"{width} x {height}",
            Nasty(partial(_sized, width=width, height=height, frames=20, codec=codec), "summary"),
        )
    yield (
        "16384 x 64, h264",
        Nasty(lambda folder: clip(folder / "wide.mp4", size=(16384, 64), frames=12, sound=1), "summary"),
    )
    yield "a picture of 256 million pixels", Nasty(partial(_bomb, width=16_000, height=16_000), "SUMMDIFF_MAX_PIXELS")
    yield "a size that changes", Nasty(partial(_joined, sizes=[(96, 64), (64, 96), (128, 64)]), "summary")

    yield "1 frame", Nasty(partial(_sized, width=96, height=64, frames=1), "summary")
    yield "1 frame (mp4)", Nasty(lambda folder: clip(folder / "one.mp4", frames=1, sound=1), "summary")
    yield "2 frames at the same time", Nasty(partial(_stamped, stamps=[0, 0]), "summary")
    yield "duration 0", Nasty(lambda folder: clip(folder / "none.mp4", frames=1, last=0), "summary")
    yield "duration 0 in the header", Nasty(partial(_patched, box=b"mvhd", at=16, value=bytes(4)), "summary")
    yield "longest duration in the header", Nasty(partial(_patched, box=b"mvhd", at=16, value=b"\xff" * 4), "summary")
    yield "longest duration of the track", Nasty(partial(_patched, box=b"mdhd", at=16, value=b"\xff" * 4), "summary")
    yield "clock of 0 ticks a second", Nasty(partial(_patched, box=b"mdhd", at=12, value=bytes(4)), "either")
    yield "clock of 4 billion ticks a second", Nasty(partial(_patched, box=b"mdhd", at=12, value=b"\xff" * 4), "either")
    yield "4 billion frames promised", Nasty(partial(_patched, box=b"stts", at=8, value=b"\xff" * 4), "either")
    yield "4 billion sizes promised", Nasty(partial(_patched, box=b"stsz", at=8, value=b"\xff" * 4), "either")
    yield "every frame lasts 24 days", Nasty(partial(_patched, box=b"stts", at=12, value=b"\x7f\xff\xff\xff"), "either")
    yield "last frame lasts 30 years", Nasty(lambda folder: clip(folder / "long.nut", last=10**12), "either")
    yield (
        "negative time stamps",
        Nasty(partial(_stamped, stamps=[n * 100 - 2000 for n in range(40)], suffix=".nut"), "summary"),
    )
    yield (
        "negative time stamps (mp4)",
        Nasty(
            partial(
                _stamped,
                stamps=[n * 100 - 2000 for n in range(40)],
                suffix=".mp4",
                muxer={"avoid_negative_ts": "disabled"},
            ),
            "summary",
        ),
    )
    yield (
        "first time stamp after 30 years",
        Nasty(partial(_stamped, stamps=[10**12 + n * 100 for n in range(40)]), "summary"),
    )
    yield (
        "first time stamp near the largest",
        Nasty(partial(_stamped, stamps=[2**62 + n * 100 for n in range(40)], suffix=".nut"), "either"),
    )
    even = [n * 100 for n in range(20)]
    for name, jump in (("an hour", HOUR), ("a day", 24 * HOUR), ("30 years", 10**12)):
        later = [*even, *(2000 + jump + n * 100 for n in range(20))]
        yield f"time jumps by {name}", Nasty(partial(_stamped, stamps=later, sound=1), "summary")
    yield "time jumps back", Nasty(partial(_cues, stamps=[*range(5000, 7000, 100), *range(0, 2000, 100)]), "summary")
    yield (
        "time jumps to and fro by days",
        Nasty(partial(_cues, stamps=[0, 10**9, 100, 10**9 + 100, 200, 3 * 10**9] * 4), "either"),
    )
    yield "largest time stamps", Nasty(partial(_cues, stamps=[0, 100, 2**62, 2**62 + 100, 2**63 - 1]), "either")
    yield "all frames at the same time", Nasty(partial(_cues, stamps=[5000] * 20), "summary")
    yield "time runs backwards", Nasty(partial(_cues, stamps=[4000 - 100 * n for n in range(40)]), "summary")
    yield "no time stamps", Nasty(_unstamped, "summary")
    yield "variable frame rate", Nasty(partial(_stamped, stamps=[0, 1, 2, 3, 900, 901, 5000, 5001, 9000]), "summary")
    yield (
        "a picture that stands for 20 minutes",
        Nasty(partial(_stamped, stamps=[0, 100, 1_200_000, 1_200_100]), "summary"),
    )
    yield (
        "1 million frames a second",
        Nasty(
            lambda folder: clip(folder / "fast.nut", clock=Fraction(1, 1_000_000), stamps=list(range(40)), last=1),
            "summary",
        ),
    )
    yield "first key frame missing", Nasty(partial(_no_keyframes, all_of_them=False), "either")
    yield "all key frames missing", Nasty(partial(_no_keyframes, all_of_them=True), "either")
    yield "joined recordings", Nasty(partial(_joined, sizes=[(96, 64)] * 3), "summary")

    for degrees in (90, 180, 270, 45):
        yield f"turned by {degrees}°", Nasty(partial(_turned, degrees=degrees), "summary")
    yield "mirrored", Nasty(partial(_turned, degrees=90, flip=True), "summary")
    yield "matrix of zeros", Nasty(partial(_matrix, matrix=[0] * 9), "either")
    yield (
        "matrix of extremes",
        Nasty(partial(_matrix, matrix=[-(2**31), 2**31 - 1, 0, 2**31 - 1, -(2**31), 0, 0, 0, 1 << 30]), "either"),
    )
    for aspect in (Fraction(4, 3), Fraction(1, 255), Fraction(255, 1)):
        yield (
            f"pixels of {aspect}",
            Nasty(lambda folder, aspect=aspect: clip(folder / "wide.mkv", aspect=aspect), "summary"),
        )

    x265 = {"preset": "ultrafast", "x265-params": "log-level=0"}
    for title, codec, pix_fmt, options in (
        ("10 bit h264", "libx264", "yuv420p10le", None),
        ("10 bit hevc", "libx265", "yuv420p10le", x265),
        ("12 bit hevc", "libx265", "yuv420p12le", x265),
        ("4:4:4", "libx264", "yuv444p", None),
        ("4:2:2 10 bit", "libx264", "yuv422p10le", None),
        ("full range", "libx264", "yuvj420p", None),
    ):
        yield (
            title,
            Nasty(
                partial(
                    lambda folder, **how: clip(folder / "deep.mkv", **how),
                    codec=codec,
                    pix_fmt=pix_fmt,
                    options=options,
                ),
                "summary",
            ),
        )
    for pix_fmt in (
        "gray",
        "gray16le",
        "gray10le",
        "yuva420p",
        "rgb48le",
        "gbrp16le",
        "yuv410p",
        "bgra",
        "yuva444p10le",
    ):
        yield f"pixel format {pix_fmt}", Nasty(partial(_lossless, pix_fmt=pix_fmt), "summary")
    yield (
        "black and white",
        Nasty(lambda folder: clip(folder / "two.mov", codec="png", pix_fmt="monob", options={}), "summary"),
    )
    yield (
        "palette",
        Nasty(
            lambda folder: clip(folder / "a.gif", codec="gif", pix_fmt="rgb8", options={}, clock=Fraction(1, 100)),
            "summary",
        ),
    )

    yield (
        "20 tracks of picture, 20 of sound",
        Nasty(lambda folder: clip(folder / "many.mkv", frames=12, further=19, sound=20), "summary"),
    )
    yield "cover picture first and larger", Nasty(_covered, "summary")
    yield (
        "400 chapters",
        Nasty(partial(_chapters, marks=[(n * 10, n * 10 + 10, f"chapter {n}") for n in range(400)]), "summary"),
    )
    yield (
        "400 chapters (mp4)",
        Nasty(
            partial(_chapters, suffix=".mp4", marks=[(n * 10, n * 10 + 10, f"chapter {n}") for n in range(400)]),
            "summary",
        ),
    )
    yield (
        "chapters that make no sense",
        Nasty(
            partial(_chapters, marks=[(0, 10**12, "for ever"), (500, 500, ""), (10**11, 10**12, "\x1b[2J\n\0")]),
            "summary",
        ),
    )
    yield "title of 100,000 characters", Nasty(partial(_tagged, title="title " * 16_667), "summary")
    yield (
        "title of 100,000 characters (mp4)",
        Nasty(partial(_tagged, suffix=".mp4", title="title " * 16_667), "summary"),
    )
    yield "title with orders to the terminal", Nasty(partial(_tagged, title="\x1b[2J\x07\n\r<script>"), "summary")
    yield "title that is no utf-8", Nasty(_bad_text, "summary")
    yield "a subtitle of a million characters", Nasty(partial(_subtitles, text="word " * 200_000), "summary")
    yield "subtitles with orders", Nasty(partial(_subtitles, text=r"{\an8}<script>\N{{{ \x1b[31m %s -->"), "summary")
    for title, name in HOSTILE_NAMES.items():
        expected = "summary" if not title.startswith("long") else "either"
        yield f"name: {title}", Nasty(partial(named, name=name), expected)


CASES: dict[str, Nasty] = dict(_cases())
