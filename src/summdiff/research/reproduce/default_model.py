"""The default model in numbers: cross-validated, in feature spaces that it never saw, and its three claims.

    python -m summdiff.research.reproduce.default_model [--recipe default] [--seeds 0,1,2] [--processes 2]
        [--summe summe_annotations.h5 --video Jumps.webm --model default] [--output results/default_model.csv]

Cross-validates the recipe with each seed (folds that are finished are read back), so every TVSum video is looked at by
a model that never saw it. Rows of the CSV: a measure, its value with a 95 % interval of a bootstrap over videos, and
the simpler alternative that it is to be compared with; `difference` rows are paired, video by video. With `--summe` the
shipped model (`--model`) also meets SumMe, whose videos and features it never saw.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from summdiff import __version__
from summdiff.atomic import written_whole
from summdiff.data.h5 import AnnotatedFile
from summdiff.data.summe import SumMe
from summdiff.errors import SummdiffError
from summdiff.evaluation import intervals
from summdiff.research.reproduce import claims
from summdiff.research.reproduce.claims import Drawn
from summdiff.research.reproduce.summe import one_video, zero_shot
from summdiff.research.reproduce.systems import Row, Said, print_table, whole_numbers, write_csv
from summdiff.research.training.crossval import CrossValidation, cross_validate_seeds
from summdiff.research.training.processes import Interrupted
from summdiff.research.training.recipe_files import read_recipe
from summdiff.scoring import load_model

COLUMNS = ("measure", "value", "low", "high", "alternative", "alternative_value")
Array = claims.Array


def main() -> None:
    """Write and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="default", help="name of a shipped recipe, or a YAML file")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="fields to change in it")
    parser.add_argument("--seeds", default="0,1,2", help="comma-separated (default: 0,1,2)")
    parser.add_argument("--processes", type=int, default=1, help="folds at the same time (default: 1)")
    parser.add_argument("--summe", type=Path, help="SumMe's annotations, HDF5")
    parser.add_argument("--video", type=Path, help="the video file of SumMe's 'Jumps'")
    parser.add_argument("--model", default="default", help="id or folder of the model that meets SumMe")
    parser.add_argument("--output", type=Path, default=Path("results/default_model.csv"))
    asked = parser.parse_args()
    try:
        recipe = read_recipe(asked.recipe, asked.set)
        seeds = whole_numbers(asked.seeds)
        asked.output.parent.mkdir(parents=True, exist_ok=True)
        _, results = cross_validate_seeds(recipe, seeds, processes=asked.processes, callbacks=Said())
        rows = cross_validated(results)
        rows += three_claims(results, seeds, recipe.data_path())
        if asked.summe:
            rows += on_summe(SumMe(asked.summe), asked.model, asked.video)
    except Interrupted as stop:
        print(stop, file=sys.stderr)
        sys.exit(stop.exit_code)
    except (SummdiffError, OSError) as error:
        sys.exit(str(error))
    write_csv(asked.output, rows, COLUMNS)
    said: dict[str, Any] = {
        "command": "python -m summdiff.research.reproduce.default_model " + " ".join(sys.argv[1:]),
        "summdiff": __version__,
        "recipe": recipe.stated(),
        "seeds": seeds,
        "data": results[0].evaluation.data,
        "selection": results[0].evaluation.about[recipe.name]["selection"],
    }
    with written_whole(asked.output.with_suffix(".json")) as partial:
        partial.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    print_table(rows, COLUMNS)


def cross_validated(results: Sequence[CrossValidation]) -> list[Row]:
    """Agreement with annotators, means over seeds, and the same in other feature spaces."""
    rows: list[Row] = []
    first = results[0].evaluation
    for measure in ("tau", "rho"):
        each = np.mean([_of(result, measure) for result in results], axis=0)
        for other, label in (("ridge", "ridge regression on the same descriptors"), ("annotator with another", "")):
            rows.append(_row(measure, each, label or other, first.means[other][measure].value))
        values = [float(_of(result, measure).mean()) for result in results]
        if len(values) > 1:
            name = f"deviation of {measure} over {len(values)} seeds"
            rows.append({"measure": name, "value": round(float(np.std(values, ddof=1)), 4)})
    usual = float(np.mean([_of(result, "tau").mean() for result in results]))
    for space in results[0].metrics["other feature spaces"]:
        found = float(np.mean([result.metrics["other feature spaces"][space]["tau"] for result in results]))
        rows.append(
            {
                **{"measure": f"tau on {space}", "value": round(found, 4)},
                **{"alternative": "unchanged features", "alternative_value": round(usual, 4)},
            }
        )
    return rows


