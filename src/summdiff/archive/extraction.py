"""`summdiff extract`: the features of many videos into one store."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from summdiff.archive.job import Job, Record, Report
from summdiff.errors import VideoError

if TYPE_CHECKING:
    from summdiff.features import Backbone
    from summdiff.features.store import StoreWriter

MANIFEST = "manifest.jsonl"


@dataclass
class Extraction:
    """See `summdiff.archive.job.Work`: looks at a video and leaves its features as a loose file of the store.

    Attributes:
        store: the folder, as the workers see it.
        backbone: what looks at the frames, as `load_backbone` takes it.
        rate: steps per second.
        device: where to compute.
    """

    store: Path
    backbone: str
    rate: float
    device: str = "cpu"
    _loaded: Backbone | None = field(default=None, repr=False)

    def load(self) -> None:
        from summdiff.features import load_backbone

        self._loaded = load_backbone(self.backbone, device=self.device)

    def __call__(self, job: Job, *, ours: bool, report: Report) -> Record:
        from summdiff.features.extraction import extract
        from summdiff.features.files import file_identity
        from summdiff.features.store import write_loose

        assert self._loaded is not None, "load() comes first"  # noqa: S101
        began = time.perf_counter()
        path = Path(job.path)
        before = file_identity(path)
        extracted = extract(path, self._loaded, rate=self.rate, on_progress=partial(report, "look"))
        identity = file_identity(path)
        if identity is None or identity != before:
            raise VideoError(f"'{job.video}' changed while it was looked at: run again when it is complete.")
        entry = write_loose(self.store, extracted, identity)
        return {
            "entry": entry.id,
            "steps": entry.steps,
            "duration": round(entry.video.duration, 6),
            "corrupt_frames": entry.corrupt_frames,
            "seconds": round(time.perf_counter() - began, 3),
        }


class ExtractionResults:
    """See `summdiff.archive.job.Results`.

    Args:
        writer: of the store.
    """

    def __init__(self, writer: StoreWriter) -> None:
        self._writer = writer

    def admit(self, job: Job, *, ours: bool) -> None:
        pass

    def kept(self, record: Record) -> bool:
        return str(record.get("entry")) in self._writer

    def settle(self, record: Record) -> None:
        self._writer.add(str(record["entry"]))

    def clean(self, job: Job) -> None:
        """What is left behind has no name that tells the video: it goes at the end, when nobody writes."""

    def finish(self) -> None:
        self._writer.pack()
        self._writer.remove_leftovers()


def settings(*, backbone: str, rate: float) -> dict[str, Any]:
    """What a manifest says of it."""
    return {"backbone": backbone, "rate": float(rate)}
