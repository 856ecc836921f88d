"""The only place where the steps meet: video -> features -> importance scores -> shots -> selection -> Summary."""

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

from summdiff._version import __version__
from summdiff.audio import Sound, importance_of_sound, listen, move_to_pauses
from summdiff.errors import UsageError, VideoError
from summdiff.features import Backbone, load_backbone
from summdiff.features.cache import FeatureCache
from summdiff.features.extraction import extract
from summdiff.features.files import VideoFeatures
from summdiff.features.store import FeatureStore
from summdiff.options import DEFAULT_BACKBONE, DEFAULT_MODEL, Options, OptionValues
from summdiff.reselection import choose_parts, constraint_settings, places_of, rounded
from summdiff.scoring import load_model
from summdiff.segmentation import kts
from summdiff.selection import CutPlaces, avoid_transitions, cut_places, descriptors, move_to_transitions
from summdiff.summary import Scores, Summary, clock
from summdiff.transcript import Transcript
from summdiff.video import file_version, stated_duration
from summdiff.words import FoundWords, check_words, find_words, match_pictures, weigh_words

if TYPE_CHECKING:
    from summdiff.scoring.model import Curves, Model

_MAX_KEY_FRAME_GAP = 6.0  # seconds; the fast mode decodes all frames where key frames are farther apart
_MISSING_SECONDS, _MISSING_SHARE = 1.0, 0.02  # by which a file may end before the end that it states
_BY_SOUND = "The video shows one picture throughout: its moments were chosen by their sound."
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
    on_progress: OnProgress | None = None,
    **options: Unpack[OptionValues],
) -> Summary:
    """Summarize one video. For several, call one `Summarizer` for each of them: it loads the models once.

    Args:
        path: a video file.
        model, backbone, cache, fast: as for `Summarizer`.
        on_progress: called from this thread while work goes on.
        **options: fields of `summdiff.options.Options`: `budget`, `duration`, `select`, `samples`, `steps`,
            `seed`, `value`, `min_shot`, `max_shot`, `keep`, `drop`, `alternatives`, `loss`, `sound`,
            `transition`, `speech`, `transcript`, `about`, `about_model`, `quality`, `max_size`, `keep_interlaced`,
            `keep_location`, `captions`.
    """
    return Summarizer(model=model, backbone=backbone, cache=cache, fast=fast).summarize(
        path, on_progress=on_progress, **options
    )


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
        device: where backbone and model compute: "cpu", "cuda", "cuda:1", …, or "auto". Scores differ between devices
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
        with _timed(timings, "score"), _one_thread():
            known = known_scores(extracted.times, options)
            curves = _curves_of_sound(extracted)
            by_sound = curves is not None
            curves = curves or model.score(
                extracted.features.astype(np.float32),
                rate=self.rate,
                samples=options.samples,
                steps=options.steps,
                seed=options.seed,
                known=known if model.conditions_on_known else None,
                on_progress=lambda share: report(StageProgress("score", share, 1.0)),
            )
        with _timed(timings, "select"), _one_thread():
            cuts = _cut_places(extracted, words.transcript)
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
            scores = Scores(*(rounded(values) for values in (extracted.times, mean, spread)))
            edges = _shot_edges(extracted, options)
            places = None
            if options.select == "intervals":
                places = places_of(cuts, weighed.looks(descriptors(extracted.features)))
            chosen = choose_parts(edges, scores, video, options, places=places, samples=samples)
        if file_version(path) != version:
            raise VideoError(f"'{path}' changed while it was being summarized: try again when nothing writes to it.")
        summary = Summary(
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
                "sound": options.sound,
                "samples": options.samples,
                "steps": options.steps,
                "select": options.select,
                "value": options.value,
                "min_shot": options.min_shot,
                "max_shot": options.max_shot,
                **constraint_settings(options, video.duration),
                "loss": options.loss,
                "transition": options.transition,
                **options.movie_settings(),
                "speech": options.speech,
                "about": list(options.about),
                "words_weight": round(weighed.weight, 4),
            },
            budget=options.seconds(video.duration) / video.duration,
            seed=options.seed,
            scores=scores,
            shots=chosen.shots,
            selection=chosen.selection,
            alternatives=chosen.alternatives,
            warnings=extracted.notes
            + ((_BY_SOUND,) if by_sound else ())
            + weighed.warnings
            + _warnings(
                options,
                corrupt_frames=extracted.corrupt_frames,
                alternatives=len(chosen.alternatives),
                conditioned=known is None or model.conditions_on_known,
                words=words.warning,
                missing=_missing_end(path, video.duration),
            ),
            timings=timings,
            places=places,
            transcript=weighed.transcript,
        )
        return summary, samples

    def sound(self, path: str | os.PathLike[str], duration: float) -> Sound | None:
        """Return the sound of a video of `duration` seconds, from the cache if it is there; None if it has none.

        Raises:
            VideoError: the video cannot be read.
        """
        sparse = _MAX_KEY_FRAME_GAP if self.fast else 0.0
        found = None
        if self._cache is not None:
            found = self._cache.get(Path(path), self.backbone.id, self.rate, sparse=sparse)
        sound = found.sound if found is not None and found.sound is not None else listen(path, duration)
        return sound if len(sound.speech) else None

    def _extract(self, path: Path, report: OnProgress, *, sound: bool) -> VideoFeatures:
        """Return the features of the video, from the cache or from one pass over the file."""
        sparse = _MAX_KEY_FRAME_GAP if self.fast else 0.0
        found = None
        if self._cache is not None:
            found = self._cache.get(path, self.backbone.id, self.rate, sparse=sparse)
        if found is None:
            extracted = extract(
                path,
                self.backbone,
                rate=self.rate,
                sparse=sparse,
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
            self._cache.put(path, self.backbone.id, self.rate, extracted, sparse=sparse)
        return extracted if sound else replace(extracted, sound=None)

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
            sparse = _MAX_KEY_FRAME_GAP if self.fast else 0.0
            with_words = replace(extracted, transcript=words.heard)
            self._cache.put(path, self.backbone.id, self.rate, with_words, sparse=sparse)
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
    features = extracted.features.astype(np.float32)
    apart = np.linalg.norm(features - features.mean(axis=0), axis=1)
    still = apart.max() <= _STILL * np.linalg.norm(features, axis=1).max()
    if not still or len(features) < _LEAST_STEPS or extracted.sound is None or not len(extracted.sound.speech):
        return None
    from summdiff.scoring.model import Curves

    mean = importance_of_sound(extracted.sound, extracted.times)
    return Curves(mean=mean, spread=np.zeros_like(mean), samples=mean[None])


def _cut_places(extracted: VideoFeatures, transcript: Transcript | None) -> CutPlaces:
    """Return where parts may start and end: the one place that knows of all that speaks for or against a cut."""
    places = cut_places(extracted.features, np.append(extracted.boundaries, extracted.video.duration))
    fps = extracted.video.cuts_per_second
    places = move_to_transitions(places, extracted.transitions, fps=fps)
    spans = [(sentence.start, sentence.end) for sentence in transcript.sentences] if transcript else []
    sound = extracted.sound or Sound.none()
    places = move_to_pauses(
        places, sound, fps=extracted.video.cuts_per_second, sentences=np.array(spans).reshape(-1, 2)
    )
    return avoid_transitions(places, extracted.transitions)


def _shot_edges(extracted: VideoFeatures, options: Options) -> NDArray[np.float64]:
    """Return (S + 1,) seconds: the start of each shot and the end of the video."""
    edges = np.append(extracted.boundaries, extracted.video.duration)
    change_points = kts(
        extracted.features, min_length=options.min_shot, max_length=options.max_shot, edges=edges, center=True
    )
    return edges[np.concatenate(([0], change_points, [len(extracted.times)]))]


def _missing_end(path: str | os.PathLike[str], duration: float) -> str:
    """Return a sentence if a file states to last longer than the `duration` that could be read; else ''."""
    stated = stated_duration(path)
    if stated - duration <= max(_MISSING_SECONDS, _MISSING_SHARE * stated):
        return ""
    return (
        f"The file is cut short: it should last {clock(stated)} and ends at {clock(duration)}. "
        "Copy or download it again to get the rest."
    )


def _warnings(
    options: Options, *, corrupt_frames: int, alternatives: int, conditioned: bool, missing: str, words: str
) -> tuple[str, ...]:
    """Return the sentences of `Summary.warnings`.

    Args:
        options: the options of the summary.
        corrupt_frames: damaged frames that were skipped.
        alternatives: alternatives that were found.
        conditioned: whether the model's scores took the constraints into account.
        missing: see `_missing_end`.
        words: a sentence about the words of the video, or "".
    """
    warnings = [sentence for sentence in (missing, words) if sentence]
    if corrupt_frames:
        warnings.append(f"{corrupt_frames} damaged frames of the video were skipped.")
    if alternatives < options.alternatives:
        warnings.append(
            f"Found {alternatives} of {options.alternatives} alternatives that are good and different enough: "
            "allow more loss, or draw more samples."
        )
    if not conditioned:
        warnings.append(
            "This model cannot condition its scores on what is kept or dropped: only the selection follows it."
        )
    return tuple(warnings)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Limit BLAS to one thread: on small matrices, several threads take up to ten times as long on a busy machine."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


@contextmanager
def _timed(timings: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    timings[stage] = round(time.perf_counter() - start, 3)
