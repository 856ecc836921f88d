"""`summdiff export-graphs`: make the graphs that scoring needs from a model folder's weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export_graphs(
    folders: Annotated[list[Path], typer.Argument(help="Model folders that `summdiff train` wrote.")],
) -> None:
    """Write the ONNX graphs of model folders anew from their weights, for folders of an older version.

    The graphs are compared with the network first; a folder whose graphs score differently stays as it is. Scoring
    with them needs no torch, making them does.
    """
    from summdiff.research.networks.folder import export_folder
    from summdiff.scoring import model_folder

    for folder in folders:
        print(export_folder(model_folder(folder)))
