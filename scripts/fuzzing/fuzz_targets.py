"""Targets of the fuzzer: each passes one odd or changed file to the product's own functions."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from fuzzing.hostile_files import (
    HDF5_ELSEWHERE,
    HDF5_GIANTS,
    HOSTILE_YAML,
    IN_PLACE_OF_A_FILE,
    SECRET,
    choose,
    put_in_place,
    spoil_h5,
)
from fuzzing.mutations import mutated
from fuzzing.nasty_videos import CASES, FRAGMENTED, clip
from summdiff._untrusted import BYTES_VARIABLE
from summdiff.errors import SummdiffError, VideoError

QUICK = {"samples": 2, "steps": 2}


def looked_at(path: Path, folder: Path, summarizer: Any, **options: Any) -> str:
    """Probe, sample, summarize and write; everything must fit together. Returns in short what came out."""
    from summdiff.summary import Summary
    from summdiff.video import probe

    before = hashlib.sha256(path.read_bytes()).digest() if path.is_file() and not path.is_symlink() else b""
    try:
        probe(path)
        summary = summarizer.summarize(path, **(QUICK | options))
        written = summary.save(folder / "out", formats=("mp4", "json"))
        assert Summary.from_json(written[1]).selection, "an empty summary"
        assert summary.selected_duration > 0
        assert abs(probe(written[0]).duration - summary.selected_duration) < 1 + 0.1 * summary.selected_duration
    finally:
        if before:
            assert hashlib.sha256(path.read_bytes()).digest() == before, "the video was changed"
    return f"{summary.selected_duration:.1f} of {summary.video.duration:.1f} s"


class Corpus:
    """Each of `nasty_videos.CASES` through the functions that `summdiff summarize` calls."""

    def __init__(self, seed: int) -> None:
        from summdiff import Summarizer

        self._summarizer = Summarizer(cache=False)

    def __call__(self, case: str, folder: Path) -> str:
        return looked_at(CASES[case].make(folder), folder, self._summarizer)


class Command:
    """The same through the command line in this process."""

    def __init__(self, seed: int) -> None:
        pass

    def __call__(self, case: str, folder: Path) -> str:
        return commanded(CASES[case].make(folder), folder)


def commanded(path: Path, folder: Path) -> str:
    """`summdiff summarize` of one file; the sentence that it refuses it with is raised."""
    from summdiff.cli import app

    out, err = io.StringIO(), io.StringIO()
    before = sys.argv
    sys.argv = [
        "summdiff",
        "summarize",
        "--no-cache",
        "--samples",
        "2",
        "--steps",
        "2",
        "-o",
        str(folder / "out"),
        "-q",
    ]
    sys.argv += ["--", str(path)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                app.main()
                code: Any = 0
            except SystemExit as leave:
                code = leave.code
    finally:
        sys.argv = before
    said = err.getvalue()
    assert "Traceback" not in said, said
    assert not any(ord(char) < 32 and char != "\n" for char in said), f"orders to the terminal: {said!r}"
    if code:
        assert said.count("\n") == 1, f"not one line: {said!r}"
        raise VideoError(said.strip())
    assert len(list((folder / "out").iterdir())) == 2
    return "written"


def video_seeds(folder: Path) -> list[tuple[str, bytes]]:
    """Small films to change: suffix and content, the same each time (libvpx's realtime mode goes by the clock)."""
    small = {"frames": 16, "size": (64, 48), "gop": 5}
    clock = {"clock": _tenth()}
    x265 = {"preset": "ultrafast", "x265-params": "log-level=0"}
    films = [
        clip(folder / "a.mp4", sound=1, **small),
        clip(folder / "b.mp4", muxer=FRAGMENTED, **small),
        clip(folder / "c.mkv", sound=1, **small, adapt=_with_chapters),
        clip(folder / "d.ts", sound=1, **small),
        clip(folder / "e.avi", codec="mpeg4", **small, **clock),
        clip(folder / "f.webm", codec="libvpx", options={"deadline": "good", "cpu-used": "5"}, **small),
        clip(folder / "g.mpg", codec="mpeg2video", **small, **clock),
        clip(folder / "h.mov", sound=1, **small, adapt=lambda output, stream: stream.set_display_rotation(90)),
        clip(folder / "i.mkv", codec="libx265", options=x265, **small),
        clip(folder / "j.gif", codec="gif", pix_fmt="rgb8", **small, clock=_tenth() / 10),
        clip(folder / "k.nut", codec="ffv1", pix_fmt="yuva420p", options={}, **small),
        clip(folder / "l.webm", codec="libvpx-vp9", options={"deadline": "realtime", "cpu-used": "8"}, **small),
        clip(folder / "m.flv", codec="flv1", **small),
        clip(folder / "n.mov", codec="mjpeg", pix_fmt="yuvj420p", **small),
    ]
    read = [(path.suffix, path.read_bytes()) for path in films]
    for path in films:
        path.unlink()
    return read


def changed_film(films: list[tuple[str, bytes]], rng: np.random.Generator, folder: Path) -> Path:
    """One of `video_seeds`, changed, in the folder."""
    suffix, content = films[int(rng.integers(len(films)))]
    path = folder / f"film{suffix}"
    path.write_bytes(mutated(content, rng, others=[other for ending, other in films if ending == suffix]))
    return path


def _tenth() -> Any:
    from fractions import Fraction

    return Fraction(1, 10)


def _with_chapters(output: Any, stream: Any) -> None:
    from fractions import Fraction

    output.metadata["title"] = "a film"
    output.set_chapters(
        [
            {
                "id": n,
                "start": n * 400,
                "end": n * 400 + 400,
                "time_base": Fraction(1, 1000),
                "metadata": {"title": "x"},
            }
            for n in range(1, 4)
        ]
    )


class Fuzzer:
    """Case n of a kind of file: the same for the same seed, whatever was done before."""

    text = False

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.prepare()

    def __call__(self, case: int, folder: Path) -> str:
        make = self.use_hostile if case % 10 == 9 else self.use
        return make(np.random.default_rng([self.seed, case]), folder)

    def prepare(self) -> None:
        """Make the files that are changed."""

    def use(self, rng: np.random.Generator, folder: Path) -> str:
        """Make a changed file in the folder and let the product read it."""
        raise NotImplementedError

    def use_hostile(self, rng: np.random.Generator, folder: Path) -> str:
        """The same with a file of `hostile_files`, in every tenth case."""
        return self.use(rng, folder)


class Video(Fuzzer):
    """Changed films through probing, sampling, summarizing and writing."""

    def prepare(self) -> None:
        import tempfile

        from summdiff import Summarizer

        with tempfile.TemporaryDirectory() as place:
            self.films = video_seeds(Path(place))
        self.summarizer = Summarizer(cache=False)

    def use(self, rng: np.random.Generator, folder: Path) -> str:
        return looked_at(changed_film(self.films, rng, folder), folder, self.summarizer)


class H5(Fuzzer):
    """Changed data files through opening, checking and reading, and changed predictions files."""

    def prepare(self) -> None:
        import tempfile

        from small_data import write_data, write_scores

        with tempfile.TemporaryDirectory() as place:
            self.files = [
                write_data(Path(place) / f"{kind}-{how}.h5", kind, libver=how).read_bytes()
                for kind in ("tvsum", "summe", "mr_hisum", "youtube_highlights")
                for how in ("earliest", "latest")
            ]
            self.scores = write_scores(Path(place) / "scores.h5").read_bytes()

    def use(self, rng: np.random.Generator, folder: Path) -> str:
        path = folder / "data.h5"
        if rng.random() < 0.2:
            path.write_bytes(mutated(self.scores, rng))
            return self.read_scores(path)
        path.write_bytes(mutated(self.files[int(rng.integers(len(self.files)))], rng, others=self.files))
        return self.read(path)

    def use_hostile(self, rng: np.random.Generator, folder: Path) -> str:
        """Values in other files, values of gigabytes, and what is no file; all are refused."""
        path, secret = folder / "data.h5", folder / "secret"
        scores = rng.random() < 0.3
        path.write_bytes(self.scores if scores else self.files[int(rng.integers(len(self.files)))])
        kinds = HDF5_ELSEWHERE | HDF5_GIANTS | IN_PLACE_OF_A_FILE
        kind = choose(rng, kinds)
        if rng.random() < 0.5:
            secret.write_bytes(SECRET)
        else:
            os.mkfifo(secret)  # who opens it waits for ever
        with patch.dict(os.environ, {BYTES_VARIABLE: "50000000"}):  # so that smaller giants do
            if kind in IN_PLACE_OF_A_FILE:
                put_in_place(path, kind)
            else:
                spoil_h5(path, "video_1/scores" if scores else "video_1/gtscore", kind, secret)
            said = self.read_scores(path) if scores else self.read(path)
        raise AssertionError(f"{kind}: {said}")

    def read_scores(self, path: Path) -> str:
        from summdiff.evaluation import read_predictions

        return f"{len(read_predictions(path).curves)} curves"

    def read(self, path: Path) -> str:
        from summdiff.data.check import check
        from summdiff.data.datasets import open_dataset

        refused: SummdiffError | None = None
        try:
            problems = check(path).problems
            assert all(problem.endswith(".") and "\n" not in problem for problem in problems), problems
        except SummdiffError as error:
            refused = error
        with open_dataset(path) as data:
            read = 0
            for name in data:
                try:
                    data.identity(name)
                    data.n_steps(name)
                    read += len(data[name].need_features()) > 0
                except SummdiffError as error:
                    refused = error
        if refused is not None:
            raise refused
        return f"{read} videos"


def a_summary() -> Any:
    """A summary as the product writes it, without its video."""
    from summdiff.summary import Alternative, Interval, Scores, Shot, Summary, VideoInfo

    shots = tuple(Shot(float(n), n + 1.0, 0.1 * n, n in (2, 5), 0.5) for n in range(8))
    return Summary(
        video=VideoInfo("/films/talk.mp4", 8.0, 25.0, 640, 360, 0, has_audio=True),
        model={"id": "default", "backbone": "efficientnet_lite0", "conditioning": "relational", "version": "0.1.0"},
        settings={"rate": 1.0, "samples": 16, "steps": 10, "value": "sum", "keep": [{"start": 1.0, "end": 2.0}]},
        budget=0.25,
        seed=0,
        scores=Scores(tuple(map(float, range(8))), (0.1,) * 8, (0.2,) * 8),
        shots=shots,
        selection=(Interval(2.0, 3.0), Interval(5.0, 6.0)),
        alternatives=(Alternative((Interval(1.0, 3.0),), (1, 2), 0.95, 0.5),),
        warnings=("2 damaged frames of the video were skipped.",),
        timings={"look": 1.0},
    )


class Json(Fuzzer):
    """Changed summaries, predictions and splits."""

    def prepare(self) -> None:
        self.summary = a_summary().to_json().encode()
        self.scores = json.dumps({"about": {"model": "x"}, "scores": {f"video_{n}": [0.1 * n] * 8 for n in range(4)}})
        names = [f"video_{n}" for n in range(1, 9)]
        self.splits = json.dumps([{"train_keys": names[2:], "test_keys": names[:2]}] * 2)

    def use(self, rng: np.random.Generator, folder: Path) -> str:
        kind, path = rng.random(), folder / "file.json"
        if kind < 0.2:
            path.write_bytes(mutated(self.scores.encode(), rng, text=True))
            return self.read_scores(path)
        if kind < 0.4:
            if rng.random() < 0.5:
                path = path.with_suffix(".yaml")
            path.write_bytes(mutated(self.splits.encode(), rng, text=True))
            return self.read_splits(path)
        path.write_bytes(mutated(self.summary, rng, text=True))
        return self.read(path)

    def use_hostile(self, rng: np.random.Generator, folder: Path) -> str:
        """YAML that stands for something huge, and what is no file; all are refused."""
        path = folder / "file.yaml"
        if rng.random() < 0.5:
            kind = choose(rng, HOSTILE_YAML)
            path.write_text(HOSTILE_YAML[kind](), encoding="utf-8")
            raise AssertionError(f"{kind}: {self.read_splits(path)}")
        readers = (self.read_scores, self.read_splits, self.read)
        reader = readers[int(rng.integers(len(readers)))]
        kind = choose(rng, IN_PLACE_OF_A_FILE)
        path = path.with_suffix(".json")
        put_in_place(path, kind)
        raise AssertionError(f"{kind}: {reader(path)}")

    def read_scores(self, path: Path) -> str:
        from summdiff.evaluation import read_predictions

        return f"{len(read_predictions(path).curves)} curves"

    def read_splits(self, path: Path) -> str:
        from summdiff.data.splits import read_splits

        return f"{len(read_splits(path))} splits"

    def read(self, path: Path) -> str:
        from summdiff.summary import Summary

        folder = path.parent
        summary = Summary.from_json(path)
        again = Summary.from_json(summary.to_json())
        assert again.to_json() == summary.to_json()
        written = summary.save(folder / "out", formats=("json", "csv", "txt"), name="film")
        for number in range(len(summary.alternatives)):
            summary.alternative(number)
        return f"{len(written)} files"


RECIPE = """
name: small
output: out
data: DATA
network: {model: summdiff, width: 16, heads: 2, feed_forward: 32, encoder_layers: 1, denoiser_layers: 1}
diffusion:
  samples: 2
  steps: 2
augmentation: {views: 2, crop: 0.5, metric: 0.5}
targets:
  people: panels
  panel: 2
  panels_per_video: 8
  curves_per_video: 2
epochs: 2
window: 32
videos_per_batch: 4
hold_out: 0.2
validate_every: 1
learning_rate: 0.003
clip_norm: 1.0
ema_decay: 0.9
optimizer: adamw
seed: 0
"""


class Recipe(Fuzzer):
    """Changed recipes, also those that ship; what can be read is rehearsed on small data."""

    def prepare(self) -> None:
        import tempfile

        from small_data import write_data
        from summdiff.research.training.recipe_files import recipe_files

        self.place = tempfile.TemporaryDirectory(prefix="summdiff-recipes-", ignore_cleanup_errors=True)
        self.data = write_data(Path(self.place.name) / "tvsum.h5", "tvsum", videos=6)
        self.shipped = [path.read_bytes() for path in recipe_files().values()]

    def use(self, rng: np.random.Generator, folder: Path) -> str:
        path = folder / "recipe.yaml"
        content = RECIPE.encode() if rng.random() < 0.7 else self.shipped[int(rng.integers(len(self.shipped)))]
        path.write_bytes(mutated(content, rng, text=True))
        return self.read(path)

    def use_hostile(self, rng: np.random.Generator, folder: Path) -> str:
        path = folder / "recipe.yaml"
        kind = choose(rng, HOSTILE_YAML | IN_PLACE_OF_A_FILE)
        if kind in HOSTILE_YAML:
            path.write_text(RECIPE + HOSTILE_YAML[kind]() + "\n", encoding="utf-8")
        else:
            put_in_place(path, kind)
        raise AssertionError(f"{kind}: {self.read(path)}")

    def read(self, path: Path) -> str:
        from summdiff.research.training.loop import train
        from summdiff.research.training.recipe_files import read_recipe

        folder = path.parent
        here = [f"data={self.data}", f"output={folder / 'out'}", "accelerator=cpu", "devices=1", "threads=1"]
        recipe = read_recipe(path, here)
        if recipe.network.model == "joint" and getattr(recipe.network, "width", 0) <= 16:
            train(recipe, dry_run=True)
            return "rehearsed"
        return "read"


class Model(Fuzzer):
    """Changed model folders; half of the time the checksums are made to fit, as an attacker would."""

    def prepare(self) -> None:
        import tempfile

        import torch

        from summdiff.research.networks.inference import in_torch
        from summdiff.research.networks.registry import architectures
        from summdiff.research.networks.storage import write_model
        from summdiff.scoring.sampling import SamplingConfig, SamplingModel
        from summdiff.scoring.scorer import ScoringModel

        torch.manual_seed(0)
        joint, vasnet = architectures()["joint"], architectures()["vasnet"]
        network = joint.network(joint.config(inputs=6, width=16, heads=2, feed_forward=16))
        models = [
            SamplingModel(
                SamplingConfig(id="tiny", conditioning="features", feature_extractor="net"), in_torch(network)
            ),
            ScoringModel(
                vasnet.model_config(id="other", conditioning="features"),
                in_torch(vasnet.network(vasnet.config(inputs=6))),
            ),
        ]
        self.models = []
        with tempfile.TemporaryDirectory() as place:
            for model in models:
                folder = write_model(
                    model, Path(place) / model.id, provenance={"seed": 0, "trained_on": ["tvsum/video_1"]}
                )
                self.models.append({path.name: path.read_bytes() for path in sorted(folder.iterdir())})

    def use(self, rng: np.random.Generator, folder: Path) -> str:
        files = dict(self.models[int(rng.integers(len(self.models)))])
        for name, content in list(files.items()):
            if rng.random() < 0.6:
                files[name] = mutated(content, rng, text=name.endswith(".json"))
        if rng.random() < 0.5:
            with contextlib.suppress(ValueError, RecursionError):
                document = json.loads(files["config.json"])
                if isinstance(document, dict):
                    document["sha256"] = {name: hashlib.sha256(part).hexdigest() for name, part in files.items()}
                    files["config.json"] = json.dumps(document).encode()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        return self.read(folder)

    def use_hostile(self, rng: np.random.Generator, folder: Path) -> str:
        for name, content in self.models[int(rng.integers(len(self.models)))].items():
            (folder / name).write_bytes(content)
        needed = sorted(path for path in folder.iterdir() if path.suffix in (".json", ".onnx"))
        kind = choose(rng, IN_PLACE_OF_A_FILE)
        put_in_place(needed[int(rng.integers(len(needed)))], kind)
        raise AssertionError(f"{kind}: {self.read(folder)}")

    def read(self, folder: Path) -> str:
        from summdiff.scoring import load_model

        model = load_model(folder)
        curves = model.sample(np.random.default_rng(0).random((12, 6)), rate=1.0, samples=2, steps=2)
        assert np.isfinite(curves).all()
        return "sampled"


class Cache(Fuzzer):
    """Changed cache entries; half of the time the checksum is made to fit. They count as absent, or are whole."""

    def prepare(self) -> None:
        import tempfile

        self.place = tempfile.TemporaryDirectory(prefix="summdiff-cache-", ignore_cleanup_errors=True)
        self.video = clip(Path(self.place.name) / "film.mp4", frames=20)

    def use(self, rng: np.random.Generator, folder: Path) -> str:
        from summdiff.features import files
        from summdiff.features.cache import FeatureCache
        from summdiff.summary import VideoInfo

        cache = FeatureCache(folder / "cache")
        times = np.arange(20, dtype=np.float64)
        info = VideoInfo(str(self.video), 20.0, 10.0, 96, 64, 0, has_audio=False)
        whole = files.VideoFeatures(np.ones((20, 8), np.float16), times, times, info, 0)
        cache.put(self.video, "b", 1.0, whole)
        (entry,) = (folder / "cache").iterdir()
        (stored,) = files.list_videos(entry)
        if rng.random() < 0.1:
            put_in_place(entry, choose(rng, {kind: 0 for kind in IN_PLACE_OF_A_FILE if kind != "a folder"}))
        else:
            entry.write_bytes(mutated(entry.read_bytes(), rng))
        with contextlib.ExitStack() as stack:
            if rng.random() < 0.5:
                stack.enter_context(patch.object(files, "_checksum", return_value=stored.sha256))
            found = cache.get(self.video, "b", 1.0)
        if found is None:
            assert not entry.exists()
            cache.put(self.video, "b", 1.0, whole)
            assert cache.get(self.video, "b", 1.0) is not None
            return "absent"
        assert np.isfinite(found.times).all()
        assert len(found.features) == len(found.times)
        return "read"


class Several:
    """All kinds of files in one process: a case is the name of a class and a number, as in "Json 3"."""

    def __init__(self, seed: int) -> None:
        self.targets = {target.__name__: target(seed) for target in (Video, H5, Json, Recipe, Model, Cache)}

    def __call__(self, case: str, folder: Path) -> str:
        name, number = case.split()
        return self.targets[name](int(number), folder)
