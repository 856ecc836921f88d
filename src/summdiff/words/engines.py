"""Speech recognition engines, found by their names."""

from __future__ import annotations

from importlib.util import find_spec

from summdiff.errors import UsageError
from summdiff.words.contract import INSTALL, SpeechEngine

_LIBRARIES = {"moonshine": "moonshine_voice", "faster-whisper": "faster_whisper"}


def speech_engines() -> tuple[str, ...]:
    """Return the names of the engines whose libraries are installed, the preferred one first."""
    return tuple(name for name, library in _LIBRARIES.items() if find_spec(library) is not None)


def load_engine(name: str) -> SpeechEngine:
    """Load a speech recognition engine.

    Args:
        name: "moonshine", "faster-whisper", or "faster-whisper:MODEL" with a name or folder of a model.

    Raises:
        UsageError: there is no such engine, or it is not installed.
        ModelError: its model is missing or damaged.
    """
    family, _, model = name.partition(":")
    if family not in _LIBRARIES or (model and family != "faster-whisper"):
        raise UsageError(f"There is no speech engine '{name}': choose from auto, off, {', '.join(_LIBRARIES)}.")
    if find_spec(_LIBRARIES[family]) is None:
        install = INSTALL if family == "moonshine" else "pip install faster-whisper"
        raise UsageError(f"The speech engine '{family}' is not installed: run `{install}`.")
    if family == "moonshine":
        from summdiff.words._moonshine import Moonshine

        return Moonshine()
    from summdiff.words._faster_whisper import FasterWhisper

    return FasterWhisper(model)
