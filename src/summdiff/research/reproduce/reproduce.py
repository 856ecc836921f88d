"""The paper's tables and figures, from what is to be trained to the pages: what `summdiff reproduce` does."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from summdiff.atomic import written_whole
from summdiff.data.registry import open_dataset
from summdiff.data.synthetic import split_path
from summdiff.data.video import DatasetKind
from summdiff.errors import DataError, UsageError
from summdiff.research.reproduce import (
    figure3,
    filing,
    pages,
    reports,
    table1,
    table2,
    table3,
    table4,
    table5,
    table6,
    table7,
)
from summdiff.research.reproduce.cells import Cells, Ground, Measurement
from summdiff.research.reproduce.lineup import Scale, systems_on
from summdiff.research.reproduce.pace import Paces, Task
from summdiff.research.reproduce.progress import Progress, clock
from summdiff.research.reproduce.projection import projected
from summdiff.research.reproduce.tables import Experiment, Part, Row
from summdiff.research.reproduce.tiny_data import tiny_files
from summdiff.research.training.loop import make_folder
from summdiff.research.training.recipe import USUAL_FILES

EXPERIMENTS: dict[str, Experiment] = {
    module.EXPERIMENT.name: module.EXPERIMENT
    for module in (table1, table2, table3, table4, table5, table6, table7, figure3)
}
_USUAL: tuple[DatasetKind, ...] = ("tvsum", "youtube_highlights")
Planned = tuple[Experiment, list[tuple[Ground, list[Row]]]]


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes:
        names: of tables and figures, or "all".
        data: files; none: TVSum's and YouTube Highlights' usual ones in $SUMMDIFF_DATA, or tiny ones in quick mode.
        split: of a Mr.HiSum file; None: `<name>_split.json` beside it, or folds.
        seeds: of training and sampling, each one training a cell.
        quick: tiny versions of everything.
        output: folder of the results; None: `results`, or `results-quick`.
        cells: folder in which cells are kept; None: `runs/reproduce`, or `runs/reproduce-quick`.
        overrides: `key=value` for every recipe.
        place: fields of a recipe that say where it runs.
        processes: folds trained at the same time.
        command: as it was typed.
    """

    names: Sequence[str]
    data: Sequence[Path] = ()
    split: Path | None = None
    seeds: Sequence[int] = (0,)
    quick: bool = False
    output: Path | None = None
    cells: Path | None = None
    overrides: Sequence[str] = ()
    place: dict[str, Any] = field(default_factory=dict)
    processes: int = 1
    command: str = "summdiff reproduce"

    @property
    def results(self) -> Path:
        """Where results go."""
        return self.output or Path("results-quick" if self.quick else "results")

    @property
    def kept(self) -> Path:
        """Where cells go."""
        return self.cells or Path("runs") / ("reproduce-quick" if self.quick else "reproduce")


def reproduce(asked: Request, *, dry_run: bool = False, progress: Progress | None = None) -> list[Path]:
    """Train what has to be trained, judge it, and write the tables; a dry run only says what that would be.

    Returns:
        The pages that were written.

    Raises:
        UsageError, DataError, OutputError: as said in one sentence.
        Interrupted: by SIGINT or SIGTERM; the same request goes on.
    """
    progress = progress or Progress()
    say = progress.message
    grounds, scale = grounds_of(asked), Scale(asked.quick, tuple(asked.overrides))
    for ground in grounds:
        systems_on(ground)  # refused before anything else is done
    planned = plan(asked.names, grounds, scale, say)
    if not dry_run:  # where nothing can be written is found before hours of training
        make_folder(asked.results)
        make_folder(asked.kept)
    cells = Cells(asked.kept, place=asked.place, processes=asked.processes, callbacks=progress)
    tasks = [task for task in tasks_of(planned, asked.seeds) if not cells.has(task.what, task.seed)]
    paces = None if asked.quick and not dry_run else Paces(cells, say)
    seconds = _estimated(tasks, paces) if paces else {}
    for line in described(planned, tasks, seconds, asked):
        print(line, file=sys.stdout if dry_run else sys.stderr)
    if dry_run:
        for line in projected(cells, say):
            print(line)
        return []
    pages = []
    waiting = {_key(task): task for task in tasks}
    for experiment, where in planned:
        parts = []
        for ground, rows in where:
            for task in tasks_of([(experiment, [(ground, rows)])], asked.seeds):
                if _key(task) not in waiting:
                    continue
                left = sum(paces.seconds(each) for each in waiting.values()) if paces else 0.0
                progress.start(f"[{len(tasks) - len(waiting) + 1}/{len(tasks)}] {task.label}", left)
                found = cells.get(task.what, task.seed)
                del waiting[_key(task)]
                if paces:
                    paces.learn(task, found)
            parts.append(Part(ground, rows, [[cells.get(row.what, seed) for seed in asked.seeds] for row in rows]))
        report = reports.collect(experiment, parts, seeds=asked.seeds, command=asked.command, quick=asked.quick)
        made = filing.write(report, asked.results / experiment.name)
        pages.append(next(path for path in made if path.name == "README.md"))
        say(f"{experiment.name} is written: {', '.join(path.name for path in made)} in {pages[-1].parent}")
    return pages


