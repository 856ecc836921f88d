"""The only place where the steps meet: video -> features -> importance scores -> shots -> selection -> Summary."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack

import numpy as np
from numpy.typing import NDArray

from summdiff._places import blank_steps, coarse_cuts, edges_of, part_places, shot_edges
from summdiff._runtime import one_blas_thread
from summdiff._version import __version__
from summdiff._warnings import summary_warnings
from summdiff.audio import Sound, importance_of_sound, listen
from summdiff.errors import UsageError, VideoError
from summdiff.exact_cuts import choose_exactly
from summdiff.features import Backbone, load_backbone
from summdiff.features.cache import FeatureCache
from summdiff.features.extraction import extract
from summdiff.features.files import VideoFeatures
from summdiff.features.store import FeatureStore
from summdiff.options import DEFAULT_BACKBONE, DEFAULT_MODEL, Decoding, Hwaccel, Options, OptionValues
from summdiff.reselection import choose_parts, constraint_settings, places_of, rounded, shot_borders
from summdiff.scoring import load_model
from summdiff.segmentation import Rows
from summdiff.selection import descriptors
from summdiff.summary import Scores, Shot, Summary
from summdiff.video import file_version
from summdiff.words import FoundWords, check_words, find_words, match_pictures, weigh_words

if TYPE_CHECKING:
    from summdiff.scoring.model import Curves, Model

_STILL = 0.12  # of a feature vector's length, by which those of one picture, coded again and again, may differ
_LEAST_STEPS = 4  # in shorter videos there is nothing to choose by the sound
_KEPT_SCORE, _DROPPED_SCORE = 0.95, 0.05  # near the highest and lowest scores of a video


@dataclass(frozen=True, slots=True)
class StageProgress:
    """Progress of a stage: `done` of `total`, in seconds of video for "look" and "listen", in [0, 1] for "score"."""

    stage: Literal["look", "listen", "score"]
    done: float
    total: float


OnProgress = Callable[[StageProgress], None]


def summarize(
    path: str | os.PathLike[str],
    *,
    model: str | os.PathLike[str] = DEFAULT_MODEL,
    backbone: str = DEFAULT_BACKBONE,
    cache: bool = True,
    fast: bool = False,
    exact: bool = False,
    hwaccel: Hwaccel = "off",
    on_progress: OnProgress | None = None,
    **options: Unpack[OptionValues],
) -> Summary:
    """Summarize one video. For several, call one `Summarizer` for each of them: it loads the models once.

    Args:
        path: a video file.
        model, backbone, cache, fast, exact, hwaccel: as for `Summarizer`.
        on_progress: called from this thread while work goes on.
        **options: fields of `summdiff.options.Options`: `budget`, `duration`, `select`, `samples`, `steps`,
            `seed`, `value`, `min_shot`, `max_shot`, `keep`, `drop`, `alternatives`, `loss`, `sound`,
            `transition`, `speech`, `transcript`, `about`, `about_model`, `quality`, `max_size`, `keep_interlaced`,
            `keep_location`, `captions`.
    """
    summarizer = Summarizer(model=model, backbone=backbone, cache=cache, fast=fast, exact=exact, hwaccel=hwaccel)
    return summarizer.summarize(path, on_progress=on_progress, **options)


class Summarizer:
    """Summarizes videos with one model and one backbone, which are loaded at first use.

    Args:
        model: "default", or a folder that `summdiff train` wrote.
        backbone: id of the feature extractor, see `summdiff.features.backbone_ids()`.
        rate: steps per second of video, from 0.25 to 8.
        cache: where features are kept between runs, so that a video is decoded only once: True for the user's cache,
            False for nowhere, or a cache. A store that `summdiff extract` wrote is read, but nothing is added to it.
        fast: use key frames only, wherever they are at most 6 seconds apart: several times faster, with nearly the same
            scores (`benchmarks/fast.py`).
        exact: decode every frame. Otherwise frames that neither a step nor another frame needs are left out where the
            codec allows it, and the exact frames of the cuts are found afterwards (`benchmarks/looking.py`).
        hwaccel: "auto" decodes by hardware, where there is any for the codec; a warning says where there is none.
        device: where backbone and model compute: "cpu", "cuda", "cuda:1", …, or "auto". Scores differ between devices
            by rounding.

    Raises:
        UsageError: `rate` or `hwaccel` is out of range, or both `fast` and `exact` are asked for.
    """

    def __init__(
        self,
        *,
        model: str | os.PathLike[str] = DEFAULT_MODEL,
        backbone: str = DEFAULT_BACKBONE,
        rate: float = 1.0,
        cache: bool | FeatureCache | FeatureStore = True,
        fast: bool = False,
        exact: bool = False,
        hwaccel: Hwaccel = "off",
        device: str = "cpu",
    ) -> None:
        if not 0.25 <= rate <= 8:
            raise UsageError(f"The rate must be between 0.25 and 8 steps per second, not {rate:g}.")
        if fast and exact:
            raise UsageError("Choose either fast or exact: fast decodes key frames only, exact every frame.")
        if hwaccel not in ("off", "auto"):
            raise UsageError(f"Hardware decoding is off or auto, not {hwaccel!r}.")
        self.rate, self.device, self.hwaccel = float(rate), device, hwaccel
        self.decoding: Decoding = "fast" if fast else "exact" if exact else "normal"
        # Decoders of MPEG-2 and MPEG-4 may differ in the last bit.
        self._way = self.decoding if hwaccel == "off" else f"{self.decoding}, {hwaccel}"
        self._model_id, self._backbone_id = model, backbone
        self._cache = FeatureCache() if cache is True else None if cache is False else cache

    @cached_property
    def model(self) -> Model:
        """The model.

        Raises:
            ModelError: it is unknown or damaged.
            UsageError: the device does not exist.
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
        """Load model and backbone, so that an error in either is raised before any work is done."""
        return self.model, self.backbone

    def summarize(
        self,
        path: str | os.PathLike[str],
        options: Options | None = None,
        *,
        on_progress: OnProgress | None = None,
        **changes: Unpack[OptionValues],
    ) -> Summary:
        """Summarize one video.

        Args:
            path: a video file.
            options: options of the summary; the defaults where None.
            on_progress: called from this thread while work goes on.
            **changes: fields of `Options` that replace those in `options`.

        Returns:
            The summary. The same file, options and versions give the same summary, except for `timings`.

        Raises:
            UsageError: an option is out of range.
            VideoError: the file cannot be read as a video, or changed during the work.
            ModelError, BackboneError: the model or the backbone cannot be loaded, or they do not fit each other.
        """
        return self.summarize_with_samples(path, options, on_progress=on_progress, **changes)[0]

    def summarize_with_samples(
        self,
        path: str | os.PathLike[str],
        options: Options | None = None,
        *,
        on_progress: OnProgress | None = None,
        **changes: Unpack[OptionValues],
    ) -> tuple[Summary, NDArray[np.float32]]:
        """Return the summary, as `summarize` does, and the (M, N) importance curves that were sampled for it."""
        options = replace(options or Options(), **changes)
        report = on_progress or (lambda progress: None)
        timings: dict[str, float] = {}
        version = file_version(path)
        with _timed(timings, "load"):
            model, backbone = self.load()
            check_words(options)
        with _timed(timings, "look"):
            extracted = self._extract(Path(path), report, sound=options.sound)
        video = extracted.video
        with _timed(timings, "listen"):
            words = self._words(Path(path), extracted, options, report)
        options.check_constraints(video.duration)
        known = known_scores(extracted.times, options)
        with _timed(timings, "score"):
            curves_of_sound = _curves_of_sound(extracted)
            curves = curves_of_sound or self._curves_of_pictures(extracted, options, known, report)
        with _timed(timings, "select"), one_blas_thread():
            steps = edges_of(extracted)
            cuts = part_places(extracted, steps, words.transcript)
            weighed = weigh_words(
                words.transcript,
                cuts.edges,
                extracted.features,
                about=options.about,
                pictures=match_pictures(path, extracted.times, options.about, options.about_model),
            )
            mean = weighed.curve(curves.mean)
            spread = (1 - weighed.weight) * curves.spread
            samples = np.clip(mean + (1 - weighed.weight) * (curves.samples - curves.mean), 0.0, 1.0)
            # Rounded as in JSON, so that a stored summary chooses again what was chosen first.
            blank = () if curves_of_sound else blank_steps(extracted, steps)
            scores = Scores(rounded(extracted.times), rounded(mean), rounded(spread), blank)
            edges = shot_edges(extracted, steps, options)
            places = None
            if options.select == "intervals":
                places = places_of(cuts, weighed.looks(descriptors(extracted.features)))
        undecided = Summary(
            video=video,
            model={
                "id": model.id,
                "conditioning": model.conditioning,
                "backbone": backbone.id,
                "version": __version__,
            },
            settings=self._settings(options, video.duration, words_weight=weighed.weight),
            budget=options.seconds(video.duration) / video.duration,
            seed=options.seed,
            scores=scores,
            shots=tuple(Shot(start, end, 0.0, False, 0.0) for start, end in pairwise(edges.tolist())),
            selection=(),
            timings=timings,
            places=places,
            transcript=weighed.transcript,
            coarse_cuts=coarse_cuts(extracted, np.append(edges, cuts.edges)),
        )

        def choose(undecided: Summary) -> Summary:
            with one_blas_thread():
                chosen = choose_parts(
                    shot_borders(undecided), scores, video, options, places=undecided.places, samples=samples
                )
            return replace(undecided, shots=chosen.shots, selection=chosen.selection, alternatives=chosen.alternatives)

        with _timed(timings, "cuts"):
            summary, _ = choose_exactly(undecided, choose)
        if file_version(path) != version:
            raise VideoError(f"'{path}' changed while it was being summarized: try again when nothing writes to it.")
        warnings = summary_warnings(
            path,
            extracted,
            options,
            by_sound=curves_of_sound is not None,
            conditioned=known is None or model.conditions_on_known,
            alternatives=len(summary.alternatives),
            words=(*weighed.warnings, words.warning),
        )
        return replace(summary, warnings=warnings), samples

    def _settings(self, options: Options, duration: float, *, words_weight: float) -> dict[str, Any]:
        """Return `Summary.settings` for a video of `duration` seconds."""
        return {
            "rate": self.rate,
            "fast": self.decoding == "fast",
            "exact": self.decoding == "exact",
            "sound": options.sound,
            "samples": options.samples,
            "steps": options.steps,
            "select": options.select,
            "value": options.value,
            "min_shot": options.min_shot,
            "max_shot": options.max_shot,
            **constraint_settings(options, duration),
            "loss": options.loss,
            "transition": options.transition,
            **options.movie_settings(),
            "speech": options.speech,
            "about": list(options.about),
            "words_weight": round(words_weight, 4),
        }

    def sound(self, path: str | os.PathLike[str], duration: float) -> Sound | None:
        """Return the sound of a video of `duration` seconds, from the cache if it is there; None if it has none.

        Raises:
            VideoError: the video cannot be read.
        """
        found = None
        if self._cache is not None:
            found = self._cache.get(Path(path), self.backbone.id, self.rate, decoding=self._way)
        sound = found.sound if found is not None and found.sound is not None else listen(path, duration)
        return sound if len(sound.speech) else None

    def _extract(self, path: Path, report: OnProgress, *, sound: bool) -> VideoFeatures:
        """Return the features of the video, from the cache or from one pass over the file."""
        found = None
        if self._cache is not None:
            found = self._cache.get(path, self.backbone.id, self.rate, decoding=self._way)
        if found is None:
            extracted = extract(
                path,
                self.backbone,
                rate=self.rate,
                decoding=self.decoding,
                hardware=self.hwaccel != "off",
                sound=sound,
                on_progress=lambda done, total: report(StageProgress("look", done, total)),
            )
        elif sound and found.sound is None and found.video.has_audio:  # stored without its sound
            extracted = replace(found, sound=listen(path, found.video.duration))
        else:
            extracted = found
        if found is not None:
            report(StageProgress("look", found.video.duration, found.video.duration))
        if self._cache is not None and extracted is not found:
            self._cache.put(path, self.backbone.id, self.rate, extracted, decoding=self._way)
        return extracted if sound else replace(extracted, sound=None)

    def _curves_of_pictures(
        self, extracted: VideoFeatures, options: Options, known: NDArray[np.float32] | None, report: OnProgress
    ) -> Curves:
        return self.model.score(
            extracted.features,
            rate=self.rate,
            samples=options.samples,
            steps=options.steps,
            seed=options.seed,
            known=known if self.model.conditions_on_known else None,
            on_progress=lambda share: report(StageProgress("score", share, 1.0)),
        )

    def _words(self, path: Path, extracted: VideoFeatures, options: Options, report: OnProgress) -> FoundWords:
        """Return the words of the video; what was recognized is kept with its features."""
        words = find_words(
            path,
            extracted.sound,
            speech=options.speech,
            file=options.transcript,
            heard=extracted.transcript,
            on_progress=lambda done: report(StageProgress("listen", done, extracted.video.duration)),
        )
        if self._cache is not None and words.heard is not None and words.heard is not extracted.transcript:
            with_words = replace(extracted, transcript=words.heard)
            self._cache.put(path, self.backbone.id, self.rate, with_words, decoding=self._way)
        return words


