"""Worker processes: results, errors, deaths and signals."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from summdiff._pool import TaskPool
from summdiff._runtime import threads_asked
from summdiff.errors import VideoError, WorkerError

LINUX = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes in /proc")


class UnpicklableError(Exception):
    def __init__(self, first, second):
        super().__init__(f"{first} {second}")


def act(task):
    """Do what the text says."""
    word, _, rest = task.partition(" ")
    if word == "video":
        raise VideoError(rest)
    if word == "bug":
        raise UnpicklableError("nobody", rest)
    if word == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "sleep":
        print(os.getpid(), flush=True)
        time.sleep(60)
    if word == "save":
        stopped = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: stopped.set())
        Path(rest).touch()
        stopped.wait(60)
        Path(rest).write_text("saved")
    return f"{task} {threads_asked()} {signal.getsignal(signal.SIGINT) == signal.SIG_IGN}"


def test_each_task_has_its_result_and_workers_their_threads():
    heard = []
    with TaskPool(act, 2, threads=3) as pool:
        results = dict(pool.run(list("abcde"), lambda running, waiting: heard.append((tuple(running), waiting))))
    assert results == {number: f"{letter} 3 True" for number, letter in enumerate("abcde")}
    assert heard[0] == ((0, 1), 3)
    assert len(heard[-1][0]) == 1


@pytest.mark.parametrize(
    ("task", "error", "message"),
    [
        ("video is empty", VideoError, "^is empty$"),
        ("bug knows", RuntimeError, "^UnpicklableError: nobody knows"),
        ("kill", WorkerError, "Worker process 1 was killed by SIGKILL"),
    ],
)
def test_an_error_or_a_death_in_a_worker_is_raised_here(task, error, message):
    with pytest.raises(error, match=message) as raised, TaskPool(act, 1) as pool:
        list(pool.run(["fine", task, "never"]))
    notes = getattr(raised.value, "__notes__", [])
    assert any("in act" in note for note in notes) == (error is RuntimeError)


def test_leaving_the_pool_stops_what_still_runs():
    began = time.monotonic()
    with pytest.raises(VideoError), TaskPool(act, 2) as pool:
        list(pool.run(["sleep", "video is empty"]))
    assert time.monotonic() - began < 30
    assert threading.active_count() < 10


def test_a_task_may_save_when_the_pool_is_terminated_and_none_begins_after_it(tmp_path):
    files = [tmp_path / name for name in "ab"]
    with TaskPool(act, 1) as pool, pytest.raises(WorkerError, match="stopped with 1 tasks to go"):
        threading.Thread(target=lambda: (wait_for(files[0].exists), pool.terminate())).start()
        list(pool.run([f"save {file}" for file in files]))
    assert files[0].read_text() == "saved"
    assert not files[1].exists()


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)


@LINUX
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_the_process_that_started_them(number):
    code = "from test_pool import *\nif __name__ == '__main__':\n    with TaskPool(act, 1) as p: list(p.run(['sleep']))"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment) as main:
        worker = int(main.stdout.readline())
        main.send_signal(number)
        main.wait(timeout=30)
    wait_for(lambda: not Path(f"/proc/{worker}").exists())
    assert not Path(f"/proc/{worker}").exists()
