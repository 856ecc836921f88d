"""Work on text files instead of videos: the content of a file says what happens to its worker."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from summdiff.archive.dispatch import run_jobs
from summdiff.archive.jobs import VideoJob
from summdiff.archive.manifest import Manifest
from summdiff.archive.workers import LocalWorkers
from summdiff.atomic import sweep, written_whole
from summdiff.errors import SummdiffError, VideoError


class FilesWork:
    """Writes NAME.result with a file's content in capitals, and notes each start and end in `log`.

    A file is "sleep SECONDS", "kill", "kill once", "hang", "bug", "bad", "full"; anything else takes no time.
    """

    def __init__(self, log, missing=""):
        self.log, self.missing = Path(log), missing

    def load(self):
        if self.missing:
            raise SummdiffError(self.missing)

    def note(self, what, job):
        with self.log.open("a") as file:  # one short write: lines of several processes do not mix
            file.write(f"{what} {job.name} {os.getpid()}\n")

    def __call__(self, job, *, replace, on_progress):
        self.note("begin", job)
        content = job.video.read_text()
        word, _, rest = content.partition(" ")
        on_progress("look", 1.0, 2.0)
        if word == "sleep":
            time.sleep(float(rest))
        elif word == "kill":
            with written_whole(result_of(job)) as temporary:
                temporary.write_text("half")
                marker = job.video.with_suffix(".killed")
                if rest != "once" or not marker.exists():
                    marker.touch()
                    os.kill(os.getpid(), signal.SIGKILL)
        elif word == "hang":
            while True:
                time.sleep(1)
        elif word == "bug":
            raise ZeroDivisionError("nobody thought of this")
        elif word == "bad":
            raise VideoError(f"'{job.video}' is bad.")
        elif word == "full":
            raise OSError(28, "No space left on device")
        with written_whole(result_of(job)) as temporary:
            temporary.write_text(content.upper())
        self.note("end", job)
        return {"result": str(result_of(job)), "duration": 1.0}


class FilesResults:
    def check(self, job, *, replace):
        if result_of(job).exists() and not replace:
            raise VideoError(f"'{result_of(job)}' is there already.")

    def exist(self, record):
        return Path(record["result"]).exists()

    def add(self, record):
        pass

    def clean(self, job):
        sweep(result_of(job).parent)

    def finish(self):
        pass


class Listener:
    """Remembers what it hears."""

    def __init__(self):
        self.heard = []

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *told: self.heard.append((name, *told))


def result_of(job):
    return job.folder / f"{job.name}.result"


def files_of(folder):
    return [VideoJob(path, path.parent, path.stem) for path in sorted(Path(folder).glob("*.txt"))]


def run_files(folder, workers=2, *, make=LocalWorkers, listener=None, missing="", **options):
    folder = Path(folder)
    with Manifest(folder / "manifest.jsonl", "files", {"form": 1}) as manifest:
        crew = make(FilesWork(folder / "log", missing), workers)
        return run_jobs(files_of(folder), crew, FilesResults(), manifest, listener or Listener(), **options)


if __name__ == "__main__":
    print(run_files(sys.argv[1]))


def spawned(pid):
    """Return the process ids of the workers that a process has spawned; Linux."""
    workers = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            if parent == pid and b"spawn_main" in (status.parent / "cmdline").read_bytes():
                workers.append(int(status.parent.name))
        except (OSError, IndexError, ValueError):
            continue
    return workers
