"""The rules of docs/studio.md, each as a request that breaks it."""

import html
import json
import re
import shutil
import socket
import time
from pathlib import Path

import pytest
from studio_client import Client
from studio_rig import running_studio

from summdiff.options import Options
from summdiff.web._projects import project_text
from summdiff.web._studio_video import StudioVideo, Version
from summdiff.web._uploads import describe


@pytest.mark.parametrize("path", ["/", "/static/js/main.js", "/api/session", "/api/nothing"])
def test_every_response_restricts_the_browser(owner, path):
    headers = owner.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert "server" not in headers


def test_the_page_has_no_inline_script_or_style_and_names_no_other_host(owner):
    page = owner.get("/").body.decode()
    assert "<script>" not in page
    assert "<style" not in page
    assert " style=" not in page
    assert " onclick=" not in page
    for path in (Path(__file__).parents[2] / "src/summdiff/web/static").rglob("*.*"):
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text, path
        assert "https://" not in text, path
        assert "innerHTML" not in text, path


def test_the_token_is_exchanged_for_a_cookie_that_scripts_and_other_sites_cannot_use(studio):
    client = Client(studio.port)
    answer = client.get("/?" + studio.url.partition("?")[2])
    assert answer.status == 303
    assert answer.headers["location"] == "/"
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=Strict" in answer.headers["set-cookie"]
    assert studio.url.partition("token=")[2] not in answer.headers["set-cookie"]
    assert client.get("/api/session").json["owner"]


def test_a_wrong_token_opens_nothing(studio):
    for token in ("wrong", "", "%00", "ü"):
        client = Client(studio.port)
        answer = client.get(f"/?token={token}" if token.isascii() else "/?token=%C3%BC")
        assert not client.cookies or not client.get("/api/session").json["owner"]
        if token:
            assert answer.status == 401
            assert "set-cookie" not in answer.headers


def test_other_computers_need_the_token_for_everything(tmp_path, summarizer):
    with running_studio(tmp_path / "files", summarizer=summarizer, loopback=False) as studio:
        client = Client(studio.port)
        assert client.get("/").status == 401
        assert b"summdiff serve" in client.get("/").body
        assert client.get("/api/session").status == 401
        assert client.get("/api/openapi.json").status == 401
        assert client.upload(b"x").status == 401
        assert client.get("/?" + studio.url.partition("?")[2]).status == 303
        view = client.get("/api/session").json
        assert view["owner"]
        assert not view["typed_paths"]
        assert client.post("/api/videos/local", {"path": __file__}).status == 403


def test_without_the_token_nothing_of_this_computer_is_visible(tmp_path, summarizer, film):
    with running_studio(tmp_path / "files", summarizer=summarizer, videos=[film.path]) as studio:
        guest, owner = Client(studio.port), Client(studio.port)
        assert guest.get("/").status == 200
        assert guest.get("/api/session").json["videos"] == []
        assert not guest.get("/api/session").json["typed_paths"]
        assert guest.post("/api/videos/local", {"path": str(film.path)}).status == 403
        owner.get("/?" + studio.url.partition("?")[2])
        (video,) = owner.get("/api/session").json["videos"]
        assert video["title"] == film.path.name
        assert guest.get(f"/api/videos/{video['id']}").status == 404


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.evil.example", ""]
)
def test_foreign_host_names_are_refused(owner, host):
    assert owner.get("/api/session", Host=host).status == 421
    assert owner.get("/", Host=host).status == 421


@pytest.mark.parametrize("host", ["localhost:8765", "127.0.0.1", "[::1]:99", "192.168.1.20:8765", "studio.test"])
def test_own_host_names_are_accepted(owner, host):
    assert owner.get("/api/session", Host=host).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Summdiff": "1", "Origin": "http://evil.example"},
        {"X-Summdiff": "1", "Origin": "null"},
        {"X-Summdiff": "1", "Sec-Fetch-Site": "cross-site"},
        {"X-Summdiff": "1", "Sec-Fetch-Site": "same-site"},
        {},
        {"Content-Type": "application/x-www-form-urlencoded"},
    ],
)
def test_other_pages_cannot_change_anything(owner, film, headers):
    content = film.path.read_bytes()
    answer = owner.ask("POST", "/api/videos?name=a.mp4", content, headers, plain=True)
    assert answer.status == 403
    assert owner.get("/api/session").json["videos"] == []


