import os
import subprocess
import sys
import time

import pytest

from summdiff.atomic import sweep, temporary_path, write_file, written_whole
from summdiff.errors import OutputError


@pytest.fixture
def dead():
    """Return a function that makes the temporary path of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()

    def named(folder):
        path = temporary_path(folder)
        return path.with_name(path.name.replace(f"-{os.getpid()}-", f"-{gone.pid}-"))

    return named


def test_a_file_is_complete_or_does_not_exist(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), written_whole(path) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    with written_whole(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"]
    assert path.read_text() == "new"


def test_the_next_write_removes_files_of_killed_processes(tmp_path, dead):
    left, living, other = dead(tmp_path), temporary_path(tmp_path), tmp_path / ".summdiff-mine.tmp"
    for path in (left, living, other):
        path.write_text("half")
    with written_whole(tmp_path / "a.txt") as partial:
        partial.write_text("whole")
    assert not left.exists()
    assert living.exists()
    assert other.exists()


def test_files_of_another_host_are_removed_after_a_day(tmp_path):
    own = temporary_path(tmp_path)
    elsewhere = own.with_name(own.name.replace(own.name.split("-")[1], "0" * 8))
    elsewhere.write_text("half")
    sweep(tmp_path)
    assert elsewhere.exists()
    os.utime(elsewhere, (time.time() - 25 * 3600,) * 2)
    sweep(tmp_path)
    assert not elsewhere.exists()


def test_the_file_of_a_killed_process_is_swept(tmp_path):
    code = (
        "import os, signal, sys; from pathlib import Path; from summdiff.atomic import written_whole\n"
        "with written_whole(Path(sys.argv[1])) as partial:\n"
        "    partial.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.txt")], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_file_of_a_killed_process_that_nobody_waited_for_is_swept(tmp_path):
    """The system keeps such a process, until its parent or the first process asks for its exit status."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        name = temporary_path(tmp_path).name.replace(f"-{os.getpid()}-", f"-{process.pid}-")
        (tmp_path / name).write_text("half")
        sweep(tmp_path)
        assert len(list(tmp_path.iterdir())) == 1
        process.kill()
        deadline = time.monotonic() + 20
        while list(tmp_path.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.01)
            sweep(tmp_path)
        assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_named(tmp_path):
    sweep(tmp_path / "none")
    with (
        pytest.raises(OutputError, match="cannot be written: No such file or directory"),
        written_whole(tmp_path / "none" / "a.txt"),
    ):
        pass


def test_a_replaced_file_keeps_its_permissions(tmp_path):
    path = tmp_path / "private.json"
    path.write_text("old")
    for mode in (0o600, 0o444):
        path.chmod(mode)
        with written_whole(path) as partial:
            partial.write_text("new")
        assert path.stat().st_mode & 0o777 == mode


def test_folders_of_killed_processes_are_removed_and_links_not_followed(tmp_path, dead):
    (mine := tmp_path / "mine").mkdir()
    (mine / "film.mp4").write_text("film")
    (place := tmp_path / "place").mkdir()
    elsewhere = temporary_path(place)
    elsewhere = elsewhere.with_name(elsewhere.name.replace(elsewhere.name.split("-")[1], "0" * 8))
    elsewhere.mkdir()  # another machine's or container's studio, perhaps a living one
    os.utime(elsewhere, (0, 0))
    left, link = dead(place), dead(place)
    left.mkdir()
    (left / "upload.mp4").write_text("half")
    link.symlink_to(mine)
    sweep(place)
    assert list(place.iterdir()) == [elsewhere]
    assert (mine / "film.mp4").exists()


def test_write_file_writes_text_as_utf_8_and_bytes_as_they_are(tmp_path):
    write_file(tmp_path / "text", "Öl\n\udcff", errors="surrogateescape")
    assert (tmp_path / "text").read_bytes() == b"\xc3\x96l\n\xff"
    write_file(tmp_path / "bytes", b"\x00\r\n")
    assert (tmp_path / "bytes").read_bytes() == b"\x00\r\n"
    with pytest.raises(UnicodeEncodeError):
        write_file(tmp_path / "bytes", "\udcff")
    assert (tmp_path / "bytes").read_bytes() == b"\x00\r\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bytes", "text"]
