"""The HTTP API, with the real pipeline on small films."""

import json
import shutil
import threading
import time
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import av
import numpy as np
import pytest
from studio_client import Client
from studio_rig import TOKEN, running_studio

from caption_files import add_captions
from summdiff.summary import Summary
from summdiff.web._app import ROUTERS


@pytest.fixture(scope="module")
def analyzed_video(studio, film):
    """A client, and the analyzed video of its session."""
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


def test_an_upload_is_analyzed(analyzed_video, film):
    client, video = analyzed_video
    assert video["title"] == "My film.mp4"
    assert video["duration"] == pytest.approx(film.duration)
    assert (video["codec"], video["media_type"], video["has_audio"]) == ("h264", "video/mp4", True)
    version = client.get(f"/api/videos/{video['id']}/versions/0").json
    assert len(version["mean"]) == len(version["std"]) == 20
    assert version["shots"][0]["start"] == 0
    assert version["shots"][-1]["end"] == pytest.approx(film.duration)
    assert all(0 <= shot["probability"] <= 1 for shot in version["shots"])
    assert 0 < version["selection"]["seconds"] <= 5 + 0.01  # the shortest default


def test_the_picture_of_each_shot_is_one_of_its_frames(analyzed_video, film):
    from PIL import Image

    client, video = analyzed_video
    for shot in client.get(f"/api/videos/{video['id']}/versions/0").json["shots"]:
        answer = client.get(f"/api/videos/{video['id']}/picture?start={shot['start']:.4f}&end={shot['end']:.4f}")
        assert answer.headers["content-type"] == "image/jpeg"
        assert "immutable" in answer.headers["cache-control"]
        number = film.number(np.asarray(Image.open(BytesIO(answer.body))))
        assert shot["start"] - 1e-6 <= film.frame_times[number] < shot["end"] - 1e-6
    assert client.get(f"/api/videos/{video['id']}/picture?start=nan&end=2").status == 422


def test_the_sound_of_a_stretch_has_levels(analyzed_video):
    client, video = analyzed_video
    sound = client.get(f"/api/videos/{video['id']}/sound?start=2&end=12&count=100").json
    assert len(sound["levels"]) == 100
    assert max(sound["levels"]) > 20
    assert len(client.get(f"/api/videos/{video['id']}/sound?start=2&end=2.1&count=100").json["levels"]) < 10


def test_captions_are_those_of_the_film(owner, tmp_path, film):
    path = add_captions(film.path, tmp_path / "talk.mp4", tracks=[("en", [(1.0, 2.5, "Hello <world>")])])
    video = owner.upload(path.read_bytes(), "talk.mp4").json
    assert video["has_subtitles"]
    answer = owner.get(f"/api/videos/{video['id']}/captions")
    assert answer.headers["content-type"] == "text/vtt; charset=utf-8"
    assert answer.body.decode() == "WEBVTT\n\n00:00:01.000 --> 00:00:02.500\nHello &lt;world&gt;\n"
    owner.ask("DELETE", f"/api/videos/{video['id']}")


def test_alternatives_have_the_chosen_length(analyzed_video):
    client, video = analyzed_video
    path = f"/api/videos/{video['id']}"
    for budget in (0.25, 0.5):
        found = client.post(f"{path}/alternatives", {"version": 0, "budget": budget}).json
        assert found["best"] == client.post(f"{path}/selection", {"version": 0, "budget": budget}).json["parts"]
        assert found["others"], budget
        for place, other in enumerate(found["others"]):
            assert 0.6 * budget * 20 < other["seconds"] <= budget * 20 + 1e-6
            asked = {"version": 0, "budget": budget, "alternative": place}
            assert client.post(f"{path}/selection", asked).json["parts"] == other["selection"]


