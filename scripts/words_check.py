"""Measure what summdiff makes of words, with the extra `speech`: `python scripts/words_check.py DATA`.

DATA is the folder with `speech/` and `videos/`. The talks need espeak-ng. Four tables are written:

- recognition: word error rate of the readings, line times of sonnet 1 against `sonnet001.lines.csv`, speed;
- cuts: ends of parts in films made of the readings, against the sentences and, by loudness alone, against speech;
- talks: which sentences of talks that were written to a plan are chosen, with and without words;
- about: what the first three parts are about when something is asked for.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from made_talk import Line, make_talk
from speech_cuts import judged, levels, loud_moments, talking_film

from summdiff.audio import listen
from summdiff.features.cache import FeatureCache
from summdiff.pipeline import Summarizer
from summdiff.summary import Interval, Summary
from summdiff.transcript import Word
from summdiff.video import probe
from summdiff.words import find_words, load_engine

TALKS = Path(__file__).parent / "talks"
BUDGETS = (0.15, 0.3, 0.5)
WAYS: dict[str, dict[str, str]] = {"words": {}, "pauses": {"speech": "off"}}
SHARES = (0.1, 0.2, 0.3)
BORDER_SECONDS = 0.3  # from the silence between two sentences, as the transcript has it
LINE_SECONDS = 0.5  # from the known end of a line: the pause after it lasts about as long
NUMBERS = {"1": "one", "2": "two", "3": "three"}
QUESTIONS = {
    "cycling": {
        "accidents on the river road": "A",
        "what does the lane cost and when is it built": "A",
        "how children get to school": "B",
        "renting a bicycle": "C",
        "food and restaurants": "-",
        "a dog": "-",
    },
    "library": {
        "when is the library open": "A",
        "old newspapers on the internet": "B",
        "heating and energy": "C",
        "how is the new heat pump paid for": "C",
        "a holiday trip": "-",
        "the weather": "-",
    },
    "volcanoes": {
        "what makes a volcano erupt": "A",
        "the difference between thin and thick lava": "A",
        "how volcanoes change the climate": "B",
        "how can people be warned in time": "C",
        "sport": "-",
        "a sandwich": "-",
    },
    "office": {
        "where is the new office": "A",
        "how much rent do we save": "A",
        "may I work at home": "B",
        "which computer do I get": "C",
        "keeping files safe": "C",
        "a marriage": "-",
    },
}


def spelled(text: str) -> list[str]:
    """Return the words of a text in lower case, without marks."""
    text = re.sub(r"[^a-z' ]", " ", re.sub(r"[-—]", " ", text.lower().replace("’", "'")))
    return text.split()


def aligned(reference: Sequence[str], heard: Sequence[str]) -> tuple[int, dict[int, int]]:
    """Return the number of wrong, missing and added words, and which word was heard for which."""
    n, m = len(reference), len(heard)
    cost = np.zeros((n + 1, m + 1), dtype=int)
    cost[:, 0], cost[0] = range(n + 1), range(m + 1)
    for i, j in itertools.product(range(1, n + 1), range(1, m + 1)):
        wrong = int(reference[i - 1] != heard[j - 1])
        cost[i, j] = min(cost[i - 1, j - 1] + wrong, cost[i - 1, j] + 1, cost[i, j - 1] + 1)
    i, j, pairs = n, m, {}
    while i and j:
        if cost[i, j] == cost[i - 1, j - 1] + int(reference[i - 1] != heard[j - 1]):
            i, j = i - 1, j - 1
            pairs[i] = j
        elif cost[i, j] == cost[i - 1, j] + 1:
            i -= 1
        else:
            j -= 1
    return int(cost[-1, -1]), pairs


def recognition(data: Path, engine_name: str) -> dict[str, Any]:
    """Measure the recognition of the readings."""
    engine = load_engine(engine_name)
    rows, wrong, total = [], 0, 0
    lines: dict[str, float] = {}
    for reading in sorted(data.glob("speech/*.mp3")):
        with tempfile.TemporaryDirectory() as folder:
            film = talking_film(sorted(data.glob("videos/*"))[0], reading, Path(folder) / "film.mp4", static=True)
            seconds = probe(film).duration
            sound = listen(film, seconds)
            begin, used = time.perf_counter(), time.process_time()
            transcript = find_words(film, sound, speech=engine_name).transcript
            took, used = time.perf_counter() - begin, time.process_time() - used
        if transcript is None:
            raise SystemExit(f"{reading} was not understood")
        heard = [(text, word) for word in transcript.words for text in spelled(word.text)]
        number, *rest = reading.with_suffix(".txt").read_text(encoding="utf-8").split("\n")
        reference = [NUMBERS[number.strip()], *spelled(" ".join(rest))]
        errors, pairs = aligned(reference, [text for text, _ in heard])
        wrong, total = wrong + errors, total + len(reference)
        rows.append(
            {
                "reading": reading.stem,
                "words": len(reference),
                "errors": errors,
                "rate": errors / len(reference),
                "confidence": transcript.confidence,
                "times real time": round(seconds / took, 1),
                "seconds per second of a core": round(seconds / used, 1),
            }
        )
        table = reading.with_suffix(".lines.csv")
        if table.exists():
            lines = line_times(table, pairs, [word for _, word in heard])
    return {"engine": engine.id, "rows": rows, "rate": wrong / total, "lines of sonnet 1, median error in s": lines}


def line_times(table: Path, pairs: dict[int, int], heard: Sequence[Word]) -> dict[str, float]:
    """Return the median absolute errors of the lines' starts and ends.

    In the table a line starts where the one before ends, so a pause belongs to one of them: a start is also compared
    with the end of the word before it.
    """
    starts, borders, ends = [], [], []
    at = 0
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    for row in rows:
        words = spelled(NUMBERS.get(row["text"], row["text"]))
        first, last = pairs.get(at), pairs.get(at + len(words) - 1)
        if first is not None and at:
            start = float(row["start"])
            starts.append(abs(heard[first].start - start))
            borders.append(min(starts[-1], abs(heard[first - 1].end - start) if first else np.inf))
        if last is not None and row is not rows[-1]:
            ends.append(abs(heard[last].end - float(row["end"])))
        at += len(words)
    named = {"start": starts, "start, or end of the word before": borders, "end": ends}
    return {name: round(float(np.median(values)), 3) for name, values in named.items()}


def cuts(data: Path) -> Iterator[dict[str, Any]]:
    """Measure where parts begin and end in films made of the readings."""
    readings, videos = sorted(data.glob("speech/*.mp3")), sorted(data.glob("videos/*"))
    for reading, (pictures, static) in itertools.product(readings, [*((v, False) for v in videos), (videos[0], True)]):
        with tempfile.TemporaryDirectory() as folder:
            summarizer = Summarizer(cache=FeatureCache(folder))
            film = talking_film(pictures, reading, Path(folder) / "film.mp4", static=static)
            loud = loud_moments(levels(film))
            for budget, (way, options) in itertools.product(
                BUDGETS, {"words": {}, "pauses": {"speech": "off"}}.items()
            ):
                summary = summarizer.summarize(film, budget=budget, **options)
                if summary.transcript is not None:
                    gaps = silences(summary)
                ends = {end for part in summary.selection for end in (part.start, part.end)}
                found = sorted(ends - {0.0, summary.video.duration})
                known = known_borders(reading)
                inside, near = judged(found, loud)
                yield {
                    "film": f"{reading.stem} over {'still ' if static else ''}{pictures.stem}",
                    "budget": budget,
                    "way": way,
                    "ends": len(found),
                    "at a sentence border": sum(
                        any(start - BORDER_SECONDS <= end <= stop + BORDER_SECONDS for start, stop in gaps)
                        for end in found
                    ),
                    "of films of sonnet 1": len(found) if known else 0,
                    "at a known line border": sum(
                        any(abs(end - line) <= LINE_SECONDS for line in known) for end in found
                    ),
                    "inside speech": inside,
                    "of these with a pause near": near,
                    "seconds used": round(summary.selected_duration, 1),
                    "seconds allowed": round(budget * summary.video.duration, 1),
                }


def known_borders(reading: Path) -> list[float]:
    """Return the seconds at which the lines of a reading end, where that is known."""
    table = reading.with_suffix(".lines.csv")
    if not table.exists():
        return []
    return [float(row["end"]) for row in csv.DictReader(table.read_text(encoding="utf-8").splitlines())]


def silences(summary: Summary) -> list[tuple[float, float]]:
    """Return start and end of the silence between sentences, and before and after them."""
    sentences = summary.transcript.sentences if summary.transcript is not None else ()
    ends = [0.0, *(sentence.end for sentence in sentences)]
    return list(zip(ends, [*(sentence.start for sentence in sentences), summary.video.duration], strict=True))


def shown(lines: Sequence[Line], parts: Sequence[Interval]) -> list[tuple[Line, float]]:
    """Return the sentences of a plan of which more than half is in the parts, with the share."""
    found = []
    for line in lines:
        seconds = sum(max(0.0, min(line.end, part.end) - max(line.start, part.start)) for part in parts)
        if seconds > (line.end - line.start) / 2:
            found.append((line, seconds / (line.end - line.start)))
    return found


def marks(lines: Sequence[tuple[Line, float]]) -> str:
    """Return the marks of sentences; a slash where a part of one is missing."""
    return " ".join(line.topic + "*" * line.key + "/" * (share < 0.95) for line, share in lines)


def talks(data: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Measure which sentences of the made talks are chosen, and what is found for questions."""
    chosen, asked = [], []
    for name, questions in QUESTIONS.items():
        for kind, pictures in (("still", None), ("moving", data / "videos" / "intel_person_139s.mp4")):
            with tempfile.TemporaryDirectory() as folder:
                film = Path(folder) / f"{name}.mp4"
                lines = make_talk(TALKS / f"{name}.txt", film, pictures=pictures)
                summarizer = Summarizer(cache=FeatureCache(folder))
                for share, speech in itertools.product(SHARES, ("auto", "off")):
                    summary = summarizer.summarize(film, budget=share, speech=speech)
                    found = shown(lines, summary.selection)
                    chosen.append(
                        {
                            "talk": name,
                            "pictures": kind,
                            "budget": share,
                            "words": "with" if speech == "auto" else "without",
                            "weight": summary.settings["words_weight"],
                            "chosen": marks(found),
                            "topics": len({line.topic for line, _ in found} & set("ABC")),
                            "digressions": sum(line.topic == "-" for line, _ in found),
                        }
                    )
                for question, topic in questions.items() if pictures is None else ():
                    asked.append(
                        {"talk": name, "question": question, "topic": topic}
                        | first_parts(summarizer.summarize(film, budget=0.1, about=(question,)), lines, topic)
                    )
    return chosen, asked


