"""The option that says where to compute."""

from __future__ import annotations

from typing import Annotated

import typer

DeviceOption = Annotated[
    str,
    typer.Option(metavar="NAME", help="Where to compute: cpu, cuda, cuda:1, or auto. Decoding stays on the processor."),
]
