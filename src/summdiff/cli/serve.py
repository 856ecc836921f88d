"""`summdiff serve`: open the studio in the browser."""

from __future__ import annotations

import re
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from summdiff.cli._options import DeviceOption, ExactOption, FastOption, HwaccelOption
from summdiff.errors import UsageError
from summdiff.options import DEFAULT_BACKBONE, DEFAULT_MODEL

if TYPE_CHECKING:
    from summdiff.web import Address

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


def serve(
    videos: Annotated[
        list[Path] | None, typer.Argument(help="Videos or projects to open.", show_default=False, readable=False)
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for any free one.")] = 8765,
    host: Annotated[
        str,
        typer.Option(metavar="ADDRESS", help="Address to listen on. Other machines need the printed token."),
    ] = "127.0.0.1",
    max_upload: Annotated[str, typer.Option(metavar="SIZE", help="Largest upload: 500MB, 4GB.")] = "4GB",
    expire: Annotated[
        float, typer.Option(metavar="HOURS", min=0.01, help="Delete the files of an unused session after this time.")
    ] = 12.0,
    model: Annotated[
        str, typer.Option(metavar="ID|DIR", help="Model: 'default', or a folder that `summdiff train` wrote.")
    ] = DEFAULT_MODEL,
    backbone: Annotated[
        str, typer.Option(metavar="ID", help="Network that describes the frames: efficientnet_lite0, timm:NAME, …")
    ] = DEFAULT_BACKBONE,
    fast: FastOption = False,
    exact: ExactOption = False,
    hwaccel: HwaccelOption = "off",
    device: DeviceOption = "cpu",
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")] = True,
) -> None:
    """Open the studio: a page in the browser that makes a short video out of a long one.

    Drop a video and save its summary; or first change the length, keep shots or leave them out, cut parts by hand,
    choose another shape. A project that was saved there (talk.summdiff.json) is opened like a video. Nothing leaves
    this machine, and nothing is loaded from elsewhere. Ctrl+C ends it.

    Example: summdiff serve talk.mp4
    """
    limit = size(max_upload)
    try:
        import fastapi  # noqa: F401
        import PIL  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise UsageError("The studio needs more packages: install them with `pip install 'summdiff[web]'`.") from error
    from summdiff.web import serve as run

    def ready(address: Address) -> None:
        print(f"The studio is open at {address.url}", file=sys.stderr, flush=True)
        if host in ("0.0.0.0", "::"):  # noqa: S104
            print("From other machines: the same with this machine's name or address.", file=sys.stderr)
        print("Ctrl+C closes it and deletes uploads.", file=sys.stderr, flush=True)
        if open_browser:
            webbrowser.open(address.url)

    run(
        videos or [],
        host=host,
        port=port,
        max_upload=limit,
        idle_seconds=expire * 3600,
        model=model,
        backbone=backbone,
        fast=fast,
        exact=exact,
        hwaccel=hwaccel,
        device=device,
        ready=ready,
    )


def size(text: str) -> int:
    """Return bytes from "4GB", "500 MB", "1.5g" or "1000000".

    Raises:
        UsageError: the text has another form, or is 0.
    """
    match = re.fullmatch(r"(\d{1,15}(?:\.\d{1,15})?)\s*([kmgt]?)b?", text.strip().lower())
    size = int(float(match[1]) * _UNITS[match[2]]) if match else 0
    if not size:
        raise UsageError(f"'{text}' is not a size: write it like 500MB or 4GB.")
    return size
