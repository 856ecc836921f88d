"""Cells: what the paper's tables are made of, each trained once and kept.

A cell is a recipe with changes, on a data set. It is cross-validated (where the data set has a split, trained and
tested on that) or, to see how far it carries, trained on the whole data set and judged on another. What is found is
kept in a folder named by a digest of the recipe and of the data, so tables share cells, and a table that is asked for
again trains nothing twice. One that is interrupted goes on from its last checkpoint.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from summdiff.atomic import written_whole
from summdiff.data.h5 import AnnotatedFile
from summdiff.data.registry import open_dataset
from summdiff.data.video import DatasetKind
from summdiff.errors import DataError
from summdiff.evaluation import MAIN_MEASURE, Evaluation, Predictions, evaluate, predict
from summdiff.research.training.crossval import FOLD_FILE, cross_validate, system_name
from summdiff.research.training.logs import LOG, Callbacks
from summdiff.research.training.loop import make_folder, train, validation_count
from summdiff.research.training.recipe import Recipe
from summdiff.research.training.recipe_files import read_recipe
from summdiff.research.training.videos import to_cross_validate
from summdiff.scoring import load_model

_KEPT = "cell.json"


@dataclass(frozen=True)
class Ground:
    """A data set that systems are trained and judged on.

    Attributes:
        kind: which.
        path: its file.
        splits: file of splits; None: folds in which every video is tested once.
    """

    kind: DatasetKind
    path: Path
    splits: Path | None = None

    @cached_property
    def data(self) -> AnnotatedFile:
        """The file, open.

        Raises:
            DataError, UsageError: it is missing, damaged, or of another kind.
        """
        return open_dataset(self.path, self.kind)

    @cached_property
    def sha256(self) -> str:
        """Of the file, and of the splits if there are any."""
        digest = self.data.fingerprint()
        if self.splits is not None:
            digest += hashlib.sha256(self.splits.read_bytes()).hexdigest()
        return digest

    def describe(self) -> dict[str, Any]:
        """What a result says of it."""
        return {
            "kind": self.kind,
            "file": self.path.name,
            "sha256": self.data.fingerprint(),
            "videos": len(self.data),
            "splits": self.splits.name if self.splits else None,
            "synthetic": bool(self.data.attribute("synthetic")),
        }


@dataclass(frozen=True)
class Cell:
    """A shipped recipe with changes, on a data set.

    Attributes:
        recipe: its name.
        ground: the data set.
        overrides: `key=value`, as for `summdiff train`.
    """

    recipe: str
    ground: Ground
    overrides: tuple[str, ...] = ()

    @cached_property
    def checked(self) -> Recipe:
        """The recipe as it will be trained, but for its place and seed.

        Raises:
            DataError, UsageError: as `read_recipe`.
        """
        recipe = read_recipe(self.recipe, self.overrides, reproduce=True)
        return recipe.model_copy(update={"data": self.ground.path, "splits": self.ground.splits})

    @cached_property
    def digest(self) -> str:
        """Of everything that decides what comes of it, the seed apart."""
        recipe = self.checked
        said = recipe.stated() | {"seed": None}
        for name in ("annotations", "init_from"):  # places of files that decide what comes of it
            if (path := getattr(recipe, name)) is not None:
                said[name] = _content(Path(path))
        text = json.dumps([said, self.ground.sha256], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def pace(self) -> str:
        """What cells that train about equally fast have in common."""
        sizes = json.dumps(self.checked.network.model_dump(include={"width", "layers", "encoder_layers"}))
        return f"{self.recipe} on {self.ground.kind} {self.ground.sha256[:8]} {sizes}"


@dataclass(frozen=True)
class Measurement:
    """What is judged: a cell as it was trained, or by other sampling, or on another data set.

    Attributes:
        cell: what is trained.
        steps, guidance_scale: of sampling; None: the recipe's.
        target: trained on all of the cell's data set and judged on all of this one; None: cross-validated.
    """

    cell: Cell
    steps: int | None = None
    guidance_scale: float | None = None
    target: Ground | None = None

    @property
    def as_trained(self) -> bool:
        """Whether it is just the cell's cross-validation."""
        how = self.cell.checked.diffusion
        return (
            self.target is None
            and self.steps in (None, how.steps)
            and self.guidance_scale in (None, how.guidance_scale)
        )

    @property
    def file(self) -> str:
        """Where it is kept in the cell's folder of a seed."""
        if self.target is not None:
            return f"on_{self.target.kind}_{self.target.sha256[:12]}.json"
        if self.as_trained:
            return _KEPT
        how = self.cell.checked.diffusion
        steps = how.steps if self.steps is None else self.steps
        scale = how.guidance_scale if self.guidance_scale is None else self.guidance_scale
        return f"sampled_steps{steps}_w{scale:g}.json"


