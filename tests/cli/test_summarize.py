import json
import os
import shutil
import sys

import pytest

from summdiff.features.store import open_store
from summdiff.summary import Summary

SCENES = [(4.0, "forest"), (5.0, "street"), (4.0, "beach")]


@pytest.fixture
def films(make_video, tmp_path):
    """A folder with two films and a file that only looks like one."""
    film = make_video(scenes=SCENES, fps=10, sound=True)
    shutil.copy(film.path, tmp_path / "-dash & “ü” 100%.mp4")
    shutil.copy(film.path, tmp_path / "b.mp4")
    (tmp_path / "broken.mp4").write_bytes(b"\x00" * 5000)
    return tmp_path


def test_a_failing_file_does_not_stop_the_others(films, summdiff):
    code, _, err = summdiff("summarize", films, "-o", films / "out")
    assert code == 1
    made = sorted(path.name for path in (films / "out").iterdir())
    assert made == [
        "-dash & “ü” 100%.summary.json",
        "-dash & “ü” 100%.summary.mp4",
        "b.summary.json",
        "b.summary.mp4",
    ]
    assert "broken.mp4" in err
    assert "Traceback" not in err
    table = err[err.rindex("video ") :]
    assert "failed" in table
    assert "broken.mp4" in table
    assert Summary.from_json(films / "out" / "b.summary.json").video.path == str(films / "b.mp4")


def test_results_are_written_beside_the_video_and_not_overwritten(films, summdiff):
    assert summdiff("summarize", films / "b.mp4", "--formats", "json")[0] == 0
    result = films / "b.summary.json"
    before = result.read_bytes()
    code, _, err = summdiff("summarize", films / "b.mp4", "--formats", "json", "--seed", "9")
    assert code == 1
    assert "--overwrite" in err
    assert result.read_bytes() == before
    assert summdiff("summarize", films / "b.mp4", "--formats", "json", "--seed", "9", "--overwrite")[0] == 0
    assert Summary.from_json(result).seed == 9
    # What was made before is no video of the folder.
    assert summdiff("summarize", films / "b.mp4", "--overwrite")[0] == 0
    assert summdiff("summarize", films, "--overwrite")[0] == 1
    assert not list(films.glob("*.summary.summary.*"))


def test_no_sound_means_that_nobody_listens(films, summdiff):
    film = films / "b.mp4"
    assert summdiff("summarize", film, "--formats", "json", "--no-sound")[0] == 0
    assert Summary.from_json(films / "b.summary.json").settings["sound"] is False
    for options, heard in ((["--no-sound"], False), ([], True)):
        store = films / f"store {heard}"
        assert summdiff("extract", film, "-o", store, "--workers", "1", *options)[0] == 0
        assert (open_store(store)[film].sound is not None) is heard


def test_machine_progress_is_one_json_object_per_line(films, summdiff):
    code, out, err = summdiff(
        "summarize", films / "b.mp4", films / "broken.mp4", "--progress", "machine", "-o", films / "o"
    )
    events = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert err == ""
    assert {event["event"] for event in events} == {"start", "progress", "done", "failed", "end"}
    stages = [event["stage"] for event in events if event["event"] == "progress"]
    assert list(dict.fromkeys(stages)) == ["look", "score", "cut"]
    (done,) = [event for event in events if event["event"] == "done"]
    assert done["outputs"] == [str(films / "o" / "b.summary.mp4"), str(films / "o" / "b.summary.json")]
    assert events[-1] == {"event": "end", "done": 1, "failed": 1}


def test_quiet_prints_only_failures(films, summdiff):
    assert summdiff("summarize", films / "b.mp4", "-q", "-o", films / "q") == (0, "", "")
    code, out, err = summdiff("summarize", films / "broken.mp4", "-q")
    assert (code, out) == (1, "")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--formats", "mp4,gif3"], 2, "Unknown format 'gif3'"),
        (["--formats", ","], 2, "at least one format"),
        (["--budget", "2"], 2, "at most 1, not 2"),
        (["--budget", "a fifth"], 2, "'a fifth' is not a share"),
        (["--budget", "0.1", "--duration", "5s"], 2, "either --budget or --duration"),
        (["--duration", "soon"], 2, "'soon' is not a time"),
        (["--model", "nowhere/at/all"], 1, "nowhere/at/all"),
        (["--backbone", "resnet9000"], 1, "resnet9000"),
        (["--device", "abacus"], 2, "There is no device 'abacus'"),
        (["--samples", "0"], 2, "samples"),
        (["--samples", "many"], 2, "--samples"),
    ],
)
def test_bad_options_give_one_sentence_and_write_nothing(films, summdiff, arguments, code, message):
    found, out, err = summdiff("summarize", films / "b.mp4", "-o", films / "none", *arguments)
    assert found == code
    assert message in err
    assert "Traceback" not in out + err
    assert not list(films.glob("none/*"))


