"""Kill commands at random moments, check the files they leave, and check that a restart gives the undisturbed result.

Each verb is a class in `VERBS`: it makes the inputs, names the command, checks that files with final names are whole,
and collects the results to compare.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import random
import shutil
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from fuzzing.nasty_videos import clip
from small_data import write_data

_TIMES = ("train_seconds", "predict_ms", "peak_memory_mb", "seconds")


class Verb:
    """One verb of the command line, at a small size.

    Args:
        folder: for the inputs; results go to `out` in it.
    """

    preload: ClassVar[tuple[str, ...]] = ()

    def __init__(self, folder: Path) -> None:
        self.folder, self.out = folder, folder / "out"
        self.prepare()
        self.inputs = {path: _digest(path) for path in self._files(folder)}

    def prepare(self) -> None:
        """Make the inputs."""

    def command(self) -> list[str]:
        """Arguments after `summdiff`."""
        raise NotImplementedError

    def check(self, path: Path) -> None:
        """Raise unless a file with a final name is whole."""
        raise NotImplementedError

    def results(self) -> dict[str, Any]:
        """Results, by file, that a disturbed run must reproduce."""
        raise NotImplementedError

    def clear(self) -> None:
        """Remove all results, for another run from the start."""
        shutil.rmtree(self.out, ignore_errors=True)

    def harmed_inputs(self) -> list[str]:
        return [path.name for path, digest in self.inputs.items() if not path.exists() or _digest(path) != digest]

    def half_written(self) -> list[str]:
        """Files with final names that are not whole, with what is wrong."""
        wrong = []
        for path in self._files(self.out):
            if not any(part.startswith(".") for part in path.relative_to(self.out).parts):
                try:
                    self.check(path)
                except Exception as error:
                    wrong.append(f"{path.name}: {type(error).__name__}: {error}")
        return wrong

    def leftovers(self) -> list[str]:
        """Hidden files and folders among the results."""
        return [path.name for path in self.out.rglob(".*")] if self.out.exists() else []

    @staticmethod
    def _files(folder: Path) -> list[Path]:
        return sorted(path for path in folder.rglob("*") if path.is_file())


class Summarize(Verb):
    """A film of eight seconds, in the formats that take longest to write."""

    preload = ("summdiff.pipeline", "summdiff.export.html", "summdiff.export.pictures", "summdiff.video")
    formats = "mp4,json,html,csv,png"
    times = 0

    def prepare(self) -> None:
        clip(self.folder / "film.mkv", frames=160, size=(320, 240), sound=1)

    def command(self) -> list[str]:
        out = str(self.out)
        return ["summarize", str(self.folder / "film.mkv"), "-o", out, "--formats", self.formats, "--overwrite", "-q"]

    def clear(self) -> None:
        """Every other time the features are forgotten as well."""
        super().clear()
        self.times += 1
        if self.times % 2:
            shutil.rmtree(os.environ["SUMMDIFF_CACHE"], ignore_errors=True)

    def check(self, path: Path) -> None:
        from summdiff.summary import Summary

        if path.name.endswith(".json"):
            Summary.from_json(path)
        elif path.suffix == ".mp4":
            import av

            with av.open(str(path)) as container:
                assert sum(1 for _ in container.decode(video=0)) > 0
        elif path.suffix == ".html":
            assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")
        elif path.suffix == ".png":
            assert path.read_bytes().endswith(b"IEND\xaeB`\x82")
        else:
            assert path.read_text(encoding="utf-8").endswith("\n")

    def results(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for path in self._files(self.out):
            if path.name.endswith(".json"):
                document = json.loads(path.read_text(encoding="utf-8"))
                del document["timings"]
                found[path.name] = document
            elif path.suffix == ".html":  # holds the timings
                found[path.name] = True
            else:
                found[path.name] = _digest(path)
        return found


class Train(Verb):
    """A small network that writes a checkpoint after every step."""

    preload = ("summdiff.research.training.loop", "summdiff.cli.train")
    changes = ("epochs=6", "hold_out=0.2", "validate_every=3", "select=best", "checkpoint_minutes=1e-9")

    def prepare(self) -> None:
        import yaml

        data = write_data(self.folder / "data.h5", "tvsum", videos=8)
        recipe = {
            "name": "small",
            "data": str(data),
            "output": str(self.out),
            "network": {"width": 16, "heads": 2, "feed_forward": 32, "encoder_layers": 1, "denoiser_layers": 1},
            "diffusion": {"samples": 2, "steps": 2},
            "augmentation": {"views": 2},
            "videos_per_batch": 4,
            "targets": {"panel": 2, "panels_per_video": 8, "curves_per_video": 2},
            "ema_decay": 0.9,
        }
        (self.folder / "small.yaml").write_text(yaml.safe_dump(recipe))

    def command(self) -> list[str]:
        return ["train", str(self.folder / "small.yaml"), *self.changes]

    def check(self, path: Path) -> None:
        from safetensors.numpy import load_file

        from summdiff.evaluation import read_predictions
        from summdiff.research.training.checkpoint import read

        if path.suffix == ".safetensors":
            load_file(path)
        elif path.suffix == ".pt":
            assert read(path) is not None
        elif path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
        elif path.suffix == ".h5":
            read_predictions(path)
        elif path.suffix in (".csv", ".yaml"):
            assert path.read_text(encoding="utf-8").endswith("\n")

    def results(self) -> dict[str, Any]:
        return {name: _digest(self.out / name) for name in ("model.safetensors", "config.json", "log.csv")}


class CrossVal(Train):
    """The same in two folds."""

    preload = ("summdiff.research.training.crossval", "summdiff.cli.crossval", "summdiff.cli.results")
    changes = ("epochs=3", "folds=2", "validate_every=3", "checkpoint_minutes=1e-9")

    def command(self) -> list[str]:
        return ["crossval", str(self.folder / "small.yaml"), *self.changes]

    def results(self) -> dict[str, Any]:
        from summdiff.evaluation import read_predictions

        metrics = json.loads((self.out / "crossval" / "metrics.json").read_text(encoding="utf-8"))
        curves = read_predictions(self.out / "crossval" / "predictions.h5").curves
        models = sorted((self.out / "crossval").glob("fold*/model.safetensors"))
        return {
            "metrics": _without_times(metrics),
            "predictions": {name: curve.tolist() for name, curve in curves.items()},
            "models": [_digest(path) for path in models],
        }


class Extract(Verb):
    """Four films by two workers, in shards of one or two films."""

    preload = ("summdiff.archive.extracting", "summdiff.cli.extract")

    def prepare(self) -> None:
        (self.folder / "films").mkdir()
        for number in range(4):
            clip(self.folder / "films" / f"{number}.mkv", frames=40 + 20 * number, size=(160, 120))

    def command(self) -> list[str]:
        films, out = str(self.folder / "films"), str(self.out)
        return ["extract", films, "-o", out, "--workers", "2", "--shard-mb", "0.03", "-q"]

    def leftovers(self) -> list[str]:
        """The lock stays: a file that is removed and made anew locks nobody out."""
        return [name for name in super().leftovers() if not name.endswith(".lock")]

    def check(self, path: Path) -> None:
        from safetensors.numpy import load_file

        if path.suffix == ".safetensors":
            assert load_file(path)
        elif path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
        elif path.suffix == ".jsonl":  # only ever added to: the next run removes a last line that was cut off
            for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
                json.loads(line)

    def results(self) -> dict[str, Any]:
        """Features by film; that none is loose, in two shards, or done twice."""
        from safetensors.numpy import load_file

        from summdiff.features.store import open_store

        store = open_store(self.out)
        arrays = [name for shard in (self.out / "shards").iterdir() for name in load_file(shard)]
        shelved = [name for name in arrays if name.endswith("/features")]
        lines = [json.loads(line) for line in (self.out / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]
        done = sorted(Path(line["video"]).name for line in lines if line["event"] == "done")
        features = {Path(name).name: hashlib.sha256(store[name].features.tobytes()).hexdigest() for name in store}
        loose = [path.name for path in (self.out / "loose").iterdir()]
        return {"done": done, "shelved": sorted(shelved), "loose": loose, **features}


# A further verb needs only a class like these.
VERBS: dict[str, type[Verb]] = {"summarize": Summarize, "train": Train, "crossval": CrossVal, "extract": Extract}


@dataclass
class Killed:
    """Outcome of killing one verb.

    Attributes:
        kills: number of killed processes.
        restarts: number of runs that finished after one or more kills.
        half_written, harmed_inputs, leftovers, differences, failures: descriptions of faults; empty when all is well.
    """

    verb: str
    seed: int
    kills: int
    restarts: int
    with_temporaries: int
    seconds_of_a_run: float
    seconds: float
    half_written: list[str]
    harmed_inputs: list[str]
    leftovers: list[str]
    differences: list[str]
    failures: list[str]

    @property
    def good(self) -> bool:
        return not (self.half_written or self.harmed_inputs or self.leftovers or self.differences or self.failures)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def kill(name: str, folder: Path, *, times: int, seed: int = 0, preload: Iterable[str] = VERBS) -> Killed:
    """Kill a verb `times` times at random moments, and start it again each time.

    Args:
        name: key of `VERBS`.
        folder: where the verb's inputs and results go.
        times: number of kills.
        seed: of the moments.
        preload: verbs whose libraries the server of processes loads at its start: all that this process will kill.
    """
    os.environ["SUMMDIFF_CACHE"] = str(folder.parent / f"{folder.name}-cache")
    verb = VERBS[name](folder)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["summdiff.cli.app", *{module for each in preload for module in VERBS[each].preload}]
    )
    rng, began = random.Random(seed), time.monotonic()
    start = _started(context, verb)
    start.join()  # the first one also starts the server
    verb.clear()
    once = time.monotonic()
    start = _started(context, verb)
    start.join()
    lasts = time.monotonic() - once
    assert start.exitcode == 0, f"the undisturbed run ended with {start.exitcode}"
    known = verb.results()
    found = Killed(name, seed, 0, 0, 0, round(lasts, 2), 0.0, verb.half_written(), [], verb.leftovers(), [], [])
    verb.clear()
    disturbed = 0
    while found.kills < times or disturbed:
        process = _started(context, verb)
        if found.kills < times:
            process.join(rng.random() * lasts)
            process.kill()
        process.join()
        found.harmed_inputs += verb.harmed_inputs()
        found.half_written += verb.half_written()
        if process.exitcode == -9:
            found.kills, disturbed = found.kills + 1, disturbed + 1
            found.with_temporaries += bool(verb.leftovers())
            continue
        if process.exitcode != 0:
            found.failures.append(f"exit code {process.exitcode} after {disturbed} kills")
        elif disturbed:
            found.restarts += 1
            results = verb.results()
            found.differences += [
                f"{each} differs after {disturbed} kills" for each in known if results.get(each) != known[each]
            ]
        found.leftovers += verb.leftovers()
        disturbed = 0
        verb.clear()
    shutil.rmtree(os.environ["SUMMDIFF_CACHE"], ignore_errors=True)
    found.seconds = round(time.monotonic() - began, 1)
    return found


def _started(context: Any, verb: Verb) -> Any:
    process = context.Process(target=_run, args=(verb.command(), os.environ["SUMMDIFF_CACHE"]))
    process.start()
    return process


def _run(arguments: list[str], cache: str) -> None:
    """The command, in a process that has its libraries already."""
    from summdiff.cli.app import main

    os.environ["SUMMDIFF_CACHE"] = cache
    sys.argv = ["summdiff", *arguments]
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    main()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_times(item) for key, item in value.items() if key not in _TIMES}
    return [_without_times(item) for item in value] if isinstance(value, list) else value
