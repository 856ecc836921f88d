"""`summdiff export-graphs`: the ONNX graphs of a model folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export_graphs(
    folders: Annotated[list[Path], typer.Argument(help="Model folders that `summdiff train` wrote.")],
) -> None:
    """Write the ONNX graphs of model folders again from their weights, for folders of an older version.

    The graphs are first compared with the network; a folder stays unchanged if they score differently. Making graphs
    needs torch, scoring with them does not.
    """
    from summdiff.research.networks.storage import export_folder
    from summdiff.scoring import model_folder

    for folder in folders:
        print(export_folder(model_folder(folder)))
