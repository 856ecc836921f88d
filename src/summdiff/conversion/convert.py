"""From videos and annotations to one HDF5 file with the field's common keys: TVSum or SumMe for any backbone.

Steps lie on a grid of frames, every 15th as in the field's own files, and not of seconds: annotations count frames, so
frame n of the file that is decoded is frame n of the annotations whatever its rate is and however it varies, and
`picks` are 0, 15, 30, … exactly. Each video is decoded once, and its features are cached, so that a run that was
stopped goes on where it was.
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

from summdiff import __version__
from summdiff.atomic import written_whole
from summdiff.conversion.labels import aligned, arrays_of
from summdiff.conversion.look import look
from summdiff.conversion.matching import Kind, group_names, kind_of, matched, scaled
from summdiff.data.annotations import read_annotations
from summdiff.data.tvsum import TVSum
from summdiff.errors import DataError, OutputError, SummdiffError, UsageError
from summdiff.features import load_backbone
from summdiff.features.cache import FeatureCache
from summdiff.features.files import VideoFeatures
from summdiff.options import DEFAULT_BACKBONE

EVERY = 15
SEGMENT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one annotated video.

    Attributes:
        name: what the annotations call it.
        group: its group in the file that is written.
        position, total: "3 of 50".
        n_frames, n_steps, n_segments: 0 where it failed.
        cached: whether its features were there from an earlier run.
        seconds: spent on it.
        notes: what one should know of it, one sentence each.
        problem: why it is left out, one sentence; None where it is in the file.
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
    """What was made.

    Attributes:
        path: the file.
        videos: groups in it.
        problems: one sentence for each thing that is missing in it.
        notes: one sentence for each thing that one should know.
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
    kind: Kind | None = None,
    segments_from: Path | None = None,
    segment_seconds: float = SEGMENT_SECONDS,
    score_range: tuple[float, float] | None = None,
    cache: bool = True,
    overwrite: bool = False,
    on_video: Callable[[Outcome], None] = lambda outcome: None,
) -> Conversion:
    """Write the features and annotations of videos to one file that `TVSum` or `SumMe` reads.

    A video belongs to the annotations of its own name: file name without ending, or all of it. What cannot be
    converted is left out and said; what stands in the way of all is raised before any work.

    Args:
        videos: files.
        annotations: see `summdiff.data.annotations.read_annotations`.
        output: the .h5 to write.
        backbone: see `summdiff.features.load_backbone`.
        every: frames from one step to the next.
        kind: how groups are numbered. "tvsum": `video_i` is the i-th of the annotations. "summe": the k-th title in the
            order of capital letters first, of all 25 where all titles are SumMe's. "other": in natural order of names.
            None: what the source of annotations is of.
        segments_from: an .h5 with these videos whose `change_points` are taken (and, where annotators gave scores, the
            `user_summary`s that were made of them): numbers compare only on the same segments, and the published ones
            cannot be computed again. None: by kernel temporal segmentation.
        segment_seconds: average length of the segments that are computed; about 5 in the published ones.
        score_range: lowest and highest score that annotators could give; None: 1 to 5 for TVSum, else the lowest and
            the highest that the source has.
        cache: keep features for later runs, and use those of earlier ones.
        overwrite: whether `output` may be replaced.
        on_video: called after each video.

    Raises:
        UsageError: an argument is out of its range, two videos have the same name, or `output` is one of the inputs.
        OutputError: `output` cannot be written, or is there already.
        DataError: the annotations or `segments_from` cannot be read, no video has annotations, or none could be
            converted.
        BackboneError: the backbone is unknown, or its library or weights are missing.
    """
    try:
        import h5py
    except ImportError as error:
        raise DataError("Writing data sets needs h5py: install it with `pip install 'summdiff[data]'`.") from error
    _check(output, overwrite=overwrite, every=every, segment_seconds=segment_seconds, score_range=score_range)
    _check_spares(output, [*videos, annotations, *([segments_from] if segments_from else [])])
    kind = kind or kind_of(annotations)
    annotated = scaled(read_annotations(annotations), annotations, kind, score_range)
    groups = group_names(list(annotated), kind)
    files, strangers = matched(videos, annotated)
    published = None if segments_from is None else TVSum(segments_from)  # any file with groups named like these
    extractor = load_backbone(backbone)
    features = FeatureCache() if cache else None

    outcomes: list[Outcome] = []
    with written_whole(output) as temporary, h5py.File(temporary, "w") as file, published or nullcontext():
        for name, path in files.items():
            began = time.perf_counter()
            outcome = Outcome(name, groups[name], len(outcomes) + 1, len(files))
            try:
                segments = None if published is None else published.group(groups[name])
                seen, cached = look(path, extractor, every, features)
                video, notes = aligned(annotated[name], path, seen)
                outcome = replace(outcome, cached=cached, notes=(*notes, *_damage(name, seen)))
                arrays = arrays_of(
                    video,
                    seen,
                    every=every,
                    segment_seconds=segment_seconds,
                    published=segments,
                )
            except SummdiffError as error:
                outcome = replace(outcome, problem=str(error))
            else:
                group = file.create_group(groups[name])
                for key, value in arrays.items():
                    # Annotations and float16 numbers in float32 shrink to a fraction, at hardly any cost.
                    packed = {"compression": "gzip", "compression_opts": 4, "shuffle": True} if value.ndim > 1 else {}
                    group.create_dataset(key, data=value, **packed)
                group["video_name"] = name
                group.attrs["fps"] = seen.video.fps
                known = {"title": video.title, "category": video.category, "youtube_id": name * (kind == "tvsum")}
                group.attrs.update({key: value for key, value in known.items() if value})
                outcome = replace(
                    outcome,
                    notes=(*outcome.notes, *_unsummarised(name, arrays["user_summary"])),
                    n_frames=int(arrays["n_frames"]),
                    n_steps=len(arrays["picks"]),
                    n_segments=len(arrays["change_points"]),
                )
            outcome = replace(outcome, seconds=time.perf_counter() - began)
            outcomes.append(outcome)
            on_video(outcome)
        written = tuple(outcome.group for outcome in outcomes if outcome.problem is None)
        if not written:
            raise DataError(f"None of the {len(files)} videos can be converted; of the first: {outcomes[0].problem}")
        file.attrs.update(
            kind="tvsum" if next(iter(annotated.values())).scored else "summe",  # the form: which reader reads it
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
            *(outcome.problem for outcome in outcomes if outcome.problem is not None),
            *([f"There is no video of {len(missing)} with annotations: {_listed(missing)}."] if missing else []),
        ),
        notes=(
            *(note for outcome in outcomes for note in outcome.notes),
            *([f"There are no annotations of {len(strangers)} videos: {_listed(strangers)}."] if strangers else []),
        ),
    )


