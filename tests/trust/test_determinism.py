"""The same file, seed and versions give the same bytes of JSON but for timings, in any process and with any threads."""

import json
import os
import random
import subprocess
import sys

import numpy as np
import pytest
from fuzzing.fuzz_targets import changed_film, video_seeds
from fuzzing.nasty_videos import clip

from summdiff.video import VideoReader, probe

CODE = """
import json, os, sys
if sys.argv[1] != "all":
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(sys.argv[1])])
os.environ["SUMMDIFF_THREADS"] = sys.argv[2]
from summdiff import Summarizer
for film, rate in zip(sys.argv[3::2], sys.argv[4::2]):
    summarizer = Summarizer(cache=False, rate=float(rate))
    summary = summarizer.summarize(film, samples=4, steps=4, seed=7, alternatives=1, loss=0.5)
    document = json.loads(summary.to_json())
    del document["timings"]
    print(json.dumps(document))
"""


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return clip(tmp_path_factory.mktemp("film") / "film.mp4", frames=120, size=(320, 180), sound=1)


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    """One in which decoders have to fill gaps."""
    film = clip(tmp_path_factory.mktemp("film") / "film.ts", frames=80, size=(640, 360))
    content, rng = bytearray(film.read_bytes()), random.Random(6)
    for _ in range(15):
        content[rng.randrange(2000, len(content))] ^= 1 << rng.randrange(8)
    film.write_bytes(content)
    return film


def summarised(films, cores, threads, blas):
    environment = os.environ | {"OMP_NUM_THREADS": blas, "OPENBLAS_NUM_THREADS": blas, "PYTHONHASHSEED": str(threads)}
    command = [sys.executable, "-c", CODE, cores, str(threads), *films]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores cannot be chosen on this system")
def test_the_same_json_on_one_and_on_all_cores(film, damaged):
    films = [str(film), "1", str(damaged), "4"]
    first = summarised(films, "1", 1, "1")
    whole, broken = map(json.loads, first.splitlines())
    assert whole["selection"]
    assert "damaged frames" in broken["warnings"][0]
    assert summarised(films, "all", 2, "2") == first


def test_the_same_files_twice(film, tmp_path):
    """All formats that hold no timings, byte by byte."""
    from summdiff import Summarizer

    summarizer = Summarizer(cache=False)
    formats = ("mp4", "csv", "png", "svg", "gif", "vtt", "txt", "ffmetadata", "fcpxml", "html", "sheet")
    written = [
        summarizer.summarize(film, samples=2, steps=2).save(tmp_path / name, formats=formats, name="a") for name in "xy"
    ]
    for first, second in zip(*written, strict=True):
        assert first.read_bytes() == second.read_bytes(), first.name


def test_a_damaged_film_is_refused_always_or_never(tmp_path):
    """One that several threads find no picture in now and then, and one thread finds one in."""
    film = changed_film(video_seeds(tmp_path), np.random.default_rng([0, 889]), tmp_path)  # case 889 of seed 0
    with VideoReader(film, threads=1) as reader:
        alone = [step.image.tobytes() for step in reader.steps(rate=8, short_side=32)]
        assert reader.corrupt_frames > 10
    for _ in range(40):
        assert probe(film).width == 64
        with VideoReader(film) as reader:
            assert sum(1 for _ in reader.steps(rate=8, short_side=32)) >= len(alone) == 1


def test_what_the_fuzzer_changes_is_the_same_each_time(tmp_path):
    assert video_seeds(tmp_path) == video_seeds(tmp_path)
