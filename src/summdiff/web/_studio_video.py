"""Videos of the studio, with everything that was found and decided about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from summdiff.audio import Sound
from summdiff.exact_cuts import choose_exactly
from summdiff.options import Options
from summdiff.summary import Summary
from summdiff.web._edits import ALTERNATIVES, Decisions, EditHistory
from summdiff.web._jobs import StudioJob
from summdiff.web._pictures import Pictures
from summdiff.web._sizes import Sizes
from summdiff.web._uploads import VideoFile

_LONG_STEPS = 1200  # 20 minutes at one step per second


@dataclass(frozen=True)
class Version:
    """A summary computed by the model, the options that it was computed with, and the (M, N) sampled curves."""

    options: Options
    summary: Summary
    samples: NDArray[np.float32] | None = None

    def rough(self) -> Version:
        """Return this version for selections in a hurry, which do not compare what the parts show."""
        places = self.summary.places
        if places is None:
            return self
        return replace(self, summary=replace(self.summary, places=replace(places, looks=b"")))

    def under(self, decisions: Decisions) -> Summary:
        """Return the summary under other decisions; see `Decisions.apply`."""
        version = self if decisions.alternative is None else self._for_alternatives()
        return replace(decisions.apply(version.summary, self.samples), places=self.summary.places)

    def alternatives(self, decisions: Decisions) -> Summary:
        """Return the best selection under the same budget and constraints, with alternatives."""
        best = decisions.choose(self.summary, None, alternatives=0)
        others = decisions.choose(self._for_alternatives().summary, self.samples, alternatives=ALTERNATIVES)
        return replace(best, alternatives=others.alternatives)

    def _for_alternatives(self) -> Version:
        """Return the version itself or, of a long video, for which dozens of selections take long, the rough one."""
        return self.rough() if len(self.summary.scores.times) > _LONG_STEPS else self


@dataclass(eq=False)
class StudioVideo:
    """A video of a session with all results.

    Attributes:
        id: random; requests use it.
        file: the video file.
        folder: holds this video's own files: the upload, pictures, exports.
        versions: summaries, the latest last; requests use their positions.
        analysis: the job of the first analysis, or of the latest attempt.
        new_version: the latest job that computes another version.
        exports: jobs that write files, the latest last.
        edits: what the person decided, with undo.
        sizes: of the frames in the file, once the video is analyzed; None if they are unknown.
        sound: what is heard, once the video is analyzed; None if it has no sound.
    """

    id: str
    file: VideoFile
    folder: Path
    versions: list[Version] = field(default_factory=list)
    analysis: StudioJob | None = None
    new_version: StudioJob | None = None
    exports: list[StudioJob] = field(default_factory=list)
    edits: EditHistory = field(default_factory=EditHistory)
    sizes: Sizes | None = None
    sound: Sound | None = None

    def __post_init__(self) -> None:
        self.pictures = Pictures(self.file.path, self.folder / "pictures")

    def under(self, number: int, decisions: Decisions) -> Summary:
        """Return the summary of a version under decisions, its cuts on their exact frames.

        Raises:
            UsageError: see `Decisions.apply`.
            VideoError: the video cannot be read.
        """
        return self._exactly(number, lambda version: version.under(decisions))

    def alternatives(self, number: int, decisions: Decisions) -> Summary:
        """Return the best selection under the same budget and constraints, with alternatives; raises as `under`."""
        return self._exactly(number, lambda version: version.alternatives(decisions))

    def _exactly(self, number: int, choose: Callable[[Version], Summary]) -> Summary:
        """Choose in a version, and keep in it the exact frames that are found on the way."""
        version = self.versions[number]
        chosen, known = choose_exactly(version.summary, lambda summary: choose(replace(version, summary=summary)))
        if known is not version.summary:
            self.versions[number] = replace(version, summary=known)
        return chosen

    @property
    def jobs(self) -> list[StudioJob]:
        return [job for job in (self.analysis, self.new_version, *self.exports) if job is not None]
