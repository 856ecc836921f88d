"""A real Ray cluster of two nodes on this machine: a worker killed, a node lost, the main process killed.

Starting a cluster takes several seconds: `make test-ray`.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from archive_works import Listener, files_of, run_files
from summdiff.errors import ArchiveError

ray = pytest.importorskip("ray", reason="Ray is not installed: make test-ray")
pytestmark = [
    pytest.mark.slow,
    # Ray's own threads and sockets are closed when Python ends.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

TESTS = Path(__file__).parents[1]


@pytest.fixture
def cluster(monkeypatch):
    """Two nodes with two CPUs each, each a raylet with workers of its own."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    nodes.second = nodes.add_node(num_cpus=2)
    nodes.wait_for_nodes()
    monkeypatch.setenv("RAY_ADDRESS", nodes.address)
    yield nodes
    ray.shutdown()
    nodes.shutdown()


def crew(made):
    """Makes Ray workers and keeps them, so that a test may kill one."""

    def make(work, count):
        from summdiff.archive.ray import RayWorkers

        made.append(RayWorkers(work, count))
        return made[-1]

    return make


def make_files(folder, **contents):
    for name, content in contents.items():
        (folder / f"{name}.txt").write_text(content)


def log(folder, what):
    return Counter(line.split()[1] for line in (folder / "log").read_text().splitlines() if line.startswith(what))


def pids(folder):
    return {int(line.split()[2]) for line in (folder / "log").read_text().splitlines()}


def events(folder, event):
    text = (folder / "manifest.jsonl").read_text()
    return [line for line in text.splitlines() if f'"event": "{event}"' in line]


def all_done_once(folder):
    assert len(events(folder, "done")) == len(files_of(folder))
    for job in files_of(folder):
        assert (folder / f"{job.name}.result").read_text() == job.video.read_text().upper()
    begun, ended = log(folder, "begin").total(), log(folder, "end").total()
    crashed = len(events(folder, "crashed"))
    print(
        f"{len(files_of(folder))} files, {len(pids(folder))} workers: begun {begun}, ended {ended}, lost with their "
        f"worker {crashed}, done {len(events(folder, 'done'))}, each once and with its result"
    )
    return True


def when(condition, then):
    """Do something in a thread as soon as a condition holds."""

    def watch():
        while not condition():
            time.sleep(0.05)
        then()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def test_every_failure_of_a_file_is_survived(cluster, tmp_path):
    made = []
    contents = {f"f{n}": "sleep 0.2" for n in range(8)}
    make_files(tmp_path, **contents, b="bad", c="bug", d="kill", e="kill once", h="hang")
    counts = run_files(tmp_path, None, make=crew(made), time_limit=8, listener=Listener())
    assert made[0].count == 4
    assert (counts.done, counts.failed) == (9, 4)
    assert sorted(path.stem for path in tmp_path.glob("*.result")) == sorted([*contents, "e"])
    assert not list(tmp_path.glob(".*.tmp"))


def test_a_killed_worker_is_replaced(cluster, tmp_path):
    rng = random.Random(0)
    make_files(tmp_path, **{f"f{n:02d}": f"sleep {rng.uniform(0.4, 0.6):.2f}" for n in range(40)})
    killed = []

    def kill():
        """Whoever began last: a worker that just handed in its result would have lost nothing."""
        while not (last := (tmp_path / "log").read_text().splitlines()[-1]).startswith("begin"):
            time.sleep(0.01)
        killed.append(int(last.split()[2]))
        os.kill(killed[0], signal.SIGKILL)

    thread = when(lambda: (tmp_path / "log").exists() and log(tmp_path, "end").total() >= 8, kill)
    counts = run_files(tmp_path, 4, make=crew([]))
    thread.join(1)
    assert killed
    assert counts.complete
    assert all_done_once(tmp_path)
    assert log(tmp_path, "end") == Counter({job.name: 1 for job in files_of(tmp_path)})
    assert log(tmp_path, "begin").total() == 40 + len(events(tmp_path, "crashed")) == 41
    assert len(pids(tmp_path)) >= 5, "the one that was killed was replaced"


