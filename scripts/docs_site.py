"""MkDocs hooks: equations without a script, and links out of docs/.

Equations, marked by pymdownx.arithmatex, become MathML at build time, which browsers display natively. Pages link to
results and sources in the repository; these files are copied beside the pages.
"""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
_BESIDE = "repository"
_OUTWARD = re.compile(r"\]\((?:\.\./)([^)#\s]+)(#[^)]*)?\)")
_EQUATION = re.compile(r'<(span|div) class="arithmatex">\\([\[(])(.*?)\\[\])]</\1>', re.S)


def on_files(files: Any, config: Any) -> Any:
    """Copy the files of the repository that pages link to."""
    from mkdocs.structure.files import File

    linked = {
        name
        for page in files.documentation_pages()
        for name, _ in _OUTWARD.findall(Path(page.abs_src_path).read_text(encoding="utf-8"))
    }
    for name in sorted(linked):
        source = ROOT / name
        if source.is_file():  # what is not there stays a broken link, which a strict build reports
            files.append(File.generated(config, f"{_BESIDE}/{_served(name)}", content=source.read_bytes()))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Point links out of docs/ to these copies."""

    def beside(found: re.Match[str]) -> str:
        name, anchor = found[1], found[2] or ""
        return f"]({_BESIDE}/{_served(name)}{anchor})" if (ROOT / name).is_file() else found[0]

    return _OUTWARD.sub(beside, markdown)


def _served(name: str) -> str:
    """Rename a Markdown file, which would become a page of the site."""
    return f"{name}.txt" if name.endswith(".md") else name


def on_page_content(content: str, **_: Any) -> str:
    """Turn equations into MathML."""
    from latex2mathml.converter import convert

    def mathml(found: re.Match[str]) -> str:
        return convert(html.unescape(found[3]), display="block" if found[2] == "[" else "inline")

    return _EQUATION.sub(mathml, content)
