"""Films made of scenes of real clips, small and known second by second: what each shows, and where it was seen before.

A film is written as a list of `Part`s, each a stretch of a `Scene`. Where the real clips are missing, scenes are
textures that drift.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageFilter

FPS = 5
WIDTH, HEIGHT = 128, 72
CLIPS = {  # file, first second: twenty seconds of each are scenes that look nothing like each other
    "jumps": ("Jumps.webm", 2.0),
    "meadow": ("bbb_480p_30s.mp4", 4.0),
    "street": ("pyscenedetect_testvideo_24s.mp4", 1.0),
    "corridor": ("intel_person_139s.mp4", 0.0),
    "trailer": ("sintel_trailer_52s.mp4", 12.0),
}
SCENE_SECONDS = 20


@dataclass(frozen=True, eq=False)
class Scene:
    """Pictures (T, HEIGHT, WIDTH, 3) uint8 RGB, FPS a second, and what they are called."""

    name: str
    pictures: np.ndarray

    def part(self, start: float = 0.0, end: float = SCENE_SECONDS) -> Part:
        return Part(self, start, end)

    def blurred(self, radius: float = 10.0) -> Scene:
        soft = [np.asarray(Image.fromarray(p).filter(ImageFilter.GaussianBlur(radius))) for p in self.pictures]
        return Scene("blurred", np.stack(soft))

    def frozen(self, at: float = 3.0) -> Scene:
        return Scene("frozen", np.repeat(self.pictures[[round(at * FPS)]], len(self.pictures), axis=0))


@dataclass(frozen=True)
class Part:
    """The seconds [start, end) of a scene."""

    scene: Scene
    start: float
    end: float


@dataclass(frozen=True)
class Film:
    """A written film.

    Attributes:
        path: the file.
        parts: what it shows, one after the other.
    """

    path: Path
    parts: tuple[Part, ...]

    @property
    def starts(self) -> list[float]:
        """Seconds at which each part starts; all but the first are hard cuts unless the scene goes on."""
        lengths = [round((part.end - part.start) * FPS) / FPS for part in self.parts]
        return [float(start) for start in np.concatenate(([0.0], np.cumsum(lengths)))]

    @property
    def duration(self) -> float:
        return self.starts[-1]

    def seconds_of(self, name: str, selection: Sequence) -> float:
        """Return how many seconds of a scene the selected intervals show."""
        return sum(
            max(0.0, min(start + part.end - part.start, piece.end) - max(start, piece.start))
            for start, part in zip(self.starts, self.parts, strict=False)
            for piece in selection
            if part.scene.name == name
        )

    def shown(self, start: float, end: float) -> list[tuple[str, int]]:
        """Return what the frames in [start, end) show: scene, and number of the picture in it."""
        places = []
        for begin, part in zip(self.starts, self.parts, strict=False):
            first, last = max(start, begin), min(end, begin + part.end - part.start)
            offset = round((part.start - begin) * FPS)
            places += [(part.scene.name, n + offset) for n in range(round(first * FPS), round(last * FPS))]
        return places


def repeated_seconds(film: Film, selection: Sequence) -> float:
    """Return how many of the selected seconds show pictures that an earlier piece has shown already."""
    seen: set[tuple[str, int]] = set()
    repeated = 0
    for piece in selection:
        here = film.shown(piece.start, piece.end)
        repeated += sum(place in seen for place in here)
        seen |= set(here)
    return repeated / FPS


def write_film(path: Path, parts: Sequence[Part]) -> Film:
    """Write parts one after the other, without sound."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.time_base = Fraction(1, FPS)
        stream.codec_context.options = {"preset": "ultrafast", "crf": "18"}
        number = 0
        for part in parts:
            for picture in part.scene.pictures[round(part.start * FPS) : round(part.end * FPS)]:
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, FPS)
                output.mux(stream.encode(frame))
                number += 1
        output.mux(stream.encode(None))
    return Film(path, tuple(parts))


def real_scene(name: str, folder: Path) -> Scene:
    """Read a scene of a clip in `folder`."""
    file, first = CLIPS[name]
    pictures: list[np.ndarray] = []
    with av.open(str(folder / file)) as source:
        stream = source.streams.video[0]
        stream.codec_context.skip_frame = "NONREF"
        for frame in source.decode(stream):
            while frame.time >= first + len(pictures) / FPS:
                small = frame.reformat(width=WIDTH, height=HEIGHT, format="rgb24")
                pictures.append(small.to_ndarray())
                if len(pictures) == SCENE_SECONDS * FPS:
                    return Scene(name, np.stack(pictures))
    raise AssertionError(f"{file} is shorter than a scene needs")


def textured_scene(name: str) -> Scene:
    """Make a scene of colored patches that drift, change brightness and are never still."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    rows, columns = rng.integers(4, 10, size=2)
    tile = rng.uniform(20, 235, size=(rows, columns, 3)) * rng.uniform(0.3, 1.0, size=3)
    picture = Image.fromarray(tile.astype(np.uint8)).resize((2 * WIDTH, 2 * HEIGHT), Image.Resampling.BICUBIC)
    wide, pictures = np.asarray(picture), []
    speed = rng.integers(1, 4, size=2)
    for number in range(SCENE_SECONDS * FPS):
        down, across = (number * speed) % (HEIGHT, WIDTH)
        pictures.append(wide[down : down + HEIGHT, across : across + WIDTH])
    return Scene(name, np.stack(pictures))


def flat_scene(name: str, color: tuple[int, int, int]) -> Scene:
    return Scene(name, np.full((SCENE_SECONDS * FPS, HEIGHT, WIDTH, 3), color, dtype=np.uint8))


def color_bars() -> Scene:
    colors = np.array(
        [(191, 191, 191), (191, 191, 0), (0, 191, 191), (0, 191, 0), (191, 0, 191), (191, 0, 0), (0, 0, 191)]
    )
    picture = np.repeat(colors[np.arange(WIDTH) * len(colors) // WIDTH][None], HEIGHT, axis=0).astype(np.uint8)
    return Scene("bars", np.repeat(picture[None], SCENE_SECONDS * FPS, axis=0))


def credits_scene() -> Scene:
    """White lines of writing that roll up over black."""
    rng = np.random.default_rng(0)
    roll = np.zeros((HEIGHT + SCENE_SECONDS * FPS, WIDTH, 3), dtype=np.uint8)
    for top in range(HEIGHT // 2, len(roll) - 6, 10):
        letters = rng.random((4, 40)) < 0.55
        width = int(rng.integers(20, 40))
        left = (WIDTH - 2 * width) // 2
        roll[top : top + 4, left : left + 2 * width] = 255 * np.repeat(letters[:, :width], 2, axis=1)[..., None]
    pictures = [roll[n : n + HEIGHT] for n in range(SCENE_SECONDS * FPS)]
    return Scene("credits", np.stack(pictures))
