"""Convert videos and annotations to one HDF5 file with the field's common keys.

Steps count frames (every 15th, as in the field's own files), not seconds, because annotations count frames: frame n of
the decoded file is frame n of the annotations at any frame rate, and `picks` are exactly 0, 15, 30, …. Each video is
decoded once and its features are cached, so an interrupted run resumes quickly.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from summdiff._untrusted import open_regular
from summdiff._version import __version__
from summdiff.atomic import written_whole
from summdiff.data.annotations import read_annotations
from summdiff.data.convert._arrays import align_annotations, make_arrays
from summdiff.data.convert._matching import SourceKind, group_names, match_videos, source_kind, with_score_range
from summdiff.data.tvsum import TVSum
from summdiff.errors import DataError, OutputError, SummdiffError, UsageError
from summdiff.features import Backbone, load_backbone
from summdiff.features.cache import FeatureCache
from summdiff.features.extraction import extract_frames
from summdiff.features.files import VideoFeatures
from summdiff.options import DEFAULT_BACKBONE

EVERY = 15
SEGMENT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class ConvertedVideo:
    """Result of converting one annotated video.

    Attributes:
        name: its name in the annotations.
        group: its group in the output file.
        position, total: "3 of 50".
        n_frames, n_steps, n_segments: 0 if it failed.
        cached: whether its features came from the cache.
        seconds: time spent on it.
        notes: remarks, one sentence each.
        problem: why it is left out, in one sentence; None if it is in the file.
    """

    name: str
    group: str
    position: int
    total: int
    n_frames: int = 0
    n_steps: int = 0
    n_segments: int = 0
    cached: bool = False
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Conversion:
    """Result of a conversion.

    Attributes:
        path: the output file.
        videos: groups in it.
        problems: one sentence for everything missing in it.
        notes: remarks, one sentence each.
    """

    path: Path
    videos: tuple[str, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]


def convert(
    videos: Sequence[Path],
    annotations: Path,
    output: Path,
    *,
    backbone: str = DEFAULT_BACKBONE,
    every: int = EVERY,
    kind: SourceKind | None = None,
    segments_from: Path | None = None,
    segment_seconds: float = SEGMENT_SECONDS,
    score_range: tuple[float, float] | None = None,
    cache: bool = True,
    overwrite: bool = False,
    on_video: Callable[[ConvertedVideo], None] = lambda converted: None,
) -> Conversion:
    """Write the features and annotations of videos to one file that `TVSum` or `SumMe` reads.

    A video is matched to annotations by its file name, with or without suffix. Videos that cannot be converted are left
    out and reported; a problem that concerns all videos is raised before any work.

    Args:
        videos: video files.
        annotations: see `summdiff.data.annotations.read_annotations`.
        output: the .h5 file to write.
        backbone: see `summdiff.features.load_backbone`.
        every: frames from one step to the next.
        kind: how groups are numbered. "tvsum": `video_i` is the i-th video of the annotations. "summe": the k-th title
            in case-sensitive order, of all 25 titles if all names are SumMe's. "other": in natural order of names.
            None: by the format of the annotations.
        segments_from: an .h5 file with these videos whose `change_points` are used (and, if annotators gave scores, the
            `user_summary` made with them): F1 compares only on the same segments, and published ones cannot be computed
            again. None: kernel temporal segmentation.
        segment_seconds: average length of computed segments; about 5 in published files.
        score_range: lowest and highest score that annotators could give; None: 1 to 5 for TVSum, else the lowest and
            highest score in the annotations.
        cache: whether to keep features for later runs, and to use those of earlier runs.
        overwrite: whether `output` may be replaced.
        on_video: called after each video.

    Raises:
        UsageError: an argument is out of range, two videos have the same name, or `output` is one of the inputs.
        OutputError: `output` exists or cannot be written.
        DataError: the annotations or `segments_from` cannot be read, no video has annotations, or none could be
            converted.
        BackboneError: the backbone is unknown, or its library or weights are missing.
    """
    try:
        import h5py
    except ImportError as error:
        raise DataError("Writing data sets needs h5py: install it with `pip install 'summdiff[data]'`.") from error
    _check_arguments(output, overwrite=overwrite, every=every, segment_seconds=segment_seconds, score_range=score_range)
    _check_not_input(output, [*videos, annotations, *([segments_from] if segments_from else [])])
    kind = kind or source_kind(annotations)
    annotated = with_score_range(read_annotations(annotations), annotations, kind, score_range)
    groups = group_names(list(annotated), kind)
    files, unannotated = match_videos(videos, annotated)
    published = None if segments_from is None else TVSum(segments_from)  # any file with groups of these names
    extractor = load_backbone(backbone)
    feature_cache = FeatureCache() if cache else None

    results: list[ConvertedVideo] = []
    with written_whole(output) as temporary, h5py.File(temporary, "w") as file, published or nullcontext():
        for name, path in files.items():
            started = time.perf_counter()
            result = ConvertedVideo(name, groups[name], len(results) + 1, len(files))
            try:
                segments = None if published is None else published.group(groups[name])
                features, cached = _features(path, extractor, every, feature_cache)
                video, notes = align_annotations(annotated[name], path, features)
                result = replace(result, cached=cached, notes=(*notes, *_note_damage(name, features)))
                arrays = make_arrays(video, features, every=every, segment_seconds=segment_seconds, published=segments)
            except SummdiffError as error:
                result = replace(result, problem=str(error))
            else:
                group = file.create_group(groups[name])
                for key, value in arrays.items():
                    # Annotations, and float16 values stored as float32, compress to a fraction at hardly any cost.
                    packed = {"compression": "gzip", "compression_opts": 4, "shuffle": True} if value.ndim > 1 else {}
                    group.create_dataset(key, data=value, **packed)
                group["video_name"] = name
                group.attrs["fps"] = features.video.fps
                known = {"title": video.title, "category": video.category, "youtube_id": name * (kind == "tvsum")}
                group.attrs.update({key: value for key, value in known.items() if value})
                result = replace(
                    result,
                    notes=(*result.notes, *_note_empty_summaries(name, arrays["user_summary"])),
                    n_frames=int(arrays["n_frames"]),
                    n_steps=len(arrays["picks"]),
                    n_segments=len(arrays["change_points"]),
                )
            result = replace(result, seconds=time.perf_counter() - started)
            results.append(result)
            on_video(result)
        written = tuple(result.group for result in results if result.problem is None)
        if not written:
            raise DataError(f"None of the {len(files)} videos can be converted. The first: {results[0].problem}")
        file.attrs.update(
            kind="tvsum" if next(iter(annotated.values())).scored else "summe",  # which reader reads it
            dataset=kind,
            backbone=extractor.id,
            every=every,
            annotations=annotations.name,
            annotations_sha256=_fingerprint(annotations),
            summdiff=__version__,
        )
        if segments_from is None:
            file.attrs["segments"] = f"KTS, one per {segment_seconds:g} s"
        else:
            file.attrs.update(segments=segments_from.name, segments_sha256=_fingerprint(segments_from))
    missing = [name for name in annotated if name not in files]
    return Conversion(
        path=output,
        videos=written,
        problems=(
            *(result.problem for result in results if result.problem is not None),
            *([f"{len(missing)} annotated videos are missing: {_listed(missing)}."] if missing else []),
        ),
        notes=(
            *(note for result in results for note in result.notes),
            *([f"{len(unannotated)} videos have no annotations: {_listed(unannotated)}."] if unannotated else []),
        ),
    )


def _features(path: Path, backbone: Backbone, every: int, cache: FeatureCache | None) -> tuple[VideoFeatures, bool]:
    """Return features of every n-th frame, and whether they came from the cache."""
    if cache is None:
        return extract_frames(path, backbone, every=every), False
    # Rate 0: these steps count frames, so the entry must not be taken for one with a rate in seconds.
    backbone_id, rate = f"{backbone.id}, every {every} frames", 0.0
    cached = cache.get(path, backbone_id, rate)
    if cached is not None:
        return cached, True
    features = extract_frames(path, backbone, every=every)
    cache.put(path, backbone_id, rate, features)
    return features, False


def _check_arguments(
    output: Path, *, overwrite: bool, every: int, segment_seconds: float, score_range: tuple[float, float] | None
) -> None:
    if every < 1:
        raise UsageError(f"Steps must be at least 1 frame apart, got {every}.")
    if not 0 < segment_seconds < np.inf:
        raise UsageError(f"The segment length must be a positive number of seconds, got {segment_seconds:g}.")
    if score_range is not None and not -np.inf < score_range[0] < score_range[1] < np.inf:
        raise UsageError(f"The score range needs LOW < HIGH, got {score_range[0]:g} {score_range[1]:g}.")
    if not output.parent.is_dir():
        raise OutputError(f"'{output}' cannot be written: there is no folder '{output.parent}'.")
    if output.is_dir():
        raise OutputError(f"'{output}' is a folder: name the .h5 file to write.")
    if output.exists() and not overwrite:
        raise OutputError(f"'{output}' exists: give --overwrite to replace it.")


def _check_not_input(output: Path, inputs: Sequence[Path]) -> None:
    """Refuse to replace an input: it may be the only copy."""
    for path in inputs:
        if output.exists() and path.exists() and output.samefile(path):
            raise UsageError(f"'{output}' is an input and would be overwritten: name another output.")


def _note_damage(name: str, features: VideoFeatures) -> tuple[str, ...]:
    if features.corrupt_frames == 0:
        return ()
    return (
        f"'{name}' has {features.corrupt_frames} damaged frames: left out, so that later frame numbers are too low.",
    )


def _note_empty_summaries(name: str, user_summary: NDArray[np.uint8]) -> tuple[str, ...]:
    empty = int((~user_summary.any(axis=1)).sum())
    if not empty:
        return ()
    return (f"'{name}': {empty} of {len(user_summary)} annotators have an empty summary.",)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _fingerprint(path: Path) -> str:
    """Return the SHA-256 of a file, or of the names and contents of the MATLAB files in a folder."""
    if not path.is_dir():
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256()
    for inside in sorted(path.rglob("*.mat")):
        digest.update(f"{inside.name}\0{_fingerprint(inside)}\n".encode())
    return digest.hexdigest()