def known_scores(times: NDArray[np.float64], options: Options) -> NDArray[np.float32] | None:
    """Return the scores (N,) that constraints fix at steps at these times (seconds): high for keep, low for drop.

    NaN where nothing is constrained; None without constraints. A part that contains no step fixes the nearest one.
    """
    known = np.full(len(times), np.nan, dtype=np.float32)
    for parts, score in ((options.drop, _DROPPED_SCORE), (options.keep, _KEPT_SCORE)):
        for part in parts:
            inside = (times >= part.start) & (times < part.end)
            if not inside.any():
                inside[np.abs(times - part.start).argmin()] = True
            known[inside] = score
    return None if np.isnan(known).all() else known


def _curves_of_sound(extracted: VideoFeatures) -> Curves | None:
    """Return the importance by sound of a video that shows one picture throughout; None for others, and silent ones."""
    rows = Rows(extracted.features)
    middle = sum(block.sum(axis=0, dtype=np.float64) for block in rows.blocks()) / len(rows)
    apart = max(np.linalg.norm(block - middle, axis=1).max() for block in rows.blocks())
    still = apart <= _STILL * max(np.linalg.norm(block, axis=1).max() for block in rows.blocks())
    if not still or len(rows) < _LEAST_STEPS or extracted.sound is None or not len(extracted.sound.speech):
        return None
    from summdiff.scoring.model import Curves

    mean = importance_of_sound(extracted.sound, extracted.times)
    return Curves(mean=mean, spread=np.zeros_like(mean), samples=mean[None])


@contextmanager
def _timed(timings: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    timings[stage] = round(time.perf_counter() - start, 3)