def test_missing_and_unreadable_inputs_are_reported(films, summdiff, tmp_path):
    for source in ("missing.mp4", tmp_path / "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        code, _, err = summdiff("summarize", source)
        assert code in {1, 2}
        assert str(source) in err
        assert "Traceback" not in err


def test_the_output_folder_is_checked_before_the_video(films, summdiff):
    (films / "file").touch()
    code, _, err = summdiff("summarize", films / "b.mp4", "-o", films / "file")
    assert code == 1
    assert "is not a folder" in err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_folder_is_reported(films, summdiff):
    locked = films / "locked"
    locked.mkdir(mode=0o500)
    code, _, err = summdiff("summarize", films / "b.mp4", "-o", locked)
    assert code == 1
    assert "cannot be written to" in err


def test_the_video_itself_is_never_overwritten(films, summdiff):
    os.link(films / "b.mp4", films / "b.summary.mp4")
    before = (films / "b.mp4").read_bytes()
    code, _, err = summdiff("summarize", films / "b.mp4", "--overwrite")
    assert code == 1
    assert "is the video itself" in err
    assert (films / "b.mp4").read_bytes() == before


def test_no_other_input_video_is_overwritten(films, summdiff):
    """As when `summdiff summarize *.mp4 --overwrite` is given twice."""
    (films / "sub").mkdir()
    for there in (films / "b.summary.mp4", films / "sub" / "b.alternative-2.summary.mp4"):
        shutil.copy(films / "b.mp4", there)
        before = there.read_bytes()
        options = ["--overwrite", "--alternatives", "2", "-o", there.parent]
        for more in ([], ["--workers", "1"]):
            code, _, err = summdiff("summarize", films / "b.mp4", there, *options, *more)
            assert code == 2
            assert f"'{there}' is to be summarised" in err
            assert there.read_bytes() == before
    assert sorted(path.name for path in films.iterdir()) == [
        "-dash & “ü” 100%.mp4", "b.mp4", "b.summary.mp4", "broken.mp4", "sub",
    ]  # fmt: skip


def test_a_name_that_is_too_long_does_not_stop_other_videos(films, summdiff):
    long = films / ("x" * 245 + ".mp4")
    shutil.copy(films / "b.mp4", long)
    for more in ([], ["--workers", "1", "-o", films / "out"]):
        code, _, err = summdiff("summarize", long, films / "b.mp4", "--formats", "json", *more)
        assert code == 1
        assert "File name too long" in err
        assert "Traceback" not in err
    assert (films / "b.summary.json").exists()
    assert (films / "out" / "b.summary.json").exists()


def test_too_little_disk_space_is_reported_before_the_work(films, summdiff, monkeypatch):
    usage = shutil.disk_usage(films)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1_000_000))
    code, _, err = summdiff("summarize", films / "b.mp4", "-o", films / "full")
    assert code == 1
    assert "Not enough room" in err
    assert not list(films.glob("full/*.mp4"))


def test_help_lists_every_command(summdiff):
    code, out, _ = summdiff("--help")
    assert code == 0
    for verb in ("summarize", "train", "crossval", "fit-pca"):
        assert verb in out
    assert summdiff("--version")[1].startswith("summdiff ")