def _check(
    output: Path, *, overwrite: bool, every: int, segment_seconds: float, score_range: tuple[float, float] | None
) -> None:
    if every < 1:
        raise UsageError(f"A step every {every} frames is none; give a whole number from 1.")
    if not 0 < segment_seconds < np.inf:
        raise UsageError(f"Segments of {segment_seconds:g} seconds are none; give a positive number.")
    if score_range is not None and not -np.inf < score_range[0] < score_range[1] < np.inf:
        raise UsageError(f"Scores from {score_range[0]:g} to {score_range[1]:g} are no range; give the lowest first.")
    if not output.parent.is_dir():
        raise OutputError(f"'{output}' cannot be written: there is no folder '{output.parent}'.")
    if output.is_dir():
        raise OutputError(f"'{output}' is a folder; name the .h5 file to write.")
    if output.exists() and not overwrite:
        raise OutputError(f"'{output}' is there already; give --overwrite to replace it.")


def _check_spares(output: Path, inputs: Sequence[Path]) -> None:
    """That no input would be replaced: what is read may be the only copy."""
    for path in inputs:
        if output.exists() and path.exists() and output.samefile(path):
            raise UsageError(f"'{output}' is read here, so it cannot be the output too; name another.")


def _damage(name: str, seen: VideoFeatures) -> tuple[str, ...]:
    if seen.corrupt_frames == 0:
        return ()
    return (f"'{name}' has damaged frames ({seen.corrupt_frames}): they are left out, and later ones counted too low.",)


def _unsummarised(name: str, user_summary: NDArray[np.uint8]) -> tuple[str, ...]:
    empty = int((~user_summary.any(axis=1)).sum())
    if not empty:
        return ()
    return (f"'{name}' has {empty} of {len(user_summary)} annotators with an empty summary.",)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _fingerprint(path: Path) -> str:
    """SHA-256 of a file, or of the names and contents of the MATLAB files in a folder."""
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    whole = hashlib.sha256()
    for inside in sorted(path.rglob("*.mat")):
        whole.update(f"{inside.name}\0{_fingerprint(inside)}\n".encode())
    return whole.hexdigest()
