"""An annotated video, the same for all data sets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from summdiff.errors import DataError

DatasetKind = Literal["tvsum", "summe", "mr_hisum", "youtube_highlights"]


@dataclass(frozen=True)
class AnnotatedVideo:
    """Features and annotations of a video; fields that its data set lacks are None.

    A step is a row of the features: N steps, U annotators, S segments. Frames are those of the original video, except
    in Mr.HiSum, where one second counts as one frame.

    Attributes:
        kind: its data set.
        name: its group in the file, `video_1` …
        n_frames: frames of the original video.
        picks: (N,) int64, first frame of each step, rising.
        gtscore: (N,) in [0, 1], with the stored precision: the target, and the reference if there is only one.
        fps: frames per second; None if unknown.
        fps_source: "file" that states it, its original "annotations", "known" for recognized videos, "given", or "".
        features: (N, D) float32 or float16; None if not requested or missing.
        user_scores: (U, N) float32, each annotator's importance, 1 to 5 (TVSum).
        user_summary: (U, n_frames) uint8, each annotator's summary (TVSum: knapsack of that annotator's scores; SumMe:
            the annotator's choice; Mr.HiSum: the single `gt_summary`, U = 1).
        change_points: (S, 2) int64 as stored; the data set's `convention` says how to read the ends.
        gtsummary: (N,) uint8.
        match: (N,) int8, -1, 0, 1 (YouTube Highlights).
        clips: (N, 2) first and last frame of each step (YouTube Highlights).
        title, category, youtube_id: "" if the file has none.
        file: source file, for messages.
    """

    kind: DatasetKind
    name: str
    n_frames: int
    picks: NDArray[np.int64]
    gtscore: NDArray[np.floating]
    fps: float | None = None
    fps_source: str = ""
    features: NDArray[np.floating] | None = None
    user_scores: NDArray[np.float32] | None = None
    user_summary: NDArray[np.uint8] | None = None
    change_points: NDArray[np.int64] | None = None
    gtsummary: NDArray[np.uint8] | None = None
    match: NDArray[np.int8] | None = None
    clips: NDArray[np.float64] | None = None
    title: str = ""
    category: str = ""
    youtube_id: str = ""
    file: str = ""

    def __repr__(self) -> str:
        users = self.user_scores if self.user_scores is not None else self.user_summary
        parts = [
            f"{len(self.picks)} steps",
            f"{self.n_frames} frames" + ("" if self.fps is None else f" at {self.fps:g} fps"),
            "" if users is None else f"{len(users)} annotators",
            "" if self.change_points is None else f"{len(self.change_points)} segments",
            "no features" if self.features is None else f"features {self.features.shape}",
        ]
        return f"AnnotatedVideo({self.kind}/{self.name}: {', '.join(filter(None, parts))})"

    @cached_property
    def rate(self) -> float:
        """Steps per second.

        Raises:
            DataError: the frame rate is unknown.
        """
        fps = self.need_fps()
        if len(self.picks) < 2:
            return fps / self.n_frames
        steps = np.diff(self.picks)
        return fps / float(steps[0] if (steps == steps[0]).all() else np.median(steps))

    def need_fps(self) -> float:
        """Return the frames per second.

        Raises:
            DataError: it is unknown.
        """
        if self.fps is None:
            raise self._lacks("frame rate", "its group needs an attribute 'fps', or give it: --fps, in recipes fps=")
        return self.fps

    def need_features(self) -> NDArray[np.float32]:
        """Return the features (N, D) as float32.

        Raises:
            DataError: there are none, or they were not requested.
        """
        if self.features is None:
            raise self._lacks("features", "its group needs a key 'features'")
        return self.features.astype(np.float32, copy=False)

    def need_user_scores(self) -> NDArray[np.float32]:
        """Return each annotator's scores (U, N).

        Raises:
            DataError: the file has no such array.
        """
        if self.user_scores is None:
            tvsum = ", or name the original annotations (ydata-tvsum50-anno.tsv or ydata-tvsum50.mat) beside the file"
            raise self._lacks(
                "scores of single annotators",
                "its group needs a key 'user_scores'" + (tvsum if self.kind == "tvsum" else ""),
            )
        return self.user_scores

    def need_user_summary(self) -> NDArray[np.uint8]:
        """Return each annotator's summary (U, n_frames).

        Raises:
            DataError: the file has no such array.
        """
        if self.user_summary is None:
            key = "gt_summary" if self.kind == "mr_hisum" else "user_summary"
            raise self._lacks("summary to compare with", f"its group needs a key '{key}'")
        return self.user_summary

    def need_change_points(self) -> NDArray[np.int64]:
        """Return the segments (S, 2).

        Raises:
            DataError: the file has no such array.
        """
        if self.change_points is None:
            raise self._lacks("segments", "its group needs a key 'change_points'")
        return self.change_points

    def annotator_curves(self) -> NDArray[np.float32]:
        """Return each annotator's scores (U, N) in [0, 1]; `gtscore` (1, N) if single annotators are unknown.

        SumMe: 1 at the steps whose first frame the annotator chose.
        """
        if self.kind == "summe" and self.user_summary is not None:
            return self.user_summary[:, self.picks].astype(np.float32)
        if self.user_scores is not None:
            return ((self.user_scores - 1) / 4).astype(np.float32)
        return self.gtscore[None].astype(np.float32)

    def _lacks(self, part: str, remedy: str) -> DataError:
        where = f"'{self.file}', {self.name}" if self.file else self.name
        return DataError(f"{where} has no {part}: {remedy}.")
