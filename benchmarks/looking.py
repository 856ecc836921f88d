"""Compare the normal way of looking at a film with the exact one, which decodes every frame, for several codecs.

    python benchmarks/looking.py VIDEO [--seconds 300] [--rounds 3] [--codecs NAME ...] [--json FILE]

The video is encoded anew with each codec (`films.CODECS`). In each round a plain decoding pass (see `summarize.py`) and
a summary in either way run in turns, without the feature cache and without writing. The table has the median ratios
of time, Spearman's correlation of the two curves, the share of the exact summary's seconds that the normal one has
chosen too, and the share of the normal summary's cuts that are cuts of the exact one, on the same frame.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from functools import partial
from pathlib import Path

from fast import anew, shared
from films import CODECS, in_codec
from rows import Row, ratio, turns, write
from scipy.stats import spearmanr
from summarize import plain_pass

from summdiff import Summarizer
from summdiff.summary import Summary

LEAST_SPEARMAN, LEAST_SHARED = 0.98, 0.95


def ends(summary: Summary) -> list[float]:
    """Return the seconds at which the chosen parts start and end."""
    return [time for part in summary.selection for time in (part.start, part.end)]


def same_frames(normal: Summary, exact: Summary) -> float:
    """Return the share of the normal summary's cuts that are within half a frame of one of the exact summary's."""
    half = 0.5 / exact.video.fps
    return statistics.mean(any(abs(one - other) < half for other in ends(exact)) for one in ends(normal))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--codecs", nargs="+", choices=list(CODECS), default=list(CODECS))
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    modes = {"normal": Summarizer(cache=False), "exact": Summarizer(cache=False, exact=True)}
    for mode in modes.values():
        mode.load()
    rows = []
    print(f"{'':24}{'plain, s':>10}{'normal':>8}{'exact':>8}{'Spearman':>10}{'seconds':>9}{'cuts':>6}{'found':>7}")
    with tempfile.TemporaryDirectory() as folder:
        for codec in asked.codecs:
            film = in_codec(asked.video, Path(folder) / "film", codec, seconds=asked.seconds)
            ways = {"plain": partial(plain_pass, film)}
            ways |= {name: partial(anew, mode, film) for name, mode in modes.items()}
            seconds = turns(ways, asked.rounds)
            normal, exact = (anew(mode, film) for mode in modes.values())
            of_plain, exact_of_plain = (ratio(seconds[name], seconds["plain"]) for name in modes)
            rho = float(spearmanr(normal.scores.mean, exact.scores.mean).statistic)
            both, cuts = shared(exact.selection, normal.selection), same_frames(normal, exact)
            plain = statistics.median(seconds["plain"])
            found = normal.timings["cuts"] / plain
            print(
                f"{codec:24}{plain:10.2f}{of_plain:8.2f}{exact_of_plain:8.2f}{rho:10.4f}{both:9.1%}{cuts:6.0%}{found:7.2f}",
                flush=True,
            )
            numbers = {"exact, by the plain pass": exact_of_plain, "finding cuts, by the plain pass": found}
            rows += [
                Row(f"{codec}: normal mode", "one plain decoding pass", of_plain, None, numbers=numbers),
                Row(f"{codec}: Spearman of the scores", "--exact", rho, LEAST_SPEARMAN),
                Row(
                    f"{codec}: chosen seconds", "--exact", both, LEAST_SHARED, numbers={"cuts on the same frame": cuts}
                ),
            ]
            film.unlink()
    write(asked.json, rows)


if __name__ == "__main__":
    main()