def test_decisions_are_kept_with_their_steps(analyzed_video):
    client, video = analyzed_video
    path = f"/api/videos/{video['id']}/edits"
    assert client.get(path).json == {"present": None, "can_undo": False, "can_redo": False}
    states = [{"version": 0, "budget": 0.1 * k, "keep": [[1, 2]]} for k in (1, 2, 3)]
    for state in states:
        client.post(path, state)
    again = Client(client.port, dict(client.cookies))  # another window of the same browser
    assert again.get(path).json["present"]["budget"] == pytest.approx(0.3)
    assert again.post(f"{path}/undo").json["present"]["budget"] == pytest.approx(0.2)
    assert client.post(f"{path}/undo").json["present"]["keep"] == [[1, 2]]
    assert not client.post(f"{path}/undo").json["can_undo"]
    assert client.post(f"{path}/redo").json["present"]["budget"] == pytest.approx(0.2)
    assert client.post(path, states[0]).json["can_redo"] is False
    assert client.post(path, {"version": 99, "budget": 0.2}).status == 404


def test_parts_cut_by_hand_are_the_summary(analyzed_video):
    client, video = analyzed_video
    asked = {"version": 0, "budget": 0.1, "parts": [[1, 2.5], [8, 9]]}
    chosen = client.post(f"/api/videos/{video['id']}/selection", asked).json
    assert (chosen["parts"], chosen["seconds"]) == ([[1, 2.5], [8, 9]], 2.5)
    for wrong in ([[3, 2]], [[0, 50]], []):
        asked["parts"] = wrong
        assert client.post(f"/api/videos/{video['id']}/selection", asked).status == 422, wrong


def test_the_video_file_supports_range_requests(analyzed_video, film):
    client, video = analyzed_video
    path, whole = f"/api/videos/{video['id']}/media", film.path.read_bytes()
    assert client.get(path).body == whole
    part = client.get(path, Range="bytes=100-199")
    assert part.status == 206
    assert part.body == whole[100:200]
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole)}"
    assert client.get(path, Range="bytes=-50").body == whole[-50:]
    assert client.get(path, Range=f"bytes={len(whole)}-").status == 416
    assert client.ask("HEAD", path).status in (200, 405)


def test_the_selection_follows_the_budget(analyzed_video):
    client, video = analyzed_video
    path = f"/api/videos/{video['id']}/selection"
    before = 0.0
    for budget in (0.05, 0.15, 0.3, 0.6, 1.0):
        chosen = client.post(path, {"version": 0, "budget": budget}).json
        assert chosen["seconds"] <= chosen["allowed"] + 1e-6
        assert chosen["allowed"] == pytest.approx(20 * budget)
        assert chosen["seconds"] >= before - 1
        before = chosen["seconds"]
    assert chosen["parts"] == [[0, 20]]
    own = client.get(f"/api/videos/{video['id']}/versions/0").json
    assert client.post(path, {"version": 0, "budget": own["budget"]}).json == own["selection"]


def test_parts_chosen_under_another_budget_start_and_end_on_the_cuts_of_the_film(owner, tmp_path, make_video):
    """Cuts that the analysis knew only coarsely are found when they are used."""
    options = {"preset": "veryfast", "bf": "3", "sc_threshold": "0"}
    scenes = [(4.08, "forest"), (5.08, "street"), (4.08, "beach"), (3.08, "night"), (4.08, "dusk")]
    film = make_video(tmp_path / "film.mp4", scenes=scenes, options=options)
    video = owner.upload(film.path.read_bytes(), "film.mp4").json
    owner.analysed(video["id"])
    path = f"/api/videos/{video['id']}"
    ends = [
        end
        for budget in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
        for part in owner.post(f"{path}/selection", {"version": 0, "budget": budget}).json["parts"]
        for end in part
    ]
    near = [(end, cut) for end in ends for cut in film.cuts if abs(end - cut) < 0.13]
    assert near
    assert all(end == pytest.approx(cut, abs=1e-5) for end, cut in near)
    owner.ask("DELETE", path)


