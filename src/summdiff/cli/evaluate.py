"""`summdiff evaluate`: judge predictions, with random scores, an oracle and the annotators as references."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from summdiff.cli._evaluation_report import print_evaluation
from summdiff.cli._evaluation_tables import write_csv, write_latex, write_markdown
from summdiff.cli._progress import count_bar
from summdiff.errors import OutputError, UsageError

if TYPE_CHECKING:
    from summdiff.data.h5 import AnnotatedFile
    from summdiff.evaluation import F1Over, Form, Predictions

_Seen = Literal["trained_on", "validated_on"]


def evaluate(
    systems: Annotated[
        list[str],
        typer.Argument(
            metavar="SYSTEM...",
            help="Predictions (.json, .h5, .npz, .csv, .npy or a folder of .npy) of any tool, or models: `default`, or "
            "a folder that training wrote. The first is compared with each of the others, video by video.",
            show_default=False,
        ),
    ],
    data: Annotated[
        Path,
        typer.Option(
            "--data", "-d", metavar="FILE", help="The data set, HDF5; see `summdiff data info`.", readable=False
        ),
    ],
    kind: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="tvsum, summe, mr_hisum or youtube_highlights, if the file does not tell."),
    ] = None,
    annotations: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="TVSum's own .tsv or .mat, for files without the annotators' scores.", readable=False
        ),
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(
            metavar="RATE",
            help="Frames per second of videos whose file states none. [default: known for most of TVSum and SumMe]",
        ),
    ] = None,
    split: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A split file (JSON or YAML); else all videos are judged.", readable=False),
    ] = None,
    part: Annotated[str, typer.Option(metavar="NAME", help="Videos of the split: test, validation or train.")] = "test",
    fold: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Number of a split in the file; else all, each video once.")
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Judge only videos for which every system has scores.")
    ] = False,
    summaries: Annotated[
        bool, typer.Option("--summaries", help="Read the files as ready 0/1 summaries, judged as they are.")
    ] = False,
    scores: Annotated[
        bool,
        typer.Option(
            "--scores", help="Read the files as scores, even if they hold only 0 and 1. [default: by their values]"
        ),
    ] = False,
    seen_too: Annotated[
        bool,
        typer.Option("--seen-too", help="Judge a model on its training and validation videos too, with a warning."),
    ] = False,
    budget: Annotated[float, typer.Option(metavar="SHARE", help="Share of the frames in a summary.")] = 0.15,
    convention: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Rules of segments and knapsack (docs/evaluation.md); else the data set's."),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            metavar="mean|max",
            help="F1 over annotators: their mean, or the largest. [default: mean for TVSum; SumMe: max, with the mean]",
        ),
    ] = None,
    knapsack_aware: Annotated[
        bool, typer.Option("--knapsack-aware", help="Report the errors WSE, CIS, WIR and IR too.")
    ] = False,
    selections: Annotated[
        bool,
        typer.Option(
            "--selections",
            help="Judge what each way of choosing makes of one system's scores (SumMe, TVSum with features): pieces of "
            "video, beside those that people chose.",
        ),
    ] = False,
    rate: Annotated[
        float | None,
        typer.Option(metavar="R", help="With --selections: steps per second to choose among. [default: 1]"),
    ] = None,
    per_video: Annotated[bool, typer.Option("--per-video", help="Print each video's values too.")] = False,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write all results, with each video's values.", readable=False),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write a table: a row per system, and one per system and video.", readable=False
        ),
    ] = None,
    markdown: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write the table of systems, and with --per-video of videos.", readable=False
        ),
    ] = None,
    latex: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The same for LaTeX, with booktabs.", readable=False)
    ] = None,
    save_predictions: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Save the predictions of a model (.json or .h5).", readable=False),
    ] = None,
    samples: Annotated[int, typer.Option(min=1, metavar="M", help="Curves that a model samples per video.")] = 8,
    steps: Annotated[int, typer.Option(min=1, metavar="N", help="Denoising steps of a model.")] = 10,
    seed: Annotated[
        int, typer.Option(min=0, metavar="N", help="Seed of a model's noise, random scores and resampling.")
    ] = 0,
    resamples: Annotated[
        int, typer.Option(min=100, metavar="N", help="Bootstrap resamples for intervals and p-values.")
    ] = 10_000,
) -> None:
    """Judge importance scores by a data set's own measures, next to random, constant, uniform and oracle scores and the
    agreement of the annotators with each other.

    A predictions file has one score per step (or frame) of each video, or several samples of them, in JSON:
    {"video_1": [0.1, 0.7, ...], ...}. It may come from any tool. Vectors of frames that hold only 0 and 1 are ready
    summaries. Intervals are 95% bootstrap intervals over videos.
    """
    from summdiff.data.datasets import open_dataset
    from summdiff.evaluation import SUFFIXES, evaluate_selections, is_predictions, is_written, read_predictions
    from summdiff.evaluation import evaluate as run

    if summaries and scores:
        raise UsageError("--summaries and --scores exclude each other: name the files of one kind.")
    form: Form | None = "summaries" if summaries else "scores" if scores else None
    seen: tuple[_Seen, ...] = ("trained_on", "validated_on")
    if seen_too:
        seen = ()
    elif part == "validation":  # asked for by name
        seen = ("trained_on",)
    known = _checked_convention(convention)
    if selections:
        if len(systems) > 1:
            raise UsageError(f"--selections judges the scores of one system, got {len(systems)}.")
        if convention is not None or protocol is not None or knapsack_aware or summaries:
            raise UsageError(
                "--convention, --protocol, --knapsack-aware and --summaries judge by the data's segments, or judge no "
                "scores: leave them out with --selections."
            )
    elif rate is not None:
        raise UsageError("--rate chooses the steps of a selection: give it with --selections.")
    if protocol not in (None, "mean", "max"):
        raise UsageError(f"There is no protocol '{protocol}': use mean or max.")
    targets = [target for target in (json_file, save_predictions, csv, markdown, latex) if target is not None]
    for target in targets:
        if not target.parent.is_dir():
            raise OutputError(f"'{target}' cannot be written: there is no folder '{target.parent}'.")
    if save_predictions is not None and not is_written(save_predictions):
        raise UsageError(f"'{save_predictions}' must end in .json, .h5 or .hdf5, the formats that are written.")
    _refuse_overwriting(targets, [*map(Path, systems), data, annotations, split])
    if json_file is not None and json_file.suffix.lower() != ".json":
        raise UsageError(f"--json writes JSON: '{json_file}' must end in .json.")
    models = [name for name in systems if not is_predictions(name)]
    for name in models:
        if Path(name).is_file():
            raise UsageError(f"'{name}' is neither a model's folder nor a predictions file ({', '.join(SUFFIXES)}).")
    if save_predictions is not None and len(models) != 1:
        raise UsageError(f"--save-predictions takes one model, got {len(models)}.")

    with open_dataset(data, kind, annotations=annotations, fps=fps) as dataset:
        names, tested = _tested(dataset, split, part, fold)
        files = {name: read_predictions(name, form).named_as_in(dataset) for name in systems if is_predictions(name)}
        if partial:
            names = _predicted(dataset, names, list(files.values()), features=bool(models) or selections)
        judged: list[Predictions] = []
        for name in systems:
            if name in files:
                system = files[name]
            else:
                system = _predict(name, dataset, names, samples, steps, seed, seen=seen)
                if save_predictions is not None:
                    from summdiff.evaluation import write_predictions

                    write_predictions(save_predictions, system.curves, about=system.about, means=system.means)
            _refuse_seen(system.name, system.about, dataset, names, seen)
            judged.append(system)
        if selections:
            result = evaluate_selections(
                dataset, judged[0], names=names, budget=budget, rate=rate or 1.0, resamples=resamples, seed=seed
            )
        else:
            result = run(
                dataset,
                judged,
                names=names,
                convention=known,
                f1_over=cast("F1Over | None", protocol),
                budget=budget,
                knapsack_aware=knapsack_aware,
                resamples=resamples,
                seed=seed,
            )
    if json_file is not None:
        from summdiff.atomic import written_whole

        document = result.to_dict()
        document["tested"] |= tested
        with written_whole(json_file) as unfinished:
            unfinished.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    if csv is not None:
        write_csv(result, csv)
    if markdown is not None:
        write_markdown(result, markdown, per_video=per_video)
    if latex is not None:
        write_latex(result, latex, per_video=per_video)
    print_evaluation(result, tested["split"], per_video=per_video)


def _refuse_overwriting(targets: Sequence[Path], inputs: Sequence[Path | None]) -> None:
    """Refuse results that would overwrite an input or each other."""
    taken = {path.resolve() for path in inputs if path is not None}
    written: set[Path] = set()
    for target in targets:
        if target.resolve() in taken:
            raise UsageError(f"'{target}' is an input and would be overwritten: give the result another name.")
        if target.resolve() in written:
            raise UsageError(f"Two options both name '{target}': give their files different names.")
        written.add(target.resolve())


def _checked_convention(name: str | None) -> Any:
    from summdiff.metrics.segments import CONVENTIONS

    if name is not None and name not in CONVENTIONS:
        raise UsageError(f"There is no convention '{name}'; there are {', '.join(CONVENTIONS)}.")
    return name


def _tested(
    data: AnnotatedFile, split: Path | None, part: str, fold: int | None
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return the videos to judge, each once, and how they were chosen."""
    if split is None:
        if fold is not None:
            raise UsageError("--fold chooses one split of a file: give that with --split.")
        if part != "test":
            raise UsageError("--part chooses a part of a split: give that with --split.")
        return data.names, {"split": None}
    if part not in ("test", "validation", "train"):
        raise UsageError(f"A split has no part '{part}'; there are test, validation and train.")
    from summdiff.data.names import VideoNames
    from summdiff.data.splits import read_splits

    splits = read_splits(split)
    if fold is not None and fold > len(splits):
        raise UsageError(f"'{split}' has {len(splits)} splits; there is no {fold}.")
    used = splits if fold is None else splits[fold - 1 : fold]
    find = VideoNames(data).find
    times = Counter(find(name) or name for chosen_split in used for name in getattr(chosen_split, part))
    names = tuple(name for name in data.names if name in times)
    if not names:
        raise UsageError(f"The {part} part of '{split}' has no video of '{data.path}'.")
    return names, {
        "split": {
            "file": split.name,
            "part": part,
            "splits": len(used),
            "distinct_videos": len(names),
            "in_more_than_one_split": sum(times[name] > 1 for name in names),
            "not_in_the_data": sorted(times.keys() - set(data.names)),
        }
    }


