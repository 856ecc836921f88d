"""Derive benchmark films from existing ones.

    python benchmarks/films.py FILM VIDEO... [--size 1280x720]

joins videos into one film, H.264 with B-frames, scaled to one size with black bars.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
from av.filter import Graph
from av.video.frame import PictureType, VideoFrame

RATE = 24  # frames per second of a joined film
# Usual settings of each encoder: suffix of the file, encoder, options.
CODECS: dict[str, tuple[str, str, dict[str, str]]] = {
    "H.264 with B-frames": (".mp4", "libx264", {"preset": "medium", "crf": "23"}),
    "H.264 without B-frames": (".mp4", "libx264", {"preset": "veryfast", "crf": "23", "bf": "0"}),
    "HEVC": (".mp4", "libx265", {"preset": "superfast", "crf": "26", "x265-params": "log-level=1"}),
    "VP9": (".webm", "libvpx-vp9", {"crf": "34", "b": "0", "deadline": "realtime", "cpu-used": "8", "row-mt": "1"}),
    "MPEG-2": (".ts", "mpeg2video", {"b": "6000000", "bf": "2", "g": "15"}),
}


def with_key_frames(source: Path, target: Path, *, every: float) -> Path:
    """Encode the same pictures as H.264 with a key frame every so many seconds and nowhere else; copy the sound."""
    with av.open(str(source)) as given, av.open(str(target), "w") as made:
        pictures, sound = given.streams.video[0], given.streams.audio[:1]
        pictures.thread_type = "AUTO"
        group = str(round(every * float(pictures.average_rate or 25)))
        options = {"preset": "veryfast", "crf": "20", "g": group, "keyint_min": group, "sc_threshold": "0"}
        out = made.add_stream("libx264", rate=pictures.average_rate, options=options)
        out.width, out.height, out.pix_fmt = pictures.width, pictures.height, "yuv420p"
        copied = [made.add_stream_from_template(stream) for stream in sound]
        for packet in given.demux(pictures, *sound):
            if packet.stream is pictures:
                for frame in packet.decode():
                    frame.pict_type = PictureType.NONE
                    made.mux(out.encode(frame))
            elif packet.dts is not None:
                packet.stream = copied[0]
                made.mux(packet)
        made.mux(out.encode())
    return target


def in_codec(source: Path, target: Path, codec: str, *, seconds: float) -> Path:
    """Encode the first `seconds` of a film in one of `CODECS`, without its sound; return the path with its suffix."""
    suffix, encoder, options = CODECS[codec]
    path = target.with_suffix(suffix)
    with av.open(str(source)) as given:
        stream = given.streams.video[0]
        stream.thread_type = "AUTO"
        rate = stream.average_rate or Fraction(25)
        frames = (frame for frame in given.decode(stream) if (frame.time or 0.0) < seconds)
        _encode(frames, path, encoder, options, (stream.width, stream.height), rate)
    return path


def joined(sources: Sequence[Path], target: Path, size: tuple[int, int]) -> Path:
    """Join films into one, scaled to a size with black bars, as H.264 with B-frames; without their sound."""
    _, encoder, options = CODECS["H.264 with B-frames"]
    frames = (frame for source in sources for frame in _scaled(source, size))
    _encode(frames, target, encoder, options, size, Fraction(RATE))
    return target


def _scaled(source: Path, size: tuple[int, int]) -> Iterator[VideoFrame]:
    with av.open(str(source)) as given:
        stream = given.streams.video[0]
        stream.thread_type = "AUTO"
        graph = Graph()
        width, height = size
        filters = (
            ("fps", f"{RATE}"),
            ("scale", f"{width}:{height}:force_original_aspect_ratio=decrease:force_divisible_by=2:flags=bicubic"),
            ("pad", f"{width}:{height}:-1:-1"),
            ("format", "yuv420p"),
        )
        nodes = [graph.add_buffer(template=stream), *(graph.add(*each) for each in filters), graph.add("buffersink")]
        for one, other in pairwise(nodes):
            one.link_to(other)
        graph.configure()
        for frame in given.decode(stream):
            graph.push(frame)
            yield from _pulled(graph)
        graph.push(None)
        yield from _pulled(graph)


def _pulled(graph: Graph) -> Iterator[VideoFrame]:
    while True:
        try:
            yield graph.vpull()
        except (av.BlockingIOError, av.EOFError):
            return


def _encode(
    frames: Iterable[VideoFrame],
    path: Path,
    encoder: str,
    options: dict[str, str],
    size: tuple[int, int],
    rate: Fraction,
) -> None:
    """Write frames, one after the other at a steady rate."""
    with av.open(str(path), "w") as made:
        out = made.add_stream(encoder, rate=rate, options=options)
        out.width, out.height, out.pix_fmt = *size, "yuv420p"
        out.thread_count = 0
        for number, frame in enumerate(frames):
            frame.pts, frame.time_base, frame.pict_type = number, 1 / rate, PictureType.NONE
            made.mux(out.encode(frame))
        made.mux(out.encode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("film", type=Path)
    parser.add_argument("videos", type=Path, nargs="+")
    parser.add_argument("--size", default="1280x720")
    asked = parser.parse_args()
    width, height = map(int, asked.size.split("x"))
    joined(asked.videos, asked.film, (width, height))


if __name__ == "__main__":
    main()
