"""The HTTP API, with the real pipeline on small films."""

import json
import shutil
import threading
import time
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import av
import pytest
from studio_client import Client
from studio_rig import TOKEN, running_studio

from summdiff.summary import Summary
from summdiff.web.routes import router


@pytest.fixture(scope="module")
def looked_at(studio, film):
    """A client, and the film of its session after the first look."""
    client = Client(studio.port)
    client.get(f"/?token={TOKEN}")
    answer = client.upload(film.path.read_bytes(), "My film.mp4")
    assert answer.status == 201
    return client, client.analysed(answer.json["id"])


def done(client, video, kind="exports"):
    """The last job of a kind, once it is finished."""

    def last(film):
        return film[kind][-1] if kind == "exports" else film[kind]

    found = client.wait(f"/api/videos/{video}", lambda film: last(film)["state"] not in ("waiting", "running"))
    return last(found)


def test_a_film_is_looked_at_as_soon_as_it_is_there(looked_at, film):
    client, video = looked_at
    assert video["title"] == "My film.mp4"
    assert video["duration"] == pytest.approx(film.duration)
    assert (video["codec"], video["media_type"], video["has_audio"]) == ("h264", "video/mp4", True)
    take = client.get(f"/api/videos/{video['id']}/takes/0").json
    assert len(take["mean"]) == len(take["std"]) == 20
    assert take["shots"][0]["start"] == 0
    assert take["shots"][-1]["end"] == pytest.approx(film.duration)
    assert all(0 <= shot["probability"] <= 1 for shot in take["shots"])
    assert 0 < take["selection"]["seconds"] <= 0.15 * film.duration + 0.01
    assert {tuple(part) for other in take["alternatives"] for part in other["selection"]}


def test_the_strip_is_one_sheet_of_pictures(looked_at):
    from PIL import Image

    client, video = looked_at
    strip = video["strip"]
    answer = client.get(f"/api/videos/{video['id']}/strip")
    assert answer.headers["content-type"] == "image/jpeg"
    sheet = Image.open(BytesIO(answer.body))
    rows = -(-strip["count"] // strip["columns"])
    assert sheet.size == (strip["columns"] * strip["width"], rows * strip["height"])
    assert strip["count"] * strip["seconds"] == pytest.approx(20)


def test_the_film_can_be_asked_for_in_ranges(looked_at, film):
    client, video = looked_at
    path, whole = f"/api/videos/{video['id']}/media", film.path.read_bytes()
    assert client.get(path).body == whole
    part = client.get(path, Range="bytes=100-199")
    assert part.status == 206
    assert part.body == whole[100:200]
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole)}"
    assert client.get(path, Range="bytes=-50").body == whole[-50:]
    assert client.get(path, Range=f"bytes={len(whole)}-").status == 416
    assert client.ask("HEAD", path).status in (200, 405)


def test_dragging_the_budget_asks_only_the_knapsack(looked_at):
    client, video = looked_at
    path = f"/api/videos/{video['id']}/selection"
    before = 0.0
    for budget in (0.05, 0.15, 0.3, 0.6, 1.0):
        chosen = client.post(path, {"take": 0, "budget": budget}).json
        assert chosen["seconds"] <= chosen["allowed"] + 1e-6
        assert chosen["allowed"] == pytest.approx(20 * budget)
        assert chosen["seconds"] >= before - 1
        before = chosen["seconds"]
    assert chosen["parts"] == [[0, 20]]
    own = client.get(f"/api/videos/{video['id']}/takes/0").json
    assert client.post(path, {"take": 0, "budget": 0.15}).json == own["selection"]


def test_wishes_are_honoured_at_once(looked_at):
    client, video = looked_at
    shots = client.get(f"/api/videos/{video['id']}/takes/0").json["shots"]
    spans = [[shot["start"], shot["end"]] for shot in shots]
    asked = {"take": 0, "budget": 0.6, "keep": [spans[0]], "drop": [spans[1]]}
    chosen = client.post(f"/api/videos/{video['id']}/selection", asked).json["chosen"]
    assert 0 in chosen
    assert 1 not in chosen
    too_much = client.post(f"/api/videos/{video['id']}/selection", {"take": 0, "budget": 0.05, "keep": spans[:3]})
    assert too_much.status == 422
    assert "last" in too_much.json["detail"]


def test_wishes_that_divide_shots_still_tell_which_shots_are_chosen(looked_at):
    client, video = looked_at
    shots = client.get(f"/api/videos/{video['id']}/takes/0").json["shots"]
    inside = [shots[1]["start"] + 0.52, shots[1]["start"] + 1.48]
    chosen = client.post(f"/api/videos/{video['id']}/selection", {"take": 0, "budget": 0.06, "keep": [inside]}).json
    assert chosen["chosen"] == [1]
    assert max(chosen["chosen"]) < len(shots)


