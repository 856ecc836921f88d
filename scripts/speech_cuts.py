"""Count the cuts of summaries that fall inside speech, by loudness alone.

    python scripts/speech_cuts.py DATA [--output results/selection]

DATA is a folder with `speech/*.mp3`, readings by one person each, and `videos/`. Each reading is put under moving
pictures (every video, from its start, repeated to the end of the reading) and under static ones (one frame of a video).
Each film is summarized with 15% and 30% of its length, by whole shots and by intervals, without listening and with it.

A cut is *inside speech* if the loudest 10 ms within 80 ms of it are above a tenth (-20 dB) of the loud level, which is
the 95th percentile of the levels of all 10 ms of the film. A cut has a *pause in reach* if a moment within 1.5 s of it
is not inside speech by the same measure, which knows nothing of the voice activity detector. The start and the end of a
film are no cuts. The row "any moment" is the share of all moments of the films that are inside speech.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from summdiff import Summarizer
from summdiff.features.cache import FeatureCache
from summdiff.options import OptionValues

FPS = 25
HEIGHT = 180
LEVEL_SECONDS = 0.01
NEAR_SECONDS, REACH_SECONDS = 0.08, 1.5
BUDGETS = (0.15, 0.30)
WAYS: dict[str, OptionValues] = {
    "whole shots": {"select": "shots"},
    "intervals, without listening": {"sound": False},
    "intervals, with listening": {},
}


@dataclass(frozen=True, slots=True)
class Row:
    """Cuts of the summary of one film."""

    film: str
    pictures: str
    budget: float
    way: str
    cuts: int
    inside_speech: int
    with_a_pause_in_reach: int


def talking_film(pictures: Path, reading: Path, target: Path, *, static: bool, seconds: float | None = None) -> Path:
    """Write a film with the pictures of a video and the sound of a reading, as long as the reading.

    Args:
        pictures: a video; its pictures are repeated as often as needed.
        reading: a sound file.
        target: the film to write, H.264 and AAC.
        static: show one frame, from the middle of the video's first 10 s, all the time.
        seconds: length of the film, if the reading is longer.
    """
    with av.open(str(reading)) as sound_file, av.open(str(target), "w") as film:
        sound_stream = sound_file.streams.audio[0]
        length = float(sound_file.duration or 0) / 1e6
        n_frames = round(FPS * min(length, seconds or length))
        video = film.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "26"})
        sound = film.add_stream("aac", rate=sound_stream.rate, layout="mono")
        for n, frame in enumerate(itertools.islice(_pictures(pictures, static=static), n_frames)):
            if n == 0:
                video.height, video.pix_fmt = HEIGHT, "yuv420p"
                video.width = round(frame.width * HEIGHT / frame.height / 2) * 2
            picture = frame.reformat(video.width, video.height, "yuv420p")
            picture.pts, picture.time_base = n, Fraction(1, FPS)
            film.mux(video.encode(picture))
        film.mux(video.encode())
        resampler = AudioResampler(format="fltp", layout="mono", rate=sound_stream.rate)
        for heard in sound_file.decode(sound_stream):
            if heard.time is not None and heard.time >= n_frames / FPS:
                break
            for block in resampler.resample(heard):
                film.mux(sound.encode(block))
        film.mux(sound.encode())
    return target


def _pictures(video: Path, *, static: bool) -> Iterator[av.VideoFrame]:
    """Yield frames at 25 per second, without end."""
    while True:
        with av.open(str(video)) as source:
            shown = 0
            for frame in source.decode(video=0):
                time = frame.time or 0.0
                if static and time < 5.0:
                    continue
                if static:
                    yield from itertools.repeat(frame)
                while shown / FPS <= time:
                    yield frame
                    shown += 1


def levels(film: Path) -> NDArray[np.float64]:
    """Return the root mean square of each 10 ms of a film's sound: (L,)."""
    with av.open(str(film)) as source:
        stream = source.streams.audio[0]
        resampler = AudioResampler(format="flt", layout="mono", rate=stream.rate)
        blocks = [block.to_ndarray()[0] for frame in source.decode(stream) for block in resampler.resample(frame)]
        n = round(LEVEL_SECONDS * stream.rate)
    samples = np.concatenate(blocks).astype(np.float64)
    return np.asarray(np.sqrt(np.square(samples[: len(samples) // n * n].reshape(-1, n)).mean(axis=1)))


def loud_moments(level: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return whether a cut in the middle of each 10 ms would be inside speech: (L,)."""
    reach = round(NEAR_SECONDS / LEVEL_SECONDS)
    padded = np.pad(level, reach)
    loudest = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).max(axis=1)
    return np.asarray(loudest > 0.1 * np.quantile(level, 0.95))


def judged(cuts: Sequence[float], loud: NDArray[np.bool_]) -> tuple[int, int]:
    """Return how many cuts, in seconds, are inside speech, and how many of these have a pause in reach."""
    reach = round(REACH_SECONDS / LEVEL_SECONDS)
    places = [min(int(cut / LEVEL_SECONDS), len(loud) - 1) for cut in cuts]
    inside = [place for place in places if loud[place]]
    return len(inside), sum(not loud[max(0, place - reach) : place + reach + 1].all() for place in inside)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--output", type=Path, default=Path("results/selection"))
    asked = parser.parse_args()
    rows: list[Row] = []
    shares: list[float] = []
    readings, videos = sorted(asked.data.glob("speech/*.mp3")), sorted(asked.data.glob("videos/*"))
    for reading, (pictures, static) in itertools.product(readings, [*((v, False) for v in videos), (videos[0], True)]):
        with tempfile.TemporaryDirectory() as folder:
            summarizer = Summarizer(cache=FeatureCache(folder))
            film = talking_film(pictures, reading, Path(folder) / "film.mp4", static=static)
            loud = loud_moments(levels(film))
            shares.append(float(loud.mean()))
            for (way, options), budget in itertools.product(WAYS.items(), BUDGETS):
                summary = summarizer.summarize(film, budget=budget, **options)
                ends = {end for part in summary.selection for end in (part.start, part.end)}
                cuts = sorted(ends - {0.0, summary.video.duration})
                kind = "static" if static else "moving"
                rows.append(
                    Row(f"{reading.stem} over {pictures.stem}", kind, budget, way, len(cuts), *judged(cuts, loud))
                )
                print(rows[-1], flush=True)
    asked.output.mkdir(parents=True, exist_ok=True)
    with (asked.output / "speech_cuts.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(Row.__dataclass_fields__)
        table.writerows([getattr(row, name) for name in Row.__dataclass_fields__] for row in rows)
    (asked.output / "speech_cuts.md").write_text(page(rows, float(np.mean(shares))), encoding="utf-8")


def page(rows: Sequence[Row], share: float) -> str:
    """Return the totals as Markdown."""
    lines = ["# Cuts inside speech", ""]
    lines += (__doc__ or "").split("\n\n", 2)[2].strip().splitlines()
    films = len({(row.film, row.pictures) for row in rows})
    lines += ["", f"{films} films, each summarized with {' and '.join(f'{b:.0%}' for b in BUDGETS)} of its length.", ""]
    lines += ["| | pictures | cuts | inside speech | of these with a pause in reach |", "|---|---|---|---|---|"]
    for way, kind in itertools.product(WAYS, ("moving", "static")):
        own = [row for row in rows if (row.way, row.pictures) == (way, kind)]
        counts = [sum(getattr(row, name) for row in own) for name in ("cuts", "inside_speech", "with_a_pause_in_reach")]
        lines.append(f"| {way} | {kind} | " + " | ".join(map(str, counts)) + " |")
    return "\n".join([*lines, f"| any moment | | | {share:.0%} | |", ""])


if __name__ == "__main__":
    main()
