"""Accessibility faults that axe-core finds on a page in a browser."""

import os
from pathlib import Path
from typing import Any

import pytest

_PLACES = (os.environ.get("SUMMDIFF_AXE", ""), Path(__file__).parents[1] / "node_modules" / "axe-core" / "axe.min.js")


def axe_violations(page: Any) -> list[str]:
    """Return a line for each element with a fault, or skip the test where axe-core is not installed.

    The page must come from a browser context that bypasses its security policy.
    """
    script = next((Path(place) for place in _PLACES if place and Path(place).is_file()), None)
    if script is None:
        pytest.skip(
            "axe-core was not found: npm install --prefix . --no-save axe-core, or set SUMMDIFF_AXE to its file"
        )
    page.evaluate(script.read_text(encoding="utf-8"))
    result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [f"{fault['id']}: {node['html'][:160]}" for fault in result["violations"] for node in fault["nodes"]]