def test_a_lost_node_is_survived(cluster, tmp_path):
    make_files(tmp_path, **{f"f{n:02d}": "sleep 0.4" for n in range(40)})
    thread = when(
        lambda: (tmp_path / "log").exists() and log(tmp_path, "end").total() >= 8,
        lambda: cluster.remove_node(cluster.second, allow_graceful=False),
    )
    counts = run_files(tmp_path, 4, make=crew([]))
    thread.join(30)
    assert events(tmp_path, "crashed"), "nobody worked on the node that was lost"
    assert counts.complete
    assert all_done_once(tmp_path)


def test_a_killed_main_process_resumes(cluster, tmp_path):
    make_files(tmp_path, **{f"f{n:02d}": "sleep 0.4" for n in range(40)})
    code = "import sys; from test_ray import crew, run_files; run_files(sys.argv[1], 4, make=crew([]))"
    paths = os.pathsep.join([str(TESTS / "archive"), str(TESTS), os.environ["PYTHONPATH"]])
    main = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], env=os.environ | {"PYTHONPATH": paths})
    try:
        while not (tmp_path / "log").exists() or log(tmp_path, "end").total() < 8:
            assert main.poll() is None
            time.sleep(0.05)
    finally:
        main.kill()
        main.wait()
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in pids(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.1)
    before = {Path(line.split('"video": "')[1].split('"')[0]).stem for line in events(tmp_path, "done")}
    begun = log(tmp_path, "begin")
    assert 0 < len(before) < 40
    assert run_files(tmp_path, 4, make=crew([])).complete
    assert all_done_once(tmp_path)
    assert not {name for name, n in log(tmp_path, "begin").items() if n > begun[name]} & before


def test_extract_on_a_cluster_gives_the_same_store(cluster, make_video, tmp_path):
    """The command itself, with real videos and a worker killed in the middle."""
    import numpy as np

    from summdiff.features.store import open_store

    films = tmp_path / "films"
    films.mkdir()
    for n in range(10):
        make_video(films / f"{n}.mp4", scenes=[(6.0, f"a{n}"), (6.0, f"b{n}")], size=(640, 360))
    command = [sys.executable, "-m", "summdiff", "extract", str(films), "--workers", "2", "--progress", "machine", "-o"]
    plain = subprocess.run([*command, str(tmp_path / "plain")], capture_output=True, text=True, check=False)
    assert plain.returncode == 0, plain.stderr
    main = subprocess.Popen(
        [*command, str(tmp_path / "store"), "--engine", "ray"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    manifest = tmp_path / "store" / "manifest.jsonl"
    killed = 0
    while main.poll() is None and not killed:
        time.sleep(0.02)
        if manifest.exists() and len(events(tmp_path / "store", "done")) >= 3:
            for status in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    if b"ray::_Actor" in status.read_bytes():
                        killed = int(status.parent.name)
                        os.kill(killed, signal.SIGKILL)
                        break
                except OSError:
                    continue
    out, err = main.communicate()
    assert main.returncode == 0, out + err
    assert killed
    assert len(events(tmp_path / "store", "done")) == 10
    ours, theirs = open_store(tmp_path / "store"), open_store(tmp_path / "plain")
    assert ours.names == theirs.names
    for name in ours:
        for array in ("features", "times", "boundaries"):
            np.testing.assert_array_equal(getattr(ours[name], array), getattr(theirs[name], array))
        assert ours[name].video == theirs[name].video
    crashed = len(events(tmp_path / "store", "crashed"))
    print(f"10 films, 1 worker killed: lost with it {crashed}, done 10, each once; the store as without a cluster")

    # Summaries from it, with paths that only mean something where the command runs.
    asked = ["films", "-o", "short", "--features", "store", "--formats", "json", "--engine", "ray", "--workers", "2"]
    made = subprocess.run(
        [sys.executable, "-m", "summdiff", "summarize", *asked],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    assert len(list((tmp_path / "short").glob("*.summary.json"))) == 10


def test_a_missing_cluster_is_reported(tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    (tmp_path / "a.txt").write_text("fine")
    with pytest.raises(ArchiveError, match="No Ray cluster found"):
        run_files(tmp_path, 1, make=crew([]))
