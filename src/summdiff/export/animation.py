"""Moving previews under 5 MB, whatever the length of the video."""

from __future__ import annotations

from fractions import Fraction
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from summdiff.atomic import write_file
from summdiff.export._formats import Format, OnProgress
from summdiff.export._sources import cut_of, pictures_at
from summdiff.summary import Summary

_MAX_BYTES = 5_000_000
_SHORT_SIDE, _MIN_SIDE = 180, 16  # pixels
_RATE = 8  # pictures per second
_SCENE_CHANGE = 18.0  # mean difference of two pictures' channels, of 255, from which they need palettes of their own
_SAMPLE_STEP = 3  # every third picture of a scene is enough for its palette
_EXCERPTS, _EXCERPT_SECONDS = 10, Fraction(6, 5)
_OPTIONS: dict[str, dict[str, Any]] = {
    "gif": {"optimize": False, "disposal": 1},
    "webp": {"quality": 60, "method": 2, "minimize_size": False},
}


def write_gif(summary: Summary, path: Path, on_progress: OnProgress) -> None:
    """Write a preview that repeats forever, as GIF."""
    write_file(path, _animation(summary, "gif"))


def write_webp(summary: Summary, path: Path, on_progress: OnProgress) -> None:
    """Write a preview that repeats forever, as WebP."""
    write_file(path, _animation(summary, "webp"))


def _animation(summary: Summary, form: Literal["gif", "webp"]) -> bytes:
    """Encode the preview, 180 pixels on its short side or less where that would be too many bytes."""
    from PIL import Image

    pictures = [Image.fromarray(p) for p in pictures_at(summary, _preview_times(summary), short_side=_SHORT_SIDE)]
    width, height = pictures[0].size
    while True:
        resized = [picture.resize((width, height)) for picture in pictures]
        frames = _with_palettes(resized) if form == "gif" else resized
        buffer = BytesIO()
        frames[0].save(
            buffer,
            format=form.upper(),
            save_all=True,
            append_images=frames[1:],
            duration=1000 // _RATE,
            loop=0,
            **_OPTIONS[form],
        )
        if buffer.tell() < _MAX_BYTES or min(width, height) <= _MIN_SIDE:
            return buffer.getvalue()
        # The size grows with the area; noise shrinks less than that, hence the margin.
        factor = min(0.85, 0.95 * (_MAX_BYTES / buffer.tell()) ** 0.5)
        width, height = max(_MIN_SIDE, int(width * factor)), max(_MIN_SIDE, int(height * factor))


def _preview_times(summary: Summary) -> list[float]:
    """Return the times of the preview's pictures, in seconds of the source.

    A summary of up to 12 s is shown whole, a longer one as ten excerpts of 1.2 s spread evenly over it, so that neither
    time nor size grow with the video.
    """
    cut = cut_of(summary)
    step = Fraction(1, _RATE)
    if cut.duration <= _EXCERPTS * _EXCERPT_SECONDS:
        times = [n * step for n in range(max(1, int(cut.duration * _RATE)))]
    else:
        spacing = cut.duration / _EXCERPTS
        times = [
            spacing * n + (spacing - _EXCERPT_SECONDS) / 2 + k * step
            for n in range(_EXCERPTS)
            for k in range(int(_EXCERPT_SECONDS * _RATE))
        ]
    return [float(cut.source_time(time)) for time in times]


def _with_palettes(pictures: list[Any]) -> list[Any]:
    """Reduce pictures to 256 colors per scene, and spread the rounding errors over neighbors, against visible bands."""
    from PIL import Image

    reduced = []
    for scene in _scenes(pictures):
        sample = scene[::_SAMPLE_STEP]
        width, height = (max(1, side // 2) for side in sample[0].size)
        column = Image.new("RGB", (width, height * len(sample)))
        for place, picture in enumerate(sample):
            column.paste(picture.resize((width, height)), (0, height * place))
        palette = column.quantize(256, method=Image.Quantize.MEDIANCUT, kmeans=1)
        reduced += [picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG) for picture in scene]
    return reduced


def _scenes(pictures: list[Any]) -> list[list[Any]]:
    """Divide pictures where two successive ones differ much."""
    import numpy as np

    small = np.array([picture.resize((32, 18)) for picture in pictures], dtype=np.int16)
    changes = np.abs(np.diff(small, axis=0)).mean(axis=(1, 2, 3))
    edges = [0, *(int(place) + 1 for place in np.flatnonzero(changes > _SCENE_CHANGE)), len(pictures)]
    return [pictures[start:end] for start, end in pairwise(edges)]


FORMATS = (
    Format("gif", {"gif": write_gif}, "moving preview, always under 5 MB", opens_in="chats, pages"),
    Format("webp", {"webp": write_webp}, "moving preview, always under 5 MB", opens_in="chats, pages"),
)
