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


def test_the_docs_have_commands():
    assert COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_in_the_docs_opens_and_closes_a_studio(command, film, tmp_path):
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
        assert list((tmp_path / "tmp").glob(".summdiff*"))
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert "Traceback" not in process.stderr.read()
    assert list((tmp_path / "tmp").glob(".summdiff*")) == []  # onnxruntime leaves a file of its own
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lecture.mp4", "talk.mp4", "tmp"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_terminated_studio_leaves_no_files(tmp_path, number):
    with started(["serve"], tmp_path, tmp_path) as process:
        assert "http://127.0.0.1" in process.stderr.readline()
        assert list(tmp_path.glob(".summdiff*"))
        process.send_signal(number)
        process.wait(20)
    until = time.monotonic() + 5
    while list(tmp_path.glob(".summdiff*")):
        assert time.monotonic() < until
        time.sleep(0.1)


def test_files_of_a_killed_studio_are_deleted_at_the_next_start(tmp_path):
    with started(["serve"], tmp_path, tmp_path) as process:
        process.stderr.readline()
        (left,) = tmp_path.glob(".summdiff*")
        process.kill()
    assert left.is_dir()
    with started(["serve"], tmp_path, tmp_path) as process:
        process.stderr.readline()
        assert not left.exists()
        process.send_signal(signal.SIGINT)
        process.wait(20)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["missing.mp4"], "'missing.mp4' does not exist; check the path."),
        (["."], "'.' is a folder; name a video file inside it."),
        (["empty.mp4"], "'empty.mp4' is empty (0 bytes)"),
        (["--model", "nowhere"], "There is no model 'nowhere'"),
        (["--backbone", "resnet9000"], "resnet9000"),
        (["--max-upload", "9" * 400], "is not a size"),
    ],
)
def test_mistakes_are_reported_before_it_opens(tmp_path, words, said):
    (tmp_path / "empty.mp4").touch()
    with started(["serve", *words], tmp_path, tmp_path) as process:
        err = process.stderr.read()
        assert process.wait(30) in (1, 2)
    assert said in err
    assert "http://" not in err
    assert "Traceback" not in err


def test_names_that_are_no_text_or_look_like_an_address_are_accepted(film, tmp_path):
    names = [os.fsdecode(b"bad\xff.mp4"), "12:30 talk.mp4"]
    for name in names:
        shutil.copy(film.path, tmp_path / name)
    with started(["serve", *names], tmp_path, tmp_path) as process:
        port, token = re.search(r":(\d+)/\?token=(\S+)", process.stderr.readline()).groups()
        client = Client(int(port))
        client.get(f"/?token={token}")
        titles = [film["title"] for film in client.get("/api/session").json["videos"]]
        assert titles == ["bad.mp4", "12:30 talk.mp4"]
        process.send_signal(signal.SIGINT)
        process.wait(20)
