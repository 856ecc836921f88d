"""Compare the fast mode with the normal one, in turns: speed, and similarity of the results.

    python benchmarks/fast.py VIDEO [--seconds 3] [--rounds 3] [--json FILE]

The video is first encoded with a key frame every `--seconds` and nowhere else, which is the hard case, because encoders
also place key frames at cuts. Both modes run without the feature cache and write nothing. The table also has the rank
correlation of their importance scores and the share of the normal mode's summary that the fast one contains.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from functools import partial
from pathlib import Path

from films import with_key_frames
from rows import Row, ratio, turns, write
from scipy.stats import spearmanr

from summdiff import Summarizer
from summdiff.summary import Interval, Summary


def shared(one: tuple[Interval, ...], other: tuple[Interval, ...]) -> float:
    """Return the share of `one` that is also in `other`."""
    both = sum(max(0.0, min(a.end, b.end) - max(a.start, b.start)) for a in one for b in other)
    return both / sum(part.duration for part in one)


def anew(mode: Summarizer, film: Path) -> Summary:
    """Summarize the film without a cache."""
    mode.model._last = None
    return mode.summarize(film)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    modes = {"normal": Summarizer(cache=False), "fast": Summarizer(cache=False, fast=True)}
    for mode in modes.values():
        mode.load()
    with tempfile.TemporaryDirectory() as folder:
        film = with_key_frames(asked.video, Path(folder) / "film.mp4", every=asked.seconds)
        ways = {name: partial(anew, mode, film) for name, mode in modes.items()}
        seconds = turns(ways, asked.rounds)
        normal, fast = (way() for way in ways.values())
    rho = float(spearmanr(normal.scores.mean, fast.scores.mean).statistic)
    overlap = shared(normal.selection, fast.selection)
    video = normal.video
    print(f"{video.duration:.0f} s, {video.width}x{video.height}, key frames {asked.seconds:g} s apart")
    for name in modes:
        print(f"  {name}: {statistics.median(seconds[name]):.2f} s")
    print(f"  of the normal mode's summary {overlap:.0%} is in the fast one's; a summary is 15 % of the film")
    numbers = {"normal, s": statistics.median(seconds["normal"]), "fast, s": statistics.median(seconds["fast"])}
    score = statistics.median(seconds["fast"]) - fast.timings["look"]
    bound = f"scoring and choosing, {score:.1f} s, and the backbone's pictures stay the same; only decoding gets less"
    name = f"--fast, key frames {asked.seconds:g} s apart"
    rows = [
        Row(name, "the normal mode", ratio(seconds["normal"], seconds["fast"]), 4.0, bound=bound, numbers=numbers),
        Row(f"{name}: Spearman of the scores", "the normal mode", rho, 0.9, numbers={"summary shared": overlap}),
    ]
    write(asked.json, rows)


if __name__ == "__main__":
    main()