def test_several_reports_get_an_index_page(films, summdiff):
    code, _, err = summdiff("summarize", films, "-o", films / "out", "--formats", "html")
    assert code == 1  # one film is broken
    page = films / "out" / "index.html"
    assert str(page) in err
    text = page.read_text(encoding="utf-8")
    assert "-dash%20%26%20%E2%80%9C%C3%BC%E2%80%9D%20100%25.summary.html" in text
    assert "b.summary.html" in text
    # Beside the videos it is the folder that was named; a single video has none; written anew it stays ours.
    assert summdiff("summarize", films, "--formats", "html", "-q")[0] == 1
    assert (films / "index.html").is_file()
    assert summdiff("summarize", films / "b.mp4", "-o", films / "one", "--formats", "html")[0] == 0
    assert not (films / "one" / "index.html").exists()
    code, out, _ = summdiff(
        "summarize", films, "-o", films / "out", "--formats", "html", "--overwrite", "--progress", "machine"
    )
    assert {"event": "index", "output": str(page)} in [json.loads(line) for line in out.splitlines()]


def test_a_foreign_index_page_is_not_overwritten(films, summdiff):
    (films / "out").mkdir()
    (films / "out" / "index.html").write_text("<h1>My films</h1>")
    code, _, err = summdiff("summarize", films, "-o", films / "out", "--formats", "html")
    assert code == 1
    assert "not from summdiff" in err
    assert [path.name for path in (films / "out").iterdir()] == ["index.html"]


def test_a_missing_extra_is_reported_before_the_work(films, summdiff, monkeypatch):
    monkeypatch.setitem(sys.modules, "opentimelineio", None)
    code, _, err = summdiff("summarize", films / "b.mp4", "-o", films / "none", "--formats", "mp4,edl")
    assert code == 2
    assert "pip install 'summdiff[export]'" in " ".join(err.split())
    assert not (films / "none").exists()


def test_constraints_and_alternatives_are_applied(films, summdiff):
    code, _, err = summdiff(
        *("summarize", films / "b.mp4", "--budget", "0.5", "--keep", "0:01-3s", "--drop", "9-", "--alternatives", "1"),
        *("--loss", "0.9", "--samples", "16", "--formats", "mp4,json"),
    )
    assert code == 0, err
    summary = Summary.from_json(films / "b.summary.json")
    assert summary.settings["keep"] == [{"start": 1.0, "end": 3.0}]
    assert summary.settings["drop"] == [{"start": 9.0, "end": 13.0}]
    assert summary.selection[0].start <= 1.0
    assert summary.selection[-1].end <= 9.0
    others = [films / f"b.alternative-{i + 1}.summary.mp4" for i in range(len(summary.alternatives))]
    assert all(path.exists() for path in others)
    assert len(list(films.glob("b.alternative-*"))) == len(others)
    for other in summary.alternatives:
        assert other.selection[0].start <= 1.0
        assert other.selection[-1].end <= 9.0


def test_an_existing_alternative_is_reported_before_the_work(films, summdiff):
    there = films / "b.alternative-2.summary.mp4"
    there.write_bytes(b"mine")
    code, _, err = summdiff("summarize", films / "b.mp4", "--alternatives", "2")
    assert code == 1
    assert "is there already" in err
    assert there.read_bytes() == b"mine"
    assert not (films / "b.summary.mp4").exists()


@pytest.mark.parametrize(
    ("constraint", "message"),
    [
        (("--keep", "0-13"), "parts to keep last 13 s, but the summary may last only 5 s"),
        (("--drop", "20-30"), "part to drop begins at 20 s, but the video ends at 13 s"),
        (("--drop", "0-"), "Everything is dropped"),
        (("--keep", "0-2", "--drop", "1-3"), "1 s to 2 s is both kept and dropped"),
        (("--keep", "1:20"), "'1:20' is not a part of a video"),
        (("--drop", "5-3"), "The part '5-3' ends before it begins"),
        (("--alternatives", "-1"), "between 0 and 100, not -1"),
    ],
)
def test_impossible_constraints_are_reported_before_the_work(films, summdiff, constraint, message):
    code, _, err = summdiff("summarize", films / "b.mp4", *constraint)
    assert code != 0
    assert message in err
    assert "Traceback" not in err
    assert sorted(path.name for path in films.iterdir()) == ["-dash & “ü” 100%.mp4", "b.mp4", "broken.mp4"]


def test_constraints_need_a_single_video(films, summdiff):
    code, _, err = summdiff("summarize", films, "--keep", "0-1")
    assert code != 0
    assert "--keep and --drop are for one video, but there are 3" in err
