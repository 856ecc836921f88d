"""Templates, style, security policy and pictures as data URLs of the HTML pages."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from importlib.resources import files
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from jinja2 import Template
    from numpy.typing import NDArray

INDEX_NAME = "index.html"
REPORT_ENDING = ".summary.html"
REPORT_MARK, INDEX_MARK = "summdiff-report", "summdiff-index"  # names of the meta elements that identify our pages
JPEG_URL = "data:image/jpeg;base64,"


def page(template: str, *, script: str = "", **values: Any) -> str:
    """Return a page from a template of the folder `pages`; all values are escaped.

    Args:
        template: name of the template.
        script: name of the page's only script; the page's security policy allows no other.
        values: variables of the template, beside `style`, `script` and `policy`.
    """
    code = _page_file(script) if script else ""
    return _template(template).render(
        style=_page_file("pages.css"), script=code, policy=_security_policy(code), **values
    )


def data_url(picture: NDArray[np.uint8]) -> str:
    """Return a picture (H, W, 3) as a data URL."""
    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, format="JPEG", quality=72)
    return JPEG_URL + base64.b64encode(buffer.getvalue()).decode()


def _page_file(name: str) -> str:
    return (files("summdiff.export") / "pages" / name).read_text(encoding="utf-8")


@lru_cache
def _template(name: str) -> Template:
    from jinja2 import DictLoader, Environment, StrictUndefined

    loader = DictLoader({part: _page_file(part) for part in (name, "brand.svg")})
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, loader=loader
    )
    return environment.get_template(name)


def _security_policy(script: str) -> str:
    """Return a content security policy that allows this script, inline styles and pictures, and media in its folder."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        "media-src 'self' file:; base-uri 'none'; form-action 'none'"
    )
