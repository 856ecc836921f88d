"""`summdiff serve` as a process, with the very commands of README.md and docs/studio.md."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from studio_client import Client

ROOT = Path(__file__).parents[2]
COMMANDS = sorted({
    line.split(" #")[0].strip()
    for name in ("README.md", "docs/studio.md")
    for block in re.findall(r"^```bash\n(.*?)^```", (ROOT / name).read_text(encoding="utf-8"), flags=re.M | re.S)
    for line in block.splitlines()
    if line.startswith("summdiff serve")
})  # fmt: skip


@contextmanager
def started(words, folder, temporary):
    """The command as a process in a folder, on any free port; it is gone at the end, whatever happens."""
    process = subprocess.Popen(
        [sys.executable, "-m", "summdiff", *words, "--no-open", "--port", "0"],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def test_there_are_commands():
    assert COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_it_opens_and_closes_cleanly(command, film, tmp_path):
    for name in ("talk.mp4", "lecture.mp4"):
        shutil.copy(film.path, tmp_path / name)
    (tmp_path / "tmp").mkdir()
    words = [word for word in shlex.split(command)[1:] if word != "--open"]
    with started(words, tmp_path, tmp_path / "tmp") as process:
        said = process.stderr.readline()
        port, token = re.search(r"http://[^/]*:(\d+)/\?token=(\S+)", said).groups()
        client = Client(int(port))
        assert client.get(f"/?token={token}").status == 303
        assert client.get("/").status == 200
        named = [word for word in words if word.endswith(".mp4")]
        assert [film["title"] for film in client.get("/api/session").json["videos"]] == named
        assert list((tmp_path / "tmp").glob("summdiff*"))
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert "Traceback" not in process.stderr.read()
    assert list((tmp_path / "tmp").glob("summdiff*")) == []  # onnxruntime leaves a file of its own
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lecture.mp4", "talk.mp4", "tmp"]


def test_being_terminated_leaves_nothing_either(tmp_path):
    with started(["serve"], tmp_path, tmp_path) as process:
        assert "http://127.0.0.1" in process.stderr.readline()
        process.terminate()
        process.wait(20)
    until = time.monotonic() + 5
    while list(tmp_path.glob("summdiff*")):
        assert time.monotonic() < until
        time.sleep(0.1)
