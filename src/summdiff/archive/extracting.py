"""Work of `summdiff extract`: the features of many videos in one store."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from summdiff.archive.jobs import OnProgress, Record, VideoJob
from summdiff.errors import VideoError

if TYPE_CHECKING:
    from summdiff.features import Backbone
    from summdiff.features.store import StoreWriter


@dataclass
class ExtractWork:
    """Write the features of a video as a loose file of the store. See `summdiff.archive.jobs.Work`.

    Attributes:
        store: the store's folder, an absolute path.
        backbone: the backbone, as for `load_backbone`.
        rate: steps per second.
        device: where to compute.
        sound: listen to the videos too.
    """

    store: Path
    backbone: str
    rate: float
    device: str = "cpu"
    sound: bool = True
    _loaded: Backbone | None = field(default=None, repr=False)

    def load(self) -> None:
        from summdiff.features import load_backbone

        self._loaded = load_backbone(self.backbone, device=self.device)

    def __call__(self, job: VideoJob, *, replace: bool, on_progress: OnProgress) -> Record:
        from summdiff.features.extraction import extract
        from summdiff.features.files import file_identity
        from summdiff.features.store import write_loose

        assert self._loaded is not None, "load() comes first"  # noqa: S101
        began = time.perf_counter()
        path = Path(job.path)
        before = file_identity(path)
        extracted = extract(
            path, self._loaded, rate=self.rate, sound=self.sound, on_progress=partial(on_progress, "look")
        )
        identity = file_identity(path)
        if identity is None or identity != before:
            raise VideoError(f"'{job.video}' changed while it was read: run again when it is complete.")
        entry = write_loose(self.store, extracted, identity)
        return {
            "entry": entry.id,
            "steps": entry.steps,
            "duration": round(entry.video.duration, 6),
            "corrupt_frames": entry.corrupt_frames,
            "seconds": round(time.perf_counter() - began, 3),
        }


class ExtractResults:
    """The store. See `summdiff.archive.jobs.Results`."""

    def __init__(self, writer: StoreWriter) -> None:
        self._writer = writer

    def check(self, job: VideoJob, *, replace: bool) -> None:
        pass

    def exist(self, record: Record) -> bool:
        return str(record.get("entry")) in self._writer

    def add(self, record: Record) -> None:
        self._writer.add(str(record["entry"]))

    def clean(self, job: VideoJob) -> None:
        """Do nothing: the name of a half-written file does not tell its video, so `finish` removes it."""

    def finish(self) -> None:
        self._writer.pack()
        self._writer.remove_leftovers()
