"""`summdiff extract` and `summdiff summarize --workers`: the commands themselves, with real videos and processes."""

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from archive_works import spawned
from summdiff.features.store import open_store
from summdiff.summary import Summary

LINUX = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds workers in /proc")


@pytest.fixture(scope="module")
def three_films(make_video, tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    for n in range(3):
        make_video(folder / f"{n}.mp4", scenes=[(4.0, f"a{n}"), (5.0, f"b{n}"), (4.0, f"c{n}")], fps=10, sound=n == 0)
    return folder


@pytest.fixture
def films(three_films, tmp_path):
    """A folder with three films and a file that only looks like one."""
    shutil.copytree(three_films, tmp_path / "films")
    (tmp_path / "films" / "broken.mp4").write_bytes(b"\x00" * 5000)
    return tmp_path / "films"


def lines(manifest, event):
    return [line for line in map(json.loads, manifest.read_text().splitlines()) if line["event"] == event]


def decided(path):
    """A summary without what may differ between two runs."""
    document = json.loads(path.read_text())
    return {key: value for key, value in document.items() if key != "timings"}


def test_summarize_uses_extracted_features(films, summdiff, tmp_path):
    store, manifest = tmp_path / "store", tmp_path / "store" / "manifest.jsonl"
    code, out, err = summdiff("extract", films, "-o", store, "--workers", "2")
    assert (code, out) == (1, "")
    assert "broken.mp4' cannot be read as a video" in err
    last = err.splitlines()[-1]
    assert last.startswith("3 of 4 videos done; 1 set aside. 0:39 of video in ")
    assert last.endswith(f"Details: {manifest}")
    assert len(lines(manifest, "done")) == 3
    (failed,) = lines(manifest, "failed")
    assert failed["kind"] == "video"
    opened = open_store(store)
    assert opened.names == tuple(str(films / f"{n}.mp4") for n in range(3))
    assert (opened.backbone, opened.rate) == ("efficientnet_lite0", 1.0)
    assert opened[films / "0.mp4"].features.shape == (13, 1280)

    # Again: nothing to do, but the exit code still says that one is set aside.
    before = manifest.read_bytes()
    code, _, err = summdiff("extract", films, "-o", store, "--workers", "2")
    assert code == 1
    assert "set aside before: " in err
    assert err.splitlines()[-1].startswith("3 of 4 videos done, 3 of them before; 1 set aside. Details: ")
    assert manifest.read_bytes() == before

    # Summaries from the store are those from the videos, by workers or without.
    (films / "broken.mp4").unlink()
    asked = ["--features", store, "--formats", "json"]
    code, out, err = summdiff("summarize", films, "-o", tmp_path / "many", "--workers", "1", *asked, "-q")
    assert (code, out, err) == (0, "", "")
    assert summdiff("summarize", films / "1.mp4", "-o", tmp_path / "one", *asked)[0] == 0
    assert summdiff("summarize", films / "1.mp4", "-o", tmp_path / "plain", "--formats", "json", "--no-cache")[0] == 0
    found = [decided(tmp_path / where / "1.summary.json") for where in ("many", "one", "plain")]
    assert found[0] == found[1] == found[2]
    code, _, err = summdiff("summarize", films / "1.mp4", "-o", tmp_path / "x", "--rate", "2", *asked)
    assert code == 2
    assert "at 1 steps per second, not of 'efficientnet_lite0' at 2" in err


def test_workers_report_machine_progress(films, summdiff, tmp_path, monkeypatch):
    listing = "\n".join(str(path) for path in sorted(films.iterdir()))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(listing.encode())))
    out_folder = tmp_path / "out"
    (out_folder).mkdir()
    (out_folder / "2.summary.json").write_text("mine")
    asked = ["summarize", "-o", out_folder, "--workers", "1", "--formats", "json,html", "--progress", "machine"]
    code, out, err = summdiff(*asked, "--from-file", "-")
    events = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (1, "")
    assert {event["event"] for event in events} >= {"begin", "start", "done", "failed", "end", "index"}
    assert events[0] == {"event": "begin", "total": 4, "before": 0}
    failed = {Path(event["video"]).name: event["error"] for event in events if event["event"] == "failed"}
    assert failed.keys() == {"broken.mp4", "2.mp4"}
    assert "--overwrite" in failed["2.mp4"]
    assert (out_folder / "2.summary.json").read_text() == "mine"
    assert (out_folder / "index.html").exists()
    (end,) = [event for event in events if event["event"] == "end"]
    assert (end["done"], end["failed"], end["before"]) == (2, 2, 0)
    assert Summary.from_json(out_folder / "0.summary.json").video.path == str(films / "0.mp4")
    # Other settings would make another set of summaries.
    code, _, err = summdiff("summarize", films, "-o", out_folder, "--workers", "1", "--budget", "0.3")
    assert code == 2
    assert "has other settings (budget: the default, now 0.3)" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["extract", "-o", "STORE"], "Name videos or folders"),
        (["extract", "FILMS/*.avi", "-o", "STORE"], "or matches it as a pattern"),
        (["extract", "--from-file", "FILMS/none.txt", "-o", "STORE"], "cannot be read"),
        (["extract", "FILMS", "-o", "STORE", "--rate", "20"], "between 0.25 and 8"),
        (["extract", "FILMS", "-o", "STORE", "--backbone", "resnet9000"], "resnet9000"),
        (["extract", "FILMS", "-o", "STORE", "--time-limit", "0s"], "time limit of 0 s"),
        (["extract", "FILMS", "-o", "FILMS/0.mp4"], "cannot be made"),
        (["extract", "FILMS", "-o", "STORE", "-q", "--progress", "machine"], "either --quiet or"),
        (["summarize", "FILMS", "--workers", "2"], "Name a folder for the results"),
        (["summarize", "FILMS", "--retry-failed"], "need --workers or --engine ray"),
        (["summarize", "FILMS", "--features", "STORE"], "not a store of features"),
        (["summarize", "FILMS", "-o", "STORE", "--workers", "2", "--model", "none"], "none"),
    ],
)
def test_bad_options_give_one_sentence_and_write_nothing(films, summdiff, tmp_path, arguments, message):
    store = tmp_path / "store"
    given = [word.replace("FILMS", str(films)).replace("STORE", str(store)) for word in arguments]
    code, out, err = summdiff(*given)
    assert code in {1, 2}
    assert message in err
    assert "Traceback" not in out + err
    assert not store.exists() or {path.name for path in store.iterdir()} <= {".manifest.jsonl.lock", "manifest.jsonl"}


