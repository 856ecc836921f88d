"""Measure how far picture and sound are apart in summaries of films that were joined or paused.

    python scripts/sync_of_joins.py [--places 10] [--write results/trust/sync.csv]

Each film is made, cut from start to end, and read back: at places spread over it, the number of the picture on display
and the place in the noise that is heard give two times of the original scene. Their difference is printed.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from joined_films import FILMS, FPS, RATE, noise, number_of
from numpy.typing import NDArray

from summdiff.options import MovieOptions
from summdiff.summary import Interval
from summdiff.video import probe, write_cut

_WINDOW_SECONDS = 0.3
_LEAST_LIKENESS = 0.4


def pictures(path: Path) -> list[tuple[float, int]]:
    """Return the time and number of every picture."""
    with av.open(str(path)) as container:
        return [(frame.time, number_of(frame.to_ndarray(format="rgb24"))) for frame in container.decode(video=0)]


def sound(path: Path) -> NDArray[np.float32]:
    """Return the samples (n,) of the sound, placed by their timestamps."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    places = [round(frame.time * RATE) for frame in frames]
    wave = np.zeros(places[-1] + frames[-1].samples, np.float32)
    for place, frame in zip(places, frames, strict=True):
        samples = frame.to_ndarray()[0]
        wave[max(0, place) : place + len(samples)] = samples[max(0, -place) :]
    return wave


def place_in(window: NDArray[np.float32], whole: NDArray[np.float32]) -> tuple[float, float]:
    """Return where in `whole` a window lies, in seconds, and how alike they are there, from -1 to 1."""
    size = 1 << (len(whole) + len(window)).bit_length()
    spectrum = np.fft.rfft(whole, size) * np.conj(np.fft.rfft(window, size))
    likeness = np.fft.irfft(spectrum, size)[: len(whole) - len(window)]
    at = int(np.argmax(likeness))
    norm = np.linalg.norm(window) * np.linalg.norm(whole[at : at + len(window)])
    return at / RATE, float(likeness[at] / (norm + 1e-9))


def offsets(film: Path, folder: Path, *, places: int) -> tuple[float, list[float], int]:
    """Cut a film from start to end; return its length, offsets (ms, sound late), and pictures out of order."""
    duration = probe(film).duration
    target = folder / "cut.mp4"
    write_cut(film, [Interval(0, duration)], target, options=MovieOptions(quality="high"))  # numbers stay legible
    shown, heard = pictures(target), sound(target)
    whole = noise((max(number for _, number in shown) + 1) / FPS + 1)
    times = np.array([time for time, _ in shown])
    found = []
    for at in np.linspace(0.5, len(heard) / RATE - 1, 4 * places):
        place, likeness = place_in(heard[round(at * RATE) : round((at + _WINDOW_SECONDS) * RATE)], whole)
        if likeness > _LEAST_LIKENESS:  # else the window is at a join, partly silent
            last = int(np.searchsorted(times, at + 1e-6, side="right")) - 1
            found.append(1000 * (place - (shown[last][1] / FPS + at - times[last])))
    chosen = np.linspace(0, len(found) - 1, places).round().astype(int)
    wrong = sum(after != before + 1 for (_, before), (_, after) in pairwise(shown))
    return duration, [found[n] for n in chosen], wrong


def main() -> None:
    """Print the table, and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--places", type=int, default=10)
    parser.add_argument("--write", type=Path, help="CSV file")
    options = parser.parse_args()
    rows = []
    for name, make in FILMS.items():
        with tempfile.TemporaryDirectory() as folder:
            duration, found, wrong = offsets(make(Path(folder), 100), Path(folder), places=options.places)
        row = [name, f"{duration:.2f}", f"{max(map(abs, found)):.0f}", f"{max(found) - min(found):.0f}", wrong]
        rows.append(row)
        print("{:50} {:>8} s  largest {:>6} ms  spread {:>6} ms  pictures out of order {}".format(*row), flush=True)
    if options.write:
        with options.write.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["film", "seconds", "largest_offset_ms", "spread_ms", "pictures_out_of_order"])
            writer.writerows(rows)


if __name__ == "__main__":
    main()
