"""The one place where the steps meet: video -> features -> importance scores -> shots -> selection -> Summary."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Unpack

import numpy as np
from numpy.typing import NDArray

from summdiff import __version__
from summdiff.errors import UsageError, VideoError
from summdiff.extraction import extract
from summdiff.features import Backbone, load_backbone
from summdiff.features.cache import FeatureCache
from summdiff.features.files import VideoFeatures
from summdiff.features.store import FeatureStore
from summdiff.options import DEFAULT_BACKBONE, DEFAULT_MODEL, Options, OptionValues
from summdiff.scoring import load_model
from summdiff.segmentation import kts
from summdiff.selection import Shots, alternatives
from summdiff.summary import Alternative, Interval, Scores, Shot, Summary, merge
from summdiff.video import file_version

if TYPE_CHECKING:
    from summdiff.scoring.model import Model

Stage = Literal["look", "score", "cut"]

_SPARSE = 6.0  # seconds between key frames up to which the fast mode looks at nothing else
_KEPT, _DROPPED = 0.95, 0.05  # scores of what is wished: near the top and the bottom of the video


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage is: `done` of `total`. Seconds of video while looking and cutting, a share of 1 while scoring."""

    stage: Stage
    done: float
    total: float


OnProgress = Callable[[Progress], None]


def summarize(
    path: str | os.PathLike[str],
    *,
    model: str | os.PathLike[str] = DEFAULT_MODEL,
    backbone: str = DEFAULT_BACKBONE,
    cache: bool = True,
    fast: bool = False,
    on_progress: OnProgress | None = None,
    **options: Unpack[OptionValues],
) -> Summary:
    """Summarise one video. For many, make one `Summarizer` and call it for each: the models then load once.

    Args:
        path: a video file.
        model, backbone, cache, fast: as for `Summarizer`.
        on_progress: called now and then, from this thread.
        **options: the fields of `summdiff.options.Options`: `budget`, `duration`, `samples`, `steps`, `seed`, `value`,
            `min_shot`, `max_shot`, `keep`, `drop`, `alternatives`, `loss`.
    """
    return Summarizer(model=model, backbone=backbone, cache=cache, fast=fast).summarize(
        path, on_progress=on_progress, **options
    )