def test_asking_again_makes_a_take_under_the_wishes(looked_at):
    client, video = looked_at
    first = client.get(f"/api/videos/{video['id']}/takes/0").json
    span = [first["shots"][0]["start"], first["shots"][0]["end"]]
    asked = {"budget": 0.4, "keep": [span], "drop": [[18, 20]], "seed": 3}
    assert client.post(f"/api/videos/{video['id']}/takes", asked).status == 202
    assert done(client, video["id"], "again")["state"] == "done"
    number = client.get(f"/api/videos/{video['id']}").json["takes"] - 1
    take = client.get(f"/api/videos/{video['id']}/takes/{number}").json
    assert (take["keep"], take["drop"], take["seed"]) == ([span], [[18, 20]], 3)
    assert take["budget"] == pytest.approx(0.4)
    assert take["mean"] != first["mean"]
    assert take["selection"]["parts"][0][0] == 0
    assert take["selection"]["parts"][-1][1] <= 18


@pytest.mark.parametrize("alternative", [None, 0])
def test_what_is_shown_is_what_is_written(looked_at, tmp_path, alternative):
    client, video = looked_at
    take = client.get(f"/api/videos/{video['id']}/takes/0").json
    asked = {"take": 0, "budget": 0.33, "formats": ["mp4", "json"], "alternative": alternative}
    assert client.post(f"/api/videos/{video['id']}/exports", asked).status == 202
    job = done(client, video["id"])
    assert job["state"] == "done", job["error"]
    assert job["files"] == ["My film.summary.mp4", "My film.summary.json"]
    for number, name in enumerate(job["files"]):
        answer = client.get(f"/api/videos/{video['id']}/exports/{job['id']}/{number}")
        assert answer.status == 200
        (tmp_path / name).write_bytes(answer.body)
    summary = Summary.from_json(tmp_path / job["files"][1])
    shown = (
        client.post(f"/api/videos/{video['id']}/selection", {"take": 0, "budget": 0.33}).json["parts"]
        if alternative is None
        else take["alternatives"][alternative]["selection"]
    )
    assert [[part.start, part.end] for part in summary.selection] == [pytest.approx(part, abs=1e-5) for part in shown]
    with av.open(str(tmp_path / job["files"][0])) as written:
        assert written.duration / 1e6 == pytest.approx(summary.selected_duration, abs=0.2)
        assert written.streams.audio
    assert client.get(f"/api/videos/{video['id']}/exports/{job['id']}/2").status == 404


def test_all_formats_can_be_asked_for_at_once(looked_at, studio):
    client, video = looked_at
    formats = client.get("/api/session").json["formats"]
    assert {"mp4", "json", "csv", "html"} <= set(formats)
    formats = [name for name in formats if name not in ("mp4", "gif", "webp")]  # these encode, and are tested elsewhere
    assert (
        client.post(f"/api/videos/{video['id']}/exports", {"take": 0, "budget": 0.3, "formats": formats}).status == 202
    )
    job = done(client, video["id"])
    assert job["state"] == "done", job["error"]
    assert len(job["files"]) >= len(formats)
    contents = {}
    for number, name in enumerate(job["files"]):
        answer = client.get(f"/api/videos/{video['id']}/exports/{job['id']}/{number}")
        assert answer.headers["content-disposition"].startswith("attachment")
        assert name.startswith("My film.summary.")
        assert str(studio.studio.settings.folder).encode() not in answer.body, name  # where uploads lie
        contents[name] = answer.body
        if name.endswith(".json"):
            assert json.loads(answer.body)["video"]["path"] == "My film.mp4"
        if name.endswith(".fcpxml"):
            assert b'src="My%20film.mp4"' in answer.body
        if name.endswith(".fcp7.xml"):
            assert b"<pathurl>My%20film.mp4</pathurl>" in answer.body
    together = client.get(f"/api/videos/{video['id']}/exports/{job['id']}")
    assert "My%20film.summary.zip" in together.headers["content-disposition"]
    with ZipFile(BytesIO(together.body)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == contents


def test_a_reload_finds_everything_again(looked_at):
    client, video = looked_at
    again = Client(client.port, dict(client.cookies))
    assert again.get("/").status == 200
    (found,) = [film for film in again.get("/api/session").json["videos"] if film["id"] == video["id"]]
    assert found["takes"] >= 1
    assert found["strip"] == video["strip"]


def test_files_of_this_machine_open_for_whoever_has_the_token(owner, film, tmp_path):
    path = tmp_path / "übung & spiel.mp4"
    shutil.copy(film.path, path)
    answer = owner.post("/api/videos/local", {"path": f' "{path}" '})
    assert answer.status == 201
    assert answer.json["title"] == path.name
    owner.ask("DELETE", f"/api/videos/{answer.json['id']}")
    assert path.exists()
    for wrong in (tmp_path / "missing.mp4", tmp_path, Path("/etc/passwd"), Path("/dev/zero")):
        assert owner.post("/api/videos/local", {"path": str(wrong)}).status == 422


class Events:
    """The session as the server tells it, event by event."""

    def __init__(self, client):
        import http.client

        self.connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=30)
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        self.connection.request("GET", "/api/events", headers={"Cookie": cookie})
        self.response = self.connection.getresponse()
        assert self.response.headers["content-type"].startswith("text/event-stream")

    def __iter__(self):
        while True:
            line = self.response.readline().decode()
            if not line:
                return
            if line.startswith("data: "):
                yield json.loads(line[6:])

    def close(self):
        self.response.close()
        self.connection.close()


