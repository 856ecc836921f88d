"""FFmpeg's filters for decoded frames: deinterlacing, and laying transparent pictures on black."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache

import av
from av.filter import Graph
from av.video.format import VideoFormat
from av.video.frame import VideoFrame

_LEAST_SIDE = 16  # pixels
_Layout = tuple[str, int, int]


def layout_of(frame: VideoFrame) -> _Layout:
    """Return what has to stay the same for a filter graph: pixel format, width and height."""
    return frame.format.name, frame.width, frame.height


def filter_graph(frame: VideoFrame, *filters: tuple[str, str], threads: int = 1) -> Graph:
    """Build a chain of filters, each a name and its arguments, for frames that have the layout of `frame`."""
    graph = Graph()
    graph.threads = threads
    time_base = frame.time_base or Fraction(1, 1000)
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=time_base)
    chain = [source, *(graph.add(name, arguments or None) for name, arguments in filters), graph.add("buffersink")]
    graph.link_nodes(*chain).configure()
    return graph


def filtered(graph: Graph) -> Iterator[VideoFrame]:
    """Yield the frames that a graph has ready."""
    while True:
        try:
            yield graph.vpull()
        except (av.BlockingIOError, av.EOFError):
            return


def deinterlaced(frames: Iterator[VideoFrame], *, threads: int) -> Iterator[VideoFrame]:
    """Deinterlace the frames that say they are interlaced, one frame for each; others pass unchanged.

    Missing lines are taken from the frames before and after where the picture stands still, and from the lines above
    and below where it moves (FFmpeg's bwdif).
    """
    graph: Graph | None = None
    layout: _Layout | None = None
    for frame in frames:
        if graph is not None and layout != layout_of(frame):
            graph.vpush(None)
            yield from filtered(graph)
            graph = None
        if graph is None:
            if not frame.interlaced_frame or _is_tiny(frame):
                yield frame
                continue
            layout = layout_of(frame)
            graph = filter_graph(frame, ("bwdif", "mode=send_frame:deint=interlaced"), threads=threads)
        graph.vpush(frame)
        yield from filtered(graph)
    if graph is not None:
        graph.vpush(None)
        yield from filtered(graph)


def _is_tiny(frame: VideoFrame) -> bool:
    """Whether the deinterlacers refuse a frame because it has too few lines or columns."""
    return min(frame.width, frame.height) < _LEAST_SIDE


def deinterlaced_alone(frame: VideoFrame) -> VideoFrame:
    """Deinterlace a frame from its own lines, without its neighbors (FFmpeg's estdif)."""
    if _is_tiny(frame):
        return frame
    graph = filter_graph(frame, ("estdif", "mode=frame"))
    graph.vpush(frame)
    graph.vpush(None)
    return next(filtered(graph), frame)


def without_mixing_fields(frame: VideoFrame) -> VideoFrame:
    """Convert an interlaced frame to 4:2:0 (yuv420p), each field by itself."""
    graph = filter_graph(frame, ("scale", "interl=1"), ("format", "yuv420p"))
    graph.vpush(frame)
    return next(filtered(graph), frame)


@lru_cache
def has_alpha(format_name: str) -> bool:
    """Whether pictures of a pixel format can be transparent."""
    return any(component.is_alpha for component in VideoFormat(format_name).components)


class OnBlack:
    """Lay pictures with transparency on black; others pass unchanged."""

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._layout: _Layout | None = None

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        """Return the picture without transparency, in a pixel format of FFmpeg's choice."""
        if not has_alpha(frame.format.name):
            return frame
        if self._graph is None or self._layout != layout_of(frame):
            self._layout = layout_of(frame)
            self._graph = filter_graph(frame, ("premultiply", "inplace=1"))
        self._graph.vpush(frame)
        return next(filtered(self._graph), frame)
