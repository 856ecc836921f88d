"""`summdiff serve` as a process, with the very commands of README.md and docs/studio.md."""

import json
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

from command import run_in_one_process
from summdiff.options import Options
from summdiff.web._projects import project_text
from summdiff.web._studio_video import StudioVideo, Version
from summdiff.web._uploads import describe

ROOT = Path(__file__).parents[2]
COMMANDS = sorted({
    line.split(" #")[0].strip()
    for name in ("README.md", "docs/studio.md")
    for block in re.findall(r"^```bash\n(.*?)^```", (ROOT / name).read_text(encoding="utf-8"), flags=re.M | re.S)
    for line in block.splitlines()
    if line.startswith("summdiff serve")
})  # fmt: skip


# Videos with names that are no text or look like an address, and their titles.
ODD_NAMES = {os.fsdecode(b"bad\xff.mp4"): "bad.mp4", "12:30 talk.mp4": "12:30 talk.mp4"}

ONE_AFTER_THE_OTHER = """
import json, sys, tempfile
from pathlib import Path
from summdiff.cli import app

for words in json.loads(sys.argv[1]):
    sys.argv = words
    try:
        app.main()
    except SystemExit as leave:
        left = [path.name for path in Path(tempfile.gettempdir()).glob(".summdiff*")]  # before the next one starts
        print("left with", leave.code or 0, left, file=sys.stderr, flush=True)
"""


@contextmanager
def started(command, folder, temporary):
    """A process in a folder; it is gone at the end, whatever happens."""
    process = subprocess.Popen(
        [sys.executable, *command],
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


def serve(*words):
    """The arguments for a studio on any free port."""
    return ["summdiff", "serve", *words, "--no-open", "--port", "0"]


def test_the_docs_have_commands():
    assert COMMANDS


def test_every_command_in_the_docs_opens_and_closes_a_studio(film, summarizer, tmp_path):
    """In one process: each studio has gone without a trace before the next one opens."""
    names = ["talk.mp4", "lecture.mp4", *ODD_NAMES]
    for name in names:
        shutil.copy(film.path, tmp_path / name)
    names.append("talk.summdiff.json")
    video = StudioVideo("", describe(tmp_path / "talk.mp4", "talk.mp4"), tmp_path)
    video.versions = [Version(Options(), summarizer.summarize(film.path))]
    (tmp_path / names[-1]).write_text(project_text(video, film="talk.mp4"), encoding="utf-8")
    (tmp_path / "tmp").mkdir()
    documented = [[word for word in shlex.split(command)[2:] if word != "--open"] for command in COMMANDS]
    commands = [serve(*words) for words in [*documented, list(ODD_NAMES)]]
    with started(["-c", ONE_AFTER_THE_OTHER, json.dumps(commands)], tmp_path, tmp_path / "tmp") as process:
        for words in commands:
            said = process.stderr.readline()
            port, token = re.search(r"http://[^/]*:(\d+)/\?token=(\S+)", said).groups()
            client = Client(int(port))
            assert client.get(f"/?token={token}").status == 303
            assert client.get("/").status == 200
            films = [word.replace(".summdiff.json", ".mp4") for word in words]
            titles = [ODD_NAMES.get(word, word) for word in films if word.endswith(".mp4")]
            assert [video["title"] for video in client.get("/api/session").json["videos"]] == titles
            assert list((tmp_path / "tmp").glob(".summdiff*"))
            process.send_signal(signal.SIGINT)
            while (line := process.stderr.readline()) and not line.startswith("left with"):
                assert "Traceback" not in line
            assert line == "left with 0 []\n"  # onnxruntime leaves a file of its own
        assert process.wait(20) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*names, "tmp"])


@pytest.fixture(scope="module")
def left_by_a_killed_studio(tmp_path_factory):
    """The folder of a studio that was killed."""
    folder = tmp_path_factory.mktemp("killed")
    with started(["-m", *serve()], folder, folder) as process:
        assert "http://127.0.0.1" in process.stderr.readline()
        (left,) = folder.glob(".summdiff*")
        process.kill()
    assert left.is_dir()
    return left


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_studio_that_is_ended_leaves_no_files_of_its_own_or_of_a_killed_one(
    left_by_a_killed_studio, tmp_path, number
):
    left = shutil.copytree(left_by_a_killed_studio, tmp_path / left_by_a_killed_studio.name)
    with started(["-m", *serve()], tmp_path, tmp_path) as process:
        assert "http://127.0.0.1" in process.stderr.readline()
        assert not left.exists()
        assert list(tmp_path.glob(".summdiff*"))
        process.send_signal(number)
        process.wait(20)
        assert "Traceback" not in process.stderr.read()
    until = time.monotonic() + 5
    while list(tmp_path.glob(".summdiff*")):
        assert time.monotonic() < until
        time.sleep(0.1)


MISTAKES = {
    "missing.mp4": "'missing.mp4' does not exist; check the path.",
    ".": "'.' is a folder; name a video file inside it.",
    "empty.mp4": "'empty.mp4' is empty (0 bytes)",
    "--model nowhere": "There is no model 'nowhere'",
    "--backbone resnet9000": "resnet9000",
    f"--max-upload {'9' * 400}": "is not a size",
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Return the command's message for each mistake."""
    folder = tmp_path_factory.mktemp("mistakes")
    (folder / "empty.mp4").touch()
    results = run_in_one_process([serve(*words.split())[1:] for words in MISTAKES], cwd=folder)
    return dict(zip(MISTAKES, results, strict=True))


@pytest.mark.parametrize(("words", "said"), MISTAKES.items())
def test_mistakes_are_reported_before_it_opens(answers, words, said):
    assert answers[words].returncode in (1, 2)
    assert said in answers[words].stderr
    assert "http://" not in answers[words].stderr
    assert "Traceback" not in answers[words].stderr