@dataclass(frozen=True)
class Found:
    """What a measurement with one seed found.

    Attributes:
        names: (V,) the videos judged, sorted.
        groups: (V,) domain of each where the mean is one over domains, else None.
        rows: for "scores" and each further way of reading the model, and for each reference ("random", "oracle" ...),
            its values (V,) by measure, F1 and MAP from 0 to 1.
        about: selection, epochs run and chosen, validation curve, cost.
    """

    names: tuple[str, ...]
    groups: tuple[str, ...] | None
    rows: Mapping[str, Mapping[str, NDArray[np.float64]]]
    about: Mapping[str, Any] = field(default_factory=dict)


class Cells:
    """The folder in which cells are trained and kept.

    Attributes:
        folder: where.
        place: fields of a recipe that say where it runs (`accelerator`, `threads` ...), the same for all.
        processes: folds trained at the same time.
    """

    def __init__(
        self,
        folder: Path,
        *,
        place: Mapping[str, Any] | None = None,
        processes: int = 1,
        callbacks: Callbacks | None = None,
    ) -> None:
        """Nothing is made yet."""
        self.folder, self.place, self.processes = folder, dict(place or {}), processes
        self.callbacks = callbacks or Callbacks()

    def has(self, wanted: Measurement, seed: int) -> bool:
        """Whether nothing needs to be done for it."""
        return (self._folder(wanted.cell, seed) / wanted.file).exists()

    def get(self, wanted: Measurement, seed: int) -> Found:
        """What it found, after training and judging as far as that was not done before.

        Raises:
            DataError, UsageError, OutputError: as `cross_validate`.
            Interrupted: by SIGINT or SIGTERM; the same call goes on.
        """
        path = self._folder(wanted.cell, seed) / wanted.file
        if not path.exists():
            if wanted.target is not None:
                kept = self._transferred(wanted, wanted.target, seed)
            elif wanted.as_trained:
                kept = self._trained(wanted.cell, seed)
            else:
                self.get(Measurement(wanted.cell), seed)
                kept = self._sampled(wanted, seed)
            make_folder(path.parent)
            with written_whole(path) as partial:
                partial.write_text(json.dumps(kept) + "\n", encoding="utf-8")
        return _read(path)

    def recipe(self, cell: Cell, seed: int, output: Path | None = None) -> Recipe:
        """The cell's recipe with its place and seed."""
        here = {"seed": seed, "output": output or self._folder(cell, seed)}
        return cell.checked.model_copy(update=self.place | here)

    def _folder(self, cell: Cell, seed: int) -> Path:
        return self.folder / f"{cell.checked.name}_{cell.digest}" / f"seed{seed}"

    def _trained(self, cell: Cell, seed: int) -> dict[str, Any]:
        recipe = self.recipe(cell, seed)
        result = cross_validate(recipe, processes=self.processes, callbacks=self.callbacks, ridge=False)
        folds = result.metrics["folds"]
        names = {system_name(recipe, readout): readout for readout in folds[0]["readouts"]}
        folders = [result.path.parent / f"fold{number}" for number in range(len(folds))]
        kept = _judged(result.evaluation, names) | {
            "about": {
                "selection": result.evaluation.about[recipe.name]["selection"],
                "epochs": recipe.epochs,
                "chosen": [fold["epoch"] + 1 for fold in folds],
                "curve": _curve(folders, MAIN_MEASURE[cell.ground.kind]),
                "folds": len(folds),
                "trained_on": [len(fold["split"]["train"]) for fold in folds],
                "validated_on": [validation_count(recipe, len(fold["split"]["validation"])) for fold in folds],
                "device": _device(recipe),
                **result.metrics["cost"],
            }
        }
        if recipe.network.model != "summdiff":  # only SummDiff is sampled again; the others' weights can be a gigabyte
            for kind in ("*.safetensors", "*.onnx"):
                for weights in (path for folder in folders for path in folder.glob(kind)):
                    weights.unlink()
        return kept

    def _sampled(self, wanted: Measurement, seed: int) -> dict[str, Any]:
        cell = wanted.cell
        recipe, folder = self.recipe(cell, seed), self._folder(cell, seed) / "crossval"
        how = recipe.diffusion
        curves: dict[str, NDArray[np.float64]] = {}
        means: dict[str, NDArray[np.float64]] = {}
        folds = to_cross_validate(recipe, lambda sentence: None)
        for number, fold in reversed(list(enumerate(folds))):  # a video that several test counts as the first says
            model = load_model(folder / f"fold{number}")
            self.callbacks.message(f"Sampling fold {number + 1}/{len(folds)} ({wanted.file.removesuffix('.json')}).")
            drawn = predict(
                *(model, fold.data, fold.split.test),
                samples=how.samples,
                steps=wanted.steps or how.steps,
                seed=seed,
                guidance_scale=wanted.guidance_scale,
            )
            curves |= drawn.curves
            means |= drawn.means
        names = [name for name in folds[0].data.names if name in curves]
        judged = evaluate(folds[0].data, [Predictions(recipe.name, curves, means=means)], names=names, seed=seed)
        return _judged(judged, {recipe.name: "scores"}) | {"about": {"selection": "as the cell that was trained"}}

    def _transferred(self, wanted: Measurement, target: Ground, seed: int) -> dict[str, Any]:
        cell = wanted.cell
        folder = self._folder(cell, seed) / "whole"
        recipe = self.recipe(cell, seed, folder)
        if not (folder / FOLD_FILE).exists():
            train(recipe, callbacks=self.callbacks)
            with written_whole(folder / FOLD_FILE) as partial:
                partial.write_text("{}\n", encoding="utf-8")
        how = recipe.diffusion
        model = load_model(folder)
        names = [name for name in target.data.names if target.data.feature_shape(name) is not None]
        drawn = predict(model, target.data, names, samples=how.samples, steps=how.steps, seed=seed)
        judged = evaluate(
            target.data, [Predictions(recipe.name, drawn.curves, means=drawn.means)], names=names, seed=seed
        )
        about = {"selection": model.provenance["selection"], "epochs": recipe.epochs, "device": _device(recipe)}
        about |= {"source": cell.ground.describe()}
        return _judged(judged, {recipe.name: "scores"}) | {"about": about}