def begin(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "summdiff", *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def until(main, manifest, event, count):
    deadline = time.monotonic() + 120
    while not manifest.exists() or manifest.read_text().count(f'"event": "{event}"') < count:
        assert main.poll() is None, main.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)


@LINUX
def test_a_killed_extract_resumes_with_the_same_result(three_films, summdiff, tmp_path):
    """A worker is killed in the middle, then the main process; a copy of each film makes them more."""
    films = tmp_path / "films"
    films.mkdir()
    for n in range(9):
        shutil.copy(three_films / f"{n % 3}.mp4", films / f"{n:02d}.mp4")
    store, manifest = tmp_path / "store", tmp_path / "store" / "manifest.jsonl"
    asked = ["extract", films, "-o", store, "--workers", "2", "--shard-mb", "0.1"]
    main = begin(*asked)
    try:
        until(main, manifest, "start", 3)
        os.kill(spawned(main.pid)[0], signal.SIGKILL)
        until(main, manifest, "done", 4)
    finally:
        main.kill()
        main.communicate()
    before = {line["video"] for line in lines(manifest, "done")}
    assert 4 <= len(before) < 9
    starts = len(lines(manifest, "start"))
    assert summdiff(*asked)[0] == 0
    done = [line["video"] for line in lines(manifest, "done")]
    assert sorted(done) == sorted(str(path) for path in films.iterdir())  # each once
    assert not before & {line["video"] for line in lines(manifest, "start")[starts:]}
    found = open_store(store)
    assert summdiff("extract", three_films, "-o", tmp_path / "undisturbed", "--workers", "1")[0] == 0
    expected = open_store(tmp_path / "undisturbed")
    for n in range(9):
        ours, theirs = found[films / f"{n:02d}.mp4"], expected[three_films / f"{n % 3}.mp4"]
        for name in ("features", "times", "boundaries"):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), strict=True)
    assert not [path for path in store.rglob("*") if path.name.endswith(".tmp")]
    assert not list((store / "loose").iterdir())
    ids = [json.loads(line) for line in (store / "index.jsonl").read_text().splitlines()]
    assert len({video["id"] for line in ids for video in line["videos"]}) == 9
    assert sum(len(line["videos"]) for line in ids) == 9


@LINUX
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_run_leaves_no_partial_file_and_resumes(three_films, summdiff, tmp_path, number):
    out = tmp_path / "out"
    asked = ["summarize", three_films, "-o", out, "--workers", "2", "--no-cache"]
    main = begin(*asked)
    try:
        until(main, out / "manifest.jsonl", "start", 2)
        time.sleep(0.3)
        workers = spawned(main.pid)
        main.send_signal(number)
        _, err = main.communicate(timeout=60)
    finally:
        main.kill()
    assert main.returncode in {128 + number, 0}  # 0: the machine was so quick that all was done
    assert "Traceback" not in err
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]
    assert not [path.name for path in out.iterdir() if path.name.endswith(".tmp")]
    assert summdiff(*asked)[0] == 0
    made = sorted(path.name for path in out.iterdir() if not path.name.startswith("."))
    assert made == sorted(["manifest.jsonl", *(f"{n}.summary.{end}" for n in range(3) for end in ("json", "mp4"))])
    assert len(lines(out / "manifest.jsonl", "done")) == 3


def test_threads_are_divided_among_workers(three_films, tmp_path):
    """The setup of a worker reaches the decoder."""
    code = (
        "import sys; from summdiff._runtime import limit_threads, threads_asked\n"
        "limit_threads(1)\n"
        "from summdiff.video import FrameDecoder\n"
        "with FrameDecoder(sys.argv[1]) as decoder: print(decoder.stream.codec_context.thread_count, threads_asked())"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, three_films / "0.mp4"], capture_output=True, text=True, check=True
    )
    assert re.split(r"\s+", result.stdout.strip()) == ["1", "1"]