def test_the_selection_follows_constraints(analyzed_video):
    client, video = analyzed_video
    shots = client.get(f"/api/videos/{video['id']}/versions/0").json["shots"]
    spans = [[shot["start"], shot["end"]] for shot in shots]
    asked = {"version": 0, "budget": 0.6, "keep": [spans[0]], "drop": [spans[1]]}
    chosen = client.post(f"/api/videos/{video['id']}/selection", asked).json["chosen"]
    assert 0 in chosen
    assert 1 not in chosen
    # What is kept may take longer than the budget, which is remembered: without it the budget counts again.
    more = client.post(f"/api/videos/{video['id']}/selection", {"version": 0, "budget": 0.05, "keep": spans[:3]}).json
    assert more["chosen"] == [0, 1, 2]
    assert more["allowed"] > 1
    without = client.post(f"/api/videos/{video['id']}/selection", {"version": 0, "budget": 0.05}).json
    assert without["seconds"] <= 1 + 1e-6


def test_constraints_inside_a_shot_count_as_that_shot(analyzed_video):
    client, video = analyzed_video
    shots = client.get(f"/api/videos/{video['id']}/versions/0").json["shots"]
    inside = [shots[1]["start"] + 0.52, shots[1]["start"] + 1.48]
    chosen = client.post(f"/api/videos/{video['id']}/selection", {"version": 0, "budget": 0.06, "keep": [inside]}).json
    assert chosen["chosen"] == [1]
    assert max(chosen["chosen"]) < len(shots)


def test_a_new_version_is_computed_under_constraints(analyzed_video):
    client, video = analyzed_video
    first = client.get(f"/api/videos/{video['id']}/versions/0").json
    span = [first["shots"][0]["start"], first["shots"][0]["end"]]
    asked = {"budget": 0.4, "keep": [span], "drop": [[18, 20]], "seed": 3}
    assert client.post(f"/api/videos/{video['id']}/versions", asked).status == 202
    assert done(client, video["id"], "new_version")["state"] == "done"
    number = client.get(f"/api/videos/{video['id']}").json["versions"] - 1
    version = client.get(f"/api/videos/{video['id']}/versions/{number}").json
    assert (version["keep"], version["drop"], version["seed"]) == ([span], [[18, 20]], 3)
    assert version["budget"] == pytest.approx(0.4)
    assert version["mean"] != first["mean"]
    assert version["selection"]["parts"][0][0] == 0
    assert version["selection"]["parts"][-1][1] <= 18


def test_what_is_said_is_given_with_each_version(analyzed_video, make_video, tmp_path):
    film = make_video(scenes=[(4.0, "forest")], size=(64, 36)).path
    client, _ = analyzed_video
    said = [(0.5, 1.5, "Good evening."), (2.0, 3.0, "It rains.")]
    add_captions(film, tmp_path / "talk.mkv", codec="subrip", tracks=[("en", said)])
    video = client.post("/api/videos/local", {"path": str(tmp_path / "talk.mkv")}).json
    assert done(client, video["id"], "analysis")["state"] == "done"
    transcript = client.get(f"/api/videos/{video['id']}/versions/0/transcript").json
    assert transcript["source"] == "subtitles"
    assert [(s["start"], s["end"], s["text"]) for s in transcript["sentences"]] == said
    (before, shared), (same, after) = (s["cut"] for s in transcript["sentences"])
    assert before <= 0.5
    assert 1.5 <= shared == same <= 2.0
    assert after >= 3.0
    assert client.get(f"/api/videos/{video['id']}/versions/0").json["about"] == []
    refused = client.post(f"/api/videos/{video['id']}/versions", {"budget": 0.4, "about": [""]})
    assert refused.status == 422


