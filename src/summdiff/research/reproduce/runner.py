"""Run `summdiff reproduce`: train and measure missing results, and write the tables."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from summdiff.atomic import make_folder
from summdiff.data.datasets import open_dataset
from summdiff.data.synthetic import split_path
from summdiff.data.video import DatasetKind
from summdiff.errors import DataError, UsageError
from summdiff.research.reproduce._progress_lines import ProgressLines, duration_text
from summdiff.research.reproduce._tiny_data import tiny_files
from summdiff.research.reproduce.eta import ReproduceTask, Speeds
from summdiff.research.reproduce.measurements import MeasuredValues, Measurement, TableData
from summdiff.research.reproduce.runs import RunFolder
from summdiff.research.reproduce.table_plans import Scale, TablePlan, TableRow, plan_table, read_tables
from summdiff.research.reproduce.table_report import make_report
from summdiff.research.reproduce.table_values import TableValues
from summdiff.research.reproduce.write_reports import write_report
from summdiff.research.training.recipe import USUAL_FILES

_USUAL: tuple[DatasetKind, ...] = ("tvsum", "youtube_highlights")


@dataclass(frozen=True)
class ReproduceRequest:
    """The tables to make, and their folders.

    Attributes:
        names: tables, figures and studies of `tables.yaml`, "all" for those of the paper, or files of tables.
        data: HDF5 files; none for the usual files of TVSum and YouTube Highlights in $SUMMDIFF_DATA, or for tiny ones
            in quick mode.
        split: split of a Mr.HiSum file; None for `<name>_split.json` beside it, or folds.
        seeds: seeds of training and sampling; each run is trained once per seed.
        quick: make tiny versions of everything.
        output: folder of the results; None for `results`, or `results-quick`.
        runs: folder of the runs; None for `runs/reproduce`, or `runs/reproduce-quick`.
        changes: `key=value` for every recipe.
        place: fields of a recipe that choose the device and threads.
        processes: folds trained at the same time.
        command: the command as it was typed.
    """

    names: Sequence[str]
    data: Sequence[Path] = ()
    split: Path | None = None
    seeds: Sequence[int] = (0,)
    quick: bool = False
    output: Path | None = None
    runs: Path | None = None
    changes: Sequence[str] = ()
    place: dict[str, Any] = field(default_factory=dict)
    processes: int = 1
    command: str = "summdiff reproduce"

    @property
    def results_folder(self) -> Path:
        """The folder of the results."""
        return self.output or Path("results-quick" if self.quick else "results")

    @property
    def runs_folder(self) -> Path:
        """The folder of the runs."""
        return self.runs or Path("runs") / ("reproduce-quick" if self.quick else "reproduce")

    @property
    def values_folder(self) -> Path:
        """The folder of the runs' measured values."""
        return self.results_folder / "measured"


def reproduce(request: ReproduceRequest, *, dry_run: bool = False, progress: ProgressLines | None = None) -> list[Path]:
    """Train and measure missing results and write the tables; a dry run only prints the plan.

    Returns:
        The pages of the tables.

    Raises:
        UsageError, DataError, OutputError: invalid request, unusable data, or unwritable results.
        Interrupted: SIGINT or SIGTERM; the same request continues the run.
    """
    progress = progress or ProgressLines()
    data, scale = table_data(request), Scale(request.quick, tuple(request.changes))
    plans = plan_tables(request.names, data, scale, progress.message)
    if not dry_run:  # before hours of training
        make_folder(request.results_folder)
        make_folder(request.runs_folder)
    folders = request.runs_folder, request.values_folder
    runs = RunFolder(*folders, place=request.place, processes=request.processes, callbacks=progress)
    missing = [task for task in tasks_of(plans, request.seeds) if not runs.has(task.measurement, task.seed)]
    speeds = None if request.quick and not dry_run else Speeds(runs, progress.message)
    seconds = {task.key: speeds.seconds(task) for task in missing} if speeds else {}
    for line in describe(plans, missing, seconds, request):
        print(line, file=sys.stdout if dry_run else sys.stderr)
    if dry_run:
        return []
    pages = []
    waiting = {task.key: task for task in missing}
    for plan in plans:
        for task in tasks_of([plan], request.seeds):
            if task.key not in waiting:
                continue
            seconds_left = sum(speeds.seconds(remaining) for remaining in waiting.values()) if speeds else 0.0
            progress.start(f"[{len(missing) - len(waiting) + 1}/{len(missing)}] {task.label}", seconds_left)
            values = runs.get(task.measurement, task.seed)
            del waiting[task.key]
            if speeds:
                speeds.learn(task, values)
        results = [TableValues(data, rows, _measured(runs, rows, request.seeds)) for data, rows in plan.rows]
        report = make_report(plan, results, seeds=request.seeds, command=request.command, quick=request.quick)
        files = write_report(report, request.results_folder / plan.name)
        pages.append(next(path for path in files if path.name == "README.md"))
        progress.message(f"{plan.name} is written: {', '.join(path.name for path in files)} in {pages[-1].parent}")
    return pages


def _measured(runs: RunFolder, rows: Sequence[TableRow], seeds: Sequence[int]) -> list[list[MeasuredValues]]:
    measured = [[runs.get(row.measurement, seed) for seed in seeds] for row in rows]
    for row, values in zip(rows, measured, strict=True):
        if row.readout not in values[0].rows:
            raise UsageError(f"'{row.label}' has no readout '{row.readout}': there are {', '.join(values[0].rows)}.")
    return measured