def first_parts(summary: Summary, lines: Sequence[Line], topic: str) -> dict[str, Any]:
    """Return what the three parts that match best are about, and those of them that match at all."""
    sentences = summary.transcript.sentences if summary.transcript is not None else ()

    def match(part: Interval) -> float:
        inside = (s.match or 0.0 for s in sentences if s.end > part.start and s.start < part.end)
        return max(inside, default=0.0)

    parts = sorted(summary.selection, key=match, reverse=True)[:3]
    matching = [part for part in parts if match(part) > 0]
    right = [
        bool(found) and all(line.topic == topic for line, _ in found) for found in (shown(lines, [p]) for p in parts)
    ]
    return {
        "parts": " | ".join(marks(shown(lines, [part])) for part in parts),
        "first three": f"{sum(right)} of {len(parts)}",
        "that match": f"{sum(right[: len(matching)])} of {len(matching)}",
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return rows as a table in Markdown."""

    def text(value: Any) -> str:
        return f"{value:.3g}" if isinstance(value, float) else str(value).replace("|", "\\|")

    head = list(rows[0])
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(text(row[name]) for name in head) + " |" for row in rows)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--output", type=Path, default=Path("results/words"))
    parser.add_argument("--engine", default="moonshine")
    asked = parser.parse_args()
    asked.output.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {"recognition": recognition(asked.data, asked.engine)}
    print(json.dumps(found, indent=1), flush=True)
    found["talks"], found["about"] = talks(asked.data)
    print(table(found["talks"]), table(found["about"]), sep="\n\n", flush=True)
    found["cuts"] = list(cuts(asked.data))
    sums = [
        {"way": way, "budget": budget}
        | {
            key: sum(row[key] for row in found["cuts"] if (row["way"], row["budget"]) == (way, budget))
            for key in list(found["cuts"][0])[3:]
        }
        for way, budget in itertools.product(("words", "pauses"), BUDGETS)
    ]
    print(table(sums), flush=True)
    (asked.output / "measured.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    sections = {
        "Recognition": table(found["recognition"]["rows"]),
        "Cuts": table(sums),
        "Talks": table(found["talks"]),
        "About": table(found["about"]),
    }
    page = "# Words\n\nWritten by `scripts/words_check.py`.\n\n"
    page += "\n\n".join(f"## {name}\n\n{text}" for name, text in sections.items())
    (asked.output / "words.md").write_text(page + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
