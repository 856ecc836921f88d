import os
import subprocess
import sys
import time

import pytest

from summdiff.atomic import sweep, temporary_path, written_whole
from summdiff.errors import OutputError


@pytest.fixture
def dead():
    """A function that gives the temporary path of a process that is gone."""
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()

    def named(folder):
        path = temporary_path(folder)
        return path.with_name(path.name.replace(f"-{os.getpid()}-", f"-{gone.pid}-"))

    return named


def test_a_file_is_there_whole_or_not_at_all(tmp_path):
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


def test_what_killed_processes_left_is_removed_by_the_next_writing(tmp_path, dead):
    left, living, other = dead(tmp_path), temporary_path(tmp_path), tmp_path / ".summdiff-mine.tmp"
    for path in (left, living, other):
        path.write_text("half")
    with written_whole(tmp_path / "a.txt") as partial:
        partial.write_text("whole")
    assert not left.exists()
    assert living.exists()
    assert other.exists()


def test_another_machine_s_are_only_removed_after_a_day(tmp_path):
    own = temporary_path(tmp_path)
    elsewhere = own.with_name(own.name.replace(own.name.split("-")[1], "0" * 8))
    elsewhere.write_text("half")
    sweep(tmp_path)
    assert elsewhere.exists()
    os.utime(elsewhere, (time.time() - 25 * 3600,) * 2)
    sweep(tmp_path)
    assert not elsewhere.exists()


def test_a_process_that_is_killed_leaves_one_that_is_swept(tmp_path):
    code = (
        "import os, signal, sys; from pathlib import Path; from summdiff.atomic import written_whole\n"
        "with written_whole(Path(sys.argv[1])) as partial:\n"
        "    partial.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.txt")], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there(tmp_path):
    sweep(tmp_path / "none")
    with (
        pytest.raises(OutputError, match="cannot be written: No such file or directory"),
        written_whole(tmp_path / "none" / "a.txt"),
    ):
        pass


def test_what_is_replaced_keeps_its_permissions(tmp_path):
    path = tmp_path / "private.json"
    path.write_text("old")
    for mode in (0o600, 0o444):
        path.chmod(mode)
        with written_whole(path) as partial:
            partial.write_text("new")
        assert path.stat().st_mode & 0o777 == mode


def test_folders_of_killed_processes_go_too_and_links_are_not_followed(tmp_path, dead):
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
