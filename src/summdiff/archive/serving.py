"""What happens in a worker, whoever started it: one video after the other, each to an outcome, whatever it raises."""

from __future__ import annotations

import errno
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from summdiff.archive.job import Job, Record, Report, Version, Work
from summdiff.archive.manifest import write_receipt
from summdiff.errors import SummdiffError

# No fault of the video: each one after it would fail as well.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


@dataclass(frozen=True, slots=True)
class Order:
    """A video that a worker is given.

    Attributes:
        job: the video, by absolute paths.
        version: of its file.
        ours: results that are there already are replaced.
        receipts: where to say that it is done.
    """

    job: Job
    version: Version | None
    ours: bool
    receipts: Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a worker says of a video.

    Attributes:
        kind: "done"; "video", it cannot be done; "bug", something unforeseen; "stop", no video could be done now.
        record: what came of it.
        error: one sentence, where it failed.
        trace: where something unforeseen happened.
    """

    kind: Literal["done", "video", "bug", "stop"]
    record: Record = field(default_factory=dict)
    error: str = ""
    trace: str = ""


def serve(work: Work, order: Order, report: Report) -> Outcome:
    """Do the work on one video."""
    try:
        record = work(order.job, ours=order.ours, report=report)
        write_receipt(order.receipts, order.job, order.version, record)
    except SummdiffError as error:
        full = isinstance(error.__cause__, OSError) and error.__cause__.errno in _FULL
        return Outcome("stop" if full else "video", error=str(error))
    except OSError as error:
        kind: Literal["stop", "bug"] = "stop" if error.errno in _FULL else "bug"
        return Outcome(kind, error=_unforeseen(error), trace=traceback.format_exc())
    except Exception as error:  # a decoder or a library: the next video may well be fine
        return Outcome("bug", error=_unforeseen(error), trace=traceback.format_exc())
    return Outcome("done", record=record)


def _unforeseen(error: Exception) -> str:
    return f"Something unforeseen went wrong ({type(error).__name__}: {error})."