@pytest.mark.parametrize(("alternative", "transition"), [(None, 0.4), (0, 0)])
def test_the_selection_shown_is_the_one_exported(analyzed_video, tmp_path, alternative, transition):
    client, video = analyzed_video
    asked = {"version": 0, "budget": 0.33, "formats": ["mp4", "json"], "alternative": alternative}
    asked["transition"] = transition
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
        client.post(f"/api/videos/{video['id']}/selection", {"version": 0, "budget": 0.33}).json["parts"]
        if alternative is None
        else client.post(f"/api/videos/{video['id']}/alternatives", {"version": 0, "budget": 0.33}).json["others"][0][
            "selection"
        ]
    )
    assert [[part.start, part.end] for part in summary.selection] == [pytest.approx(part, abs=1e-5) for part in shown]
    with av.open(str(tmp_path / job["files"][0])) as written:
        shorter = transition * (len(summary.selection) - 1)
        assert written.duration / 1e6 == pytest.approx(summary.selected_duration - shorter, abs=0.2)
        assert written.streams.audio
    assert client.get(f"/api/videos/{video['id']}/exports/{job['id']}/2").status == 404


def test_all_formats_can_be_exported_at_once(analyzed_video, studio):
    client, video = analyzed_video
    formats = client.get("/api/session").json["formats"]
    assert {"mp4", "json", "csv", "html"} <= set(formats)
    formats = [name for name in formats if name not in ("mp4", "gif", "webp")]  # these encode, and are tested elsewhere
    assert (
        client.post(f"/api/videos/{video['id']}/exports", {"version": 0, "budget": 0.3, "formats": formats}).status
        == 202
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


def test_a_reload_keeps_everything(analyzed_video):
    client, video = analyzed_video
    again = Client(client.port, dict(client.cookies))
    assert again.get("/").status == 200
    (found,) = [film for film in again.get("/api/session").json["videos"] if film["id"] == video["id"]]
    assert found["versions"] >= 1
    assert found["duration"] == video["duration"]


def test_files_of_this_computer_can_be_added_with_the_token(owner, film, tmp_path):
    path = tmp_path / "übung & spiel.mp4"
    shutil.copy(film.path, path)
    answer = owner.post("/api/videos/local", {"path": f' "{path}" '})
    assert answer.status == 201
    assert answer.json["title"] == path.name
    owner.ask("DELETE", f"/api/videos/{answer.json['id']}")
    assert path.exists()
    for wrong in (tmp_path / "missing.mp4", Path("/etc/passwd"), Path("/dev/zero")):
        assert owner.post("/api/videos/local", {"path": str(wrong)}).status == 422
    answer = owner.post("/api/videos/local", {"path": str(tmp_path)})
    assert answer.json["detail"] == f"'{tmp_path}' is a folder: enter the path of a video in it."


class Events:
    """The states of the session, event by event."""

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


def test_events_report_the_progress_of_each_stage(owner, film):
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
    """A summarizer that waits for `go` at its first progress report."""

    def __init__(self, summarizer):
        self._summarizer = summarizer
        self.go = threading.Event()

    def __getattr__(self, name):
        return getattr(self._summarizer, name)

    def summarize_with_samples(self, path, options, *, on_progress):
        def report(at):
            while not self.go.wait(0.02):
                on_progress(at)
            on_progress(at)

        return self._summarizer.summarize_with_samples(path, options, on_progress=report)


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
    # A waiting job stops at once, a running one at its next report; the rest go on.
    for each in (second, first):
        job = client.get(f"/api/videos/{each}").json["analysis"]["id"]
        assert client.post(f"/api/jobs/{job}/cancel").status == 204
        client.wait(f"/api/videos/{each}", lambda film: film["analysis"]["state"] == "cancelled")
    slow.go.set()
    assert client.analysed(third)["versions"] == 1
    assert client.post(f"/api/videos/{first}/analysis").status == 202
    assert client.analysed(first)["versions"] == 1
    assert client.get(f"/api/videos/{second}").json["versions"] == 0


def test_removing_a_video_cancels_its_job_and_deletes_its_files(held, film):
    _, studio, client = held
    video = client.upload(film.path.read_bytes()).json["id"]
    client.wait(f"/api/videos/{video}", lambda film: film["analysis"]["stage"] == "look")
    (folder,) = studio.studio.settings.folder.glob(f"sessions/*/{video}")
    (session,) = studio.studio.sessions._sessions.values()
    job = session.videos[video].analysis
    assert client.ask("DELETE", f"/api/videos/{video}").status == 204
    until = time.monotonic() + 10
    while job.unfinished:
        assert time.monotonic() < until
        time.sleep(0.02)
    assert job.state == "cancelled"
    assert not folder.exists()


def test_an_event_stream_does_not_delay_the_shutdown(tmp_path, summarizer, film):
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


def test_an_unused_session_is_deleted_with_its_files(tmp_path, summarizer, film):
    with running_studio(tmp_path / "files", summarizer=summarizer, idle_seconds=0.4) as studio:
        client = Client(studio.port)
        client.get("/")
        client.upload(film.path.read_bytes())
        until = time.monotonic() + 20
        while list((tmp_path / "files" / "sessions").iterdir()):
            assert time.monotonic() < until
            time.sleep(0.1)
        assert client.get("/api/session").status == 401


def test_half_a_file_is_accepted_or_refused_in_a_sentence_with_its_name(owner, film):
    content = film.path.read_bytes()
    answer = owner.upload(content[: len(content) // 2], "half.mp4")
    assert answer.status in (201, 422)
    if answer.status == 422:
        assert "half.mp4" in answer.json["detail"]


def test_a_file_that_is_cut_short_is_said_to_be(owner, make_video, tmp_path):
    film = make_video(
        tmp_path / "long.mp4", scenes=[(6.0, "red"), (6.0, "blue")], container_options={"movflags": "+faststart"}
    )
    content = film.path.read_bytes()
    video = owner.upload(content[: len(content) // 2], "half.mp4").json["id"]
    owner.analysed(video)
    (warning,) = [text for text in owner.get(f"/api/videos/{video}/versions/0").json["warnings"] if "cut short" in text]
    assert warning.startswith("The file is cut short: it should last 0:12 and ends at 0:0")
    owner.ask("DELETE", f"/api/videos/{video}")


def test_several_exports_come_as_one_archive(analyzed_video):
    client, video = analyzed_video
    jobs = []
    for budget in (0.2, 0.4):
        asked = {"version": 0, "budget": budget, "formats": ["json"]}
        jobs.append(client.post(f"/api/videos/{video['id']}/exports", asked).json["id"])
        assert done(client, video["id"])["state"] == "done"
    answer = client.get(f"/api/exports?job={jobs[0]}&job={jobs[1]}")
    with ZipFile(BytesIO(answer.body)) as archive:
        assert archive.namelist() == ["My film.summary.json", "My film.summary (2).json"]
    assert client.get("/api/exports?job=unknown").status == 404


def test_every_route_is_documented(owner):
    document = owner.get("/api/openapi.json").json
    paths = {route.path for router in ROUTERS for route in router.routes}
    assert paths <= set(document["paths"])
    for path, methods in document["paths"].items():
        for method, about in methods.items():
            assert about["description"].endswith("."), (method, path)
    text = (Path(__file__).parents[2] / "docs" / "studio.md").read_text(encoding="utf-8")
    for path in paths:
        assert f"`{path}`" in text, f"docs/studio.md does not name {path}"
    assert owner.get("/api/docs").status == 404


def test_refusals_are_documented_as_they_are(owner):
    document = owner.get("/api/openapi.json").json
    for path, methods in document["paths"].items():
        for method, about in methods.items():
            assert "422" not in about["responses"], (method, path)
            schema = about["responses"]["4XX"]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Refusal"}, (method, path)
    answer = owner.post("/api/videos/local", {"path": ""})
    assert answer.status == 422
    assert list(answer.json) == list(document["components"]["schemas"]["Refusal"]["properties"]) == ["detail"]
