"""Disks that are full, folders that cannot be written, files that change while they are read, damaged caches."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from fuzzing.fuzz_targets import QUICK, commanded
from fuzzing.nasty_videos import clip
from summdiff.errors import SummdiffError
from summdiff.export import save

ALL = ("mp4", "json", "csv", "png", "svg", "sheet", "gif", "webp", "html", "vtt", "srt", "ffmetadata", "txt")


class NotHereError(Exception):
    """This fault cannot be made on this machine."""


@contextlib.contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    """A disk of that size; root only."""
    folder.mkdir(exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={kilobytes}k,nr_inodes=100", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[Path]:
    """A folder on a disk that takes nothing, not even from root."""
    folder.mkdir(exist_ok=True)
    _mount("--bind", str(folder), str(folder))
    try:
        _mount("-o", "remount,ro,bind", str(folder))
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _mount(*arguments: str) -> None:
    try:
        subprocess.run(["mount", *arguments], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise NotHereError("mounting needs root") from error


@contextlib.contextmanager
def short_files(size: int) -> Iterator[None]:
    """No file of this process may become longer: what a full disk is to those who may not mount one."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


class Faults:
    """A case is a name of `CASES`; what comes out is "done" or one sentence, and never a file that is not whole."""

    def __init__(self, seed: int) -> None:
        from summdiff import Summarizer

        self.summarizer = Summarizer(cache=False)

    def __call__(self, case: str, folder: Path) -> str:
        (folder / "in").mkdir()
        self.film = clip(folder / "in" / "film.mkv", frames=60, sound=1)
        self.digest = hashlib.sha256(self.film.read_bytes()).digest()
        return CASES[case](self, folder)

    def summary(self, **how: Any) -> Any:
        return self.summarizer.summarize(self.film, **QUICK, **how)

    def untouched(self) -> None:
        assert hashlib.sha256(self.film.read_bytes()).digest() == self.digest, "the video was changed"


def whole_or_none(folder: Path) -> None:
    """Raise unless every file is one that its reader takes, and nothing temporary is left."""
    from fuzzing.kills import Summarize

    for path in sorted(folder.rglob("*")):
        assert not path.name.startswith("."), f"{path.name} was left behind"
        if path.is_file():
            assert path.stat().st_size or path.suffix == ".srt", f"{path.name} is empty"
            if path.suffix in (".mp4", ".json", ".html", ".png", ".csv", ".txt", ".vtt"):
                Summarize.check(None, path)  # type: ignore[arg-type]


def full_disk(faults: Faults, folder: Path, *, kilobytes: int) -> str:
    """Each format alone, so that the disk is full in the middle of each of them."""
    summary = faults.summary()
    refused = 0
    with small_disk(folder / "out", kilobytes) as out:
        for name in ALL:
            try:
                summary.save(out, formats=(name,))
            except SummdiffError as error:
                refused += 1
                assert "\n" not in str(error)
            whole_or_none(out)
    faults.untouched()
    return f"{refused} of {len(ALL)} formats were refused"


def short_file(faults: Faults, folder: Path, *, size: int) -> str:
    summary = faults.summary()
    refused = 0
    for name in ALL:
        with short_files(size):
            try:
                summary.save(folder / "out", formats=(name,))
            except SummdiffError:
                refused += 1
        whole_or_none(folder / "out")
    faults.untouched()
    return f"{refused} of {len(ALL)} formats were refused"


def full_disk_for_the_command(faults: Faults, folder: Path) -> str:
    with small_disk(folder / "out", 1000):
        return commanded(faults.film, folder)


def full_disk_for_the_cache(faults: Faults, folder: Path) -> str:
    from summdiff import Summarizer
    from summdiff.features.cache import FeatureCache

    with small_disk(folder / "cache", 4) as place:
        faults.summarizer.backbone  # noqa: B018 (loaded once for all)
        summarizer = Summarizer(cache=FeatureCache(place))
        summarizer.__dict__.update(model=faults.summarizer.model, backbone=faults.summarizer.backbone)
        summarizer.summarize(faults.film, **QUICK)
        assert not list(place.iterdir())
    return "summarised without a cache"


def full_disk_for_the_manifest(faults: Faults, folder: Path) -> str:
    """The last line does not fit; the lines before it stay whole."""
    from summdiff.archive.manifest import Manifest

    with small_disk(folder / "out", 16) as out:
        try:
            with Manifest(out / "manifest.jsonl", "extract", {}) as manifest:
                with contextlib.suppress(OSError):
                    (out / "filler").write_bytes(bytes(100_000))
                manifest.end(done="x" * 10_000)
        finally:
            assert [json.loads(line)["event"] for line in (out / "manifest.jsonl").open()] == ["begin"]
    return "written"


def full_disk_for_training(faults: Faults, folder: Path, *, kilobytes: int) -> str:
    from fuzzing.kills import Train
    from summdiff.research.training.loop import train
    from summdiff.research.training.recipe_files import read_recipe

    (folder / "training").mkdir()
    verb = Train(folder / "training")
    with small_disk(folder / "training" / "out", kilobytes) as out:
        try:
            train(read_recipe(folder / "training" / "small.yaml", list(Train.changes)))
        except SummdiffError:
            verb.out = out
            assert not verb.half_written(), verb.half_written()
            assert not [name for name in verb.leftovers() if name.endswith(".tmp")]
            raise
    return "trained"


def read_only_folder(faults: Faults, folder: Path) -> str:
    with read_only(folder / "out"):
        return commanded(faults.film, folder)


def read_only_place_of_the_video(faults: Faults, folder: Path) -> str:
    """Results go elsewhere, so that it does not matter."""
    with read_only(folder / "in"):
        return commanded(faults.film, folder)


