"""Importance curves from a model folder, on NumPy and ONNX Runtime.

In reading order: `model`, what every model offers; `sampling`, how a SummDiff draws curves, with `ddim`, `schedule`,
`space`, `guidance`, `windows` and the `gaussian` prior of the default model; `scorer`, networks that score all steps at
once; `networks`, what both ask of a network; `graphs` and `model_files`, networks as ONNX files.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from summdiff.errors import ModelError

if TYPE_CHECKING:
    from summdiff.scoring.model import Model

SHIPPED = Path(__file__).parent
SHIPPED_MODELS = ("default",)


def model_folder(name: str | os.PathLike[str] = "default") -> Path:
    """Return the folder of a model that ships with the package, or of one that training wrote.

    Raises:
        ModelError: there is no such folder.
    """
    shipped = isinstance(name, str) and name in SHIPPED_MODELS
    directory = SHIPPED / name if shipped else Path(name)
    if not directory.is_dir():
        known = ", ".join(f"'{known}'" for known in SHIPPED_MODELS)
        raise ModelError(f"There is no model '{os.fspath(name)}': use {known} or a folder that training wrote.")
    return directory


def load_model(name: str | os.PathLike[str] = "default", *, device: str = "cpu") -> Model:
    """Load a model that ships with the package, or one from a folder that training wrote.

    Args:
        name: "default", or the path of a model folder.
        device: where to compute: "cpu", "cuda", "cuda:1", …, or "auto".

    Raises:
        ModelError: no such model, or its files are damaged or do not fit together.
        UsageError: there is no such device here.
    """
    directory = model_folder(name)
    from summdiff.scoring.model_files import read_model

    return read_model(directory, device=device)