def test_our_own_page_can_change_things(owner, studio):
    headers = {"X-Summdiff": "1", "Origin": studio.plain.rstrip("/"), "Sec-Fetch-Site": "same-origin"}
    assert owner.ask("POST", "/api/jobs/none/cancel", None, headers).status == 404


@pytest.mark.parametrize(
    "name",
    [
        "../../../../tmp/escaped.mp4", "..\\..\\escaped.mp4", "/etc/passwd", "..", ".", ".hidden.mp4", "-rf.mp4",
        "a/../b.mp4", "nul\x00byte.mp4", "new\nline.mp4", "con.mp4", "x" * 900 + ".mp4", "名前 “ü” & 100%.mp4",
        "<img src=x onerror=alert(1)>.mp4", "\u202egpj.exe", "a.mp4::$DATA", "🎬.mp4", "file.tar.gz.../",
    ],
)  # fmt: skip
def test_names_never_become_paths(owner, studio, make_video, name):
    root = studio.studio.settings.folder
    answer = owner.upload(make_video(scenes=[(0.2, "red")]).path.read_bytes(), name)
    assert answer.status == 201, answer.body
    (session,) = [s for s in studio.studio.sessions._sessions.values() if answer.json["id"] in s.videos]
    path = session.videos[answer.json["id"]].file.path
    assert path.resolve().is_relative_to(session.folder.resolve())
    assert path.resolve().is_relative_to(root.resolve())
    assert not path.name.startswith((".", "-"))
    assert len(path.name.encode()) < 200
    assert "/" not in answer.json["title"]
    assert answer.json["title"].isprintable()
    assert not Path("/tmp/escaped.mp4").exists()  # noqa: S108
    owner.ask("DELETE", f"/api/videos/{answer.json['id']}")
    assert not path.exists()


def test_markup_in_a_name_is_returned_as_text(owner, film):
    name = '<script>alert("x")</script>.mp4'
    answer = owner.upload(film.path.read_bytes(), name)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["title"] == "script>.mp4"  # the last part of a path
    answer = owner.upload(film.path.read_bytes(), "<b onclick=x>&amp;.mp4")
    assert answer.json["title"] == "<b onclick=x>&amp;.mp4"


def test_uploads_are_limited_in_size(owner, studio, film):
    root = studio.studio.settings.folder
    before = set(root.rglob("*.mp4"))
    big = film.path.read_bytes() + bytes(3_100_000)
    answer = owner.upload(big)
    assert answer.status == 413
    assert "3 MB" in answer.json["detail"]
    assert owner.get("/api/session").json["videos"] == []
    assert set(root.rglob("*.mp4")) == before


def test_uploads_of_unknown_size_are_stopped_at_the_limit(owner, studio):
    cookie = "; ".join(f"{name}={value}" for name, value in owner.cookies.items())
    with socket.create_connection(("127.0.0.1", studio.port), timeout=20) as connection:
        connection.sendall(
            b"POST /api/videos?name=a.mp4 HTTP/1.1\r\nHost: localhost\r\nX-Summdiff: 1\r\n"
            b"Transfer-Encoding: chunked\r\nCookie: " + cookie.encode() + b"\r\n\r\n"
        )
        chunk = b"%x\r\n" % 500_000 + bytes(500_000) + b"\r\n"
        sent = 0
        try:
            for _ in range(20):
                connection.sendall(chunk)
                sent += 1
        except OSError:
            pass  # the server has hung up
        answer = connection.recv(100) if sent == 20 else b""
    assert sent < 20 or answer.startswith(b"HTTP/1.1 413")
    assert owner.get("/api/session").json["videos"] == []


def test_an_interrupted_upload_leaves_no_file(owner, studio, film):
    folder = studio.studio.sessions.find(next(iter(owner.cookies.values()))).folder
    cookie = "; ".join(f"{name}={value}" for name, value in owner.cookies.items())
    until = time.monotonic() + 10
    with socket.create_connection(("127.0.0.1", studio.port), timeout=20) as connection:
        head = "POST /api/videos?name=a.mp4 HTTP/1.1\r\nHost: localhost\r\nX-Summdiff: 1\r\nContent-Length: 2000000\r\n"
        connection.sendall(f"{head}Cookie: {cookie}\r\n\r\n".encode() + film.path.read_bytes()[:100_000])
        while not list(folder.iterdir()):
            assert time.monotonic() < until
            time.sleep(0.02)
    while list(folder.iterdir()):
        assert time.monotonic() < until
        time.sleep(0.02)
    assert owner.get("/api/session").json["videos"] == []


