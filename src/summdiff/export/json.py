"""The summary as JSON, schema `summdiff.summary/1` (docs/summary.schema.json)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from summdiff.atomic import written_whole
from summdiff.summary import Summary
from summdiff.summary_json import to_json


def write(summary: Summary, path: Path, *, on_progress: Callable[[float], None] | None = None) -> None:
    """Write the summary as JSON text; read it back with `Summary.from_json(path)`."""
    with written_whole(path) as temporary:
        temporary.write_text(to_json(summary), encoding="utf-8")
