"""Words of the report: settings, model, video and alternatives for people who do not know the program."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from summdiff.export._strings import percent, printable
from summdiff.summary import Alternative, Interval, Summary, clock

if TYPE_CHECKING:
    from summdiff.video import CutList

_DEFAULT_MODEL = (
    "The scores come from SummDiff, a diffusion model that learned from 50 web videos (TVSum: news, how-to, sports, "
    "pets), each rated by twenty people. It looks at the pictures, so a talk filmed with one camera gives it little to "
    "go by. Films and lectures differ most from the videos it learned from. People agree only in part on what matters, "
    "with each other and with this model."
)
_WORDS = "Sentences were also scored by their words."

Rows = list[tuple[str, str]]
_MANY_PARTS = 8  # more are not listed one by one


def _yes_or_no(value: Any) -> str:
    return {True: "yes", False: "no"}[value]


def _number(unit: str) -> Callable[[Any], str]:
    return lambda value: f"{value:g}{unit}"


def _transition(value: Any) -> str:
    return f"dissolve of {value:g} s" if value else "cut"


def _constraint(value: Any) -> str:
    return _spans([Interval(float(part["start"]), float(part["end"])) for part in value]) or "nothing"


# Label and words of each setting; those that are missing here are shown as they are.
_SETTINGS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "keep": ("You kept", _constraint),
    "drop": ("You left out", _constraint),
    "select": (
        "What is chosen",
        lambda value: {"intervals": "the best moments, cut where it is natural", "shots": "whole shots"}[value],
    ),
    "value": ("Worth of a shot", lambda value: {"sum": "importance × seconds", "mean": "average importance"}[value]),
    "sound": ("Cut in pauses of speech", _yes_or_no),
    "speech": (
        "Words",
        lambda value: {"auto": "used where they are known", "off": "not used"}.get(value, f"by {value}"),
    ),
    "about": ("Asked for", lambda value: ", ".join(f"“{text}”" for text in value) or "nothing"),
    "words_weight": ("Share of the words in the scores", percent),
    "transition": ("Between parts", _transition),
    "quality": (
        "Quality of the video",
        lambda value: {"normal": "as the source", "small": "small file"}.get(value, f"{value}"),
    ),
    "max_size": ("Largest file", lambda value: f"{value / 1e6:g} MB"),
    "frame": ("Frame", lambda value: "as filmed" if value == "film" else value),
    "crop": (
        "Place of the frame",
        lambda value: f"{percent(value[0])} from the left, {percent(value[1])} from the top",
    ),
    "captions": ("Captions in the picture", _yes_or_no),
    "order": ("Order of the parts", lambda value: ", ".join(str(place + 1) for place in value) or "of the film"),
    "keep_interlaced": ("Interlaced pictures kept", _yes_or_no),
    "keep_location": ("Place of filming kept", _yes_or_no),
    "min_shot": ("Shortest shot", _number(" s")),
    "max_shot": ("Longest shot", _number(" s")),
    "rate": ("Pictures looked at", _number(" per second")),
    "fast": ("Key frames only", _yes_or_no),
    "exact": ("Every frame decoded", _yes_or_no),
    "samples": ("Sampled curves", _number("")),
    "steps": ("Denoising steps", _number("")),
    "loss": ("An alternative may lose", lambda value: f"{percent(value)} of the expected score"),
}
_MODEL = {
    "id": "Model",
    "conditioning": "Conditioned on",
    "backbone": "Picture features",
    "version": "Version of summdiff",
}


def about_scores(summary: Summary) -> str:
    """Return where the scores come from; empty for a model that is not described here and a film without words."""
    sentences = [_DEFAULT_MODEL] if summary.model.get("id") == "default" else []
    return " ".join([*sentences, *([_WORDS] if summary.settings.get("words_weight") else [])])


def setting_rows(summary: Summary) -> Rows:
    """Return label and text of the length asked for, of each setting that mattered, and of the seed."""
    settings = {key: value for key, value in summary.settings.items() if value is not None}
    if settings.get("select") == "intervals":
        settings.pop("value", None)
    if settings.get("frame") == "film":
        settings.pop("crop", None)
    if not summary.alternatives:
        settings.pop("loss", None)
    length = f"up to {clock(summary.budget * summary.video.duration)} ({percent(summary.budget)} of the video)"
    ordered = sorted(settings, key=lambda key: list(_SETTINGS).index(key) if key in _SETTINGS else len(_SETTINGS))
    return [
        ("Length", length),
        *(_setting(key, settings[key]) for key in ordered),
        ("Random seed", str(summary.seed)),
    ]


def model_rows(model: Mapping[str, Any]) -> Rows:
    """Return label and text of each fact about the model."""
    return [(_MODEL.get(key, _label(key)), _plain(value)) for key, value in model.items() if value is not None]


def video_rows(summary: Summary, cut: CutList) -> Rows:
    """Return label and text of each fact about the video."""
    rate = f"{float(cut.source_rate):.3f}".rstrip("0").rstrip(".")
    return [
        ("File", printable(str(cut.path))),
        ("Duration", f"{summary.video.duration:.3f} s"),
        ("Picture", f"{cut.width} × {cut.height}"),
        ("Frames per second", rate if cut.steady else f"{rate} on average, varying"),
        ("Sound", f"{cut.sound.rate} Hz, {cut.sound.channels} channels" if cut.sound else "none"),
    ]


def describe_alternative(other: Alternative) -> dict[str, str]:
    """Return the parts of an alternative, and how good and how different it is, in words and in numbers."""
    shared = 2 * other.overlap / (1 + other.overlap)  # share of either, if both are equally long
    return {
        "parts": _spans(other.selection)
        if len(other.selection) <= _MANY_PARTS
        else f"{len(other.selection)} parts from {clock(other.selection[0].start)} to {clock(other.selection[-1].end)}",
        "worth": "About as good"
        if other.expected >= 0.97
        else "Nearly as good"
        if other.expected >= 0.9
        else f"{percent(other.expected)} as good",
        "difference": "all different moments"
        if shared < 0.01
        else "mostly different moments"
        if shared < 0.3
        else "about half the same moments"
        if shared < 0.7
        else "mostly the same moments",
        "numbers": f"expected score {other.expected:.0%} of this summary's, {other.overlap:.0%} shared",
    }


def _setting(key: str, value: Any) -> tuple[str, str]:
    label, words = _SETTINGS.get(key, (_label(key), _plain))
    try:
        return label, words(value)
    except (TypeError, ValueError, LookupError, OverflowError):  # a summary of other programs may hold anything
        return label, _plain(value)


def _label(key: str) -> str:
    return key.replace("_", " ")


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _spans(parts: Sequence[Interval]) -> str:
    return ", ".join(f"{clock(part.start)} – {clock(part.end)}" for part in parts)