def test_progress_comes_stage_by_stage(owner, film):
    events = Events(owner)
    seen = []
    video = owner.upload(film.path.read_bytes()).json["id"]
    for session in events:
        (found,) = [each for each in session["videos"] if each["id"] == video] or [None]
        if found:
            seen.append(found["analysis"])
            if found["analysis"]["state"] == "done":
                break
    events.close()
    stages = list(dict.fromkeys(job["stage"] for job in seen if job["stage"]))
    assert stages[-1] in ("look", "score")
    assert all(0 <= job["done"] <= job["total"] for job in seen)


class Held:
    """A summarizer that waits for `go` at its first report of every film."""

    def __init__(self, summarizer):
        self._summarizer = summarizer
        self.go = threading.Event()

    def load(self):
        self._summarizer.load()

    def summarize(self, path, options, *, on_progress):
        def report(at):
            while not self.go.wait(0.02):
                on_progress(at)
            on_progress(at)

        return self._summarizer.summarize(path, options, on_progress=report)


@pytest.fixture
def held(tmp_path, summarizer):
    slow = Held(summarizer)
    with running_studio(tmp_path / "files", summarizer=slow) as studio:
        client = Client(studio.port)
        client.get(f"/?token={TOKEN}")
        yield slow, studio, client
        slow.go.set()


def test_jobs_queue_and_each_can_be_cancelled(held, film):
    slow, _, client = held
    content = film.path.read_bytes()
    first, second, third = (client.upload(content, f"{n}.mp4").json["id"] for n in range(3))
    client.wait(f"/api/videos/{first}", lambda film: film["analysis"]["stage"] == "look")
    ahead = [client.get(f"/api/videos/{each}").json["analysis"]["ahead"] for each in (first, second, third)]
    assert ahead == [0, 1, 2]
    # One that waits is stopped at once, one that runs at its next report; the rest goes on.
    for each in (second, first):
        job = client.get(f"/api/videos/{each}").json["analysis"]["id"]
        assert client.post(f"/api/jobs/{job}/cancel").status == 204
        client.wait(f"/api/videos/{each}", lambda film: film["analysis"]["state"] == "cancelled")
    slow.go.set()
    assert client.analysed(third)["takes"] == 1
    assert client.post(f"/api/videos/{first}/analysis").status == 202
    assert client.analysed(first)["takes"] == 1
    assert client.get(f"/api/videos/{second}").json["takes"] == 0


def test_removing_a_film_stops_its_job_and_deletes_its_files(held, film):
    _, studio, client = held
    video = client.upload(film.path.read_bytes()).json["id"]
    client.wait(f"/api/videos/{video}", lambda film: film["analysis"]["stage"] == "look")
    (folder,) = studio.studio.settings.folder.glob(f"sessions/*/{video}")
    (session,) = studio.studio.sessions._sessions.values()
    job = session.films[video].analysis
    assert client.ask("DELETE", f"/api/videos/{video}").status == 204
    until = time.monotonic() + 10
    while job.unfinished:
        assert time.monotonic() < until
        time.sleep(0.02)
    assert job.state == "cancelled"
    assert not folder.exists()


def test_the_stream_of_events_does_not_keep_the_studio_open(tmp_path, summarizer, film):
    with running_studio(tmp_path / "files", summarizer=summarizer, videos=[film.path]) as studio:
        client = Client(studio.port)
        client.get(f"/?token={TOKEN}")
        events = Events(client)
        next(iter(events))
        began = time.monotonic()
    assert time.monotonic() - began < 8
    assert not (tmp_path / "files").exists()
    assert film.path.exists()
    events.close()


def test_an_unused_session_goes_with_its_files(tmp_path, summarizer, film):
    with running_studio(tmp_path / "files", summarizer=summarizer, idle_seconds=0.4) as studio:
        client = Client(studio.port)
        client.get("/")
        client.upload(film.path.read_bytes())
        until = time.monotonic() + 20
        while list((tmp_path / "files" / "sessions").iterdir()):
            assert time.monotonic() < until
            time.sleep(0.1)
        assert client.get("/api/session").status == 401


def test_a_film_that_breaks_off_is_looked_at_as_far_as_it_goes_or_fails_in_a_sentence(owner, film):
    content = film.path.read_bytes()
    answer = owner.upload(content[: len(content) // 2], "half.mp4")
    assert answer.status in (201, 422)
    if answer.status == 422:
        assert "half.mp4" in answer.json["detail"]


def test_every_route_is_described(owner):
    document = owner.get("/api/openapi.json").json
    paths = {route.path for route in router.routes}
    assert paths <= set(document["paths"])
    for path, methods in document["paths"].items():
        for method, about in methods.items():
            assert about["description"].endswith("."), (method, path)
    text = (Path(__file__).parents[2] / "docs" / "studio.md").read_text(encoding="utf-8")
    for path in paths:
        assert f"`{path}`" in text, f"docs/studio.md does not name {path}"
    assert owner.get("/api/docs").status == 404
