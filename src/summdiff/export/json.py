"""The summary as JSON, schema `summdiff.summary/1` (docs/summary.schema.json)."""

from __future__ import annotations

from pathlib import Path

from summdiff.atomic import write_file
from summdiff.export._formats import Format, OnProgress
from summdiff.summary import Summary


def write_json(summary: Summary, path: Path, on_progress: OnProgress) -> None:
    """Write the summary as JSON text, which `Summary.from_json(path)` reads back."""
    write_file(path, summary.to_json())


FORMATS = (
    Format(
        "json",
        {"json": write_json},
        "all scores, shots and settings ([schema](summary.schema.json))",
        opens_in="programs; `Summary.from_json`",
    ),
)
