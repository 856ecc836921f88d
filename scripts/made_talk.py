"""Talks written for a purpose, spoken by espeak-ng, as films.

python scripts/made_talk.py scripts/talks/library.txt library.mp4
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import wave
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

FPS, SIZE = 10, (160, 90)
PAUSE_SECONDS = 0.55  # after each sentence


@dataclass(frozen=True)
class Line:
    """A sentence of a plan, said during [start, end) seconds.

    Attributes:
        topic: a letter; "-" for digressions, "." for opening and closing.
        key: whether the sentence alone tells what the topic comes to.
    """

    start: float
    end: float
    topic: str
    key: bool
    text: str


def read_plan(path: Path) -> list[tuple[str, str]]:
    """Return mark and text of each sentence of a plan."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [(mark, text) for mark, text in (line.split(" ", 1) for line in lines if not line.startswith("#"))]


def make_talk(plan: Path, film: Path, *, pictures: Path | None = None) -> list[Line]:
    """Write a talk as a film, and return its sentences with their times.

    Args:
        plan: the sentences.
        film: the film to write.
        pictures: a video whose pictures are shown again and again; None for one still picture.
    """
    speaker = shutil.which("espeak-ng")
    if speaker is None:
        raise SystemExit("The talks are spoken by espeak-ng: install it, as with `apt-get install espeak-ng`.")
    rate, pieces, lines, at = 22_050, [], [], 0.0
    with tempfile.TemporaryDirectory() as folder:
        for mark, text in read_plan(plan):
            spoken = Path(folder) / "spoken.wav"
            subprocess.run([speaker, "-v", "en-us", "-s", "150", "-w", str(spoken), text], check=True)
            with wave.open(str(spoken)) as opened:
                samples = np.frombuffer(opened.readframes(opened.getnframes()), dtype=np.int16)
            loud = np.flatnonzero(np.abs(samples) > 300)
            samples = samples[loud[0] : loud[-1]]
            lines.append(Line(at, at + len(samples) / rate, mark[0], "*" in mark, text))
            pieces += [samples, np.zeros(round(PAUSE_SECONDS * rate), dtype=np.int16)]
            at += len(samples) / rate + PAUSE_SECONDS
    _write(film, np.concatenate(pieces), rate, pictures)
    return lines


def _write(film: Path, samples: np.ndarray, rate: int, pictures: Path | None) -> None:
    from speech_cuts import _pictures

    rng = np.random.default_rng(0)
    still = np.kron(rng.integers(60, 200, (9, 16, 3)), np.ones((10, 10, 1))).astype(np.uint8)
    with av.open(str(film), "w") as output:
        video = output.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        sound = output.add_stream("aac", rate=rate, layout="mono")
        frames = None if pictures is None else _pictures(pictures, static=False)
        for n in range(round(len(samples) / rate * FPS)):
            frame = av.VideoFrame.from_ndarray(still) if frames is None else next(frames)
            picture = frame.reformat(*SIZE, "yuv420p")
            picture.pts, picture.time_base = n, Fraction(1, FPS)
            output.mux(video.encode(picture))
        output.mux(video.encode())
        for start in range(0, len(samples), 1024):
            block = av.AudioFrame.from_ndarray(samples[None, start : start + 1024], format="s16", layout="mono")
            block.rate, block.pts = rate, start
            output.mux(sound.encode(block))
        output.mux(sound.encode())


def least_seconds(lines: list[Line], *, keys: bool = False) -> float:
    """Return the seconds of the shortest sentence of each topic and the pause after it; `keys`: with a star."""
    chosen = [line for line in lines if line.topic not in "-." and (line.key or not keys)]
    return sum(
        min(line.end - line.start + PAUSE_SECONDS for line in chosen if line.topic == topic)
        for topic in {line.topic for line in chosen}
    )


if __name__ == "__main__":
    said = make_talk(Path(sys.argv[1]), Path(sys.argv[2]))
    for line in said:
        print(f"{line.start:7.2f} {line.end:7.2f} {line.topic}{'*' if line.key else ' '} {line.text}")
    print(f"10% are {0.1 * (said[-1].end + PAUSE_SECONDS):.1f} s. One sentence of each topic takes at least ", end="")
    print(f"{least_seconds(said):.1f} s, one with a star {least_seconds(said, keys=True):.1f} s.")