def table_data(request: ReproduceRequest) -> list[TableData]:
    """Return the data sets of a request.

    Raises:
        DataError: no data set is given, or one is missing or damaged.
        UsageError: a split that no data set can use.
    """
    if not request.data:
        if request.split is not None:
            raise UsageError("--split belongs to a Mr.HiSum file: give that with --data.")
        if request.quick:
            files = tiny_files(request.runs_folder / "data")
            return [TableData(kind, files[kind]) for kind in _USUAL]
        folder = os.environ.get("SUMMDIFF_DATA")
        if not folder:
            raise DataError("No data: set SUMMDIFF_DATA to the folder of the data sets, or give --data FILE.")
        data = [TableData(kind, Path(folder) / USUAL_FILES[kind]) for kind in _USUAL]
    else:
        data = []
        for path in request.data:
            kind = open_dataset(path, None).kind
            splits = None
            if kind == "mr_hisum":
                beside = split_path(path)
                splits = request.split or (beside if beside.exists() else None)
            data.append(TableData(kind, path, splits))
        if request.split is not None and not any(one.splits for one in data):
            raise UsageError("--split belongs to a Mr.HiSum file, and none is given with --data.")
    if request.split is not None and not request.split.exists():
        raise DataError(f"There is no split '{request.split}'.")
    for one in data:
        if one.kind == "tvsum" and one.file.annotations(one.file.names[0]).user_scores is None:
            raise DataError(
                f"'{one.path}' has no 'user_scores', the annotators' scores that the tables judge TVSum by: "
                "`summdiff data convert` makes a file with them from ydata-tvsum50.mat."
            )
    return data


def plan_tables(
    names: Sequence[str], data: Sequence[TableData], scale: Scale, say: Callable[[str], None]
) -> list[TablePlan]:
    """Plan the tables of a request; of "all", tables that the data sets do not allow are left out with a message.

    Raises:
        UsageError: an unknown name, or data sets that do not fit a table.
        DataError: a file of tables is missing or invalid.
    """
    shipped = read_tables()
    plans: list[TablePlan] = []
    for name in dict.fromkeys(names):
        if Path(name).suffix in (".yaml", ".yml"):
            file = read_tables(Path(name))
            plans += [plan_table(table, file, data, scale) for table in (*file.tables, *file.studies)]
        elif name in shipped.tables or name in shipped.studies:
            plans.append(plan_table(name, shipped, data, scale))
        elif name == "all":
            for table in shipped.tables:
                try:
                    plans.append(plan_table(table, shipped, data, scale))
                except UsageError as error:
                    say(f"{table} is left out: {error}")
        else:
            known = ", ".join([*shipped.tables, "all", *shipped.studies])
            raise UsageError(f"There is no '{name}' to reproduce: there are {known}, or name a YAML file of tables.")
    if not plans:
        raise UsageError("None of the tables can be made from these data sets.")
    return plans


def tasks_of(plans: Sequence[TablePlan], seeds: Sequence[int]) -> list[ReproduceTask]:
    """List every measurement once, a run's training before further measurements of it."""
    tasks: dict[tuple[str, int, str], ReproduceTask] = {}
    for plan in plans:
        for data, rows in plan.rows:
            for seed in seeds:
                for row in rows:
                    label = f"{plan.name}, {data.kind}: {row.label}, seed {seed}"
                    needed = [row.measurement]
                    if not row.measurement.trains:
                        needed.insert(0, Measurement(row.measurement.run))
                    for measurement in needed:
                        task = ReproduceTask(label, measurement, seed)
                        tasks.setdefault(task.key, task)
    return list(tasks.values())


def describe(
    plans: Sequence[TablePlan],
    missing: Sequence[ReproduceTask],
    seconds: dict[tuple[str, int, str], float],
    request: ReproduceRequest,
) -> list[str]:
    """Describe the planned tasks and their time, one line each."""
    total = len(tasks_of(plans, request.seeds))
    seeds = ", ".join(map(str, request.seeds))
    lines = [f"{total} measurements with seeds {seeds}; {total - len(missing)} are there already."]
    by_table: dict[str, list[ReproduceTask]] = {}
    for task in missing:
        by_table.setdefault(task.label.partition(":")[0], []).append(task)
    for name, tasks in by_table.items():
        trained = [task for task in tasks if task.measurement.trains]
        words = f"  {name}: {len(trained)} to train, {len(tasks) - len(trained)} by sampling only"
        lines.append(words + (f", {duration_text(sum(seconds[task.key] for task in tasks))}" if seconds else ""))
        if seconds:
            lines += [f"    {task.label.partition(': ')[2]}: {duration_text(seconds[task.key])}" for task in trained]
    if seconds:
        total_text = duration_text(sum(seconds.values()))
        lines.append(f"In all about {total_text} here, training {request.processes} folds at a time.")
    if request.quick:
        lines.append("Quick mode: tiny networks, two epochs, two folds; the numbers mean nothing.")
    lines.append(f"Results go to '{request.results_folder}', runs to '{request.runs_folder}'.")
    lines.append("Ctrl-C stops; the same command continues.")
    return lines
