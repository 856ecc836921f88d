"""Models that turn a video's features into samples of its importance curve."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from summdiff.errors import ModelError

if TYPE_CHECKING:
    from summdiff.models.model import Model

_SHIPPED = Path(__file__).parent
SHIPPED_MODELS = ("default",)


def load_model(name: str | os.PathLike[str] = "default") -> Model:
    """A model that ships with the package, or one from a folder that training wrote.

    Args:
        name: "default", or the path of a folder with `model.safetensors` and `config.json`.

    Raises:
        ModelError: no such model, or its files are damaged or do not fit together.
    """
    shipped = isinstance(name, str) and name in SHIPPED_MODELS
    directory = _SHIPPED / name if shipped else Path(name)
    if not directory.is_dir():
        known = ", ".join(f"'{known}'" for known in SHIPPED_MODELS)
        raise ModelError(f"There is no model '{os.fspath(name)}': use {known} or a folder that training wrote.")
    from summdiff.models.store import read_model

    return read_model(directory)