class Summarizer:
    """Summarises videos with one model and one backbone, both loaded when first needed.

    Args:
        model: "default", or a folder that `summdiff train` wrote.
        backbone: id of the feature extractor, see `summdiff.features.backbone_ids()`.
        rate: steps looked at per second of video, from 0.25 to 8.
        cache: keep features between runs, so that the same video is decoded only once: in the user's cache, in the one
            given, or not at all. A store that `summdiff extract` wrote is read and not added to.
        fast: look at key frames only, wherever they lie no more than 6 seconds apart: several times faster, and nearly
            the same scores (`benchmarks/fast.py`).
        device: where backbone and model compute: "cpu", "cuda", "cuda:1", …, or "auto". Scores of another device differ
            by rounding.

    Raises:
        UsageError: `rate` is out of range.
    """

    def __init__(
        self,
        *,
        model: str | os.PathLike[str] = DEFAULT_MODEL,
        backbone: str = DEFAULT_BACKBONE,
        rate: float = 1.0,
        cache: bool | FeatureCache | FeatureStore = True,
        fast: bool = False,
        device: str = "cpu",
    ) -> None:
        if not 0.25 <= rate <= 8:
            raise UsageError(f"The rate must be between 0.25 and 8 steps per second, not {rate:g}.")
        self.rate, self.fast, self.device = float(rate), fast, device
        self._model_id, self._backbone_id = model, backbone
        self._cache = FeatureCache() if cache is True else None if cache is False else cache

    @cached_property
    def model(self) -> Model:
        """The model.

        Raises:
            ModelError: it is unknown or damaged.
            UsageError: there is no such device.
        """
        return load_model(self._model_id, device=self.device)

    @cached_property
    def backbone(self) -> Backbone:
        """The feature extractor.

        Raises:
            BackboneError: it is unknown, or its library or weights are missing.
        """
        return load_backbone(self._backbone_id, device=self.device)

    def load(self) -> tuple[Model, Backbone]:
        """Load model and backbone now, so that what is missing is said before any work is done."""
        return self.model, self.backbone

    def summarize(
        self,
        path: str | os.PathLike[str],
        options: Options | None = None,
        *,
        on_progress: OnProgress | None = None,
        **changes: Unpack[OptionValues],
    ) -> Summary:
        """Summarise one video.

        Args:
            path: a video file.
            options: what is asked of the summary.
            on_progress: called now and then, from this thread.
            **changes: fields of `Options` that take the place of those in `options`.

        Returns:
            The summary. Same file, options and versions: same summary, apart from `timings`.

        Raises:
            UsageError: an option is out of its range.
            VideoError: the file cannot be read as a video, or changed in the meantime.
            ModelError, BackboneError: the model or the backbone cannot be loaded, or they do not fit each other.
        """
        asked = replace(options or Options(), **changes)
        report = on_progress or (lambda progress: None)
        timings: dict[str, float] = {}
        version = file_version(path)
        with _timed(timings, "load"):
            model, backbone = self.load()
        with _timed(timings, "look"):
            seen = self._look(Path(path), report)
        video = seen.video
        asked.check_wishes(video.duration)
        with _timed(timings, "score"), _one_thread():
            known = wished(seen.times, asked)
            features = seen.features.astype(np.float32)
            curves = model.score(
                features,
                rate=self.rate,
                samples=asked.samples,
                steps=asked.steps,
                seed=asked.seed,
                known=known if model.conditions_on_known else None,
                on_progress=lambda share: report(Progress("score", share, 1.0)),
            )
        allowed = asked.seconds(video.duration)
        with _timed(timings, "select"):
            shots = Shots(
                *(self._shot_edges(seen, asked), seen.times),
                budget=allowed,
                fps=video.fps,
                value=asked.value,
                keep=asked.keep,
                drop=asked.drop,
                shortest=asked.min_shot,
            )
            choice = shots.choose(curves.mean)
            likely = shots.probability(curves.samples)
            others = alternatives(shots, choice, curves.mean, curves.samples, count=asked.alternatives, loss=asked.loss)
        if file_version(path) != version:
            raise VideoError(
                f"'{path}' was changed while it was being summarised: try again when it is whole, and left alone."
            )
        return Summary(
            video=video,
            model={
                "id": model.id,
                "conditioning": model.conditioning,
                "backbone": backbone.id,
                "version": __version__,
            },
            settings={
                "rate": self.rate,
                "fast": self.fast,
                "samples": asked.samples,
                "steps": asked.steps,
                "value": asked.value,
                "min_shot": asked.min_shot,
                "max_shot": asked.max_shot,
                "keep": _within(asked.keep, video.duration),
                "drop": _within(asked.drop, video.duration),
                "loss": asked.loss,
            },
            budget=allowed / video.duration,
            seed=asked.seed,
            scores=Scores(
                tuple(map(float, seen.times)), tuple(map(float, curves.mean)), tuple(map(float, curves.spread))
            ),
            shots=tuple(
                Shot(float(start), float(end), float(score), bool(chosen), float(probability))
                for start, end, score, chosen, probability in zip(
                    shots.edges[:-1], shots.edges[1:], choice.shot_scores, choice.chosen, likely, strict=True
                )
            ),
            selection=_parts(choice.parts),
            alternatives=tuple(
                Alternative(
                    selection=_parts(other.choice.parts),
                    shots=tuple(map(int, np.flatnonzero(other.choice.chosen))),
                    expected=other.expected,
                    overlap=other.overlap,
                )
                for other in others
            ),
            warnings=_warnings(seen, asked, found=len(others), follows=known is None or model.conditions_on_known),
            timings=timings,
        )

    def _look(self, path: Path, report: OnProgress) -> VideoFeatures:
        """Features of the video at our rate, from the cache or from one pass over the file."""
        sparse = _SPARSE if self.fast else 0.0
        if self._cache is not None:
            known = self._cache.get(path, self.backbone.id, self.rate, sparse=sparse)
            if known is not None:
                report(Progress("look", known.video.duration, known.video.duration))
                return known
        extracted = extract(
            path,
            self.backbone,
            rate=self.rate,
            sparse=sparse,
            report=lambda done, total: report(Progress("look", done, total)),
        )
        if self._cache is not None:
            self._cache.put(path, self.backbone.id, self.rate, extracted, sparse=sparse)
        return extracted

    def _shot_edges(self, seen: VideoFeatures, asked: Options) -> NDArray[np.float64]:
        """(S + 1,) seconds: where shots begin, and the end of the video."""
        edges = np.append(seen.boundaries, seen.video.duration)
        change_points = kts(
            seen.features, min_length=asked.min_shot, max_length=asked.max_shot, edges=edges, center=True
        )
        return edges[np.concatenate(([0], change_points, [len(seen.times)]))]


def wished(times: NDArray[np.float64], asked: Options) -> NDArray[np.float32] | None:
    """What is known of the curve (N,) at steps looked at at these times: high where to keep, low where to drop.

    NaN where nothing is wished; None where nothing is at all. A part without a step speaks for the one nearest to it.
    """
    known = np.full(len(times), np.nan, dtype=np.float32)
    for parts, score in ((asked.drop, _DROPPED), (asked.keep, _KEPT)):
        for part in parts:
            inside = (times >= part.start) & (times < part.end)
            if not inside.any():
                inside[np.abs(times - part.start).argmin()] = True
            known[inside] = score
    return None if np.isnan(known).all() else known


def _within(parts: tuple[Interval, ...], duration: float) -> list[dict[str, float]]:
    """Wishes as they are written down."""
    return [{"start": part.start, "end": min(part.end, duration)} for part in parts]


def _parts(chosen: NDArray[np.float64]) -> tuple[Interval, ...]:
    return merge(Interval(float(start), float(end)) for start, end in chosen)


def _warnings(seen: VideoFeatures, asked: Options, *, found: int, follows: bool) -> tuple[str, ...]:
    said = []
    if seen.corrupt_frames:
        said.append(f"{seen.corrupt_frames} damaged frames of the video were skipped.")
    if found < asked.alternatives:
        said.append(
            f"Only {found} of {asked.alternatives} alternatives differ within a loss of {asked.loss:.0%}: allow more "
            "loss, or draw more samples."
        )
    if not follows:
        said.append("This model cannot score the rest by what was kept or dropped: wishes shaped the selection only.")
    return tuple(said)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute with one thread: with small matrices on a busy machine, several wait for each other ten times longer."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


@contextmanager
def _timed(timings: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    timings[stage] = round(time.perf_counter() - start, 3)