def three_claims(results: Sequence[CrossValidation], seeds: Sequence[int], data_path: Path) -> list[Row]:
    """Calibration, coverage, and what known scores bring; values are means over seeds of each video."""
    from summdiff.data.registry import open_dataset

    data = open_dataset(data_path, "tvsum")
    found = [_of_seed(result, data, seed) for result, seed in zip(results, seeds, strict=True)]
    names = [name for name in found[0] if not name.startswith("pooled: ")]
    each = {name: np.mean([one[name] for one in found], axis=0) for name in names}
    pooled = {name: float(np.mean([one[name] for one in found])) for name in found[0] if name not in names}
    several = f"{claims.TOGETHER} samples"
    best_shift = max((name for name in names if name.startswith("shifted")), key=lambda name: each[name].mean())
    clicked = "tau at 90 % of the steps with 10 % known"
    pairs = [
        ("rho of spread with disagreement", "spread", "the mean curve", "mean curve"),
        ("rho of spread with disagreement", "spread", f"the spread of {claims.SAMPLES} samples", "of samples"),
        ("Brier score of being in the summary", "brier", "the same chance for every shot", "brier: base"),
        ("Brier score of being in the summary", "brier", "equal copies with white noise", "brier: white"),
        (f"best tau of {several} with an annotator", "tau", "equal copies with white noise", "tau: white"),
        (f"best tau of {several} with an annotator", "tau", "equal copies with smooth noise", "tau: smooth"),
        (f"best F1 of {several} with an annotator", "f1", "equal copies with white noise", "f1: white"),
        (f"best F1 of {several} with an annotator", "f1", "equal copies with smooth noise", "f1: smooth"),
        (clicked, "conditioned", "unconditioned", "unconditioned"),
        (clicked, "conditioned", f"{best_shift} (the best of {len(claims.SHIFTS)})", best_shift),
    ]
    rows: list[Row] = []
    for measure, ours, label, theirs in pairs:
        rows.append(_row(measure, each[ours], label, float(each[theirs].mean())))
        rows.append(_row(f"{measure}: difference", each[ours] - each[theirs], label, 0.0))
    for kind in ("white", "smooth"):
        single = pooled[f"pooled: single {kind}"]
        rows.append(
            {
                **{"measure": "tau of a single sample with an annotator", "value": round(pooled["pooled: single"], 4)},
                **{"alternative": f"a single equal copy with {kind} noise", "alternative_value": round(single, 4)},
            }
        )
    rows.append(
        {
            **{"measure": "calibration error of being in the summary", "value": round(pooled["pooled: error"], 4)},
            **{"alternative": "equal copies with white noise"},
            **{"alternative_value": round(pooled["pooled: error white"], 4)},
        }
    )
    return rows


def _of_seed(result: CrossValidation, data: AnnotatedFile, seed: int) -> dict[str, Any]:
    """Of each measure its values (V,), one a video; of those that are "pooled: " one for all videos."""
    drawn = []
    for number, fold in enumerate(result.metrics["folds"]):
        model = load_model(result.path.parent / f"fold{number}")
        drawn += [Drawn.of(model, data[name], seed=seed) for name in fold["split"]["test"]]
        print(f"seed {seed}: sampled fold {number + 1}", file=sys.stderr, flush=True)
    sizes = {"white": claims.equal_noise(drawn, 0), "smooth": claims.equal_noise(drawn, 1)}
    rows: list[dict[str, float]] = []
    ours, white = [], []
    for each in drawn:
        row = claims.spread_and_disagreement(each)
        row["tau"], row["f1"] = claims.coverage(each, each.curves)
        for kind, (name, size) in enumerate(sizes.items()):
            row[f"tau: {name}"], row[f"f1: {name}"] = claims.coverage(each, each.copies(kind, size))
        ours.append(claims.in_summary(each, each.curves))
        white.append(claims.in_summary(each, each.copies(0, sizes["white"])))
        row["brier"], row["brier: white"] = claims.brier(*ours[-1]), claims.brier(*white[-1])
        row["brier: base"] = claims.brier(np.full_like(ours[-1][1], ours[-1][1].mean()), ours[-1][1])
        rows.append(row | claims.known_scores(each, seed=seed))
    found: dict[str, Any] = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    found["pooled: single"] = np.mean([claims.quality_of_one(each, each.curves) for each in drawn])
    for kind, (name, size) in enumerate(sizes.items()):
        single = [claims.quality_of_one(each, each.copies(kind, size)) for each in drawn]
        found[f"pooled: single {name}"] = np.mean(single)
    found["pooled: error"], found["pooled: error white"] = map(claims.calibration_error, (ours, white))
    return found


def on_summe(summe: SumMe, model: str, video: Path | None) -> list[Row]:
    """The shipped model on SumMe: every video with features in the file, and "Jumps" through the whole product."""
    found = list(zero_shot(summe, model).values())[:-1]  # the last is their mean
    rows = [_row("zero-shot tau on SumMe with DINO features", np.array([row["tau"] for row in found]), "random", 0.0)]
    if video is None:
        return rows
    found_of = one_video(video, summe.titled("Jumps"), model)
    for measure in ("tau", "rho", "f1"):
        ours: Row = {
            **{"measure": f"zero-shot {measure} on Jumps with EfficientNet-Lite0"},
            **{"value": round(found_of[model][measure], 4)},
        }
        rows += [
            ours | {"alternative": name, "alternative_value": round(row[measure], 4)}
            for name, row in list(found_of.items())[1:]
            if measure in row
        ]
    return rows


def _of(result: CrossValidation, measure: str) -> Array:
    """The model's values (V,) of a measure, in the order of the videos' names."""
    evaluation = result.evaluation
    values: Array = evaluation.systems[0].values[measure][np.argsort(evaluation.names)]
    return values


def _row(measure: str, values: Array, alternative: str, alternative_value: float) -> Row:
    mean = intervals(values[:, None])[0]
    numbers = {"value": mean.value, "low": mean.low, "high": mean.high}
    row: Row = {"measure": measure, **{name: round(number, 4) for name, number in numbers.items()}}
    return row | {"alternative": alternative, "alternative_value": round(alternative_value, 4)}


if __name__ == "__main__":
    main()
