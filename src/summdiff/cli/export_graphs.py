"""`summdiff export-graphs`: write the ONNX graphs of a model folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export_graphs(
    folders: Annotated[
        list[Path], typer.Argument(help="Model folders that `summdiff train` or `crossval` wrote.", readable=False)
    ],
) -> None:
    """Write the ONNX graphs of model folders from their weights, for folds of `crossval` and older folders.

    The graphs are compared with the network before they are written; if their scores differ, the folder stays
    unchanged. This command needs torch; scoring with the graphs does not.
    """
    from summdiff.research.networks.storage import export_folder
    from summdiff.scoring import model_folder

    for folder in folders:
        print(export_folder(model_folder(folder)))