def grounds_of(asked: Request) -> list[Ground]:
    """The data sets that are asked for.

    Raises:
        DataError: none is named, or one is missing or damaged.
        UsageError: a split that no data set can use.
    """
    if not asked.data:
        if asked.split is not None:
            raise UsageError("--split is of a Mr.HiSum file: give that with --data.")
        if asked.quick:
            files = tiny_files(asked.kept / "data")
            return [Ground(kind, files[kind]) for kind in _USUAL]
        folder = os.environ.get("SUMMDIFF_DATA")
        if not folder:
            raise DataError("Nothing says where the data is: set SUMMDIFF_DATA to its folder, or give --data FILE.")
        grounds = [Ground(kind, Path(folder) / USUAL_FILES[kind]) for kind in _USUAL]
    else:
        grounds = []
        for path in asked.data:
            kind = open_dataset(path, None).kind
            splits = None
            if kind == "mr_hisum":
                beside = split_path(path)
                splits = asked.split or (beside if beside.exists() else None)
            grounds.append(Ground(kind, path, splits))
        if asked.split is not None and not any(ground.splits for ground in grounds):
            raise UsageError("--split is of a Mr.HiSum file, and none is given with --data.")
    if asked.split is not None and not asked.split.exists():
        raise DataError(f"There is no split '{asked.split}'.")
    for ground in grounds:
        first = ground.data.annotations(ground.data.names[0])
        if ground.kind == "tvsum" and first.user_scores is None:
            raise DataError(
                f"'{ground.path}' has no 'user_scores', annotators' single scores, by which the tables judge TVSum: "
                "`summdiff data convert` makes a file with them from ydata-tvsum50.mat."
            )
    return grounds


def plan(names: Sequence[str], grounds: Sequence[Ground], scale: Scale, say: Callable[[str], None]) -> list[Planned]:
    """The rows of what is asked for; of "all" what the data sets do not allow is left out, and said.

    Raises:
        UsageError: an unknown name, or data sets that a table cannot be made of.
    """
    unknown = [name for name in names if name not in EXPERIMENTS and name != "all"]
    if unknown:
        raise UsageError(f"There is no '{unknown[0]}' to reproduce: there are {', '.join(EXPERIMENTS)} and all.")
    planned: list[Planned] = []
    for name in EXPERIMENTS if "all" in names else dict.fromkeys(names):
        try:
            planned.append((EXPERIMENTS[name], EXPERIMENTS[name].plan(grounds, scale)))
        except UsageError as error:
            if "all" not in names:
                raise
            say(f"{name} is left out: {error}")
    return planned


def tasks_of(planned: Sequence[Planned], seeds: Sequence[int]) -> list[Task]:
    """Everything that has to be measured, each once, a cell's training before its sampling."""
    found: dict[tuple[str, int, str], Task] = {}
    for experiment, where in planned:
        for ground, rows in where:
            for seed in seeds:
                for row in rows:
                    label = f"{experiment.name}, {ground.kind}: {row.label}, seed {seed}"
                    wanted = [row.what]
                    if row.what.target is None and not row.what.as_trained:
                        wanted.insert(0, Measurement(row.what.cell))
                    for what in wanted:
                        task = Task(label, what, seed)
                        found.setdefault(_key(task), task)
    return list(found.values())


def _key(task: Task) -> tuple[str, int, str]:
    return task.what.cell.digest, task.seed, task.what.file


def _estimated(tasks: Sequence[Task], paces: Paces) -> dict[tuple[str, int, str], float]:
    return {_key(task): paces.seconds(task) for task in tasks}


def described(
    planned: Sequence[Planned], tasks: Sequence[Task], seconds: dict[tuple[str, int, str], float], asked: Request
) -> list[str]:
    """What will be done, and how long it will take, as lines to read."""
    every = tasks_of(planned, asked.seeds)
    lines = [f"{len(every)} measurements, {len(every) - len(tasks)} of them made already, with seeds {asked.seeds}."]
    by_table: dict[str, list[Task]] = {}
    for task in tasks:
        by_table.setdefault(task.label.partition(":")[0], []).append(task)
    for name, each in by_table.items():
        trained = [task for task in each if task.what.as_trained or task.what.target is not None]
        words = f"  {name}: {len(trained)} to train, {len(each) - len(trained)} by sampling only"
        lines.append(words + (f", {clock(sum(seconds[_key(task)] for task in each))}" if seconds else ""))
        if seconds:
            lines += [f"    {task.label.partition(': ')[2]}: {clock(seconds[_key(task)])}" for task in trained]
    if seconds:
        lines.append(f"In all about {clock(sum(seconds.values()))} here, with {asked.processes} folds at a time.")
    if asked.quick:
        lines.append("Quick mode: tiny networks, two epochs, two folds; the numbers mean nothing.")
    lines.append(f"Results go to '{asked.results}', what is trained to '{asked.kept}'; Ctrl-C stops, the same goes on.")
    return lines


def write_document(results: Path, output: Path) -> Path:
    """Write `docs/results.md` from a folder of results.

    Raises:
        DataError: there is no such folder, or a report is damaged.
        OutputError: the document cannot be written.
    """
    if not results.is_dir():
        raise DataError(f"There is no folder of results '{results}': make one with `summdiff reproduce all`.")
    found = reports.read_all(results)
    reach = os.path.relpath(results.absolute(), output.absolute().parent)
    with written_whole(output) as partial:
        partial.write_text(pages.document(found, Path(reach).as_posix()), encoding="utf-8")
    return output