def _content(path: Path) -> str:
    """A digest of a file, or of a model's folder.

    Raises:
        DataError: it is not there.
    """
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    try:
        return hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)).hexdigest()
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {error.strerror or error}.") from error


def _device(recipe: Recipe) -> str:
    """What a recipe is trained on here."""
    import torch

    if recipe.accelerator in ("cuda", "gpu", "auto") and torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{os.cpu_count()} processor cores"


def _judged(evaluation: Evaluation, names: Mapping[str, str]) -> dict[str, Any]:
    """An evaluation's values by video, its systems called as `names` says, the videos sorted by name."""
    order = np.argsort(evaluation.names)
    groups = evaluation.groups
    return {
        "names": [evaluation.names[i] for i in order],
        "groups": None if groups is None else [groups[i] for i in order],
        "rows": {
            names.get(row.name, row.name): {key: values[order].tolist() for key, values in row.values.items()}
            for row in (*evaluation.systems, *evaluation.references)
        },
    }


def _read(path: Path) -> Found:
    kept = json.loads(path.read_text(encoding="utf-8"))
    rows = {row: {key: np.array(values) for key, values in each.items()} for row, each in kept["rows"].items()}
    groups = None if kept["groups"] is None else tuple(kept["groups"])
    return Found(tuple(kept["names"]), groups, rows, kept["about"])


def _curve(folders: list[Path], measure: str) -> dict[int, float]:
    """Mean over folds of the validation measure after each epoch (from 1) that was validated."""
    import csv

    found: dict[int, list[float]] = {}
    for folder in folders:
        if not (folder / LOG).exists():  # ridge regression has no epochs
            continue
        with (folder / LOG).open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row.get(measure):
                    found.setdefault(int(float(row["epoch"])) + 1, []).append(float(row[measure]))
    return {epoch: float(np.mean(values)) for epoch, values in sorted(found.items())}
