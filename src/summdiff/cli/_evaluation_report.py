"""Print an evaluation as tables."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from summdiff.evaluation import Comparison, Estimate, Evaluation, Measure

_FILE_WIDTH = 200  # columns of text where the output is no terminal
_TABLE_WIDTH = 10_000  # columns of tables: a number cut to fit a terminal would be wrong


def print_evaluation(result: Evaluation, split: dict[str, Any] | None = None, *, per_video: bool = False) -> None:
    """Print means with intervals, references, comparisons and notes.

    Args:
        result: the evaluation.
        split: `file`, `part`, `splits`, `distinct_videos`, `in_more_than_one_split`,
            `not_in_the_data`, if a split chose the videos.
        per_video: also print the values of each video.
    """
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False) if sys.stdout.isatty() else Console(width=_FILE_WIDTH, highlight=False)
    data = result.data
    console.print(f"{escape(data['file'])}: {data['kind']}, {len(result.names)} videos, SHA-256 {data['sha256'][:16]}…")
    if split:
        console.print(escape(_of_split(split, data["videos"])))
    tables = [_means_table(result)]
    if result.groups:
        tables.append(_domains_table(result))
    if result.variety:
        tables.append(_variety_table(result))
    tables.extend(_comparison_table(result, comparison) for comparison in result.comparisons)
    if per_video:
        tables.append(_videos_table(result))
    whole = Console(width=_TABLE_WIDTH, highlight=False)
    for table in tables:
        whole.print(table)
    console.print(f"± is half the {result.protocol['interval']}; means {result.protocol['mean']}.")
    for row in (*result.systems, *result.references):
        if row.note:
            console.print(f"{row.name}: {row.note}.")
    for note in result.notes:
        console.print(escape(note))


def _of_split(split: dict[str, Any], videos: int) -> str:
    """Describe in a line how the videos were chosen."""
    line = f"{split['file']}: {split['part']} part of {split['splits']} split(s), {split['distinct_videos']} distinct "
    line += f"videos of {videos}"
    if split["in_more_than_one_split"]:
        line += f", {split['in_more_than_one_split']} of them in more than one split"
    if split["not_in_the_data"]:
        line += f"; {len(split['not_in_the_data'])} more are not in the data ({split['not_in_the_data'][0]} is one)"
    return line


def _table(*headings: str, title: str | None = None) -> Table:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, title=title and escape(title), title_justify="left", padding=(0, 1, 0, 0))
    for number, heading in enumerate(headings):
        table.add_column(escape(heading), justify="right" if number else "left", no_wrap=True)
    return table


def _means_table(result: Evaluation) -> Table:
    table = _table("", *(measure.label for measure in result.measures))
    for number, row in enumerate((*result.systems, *result.references)):
        means = result.means[row.name]
        cells = [format_mean(means[m.name], m) if m.name in means else "" for m in result.measures]
        table.add_row(_escaped(row.name), *cells, style="bold" if number < len(result.systems) else "")
        if number == len(result.systems) - 1:
            table.add_section()
    return table


def _domains_table(result: Evaluation) -> Table:
    """Tabulate the first measure by domain."""
    measure, domains, groups = result.measures[0], result.domains(), result.groups or ()
    table = _table(f"{measure.label} by domain", *(f"{name} ({groups.count(name)})" for name in domains))
    for row in (*result.systems, *result.references):
        table.add_row(
            _escaped(row.name), *(format_number(means[row.name][measure.name], measure) for means in domains.values())
        )
    return table


def _variety_table(result: Evaluation) -> Table:
    from summdiff.evaluation import VARIETY

    measures = [m for m in VARIETY if any(m.name in values for values in result.variety.values())]
    table = _table("samples of", *(m.label for m in measures))
    for name, values in result.variety.items():
        table.add_row(_escaped(name), *(format_number(values[m.name], m) if m.name in values else "" for m in measures))
    return table


def _comparison_table(result: Evaluation, comparison: Comparison) -> Table:
    table = _table(
        "", "difference", "95% interval", "p", "better", "worse", "equal",
        title=f"{comparison.first} less {comparison.second}, video by video",
    )  # fmt: skip
    for measure in result.measures:
        if measure.name not in comparison.differences:
            continue
        difference = comparison.differences[measure.name]
        low, high = (
            format_number(difference.mean.low, measure, sign="+"),
            format_number(difference.mean.high, measure, sign="+"),
        )
        table.add_row(
            measure.label,
            format_number(difference.mean.value, measure, sign="+"),
            f"{low} … {high}",
            f"{difference.p:.4f}",
            *map(str, (difference.better, difference.worse, difference.equal)),
        )
    return table


def _videos_table(result: Evaluation) -> Table:
    many = len(result.systems) > 1
    headings = [f"{row.name} {m.label}" if many else m.label for row in result.systems for m in result.measures]
    table = _table("video", *headings)
    for i, name in enumerate(result.names):
        cells = [
            format_number(float(row.values[m.name][i]), m) if m.name in row.values else ""
            for row in result.systems
            for m in result.measures
        ]
        table.add_row(_escaped(name), *cells)
    return table


def _escaped(name: str) -> str:
    """Escape the brackets in the name of a file or video, which would be taken for styles."""
    from rich.markup import escape

    return escape(name)


def format_number(value: float, measure: Measure, *, sign: str = "") -> str:
    """Format a value of a measure, F1 and MAP times 100."""
    return f"{100 * value:{sign}.2f}" if measure.percent else f"{value:{sign}.4f}"


def format_mean(mean: Estimate, measure: Measure) -> str:
    """Format a mean and half of its interval."""
    half = (mean.high - mean.low) / 2
    return (
        f"{format_number(mean.value, measure)} ±{100 * half:.1f}"
        if measure.percent
        else f"{mean.value:.4f} ±{half:.3f}"
    )
