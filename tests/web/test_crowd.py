"""Many visitors at once, and disks that are full: no session is lost, and memory and messages stay in bounds."""

import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from PIL import Image
from studio_client import Client

from summdiff.errors import OutputError
from summdiff.web import _studio
from summdiff.web._sessions import _MAX_SESSIONS, Sessions
from summdiff.web._uploads import describe


def sessions_in(folder, **settings):
    return Sessions(folder, **{"idle_seconds": 3600.0} | settings)


def test_visitors_without_the_token_never_close_a_session_of_the_owner(tmp_path):
    sessions = sessions_in(tmp_path)
    owner = sessions.open(owner=True)
    guests = [sessions.open(owner=False) for _ in range(_MAX_SESSIONS)]
    for guest in guests:
        guest.listeners, guest.arriving = 1, 1
    newest = sessions.open(owner=False)
    assert sessions.find(owner.key) is owner
    assert owner.folder.is_dir()
    assert sessions.find(newest.key) is newest
    assert sum(sessions.find(guest.key) is not None for guest in guests) == _MAX_SESSIONS - 1


def test_an_open_page_and_an_upload_count_as_use(tmp_path):
    sessions = sessions_in(tmp_path, idle_seconds=0.05)
    listening, adding, idle = (sessions.open(owner=False) for _ in range(3))
    with listening.listening(), adding.new_folder():
        time.sleep(0.1)
        sessions.close_idle()
        assert sessions.find(idle.key) is None
    sessions.close_idle()  # their time begins at the end
    assert sessions.find(listening.key)
    assert sessions.find(adding.key)


def test_an_upload_outlasts_the_time_after_which_sessions_expire(studio, guest, film):
    content = film.path.read_bytes()
    session = studio.studio.sessions.find(next(iter(guest.cookies.values())))
    cookie = "; ".join(f"{name}={value}" for name, value in guest.cookies.items())
    with socket.create_connection(("127.0.0.1", studio.port), timeout=60) as connection:
        head = f"POST /api/videos?name=a.mp4 HTTP/1.1\r\nHost: localhost\r\nX-Summdiff: 1\r\nCookie: {cookie}\r\n"
        connection.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content[:1000])
        until = time.monotonic() + 60
        while not session.arriving:
            assert time.monotonic() < until
            time.sleep(0.01)
        session.last_used -= 1e6
        studio.studio.sessions.close_idle()
        connection.sendall(content[1000:])
        assert connection.recv(100).startswith(b"HTTP/1.1 201")


def test_uploads_are_opened_one_at_a_time(studio, owner, film, monkeypatch):
    running, most = [], []

    def watched(path, title):
        running.append(path)
        most.append(len(running))
        time.sleep(0.05)
        try:
            return describe(path, title)
        finally:
            running.remove(path)

    monkeypatch.setattr(_studio, "describe", watched)
    content = film.path.read_bytes()
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(owner.upload(content))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status for answer in answers] == [201] * 6
    assert max(most) == 1
    for answer in answers:
        owner.ask("DELETE", f"/api/videos/{answer.json['id']}")


def test_a_full_disk_is_reported_without_the_servers_path(studio, owner, film, monkeypatch):
    video = owner.upload(film.path.read_bytes(), "talk.mp4").json["id"]
    owner.analysed(video)
    folder = str(studio.studio.settings.folder)

    def full(summary, directory, **how):
        raise OutputError(f"'{directory}/talk.summary.json' cannot be written: No space left on device.")

    monkeypatch.setattr(_studio, "save", full)
    owner.post(f"/api/videos/{video}/exports", {"version": 0, "budget": 0.3, "formats": ["json"]})
    found = owner.wait(f"/api/videos/{video}", lambda view: view["exports"] and view["exports"][0]["state"] == "failed")
    assert found["exports"][0]["error"] == "'talk.summary.json' cannot be written: No space left on device."
    monkeypatch.setattr(
        Sessions, "open", lambda self, owner: (_ for _ in ()).throw(OSError(28, "No space left", folder))
    )
    answer = Client(studio.port).get("/")
    assert answer.status == 507
    assert answer.json["detail"] == "The studio cannot read or write its files: No space left."


@pytest.mark.parametrize("path", ["a\x00b.mp4", "~a\x00b/c.mp4", "/dev/zero", "~nobody-here/a.mp4"])
def test_impossible_paths_are_refused_in_a_sentence(owner, path):
    answer = owner.post("/api/videos/local", {"path": path})
    assert answer.status == 422
    assert answer.json["detail"].startswith("There is no file '")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize("side", [6000, 6700, 8190])
def test_ten_hostile_uploads_at_once_take_at_most_1200_megabytes(tmp_path, side):
    """Pictures of the largest size that is accepted, of the largest that is decoded, and larger ones."""
    picture = Image.new("P", (side, side))
    others = [picture.copy() for _ in range(2)]
    for number, other in enumerate(others):
        other.putpixel((number, number), 1)
    picture.save(tmp_path / "large.gif", save_all=True, append_images=others, duration=500)
    content = (tmp_path / "large.gif").read_bytes()
    assert len(content) < 60_000
    command = [sys.executable, "-m", "summdiff", "serve", "--no-open", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            line = next(line for line in server.stderr if "token=" in line)
            url = re.search(r"http://\S+", line)[0]
            client = Client(int(re.search(r":(\d+)/", url)[1]))
            client.get("/?" + url.partition("?")[2])
            answers = []
            threads = [threading.Thread(target=lambda: answers.append(client.upload(content))) for _ in range(10)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert {answer.status for answer in answers} == {201 if side <= 6000 else 422}
            if side <= 6000:
                client.analysed(answers[0].json["id"])
            status = Path(f"/proc/{server.pid}/status").read_text(encoding="ascii")
        finally:
            server.terminate()
    peak = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1000
    print(f"{len(content)} bytes of {side} x {side} pixels: {peak:.0f} MB")
    assert peak <= 1200
