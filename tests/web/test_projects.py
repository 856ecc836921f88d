"""Projects: saved from the studio, and opened again there and from the command line."""

import json
import shutil

import pytest
from studio_client import Client
from studio_rig import TOKEN, running_studio

from command import run_summdiff
from summdiff.errors import DataError
from summdiff.summary import Summary
from summdiff.web._projects import film_at, read_project

STATE = {"version": 0, "budget": 0.4, "keep": [[1, 2]], "drop": [[9, 13]]}
BY_HAND = {"version": 0, "budget": 0.4, "parts": [[2, 4], [10, 11]]}


@pytest.fixture(scope="module")
def saved(summarizer, film, tmp_path_factory):
    """The text of a project with two decisions, and the film beside the file."""
    folder = tmp_path_factory.mktemp("saved")
    with running_studio(folder / "files", summarizer=summarizer) as studio:
        client = Client(studio.port)
        client.get(f"/?token={TOKEN}")
        video = client.upload(film.path.read_bytes(), "Our trip.mp4").json["id"]
        client.analysed(video)
        for state in (STATE, BY_HAND):
            assert client.post(f"/api/videos/{video}/edits", state).status == 200
        others = client.post(f"/api/videos/{video}/alternatives", STATE).json
        answer = client.get(f"/api/videos/{video}/project")
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''Our%20trip.summdiff.json"
    assert str(folder).encode() not in answer.body
    (folder / "Our trip.summdiff.json").write_bytes(answer.body)
    shutil.copy(film.path, folder / "Our trip.mp4")
    return folder / "Our trip.summdiff.json", others


def test_a_project_is_a_summary(saved):
    summary = Summary.from_json(saved[0])
    assert [[part.start, part.end] for part in summary.selection] == BY_HAND["parts"]
    assert summary.video.path == "Our trip.mp4"


def restored(client, video, others):
    found = client.analysed(video)
    assert found["versions"] == 1
    edits = client.get(f"/api/videos/{video}/edits").json
    assert edits["present"]["parts"] == BY_HAND["parts"]
    assert client.post(f"/api/videos/{video}/edits/undo").json["present"]["drop"] == STATE["drop"]
    again = client.post(f"/api/videos/{video}/alternatives", STATE).json
    assert again["best"] == others["best"]
    assert client.get(f"/api/videos/{video}/sound?start=0&end=5").json["levels"]


@pytest.mark.parametrize("project_first", [True, False])
def test_a_project_and_its_film_meet_in_the_studio(studio, film, saved, project_first):
    client = Client(studio.port)
    client.get("/")
    opened = None
    if project_first:
        opened = client.post("/api/projects?name=Our%20trip.summdiff.json", saved[0].read_bytes()).json
        assert opened == {"title": "Our trip.mp4", "video": None}
    video = client.upload(film.path.read_bytes(), "renamed.mp4").json["id"]
    client.analysed(video)
    if not project_first:
        opened = client.post("/api/projects?name=Our%20trip.summdiff.json", saved[0].read_bytes()).json
        assert opened["video"]["id"] == video
    restored(client, video, saved[1])


def test_the_command_line_opens_a_project_with_the_film_beside_it(saved, summarizer, tmp_path):
    assert film_at(saved[0]) == saved[0].parent / "Our trip.mp4"
    with running_studio(tmp_path / "files", summarizer=summarizer, videos=[saved[0]]) as studio:
        client = Client(studio.port)
        client.get(f"/?token={TOKEN}")
        (video,) = client.get("/api/session").json["videos"]
        assert video["title"] == "Our trip.mp4"
        restored(client, video["id"], saved[1])


def test_a_project_whose_film_is_missing_is_refused_by_the_command_line(saved, tmp_path):
    shutil.copy(saved[0], tmp_path / "lost.summdiff.json")
    ended = run_summdiff("serve", tmp_path / "lost.summdiff.json", "--no-open", "--port", "0")
    assert ended.returncode == 1
    assert "The film 'Our trip.mp4' of the project" in " ".join(ended.stderr.split())


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.pop("project"),
        lambda document: document["project"].pop("versions"),
        lambda document: document["project"]["versions"][0].update(samples="AAA="),
        lambda document: document["project"]["versions"][0].update(samples="not base64"),
        lambda document: document["project"]["versions"][0]["summary"].update(schema="other/1"),
        lambda document: document["project"]["present"].update(version=7),
        lambda document: document["project"]["present"].update(budget=2),
        lambda document: document.pop("video"),
    ],
)
def test_a_damaged_project_is_refused_in_a_sentence(saved, change):
    document = json.loads(saved[0].read_text(encoding="utf-8"))
    change(document)
    with pytest.raises(DataError, match=r"x\.summdiff\.json") as refused:
        read_project(json.dumps(document), "x.summdiff.json")
    assert str(refused.value).endswith(".")
