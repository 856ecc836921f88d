"""summdiff: turns a long video into a short one that keeps what people find important.

    import summdiff
    summary = summdiff.summarize("talk.mp4", budget=0.15)
    summary.save("out", formats=["mp4", "json"])

Nothing heavy is imported until it is used: `import summdiff` takes milliseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from summdiff._version import __version__

if TYPE_CHECKING:
    from summdiff.features.store import open_store
    from summdiff.pipeline import Summarizer, summarize
    from summdiff.reselection import reselect
    from summdiff.summary import Alternative, Interval, Scores, Shot, Summary, VideoInfo

_HOME = {
    "Summarizer": "summdiff.pipeline",
    "summarize": "summdiff.pipeline",
    "reselect": "summdiff.reselection",
    "Alternative": "summdiff.summary",
    "Interval": "summdiff.summary",
    "Scores": "summdiff.summary",
    "Shot": "summdiff.summary",
    "Summary": "summdiff.summary",
    "VideoInfo": "summdiff.summary",
    "open_store": "summdiff.features.store",
}

__all__ = [
    "Alternative",
    "Interval",
    "Scores",
    "Shot",
    "Summarizer",
    "Summary",
    "VideoInfo",
    "__version__",
    "open_store",
    "reselect",
    "summarize",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'summdiff' has no attribute {name!r}")
