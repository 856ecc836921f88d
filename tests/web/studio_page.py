"""What the tests of the page do on it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any


def until(page: Any, expression: str, seconds: float = 30) -> None:
    """Wait for an expression to be true. Playwright's own way uses `eval`, which the page forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"never: {expression}"
        time.sleep(0.03)


def add_film(page: Any, path: Path) -> Any:
    """Upload a film and wait until its summary is shown."""
    page.set_input_files("#picker", path)
    page.wait_for_selector(".part", timeout=60_000)
    until(page, "document.querySelector('[data-length]').textContent !== '0:00'")
    return page


def chosen(page: Any) -> list[int]:
    """Numbers of the shots that the list shows as chosen."""
    return page.eval_on_selector_all(
        "[data-shots] li", "cards => cards.flatMap((c, k) => c.classList.contains('chosen') ? [k] : [])"
    )


def chosen_after(page: Any, before: list[int]) -> list[int]:
    """Numbers of the chosen shots, once they are others than before."""
    end = time.monotonic() + 30
    while (found := chosen(page)) == before:
        assert time.monotonic() < end
        time.sleep(0.03)
    return found


def painted(page: Any, selector: str) -> int:
    """Count the pixels of a canvas that are not empty."""
    return page.eval_on_selector(
        selector,
        "c => { const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let n = 0;"
        "for (let k = 3; k < d.length; k += 4) n += d[k] > 0; return n; }",
    )


def api(page: Any, path: str, body: Any = None) -> Any:
    """The JSON at a path of the open video; with a body, the answer to it."""
    return page.evaluate(
        "async ([path, body]) => (await fetch(`/api/videos/${location.hash.slice(1)}${path}`, body === null ? {} : {"
        "method: 'POST', headers: { 'X-Summdiff': '1', 'Content-Type': 'application/json' },"
        "body: JSON.stringify(body) })).json()",
        [path, body],
    )


def stored(page: Any, name: str) -> Any:
    """Return what the server keeps of the decisions about the open video, once the entry `name` is not empty."""
    end = time.monotonic() + 30
    while not (present := api(page, "/edits")["present"] or {}).get(name):
        assert time.monotonic() < end, name
        time.sleep(0.03)
    return present


def displayed(page: Any) -> Any:
    """The picture on display in the player: (H, W, 3)."""
    import numpy as np

    until(page, "!document.querySelector('video').seeking && document.querySelector('video').readyState > 1")
    page.wait_for_timeout(60)  # until the frame is composed
    width, height, pixels = page.evaluate(
        "() => { const v = document.querySelector('video'), c = document.createElement('canvas');"
        "c.width = v.videoWidth; c.height = v.videoHeight; const x = c.getContext('2d'); x.drawImage(v, 0, 0);"
        "return [c.width, c.height, [...x.getImageData(0, 0, c.width, c.height).data]]; }"
    )
    return np.array(pixels, dtype=np.uint8).reshape(height, width, 4)[..., :3]