def _predicted(
    data: AnnotatedFile, names: Sequence[str], files: Sequence[Predictions], *, features: bool
) -> tuple[str, ...]:
    """Return the videos for which all files have scores and, if these are needed, that have features."""
    predicted = [name for name in names if all(name in file.curves for file in files)]
    if features:
        predicted = [name for name in predicted if data.feature_shape(name) is not None]
    if not predicted:
        raise UsageError(f"No video of '{data.path}' has scores of every system.")
    return tuple(predicted)


def _predict(
    name: str, data: AnnotatedFile, names: Sequence[str], samples: int, steps: int, seed: int, *, seen: Sequence[_Seen]
) -> Predictions:
    from summdiff.evaluation import predict
    from summdiff.scoring import load_model

    model = load_model(name)
    _refuse_seen(model.id, model.provenance, data, names, seen)  # before predicting
    with count_bar(f"{model.id} predicts") as on_progress:
        return predict(
            model,
            data,
            names,
            samples=samples,
            steps=steps,
            seed=seed,
            on_video=lambda done: on_progress(done, len(names)),
        )


def _refuse_seen(name: str, about: Any, data: AnnotatedFile, names: Sequence[str], refused: Sequence[_Seen]) -> None:
    """Refuse videos that a system states under one of the `refused` keys."""
    from summdiff.evaluation import seen_in_training

    for key in refused:
        seen = seen_in_training(about, data, names, key)
        if seen:
            how, so = ("trained", "say nothing about") if key == "trained_on" else ("validated", "may be too high for")
            raise UsageError(
                f"'{name}' was {how} on {len(seen)} of these {len(names)} videos ({seen[0]} is one), so results {so} "
                "new videos: name the split that it was trained on (--split FILE --fold N) to judge its test videos, "
                "cross-validate its recipe (`summdiff crossval`), or add --seen-too for a result that says so."
            )
