"""Compare writing parts of a film by copying whole groups of pictures with encoding everything, in turns.

    python benchmarks/cut.py VIDEO [--rounds 3] [--seconds 3] [--json FILE]

Two selections, evenly placed: ten parts of 9 s and three of 30 s, from the video and from a copy with a key frame every
`--seconds`. The ratio is the median over rounds. Up to the first key frame of a part its pictures cannot be copied, so
each row also says how many seconds had to be encoded, which limits the ratio. One more row compares writing ten parts
of the video with one plain decoding pass over it.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

from films import with_key_frames
from rows import Row, ratio, turns, write
from summarize import plain_pass

from summdiff.summary import Interval
from summdiff.video import SeekingDecoder, index_frames, probe, write_cut
from summdiff.video._copy import CopyPlan
from summdiff.video._cut import tick_parts
from summdiff.video._index import _index_frames


def encoded(path: Path, parts: list[Interval]) -> float:
    """Return the seconds of these parts that are encoded."""
    index = index_frames(path)
    with SeekingDecoder(path, index) as decoder:
        plan = CopyPlan.of(index, decoder.first)
    if plan is None:
        return sum(part.duration for part in parts)
    stretches = [stretch for part in tick_parts(parts, index) for stretch in plan.stretches(part.start, part.end)]
    ticks = sum(stretch.end - stretch.start for stretch in stretches if stretch.group is None)
    return float(ticks * index.clock.time_base)


def anew(path: Path, parts: list[Interval], target: Path, method: Literal["encode", "auto"]) -> None:
    """Write the parts without reusing any knowledge of the film."""
    _index_frames.cache_clear()
    write_cut(path, parts, target, method=method)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    rows = []
    print(f"{'film':>22}{'parts':>12}{'encode, s':>12}{'copy, s':>10}{'ratio':>8}{'encoded':>9}")
    with tempfile.TemporaryDirectory() as folder:
        often = f"key frames {asked.seconds:g} s apart"
        films = {
            often: with_key_frames(asked.video, Path(folder) / "film.mp4", every=asked.seconds),
            "as it is": asked.video,
        }
        for film, path in films.items():
            duration = probe(path).duration
            for count, length in ((3, 30.0), (10, 9.0)):
                starts = [(i + 0.5) * duration / count - length / 2 for i in range(count)]
                parts = [Interval(max(start, 0.0), max(start, 0.0) + length) for start in starts]
                target = Path(folder) / "cut.mp4"
                ways: dict[str, Callable[[], object]] = {
                    "encode": partial(anew, path, parts, target, "encode"),
                    "auto": partial(anew, path, parts, target, "auto"),
                }
                of_film = path == asked.video and count == 10
                if of_film:
                    ways["plain"] = partial(plain_pass, path)
                seconds = turns(ways, asked.rounds)
                times = ratio(seconds["encode"], seconds["auto"])
                encode, copy = (statistics.median(seconds[way]) for way in ("encode", "auto"))
                edges, all_of_it = encoded(path, parts), count * length
                print(f"{film:>22}{f'{count} x {length:g} s':>12}{encode:12.2f}{copy:10.2f}{times:8.2f}{edges:7.1f} s")
                rows.append(
                    Row(
                        f"writing {count} parts of {length:g} s, {film}",
                        "encoding all of them at the same quality",
                        times,
                        5.0,
                        bound=f"parts begin within groups of pictures: {edges:.0f} of {all_of_it:.0f} s are encoded",
                        numbers={"encoding all, s": encode, "copying, s": copy, "encoded seconds": edges},
                    )
                )
                if of_film:
                    share = ratio(seconds["auto"], seconds["plain"])
                    numbers = {"copying, s": copy, "plain pass, s": statistics.median(seconds["plain"])}
                    rows.append(
                        Row(
                            f"writing {count} parts of {length:g} s, {film}",
                            "one plain decoding pass",
                            share,
                            0.35,
                            at_most=True,
                            bound=f"{edges:.0f} of {all_of_it:.0f} s are encoded",
                            numbers=numbers,
                        )
                    )
    write(asked.json, rows)


if __name__ == "__main__":
    main()