def test_other_requests_are_limited_in_size(owner):
    answer = owner.post("/api/videos/local", b'{"path": "' + b"x" * 1_100_000 + b'"}')
    assert answer.status == 413
    chunked = {"X-Summdiff": "1", "Transfer-Encoding": "chunked"}
    assert owner.ask("POST", "/api/videos/local", iter([b"{}"]), chunked).status == 413


@pytest.mark.parametrize("content", [b"", b"no video at all" * 100, b"\x89PNG\r\n\x1a\n" + bytes(100)])
def test_only_videos_are_accepted(owner, studio, content):
    answer = owner.upload(content, "trick.mp4")
    assert answer.status == 422
    assert "trick.mp4" in answer.json["detail"]
    assert str(studio.studio.settings.folder) not in answer.json["detail"]


def test_playlists_cannot_reach_other_files(owner, tmp_path, make_video):
    """FFmpeg would read the files that a playlist names."""
    secret = tmp_path / "secret.ts"
    make_video(secret, scenes=[(2.0, "red")])
    for name, text in {
        "a.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:2,\n{secret}\n#EXT-X-ENDLIST\n",
        "a.ffconcat": f"ffconcat version 1.0\nfile {secret}\n",
        "a.txt": f"ffconcat version 1.0\nfile file:{secret}\n",
        "a.mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static">'
        f"<Period><AdaptationSet><Representation><BaseURL>{secret}</BaseURL></Representation></AdaptationSet></Period></MPD>",
        "a.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    }.items():
        assert owner.upload(text.encode(), name).status == 422, name


@pytest.fixture(scope="module")
def exported(studio, film):
    """A browser, its analyzed video, and the job that exported a summary of it."""
    client = Client(studio.port)
    client.get("/?" + studio.url.partition("?")[2])
    video = client.upload(film.path.read_bytes(), "<x>.mp4").json["id"]
    client.analysed(video)
    job = client.post(f"/api/videos/{video}/exports", {"version": 0, "budget": 0.3, "formats": ["json"]}).json["id"]
    client.wait(f"/api/videos/{video}", lambda film: film["exports"][0]["state"] == "done")
    return client, video, job


def test_no_session_can_access_another_one(studio, owner, exported):
    client, video, job = exported
    assert owner.cookies != client.cookies
    for method, path, body in [
        ("GET", f"/api/videos/{video}", None),
        ("GET", f"/api/videos/{video}/media", None),
        ("GET", f"/api/videos/{video}/picture?start=0&end=1", None),
        ("GET", f"/api/videos/{video}/sound?start=0&end=1", None),
        ("GET", f"/api/videos/{video}/captions", None),
        ("GET", f"/api/videos/{video}/project", None),
        ("GET", f"/api/videos/{video}/edits", None),
        ("POST", f"/api/videos/{video}/edits", {"version": 0, "budget": 0.2}),
        ("POST", f"/api/videos/{video}/edits/undo", None),
        ("POST", f"/api/videos/{video}/alternatives", {"version": 0, "budget": 0.2}),
        ("GET", f"/api/exports?job={job}", None),
        ("GET", f"/api/videos/{video}/versions/0", None),
        ("GET", f"/api/videos/{video}/exports/{job}/0", None),
        ("GET", f"/api/videos/{video}/exports/{job}", None),
        ("POST", f"/api/videos/{video}/analysis", None),
        ("POST", f"/api/videos/{video}/selection", {"version": 0, "budget": 0.2}),
        ("POST", f"/api/videos/{video}/versions", {"budget": 0.2}),
        ("POST", f"/api/videos/{video}/exports", {"version": 0, "budget": 0.2, "formats": ["json"]}),
        ("POST", f"/api/jobs/{job}/cancel", None),
        ("DELETE", f"/api/videos/{video}", None),
    ]:
        assert owner.ask(method, path, body).status == 404, path
    assert owner.get("/api/session").json["videos"] == []
    assert client.get(f"/api/videos/{video}/exports/{job}/0").status == 200
    forged = Client(studio.port, {next(iter(client.cookies)): "guessed"})
    assert forged.get("/api/session").status == 401


@pytest.mark.parametrize(
    "path",
    [
        "/static/../_app.py", "/static/..%2f_app.py", "/static/%2e%2e/_app.py", "/static/js/..%2f..%2f..%2f_app.py",
        "/static//etc/passwd", "/api/videos/..%2f..%2fetc/media", "/api/videos/../session/media",
        "/api/videos/%2fetc%2fpasswd/media", "/api/videos/x/exports/..%2f..%2f/0", "//etc/passwd",
        "/..%2f..%2fetc/passwd",
    ],
)  # fmt: skip
def test_paths_give_no_access_to_other_files(owner, path):
    answer = owner.get(path)
    assert answer.status in (404, 405, 422)
    assert b"root:" not in answer.body
    assert b"create_app" not in answer.body


def test_downloads_are_sent_as_attachments(exported):
    client, video, job = exported
    answer = client.get(f"/api/videos/{video}/exports/{job}/0")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert json.loads(answer.body)["schema"] == "summdiff.summary/1"


def test_invalid_requests_are_refused_in_a_sentence(exported):
    client, video, _ = exported
    for body in (
        {"version": 0, "budget": 0},
        {"version": 0, "budget": 1.5},
        {"version": 0, "budget": "a lot"},
        {"version": 0, "budget": 0.2, "keep": [[1]]},
        {"version": 0, "budget": 0.2, "keep": [[5, 2]]},
        {"version": 0, "budget": 0.2, "keep": [[-5, 2]]},
        {"version": 0, "budget": 0.2, "drop": [[0, 20]]},
        {"version": 0, "budget": 0.2, "parts": [[18, 21]]},
        {"version": 0, "budget": 0.2, "path": "/etc/passwd"},
        b"{",
        b'{"version": 0, "budget": NaN}',
    ):
        answer = client.post(f"/api/videos/{video}/selection", body)
        assert answer.status == 422, body
        assert answer.json["detail"].endswith(".")
    assert client.post(f"/api/videos/{video}/selection", {"version": 7, "budget": 0.2}).status == 404
    assert client.post(f"/api/videos/{video}/exports", {"version": 0, "budget": 0.2, "formats": ["../x"]}).status == 422
    assert client.post(f"/api/videos/{video}/exports", {"version": 0, "budget": 0.2, "formats": []}).status == 422


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("with_token", [False, True])
def test_a_link_on_another_site_does_not_replace_the_session(studio, site, with_token):
    client = Client(studio.port)
    assert "set-cookie" not in client.get("/?here=1", sec_fetch_site=site).headers  # a link may contain the parameter
    address = "/?" + studio.url.partition("?")[2] if with_token else "/"
    first = client.get(address, sec_fetch_site=site)
    assert first.status == 200
    assert "set-cookie" not in first.headers
    onward = html.unescape(re.search(r'href="([^"]+)"', first.body.decode())[1])
    assert onward.startswith("/?")
    # The page continues by itself; this is a visit from our own page, with which browsers send the cookie.
    assert client.get(onward, sec_fetch_site="same-origin").status == (303 if with_token else 200)
    assert client.get("/api/session").json["owner"] == with_token


def test_uploads_in_progress_count_towards_the_limit(studio, owner, film, monkeypatch):
    session = studio.studio.sessions.find(next(iter(owner.cookies.values())))
    monkeypatch.setattr(session, "arriving", 30)
    answer = owner.upload(film.path.read_bytes())
    assert answer.status == 422
    assert "30 videos in this session already" in answer.json["detail"]


def test_an_upload_stops_when_the_disk_fills_up(owner, film, monkeypatch):
    from summdiff.web import _uploads

    usage = shutil.disk_usage("/")
    frees = iter([10**12, 10**9])  # at the beginning, and after the first bytes
    monkeypatch.setattr(_uploads.shutil, "disk_usage", lambda path: usage._replace(free=next(frees, 10**8)))
    monkeypatch.setattr(_uploads, "_CHECK_EVERY_BYTES", 1000)
    answer = owner.upload(film.path.read_bytes())
    assert answer.status == 413
    assert "not enough room on the server's disk" in answer.json["detail"]


def test_a_project_opens_files_of_this_computer_only_with_the_token(studio, owner, guest, film, summarizer):
    video = StudioVideo("", describe(film.path, "film.mp4"), film.path.parent)
    video.versions = [Version(Options(), summarizer.summarize(film.path))]
    project = project_text(video, film=str(film.path)).encode()
    assert guest.post("/api/projects?name=x.summdiff.json", project).json["video"] is None
    assert guest.get("/api/session").json["videos"] == []
    opened = owner.post("/api/projects?name=x.summdiff.json", project).json["video"]
    assert opened["size"] == film.path.stat().st_size
    owner.ask("DELETE", f"/api/videos/{opened['id']}")
    assert film.path.exists()
    too_large = guest.post("/api/projects?name=x.summdiff.json", b" " * 64_000_001)
    assert too_large.status == 413
