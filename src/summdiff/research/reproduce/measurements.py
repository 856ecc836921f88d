"""The runs and measurements that tables are made of: a recipe with changes on a data set, and how it is judged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from summdiff._untrusted import read_bytes
from summdiff.data.datasets import open_dataset
from summdiff.data.h5 import AnnotatedFile
from summdiff.data.video import DatasetKind
from summdiff.research.training.recipe import Recipe, content_digest
from summdiff.research.training.recipe_files import read_recipe

_CROSS_VALIDATION = "run.json"


@dataclass(frozen=True)
class TableData:
    """A data set that systems are trained and judged on.

    Attributes:
        kind: the data set.
        path: its HDF5 file.
        splits: file of splits; None for folds in which every video is tested once.
    """

    kind: DatasetKind
    path: Path
    splits: Path | None = None

    @cached_property
    def file(self) -> AnnotatedFile:
        """The open file.

        Raises:
            DataError, UsageError: it is missing, damaged, or of another kind.
        """
        return open_dataset(self.path, self.kind)

    @cached_property
    def sha256(self) -> str:
        """Digest of the file and of the splits."""
        digest = self.file.fingerprint()
        if self.splits is not None:
            digest += hashlib.sha256(read_bytes(self.splits)).hexdigest()
        return digest

    def describe(self) -> dict[str, Any]:
        """Return the entry for a report."""
        return {
            "kind": self.kind,
            "file": self.path.name,
            "sha256": self.file.fingerprint(),
            "videos": len(self.file),
            "splits": self.splits.name if self.splits else None,
            "synthetic": bool(self.file.attribute("synthetic")),
        }


@dataclass(frozen=True)
class SystemRun:
    """A recipe with changes, on a data set.

    Attributes:
        recipe_name: name of a shipped recipe, or a YAML file.
        data: the data set.
        changes: `key=value`, as for `summdiff train`.
        schedule: "reproduce" for the recipe's shorter schedule for tables, "recipe" for its own.
    """

    recipe_name: str
    data: TableData
    changes: tuple[str, ...] = ()
    schedule: Literal["reproduce", "recipe"] = "reproduce"

    @cached_property
    def recipe(self) -> Recipe:
        """The checked recipe, without output folder, device and seed of a particular run.

        Raises:
            DataError, UsageError: as `read_recipe`.
        """
        recipe = read_recipe(self.recipe_name, self.changes, reproduce=self.schedule == "reproduce")
        return recipe.model_copy(update={"data": self.data.path, "splits": self.data.splits})

    @cached_property
    def digest(self) -> str:
        """Digest of everything that affects the result except the seed."""
        fields = self.recipe.stated() | {"seed": None}
        for name in ("annotations", "init_from"):  # paths, whose contents affect the result
            if (path := getattr(self.recipe, name)) is not None:
                fields[name] = content_digest(Path(path))
        text = json.dumps([fields, self.data.sha256], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Measurement:
    """A way to judge a run: as trained, with other sampling or another readout, or on another data set.

    Attributes:
        run: the trained recipe and data.
        steps, guidance_scale: sampling options; None for the recipe's.
        offset: added to every score before judging.
        study: "samples" for `study_samples`.
        target: data set to judge on, after training on the run's whole data set; None to cross-validate.
    """

    run: SystemRun
    steps: int | None = None
    guidance_scale: float | None = None
    offset: float | None = None
    study: str | None = None
    target: TableData | None = None

    @property
    def trains(self) -> bool:
        """Whether this trains, rather than measures a cross-validated run again."""
        return self.target is not None or self.file == _CROSS_VALIDATION

    @property
    def file(self) -> str:
        """Name of the file with the values, in the run's folder of a seed."""
        how = self.run.recipe.diffusion
        if self.target is not None:
            return f"on_{self.target.kind}_{self.target.sha256[:12]}.json"
        if self.study is not None:
            return f"{self.study}.json"
        if self.offset:
            return f"offset_{self.offset:g}.json"
        steps = how.steps if self.steps is None else self.steps
        scale = how.guidance_scale if self.guidance_scale is None else self.guidance_scale
        if (steps, scale) == (how.steps, how.guidance_scale):
            return _CROSS_VALIDATION
        return f"sampled_steps{steps}_w{scale:g}.json"


@dataclass(frozen=True)
class MeasuredValues:
    """Results of a measurement with one seed.

    Attributes:
        names: (V,) the judged videos, sorted.
        groups: (V,) the domain of each video where the mean is one over domains, else None.
        rows: values (V,) by measure for each readout of the model ("scores" is the usual one) and each reference
            ("random", "oracle", …); F1 and MAP are in [0, 1], nan where a measure does not apply.
        about: selection, chosen epochs, validation curve, cost; under "columns" further values by readout.
    """

    names: tuple[str, ...]
    groups: tuple[str, ...] | None
    rows: Mapping[str, Mapping[str, NDArray[np.float64]]]
    about: Mapping[str, Any] = field(default_factory=dict)
