"""Runs with real processes: nothing is lost or done twice and nothing stops the rest, whatever is killed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from archive_works import Listener, files_of, run_files, spawned
from summdiff.archive.manifest import FileLock, Manifest, receipt_file, write_receipt
from summdiff.errors import ArchiveError, DataError, OutputError, UsageError

TESTS = Path(__file__).parents[1]


def make(folder, **contents):
    for name, content in contents.items():
        (folder / f"{name}.txt").write_text(content)


def lines(folder):
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def of(folder, event):
    return [Path(line["video"]).stem for line in lines(folder) if line["event"] == event]


def log(folder, what):
    path = folder / "log"
    lines = path.read_text().splitlines() if path.exists() else []
    return Counter(line.split()[1] for line in lines if line.startswith(what))


def leftovers(folder):
    return [path.name for path in folder.rglob(".*") if not path.name.endswith(".lock")]


def test_a_bad_file_does_not_stop_the_rest(tmp_path):
    make(tmp_path, a="fine", b="bad", c="bug", d="kill", e="kill once", f="hang", g="fine too", h="last")
    listener = Listener()
    counts = run_files(tmp_path, listener=listener, time_limit=3)
    assert (counts.done, counts.failed, counts.complete) == (4, 4, False)
    assert {path.name: path.read_text() for path in tmp_path.glob("*.result")} == {
        "a.result": "FINE",
        "e.result": "KILL ONCE",
        "g.result": "FINE TOO",
        "h.result": "LAST",
    }
    failed = {Path(line["video"]).stem: line for line in lines(tmp_path) if line["event"] == "failed"}
    assert {name: line["kind"] for name, line in failed.items()} == {
        "b": "video",
        "c": "bug",
        "d": "crash",
        "f": "time",
    }
    assert failed["b"]["error"] == f"'{tmp_path / 'b.txt'}' is bad."
    assert "ZeroDivisionError: nobody thought of this" in failed["c"]["error"]
    assert "Traceback" in failed["c"]["trace"]
    assert "stopped 2 workers, the last one was killed by SIGKILL" in failed["d"]["error"]
    assert "was not done after 3 s" in failed["f"]["error"]
    assert of(tmp_path, "crashed").count("e") == 1
    assert leftovers(tmp_path) == []
    assert {name for name, *_ in listener.heard} >= {"begin", "start", "moved", "done", "failed", "again"}

    # A restart goes over all of it without doing anything, but still says what is set aside.
    begun = log(tmp_path, "begin")
    again = Listener()
    counts = run_files(tmp_path, listener=again)
    assert (counts.done, counts.before, counts.failed, counts.failed_before) == (0, 4, 0, 4)
    assert not counts.complete
    assert log(tmp_path, "begin") == begun
    assert len([heard for heard in again.heard if heard[0] == "failed_before"]) == 4

    # What was set aside is tried again when asked for, or when the file has changed.
    make(tmp_path, b="good now")
    os.utime(tmp_path / "b.txt", ns=(1, 1))
    assert run_files(tmp_path).done == 1
    make(tmp_path, c="fine", d="fine", f="fine")
    assert run_files(tmp_path, retry_failed=True).complete
    assert len(list(tmp_path.glob("*.result"))) == 8


def test_foreign_results_are_not_overwritten(tmp_path):
    make(tmp_path, a="fine", b="fine")
    (tmp_path / "a.result").write_text("mine")
    counts = run_files(tmp_path)
    assert (counts.done, counts.failed) == (1, 1)
    assert (tmp_path / "a.result").read_text() == "mine"
    run_files(tmp_path, retry_failed=True)
    assert (tmp_path / "a.result").read_text() == "mine"


def test_a_changed_file_or_a_lost_result_is_processed_again(tmp_path):
    make(tmp_path, a="one", b="two", c="three")
    run_files(tmp_path)
    make(tmp_path, a="changed")
    (tmp_path / "b.result").unlink()
    counts = run_files(tmp_path)
    assert (counts.done, counts.before) == (2, 1)
    assert (tmp_path / "a.result").read_text() == "CHANGED"
    assert (tmp_path / "b.result").read_text() == "TWO"


def test_a_full_disk_stops_the_run_and_sets_nothing_aside(tmp_path):
    make(tmp_path, a="full", b="fine")
    with pytest.raises(OutputError, match="the same command continues from here"):
        run_files(tmp_path, 1)
    assert of(tmp_path, "failed") == []
    make(tmp_path, a="fine")
    assert run_files(tmp_path, 1).complete


def test_a_missing_requirement_is_reported_once(tmp_path):
    make(tmp_path, a="fine", b="fine")
    with pytest.raises(ArchiveError, match="no weights"):
        run_files(tmp_path, missing="There are no weights.")
    assert of(tmp_path, "start") == []


def test_workers_that_die_at_start_are_reported(tmp_path, monkeypatch):
    make(tmp_path, a="fine")
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(TESTS)])  # so they cannot import it
    with pytest.raises(ArchiveError, match="Workers do not start: the last one ended with exit code 1"):
        run_files(tmp_path)


def test_only_one_run_at_a_time(tmp_path):
    make(tmp_path, a="fine")
    with (
        FileLock(tmp_path / ".manifest.jsonl.lock", "here"),
        pytest.raises(ArchiveError, match="Another run is writing"),
    ):
        run_files(tmp_path)
    assert run_files(tmp_path).complete


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a POSIX system")
def test_damaged_receipts_are_left_out(tmp_path):
    make(tmp_path, a="fine")
    run_files(tmp_path)
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines(tmp_path) if line["event"] != "done"))
    (job,) = files_of(tmp_path)
    receipts = tmp_path / ".manifest.jsonl.receipts"
    receipts.mkdir()
    (receipts / "folder.json").mkdir()
    os.mkfifo(receipts / "fifo.json")
    record = {"event": "begin", "outputs": []}
    known = {"video": job.path, "version": list(job.version()), "record": {}}
    for number, receipt in enumerate((
        [], [1, 2], {"video": [], "version": [], "record": {}}, known | {"record": record}, known | {"version": {}},
        known | {"record": {"outputs": 5}}, known | {"record": {"duration": []}}, known | {"record": None},
    )):  # fmt: skip
        (receipts / f"{number}.json").write_text(json.dumps(receipt))
    (receipts / "deep.json").write_text("[" * 100_000)
    counts = run_files(tmp_path)
    assert (counts.before, counts.done) == (0, 1)
    assert [path.name for path in receipts.iterdir()] == ["folder.json"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_ends_the_manifest_in_a_sentence_and_loses_nothing(tmp_path, monkeypatch):
    make(tmp_path, a="fine")
    run_files(tmp_path)
    before = (tmp_path / "manifest.jsonl").read_bytes()
    manifest = Manifest(tmp_path / "manifest.jsonl", "files", {"form": 1})
    with pytest.raises(OutputError, match=r"manifest.jsonl' cannot be written: No space left"), manifest:
        manifest._file.close()
        monkeypatch.setattr(manifest, "_file", open("/dev/full", "ab", buffering=0))  # noqa: PTH123, SIM115
        manifest.end(done=1, failed=0)
    assert (tmp_path / "manifest.jsonl").read_bytes() == before
    assert run_files(tmp_path).before == 1


def test_another_command_or_other_settings_are_refused(tmp_path):
    with Manifest(tmp_path / "m.jsonl", "files", {"rate": 1.0, "names": ("a",)}):
        pass
    with Manifest(tmp_path / "m.jsonl", "files", {"rate": 1.0, "names": ("a",)}):
        pass
    changed = {"rate": 2.0, "names": ("a",)}
    with pytest.raises(UsageError, match=r"rate: 1\.0, now 2\.0"), Manifest(tmp_path / "m.jsonl", "files", changed):
        pass
    with pytest.raises(UsageError, match="of `summdiff files`"), Manifest(tmp_path / "m.jsonl", "other", {}):
        pass


@pytest.mark.parametrize(
    "text", ["no json\n", "notes without a line end", "[]\n", "[" * 9999 + "\n", '{"event": "begin"}\n', '{"a": 1}\n']
)
def test_files_that_are_no_manifest_are_refused(tmp_path, text):
    (tmp_path / "m.jsonl").write_text(text)
    with pytest.raises(DataError), Manifest(tmp_path / "m.jsonl", "files", {}):
        pass
    assert (tmp_path / "m.jsonl").read_text() == text


def test_a_truncated_line_is_removed_and_a_damaged_line_is_reported(tmp_path):
    make(tmp_path, a="fine")
    run_files(tmp_path)
    whole = (tmp_path / "manifest.jsonl").read_bytes()
    (tmp_path / "manifest.jsonl").write_bytes(whole + b'{"event": "sta')
    assert run_files(tmp_path).before == 1
    assert (tmp_path / "manifest.jsonl").read_bytes() == whole
    (tmp_path / "manifest.jsonl").write_bytes(whole + b'{"event": "start"}\n')
    with pytest.raises(DataError, match="is damaged"):
        run_files(tmp_path)


def test_a_receipt_counts_without_a_manifest_line(tmp_path):
    """The main process was killed after the work and before the line."""
    make(tmp_path, a="fine", b="fine")
    run_files(tmp_path)
    manifest = tmp_path / "manifest.jsonl"
    cut = [line for line in lines(tmp_path) if not (line["event"] == "done" and line["video"].endswith("a.txt"))]
    record = {"result": str(tmp_path / "a.result"), "duration": 1.0}
    manifest.write_text("".join(json.dumps(line) + "\n" for line in cut))
    (job, _) = files_of(tmp_path)
    receipts = tmp_path / ".manifest.jsonl.receipts"
    receipts.mkdir()
    write_receipt(receipts, job, job.version(), record)
    (receipts / "half.json.tmp").write_text("{")
    (receipts / "empty.json").touch()  # as a crash of the machine may leave it
    (receipts / "other.json").write_text('{"video": 1}')
    counts = run_files(tmp_path)
    assert (counts.done, counts.before) == (0, 2)
    assert of(tmp_path, "done").count("a") == 1
    assert not receipts.exists()
    # That of an earlier version of the file does not.
    make(tmp_path, a="other")
    receipts.mkdir()
    write_receipt(receipts, job, (1, 1), record)
    assert run_files(tmp_path).done == 1
    assert not receipt_file(receipts, job).exists()


def finished(folder):
    """Files that are done, as the manifest or a receipt says."""
    manifest = folder / "manifest.jsonl"
    names = set()
    if manifest.exists():
        for line in manifest.read_text().split("\n")[:-1]:
            parsed = json.loads(line)
            if parsed["event"] == "done":
                names.add(Path(parsed["video"]).stem)
    for receipt in (folder / ".manifest.jsonl.receipts").glob("*.json"):
        names.add(Path(json.loads(receipt.read_text())["video"]).stem)
    return names


def disturbed(folder, rng, *, workers_killed):
    """Run in a process; kill workers of it and then itself, at random times. What was finished then."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])}
    main = subprocess.Popen(
        [sys.executable, str(TESTS / "archive_works.py"), str(folder)], env=environment, stdout=subprocess.DEVNULL
    )
    try:
        while not (running := spawned(main.pid)) and main.poll() is None:
            time.sleep(0.02)
        for _ in range(workers_killed):
            time.sleep(rng.uniform(0.2, 1.0))
            running = spawned(main.pid)
            if running:
                os.kill(rng.choice(running), signal.SIGKILL)
        time.sleep(rng.uniform(0.2, 1.0))
        running = spawned(main.pid)
    finally:
        main.kill()
        main.wait()
    deadline = time.monotonic() + 20
    while any(map(alive, running)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not [pid for pid in running if alive(pid)], "workers outlive who started them"
    return finished(folder)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill_at_random_times(folder, *, rounds, files, seed):
    """Until all is done; a file that was unlucky twice is tried again as a user would."""
    rng = random.Random(seed)
    make(folder, **{f"f{number:03d}": f"sleep {rng.uniform(0, 0.3):.3f}" for number in range(files)})
    done, amid = set(), False
    for _ in range(rounds):
        begun = log(folder, "begin")
        before = set(done)
        done = disturbed(folder, rng, workers_killed=rng.randint(0, 2))
        assert before <= done, "what was done is lost"
        again = {name for name, times in log(folder, "begin").items() if times > begun[name]}
        assert not before & again, "what was done is done again"
        amid |= 0 < len(done) < files  # the last rounds may find nothing left to do
    assert amid, "nothing was disturbed"
    assert run_files(folder, retry_failed=True).complete
    assert sorted(of(folder, "done")) == [job.name for job in files_of(folder)]  # each once
    for job in files_of(folder):
        assert (folder / f"{job.name}.result").read_text() == job.video.read_text().upper()
    assert leftovers(folder) == []


LINUX = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds workers in /proc")


@LINUX
def test_a_killed_run_resumes(tmp_path):
    kill_at_random_times(tmp_path, rounds=3, files=60, seed=int(time.time()))


@LINUX
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_a_run_killed_many_times_resumes(tmp_path, seed):
    kill_at_random_times(tmp_path, rounds=8, files=200, seed=seed)