def read_only_cache(faults: Faults, folder: Path) -> str:
    from summdiff import Summarizer
    from summdiff.features.cache import FeatureCache

    with read_only(folder / "cache") as place:
        Summarizer(cache=FeatureCache(place)).summarize(faults.film, **QUICK)
    return "summarised without a cache"


def training_into_a_read_only_folder(faults: Faults, folder: Path) -> str:
    from fuzzing.kills import Train
    from summdiff.research.training.loop import train
    from summdiff.research.training.recipe_files import read_recipe

    (folder / "training").mkdir()
    Train(folder / "training")
    with read_only(folder / "training" / "out"):
        train(read_recipe(folder / "training" / "small.yaml", list(Train.changes)))
    return "trained"


def _vanish(film: Path) -> None:
    film.unlink()


def _shrink(film: Path) -> None:
    os.truncate(film, film.stat().st_size // 2)


def _empty(film: Path) -> None:
    os.truncate(film, 0)


def _grow(film: Path) -> None:
    with film.open("ab") as file:
        file.write(bytes(200_000))


def _repeat(film: Path) -> None:
    with film.open("ab") as file:
        file.write(film.read_bytes())


def _replace(film: Path) -> None:
    other = clip(film.with_name("other.mkv"), frames=15, size=(64, 48))
    other.replace(film)


def _become_a_folder(film: Path) -> None:
    film.unlink()
    film.mkdir()


def changing(faults: Faults, folder: Path, *, change: Callable[[Path], None], stage: str) -> str:
    """The file is changed by somebody else at the beginning of a stage."""
    told: list[str] = []

    def watch(at: Any) -> None:
        if at.stage == stage and stage not in told:
            told.append(stage)
            change(faults.film)

    summary = faults.summary(on_progress=watch)
    if stage == "cut":
        change(faults.film)
    try:
        summary.save(folder / "out", formats=("mp4", "json", "html", "sheet"))
    finally:
        if (folder / "out").exists():
            whole_or_none(folder / "out")
    return "summarised"


def folder_that_vanishes(faults: Faults, folder: Path) -> str:
    summary = faults.summary()
    save(
        summary,
        folder / "out",
        formats=("mp4", "html"),
        on_progress=lambda done: shutil.rmtree(folder / "out", ignore_errors=True),
    )
    return "written"


def damaged_cache(faults: Faults, folder: Path, *, change: Callable[[Path], None]) -> str:
    """The summary is that of a run without a cache."""
    from dataclasses import replace

    from summdiff import Summarizer
    from summdiff.features.cache import FeatureCache

    known = replace(faults.summary(), timings={})
    summarizer = Summarizer(cache=FeatureCache(folder / "cache"))
    summarizer.summarize(faults.film, **QUICK)
    (entry,) = (folder / "cache").iterdir()
    change(entry)
    assert replace(summarizer.summarize(faults.film, **QUICK), timings={}) == known
    assert replace(summarizer.summarize(faults.film, **QUICK), timings={}) == known
    return "the same summary"


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def killed_while_it_writes(faults: Faults, folder: Path) -> str:
    """Leftovers of a dead process are removed by the next one; files of a running process are not."""
    from summdiff.atomic import temporary_path

    (folder / "out").mkdir()
    living = temporary_path(folder / "out")
    living.write_text("half")
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    dead = living.with_name(living.name.replace(f"-{os.getpid()}-", f"-{gone.pid}-"))
    dead.write_text("half")
    faults.summary().save(folder / "out")
    assert not dead.exists()
    assert living.exists()
    living.unlink()
    whole_or_none(folder / "out")
    return "swept"


Case = Callable[[Faults, Path], str]


def _cases() -> Iterator[tuple[str, Case]]:
    for kilobytes in (0, 4, 16, 64, 256):
        # A size of 0 would mean no limit.
        yield f"a disk of {kilobytes or 1} kB, each format", partial(full_disk, kilobytes=kilobytes or 1)
    for size in (0, 100, 3000, 30_000):
        yield f"no file above {size} bytes, each format", partial(short_file, size=size)
    yield "a full disk, summdiff summarize", full_disk_for_the_command
    yield "a full disk, cache", full_disk_for_the_cache
    yield "a full disk, manifest", full_disk_for_the_manifest
    for kilobytes in (4, 100, 300, 1000):
        yield f"a disk of {kilobytes} kB, training", partial(full_disk_for_training, kilobytes=kilobytes)
    yield "a read-only folder, summdiff summarize", read_only_folder
    yield "a read-only folder, training", training_into_a_read_only_folder
    yield "a read-only folder, cache", read_only_cache
    yield "a video on a read-only disk", read_only_place_of_the_video
    changes = {
        "vanishes": _vanish,
        "is cut off": _shrink,
        "is emptied": _empty,
        "grows by zeros": _grow,
        "grows by itself": _repeat,
        "is replaced": _replace,
        "becomes a folder": _become_a_folder,
    }
    for name, change in changes.items():
        for stage, words in (("look", "looking"), ("score", "scoring"), ("cut", "writing")):
            yield f"the video {name} at {words}", partial(changing, change=change, stage=stage)
    yield "the output folder vanishes", folder_that_vanishes
    for name, change in {
        "a flipped bit": _flip,
        "cut off": _shrink,
        "emptied": _empty,
        "vanished": _vanish,
        "grown": _grow,
        "a folder": _become_a_folder,
    }.items():
        yield f"a cache entry: {name}", partial(damaged_cache, change=change)
    yield "temporary files of dead and living processes", killed_while_it_writes


CASES: dict[str, Case] = dict(_cases())
