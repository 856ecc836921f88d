"""`summdiff evaluate` as a user types it."""

import csv
import json
import sys

import h5py
import numpy as np
import pytest

from annotation_files import write_tvsum_tsv
from small_data import write_usual
from summdiff.cli import _progress, app
from summdiff.data.datasets import open_dataset
from summdiff.data.splits import Split, write_splits
from summdiff.evaluation import _selections, read_predictions, write_predictions
from summdiff.research.networks.storage import load_in_torch, write_model
from summdiff.scoring import model_folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Six videos in TVSum's form; the last one has no features."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("data") / "tvsum.h5"
    with h5py.File(path, "w") as file:
        for number in range(6):
            n = 30 + 5 * number
            group = file.create_group(f"video_{number + 1}")
            users = np.clip(np.round(3 + rng.normal(size=n) + rng.normal(size=(4, n))), 1, 5)
            edges = np.arange(0, 60 * n + 1, 300 if n % 2 == 0 else 60)
            group["user_scores"], group["gtscore"] = users.astype(np.uint8), (users.mean(axis=0) - 1) / 4
            group["picks"], group["n_frames"] = np.arange(n) * 60, 60 * n
            group["change_points"] = np.stack([edges[:-1], edges[1:] - 1], axis=1)
            group["user_summary"] = rng.integers(0, 2, size=(4, 60 * n), dtype=np.uint8)
            group.attrs["fps"] = 30.0
            if number < 5:
                group["features"] = rng.normal(size=(n, 16)).astype(np.float16)
    return path


@pytest.fixture
def predictions(data, tmp_path):
    """Nearly the truth, and nothing but chance."""
    rng = np.random.default_rng(1)
    videos = {name: open_dataset(data).annotations(name).gtscore for name in open_dataset(data).names}
    good = write_predictions(
        tmp_path / "good.json", {k: v + 0.05 * rng.normal(size=len(v)) for k, v in videos.items()}, about={}
    )
    poor = write_predictions(tmp_path / "poor.h5", {k: rng.random(len(v)) for k, v in videos.items()}, about={})
    return good, poor


@pytest.fixture
def run(monkeypatch, capsys):
    def call(*words):
        monkeypatch.setattr(sys, "argv", ["summdiff", "evaluate", *map(str, words)])
        with pytest.raises(SystemExit) as leave:
            app.main()
        said = capsys.readouterr()
        return leave.value.code or 0, said.out, said.err

    return call


def test_two_files_are_compared_with_chance_and_annotators(run, data, predictions, tmp_path):
    kept = tmp_path / "result.json"
    code, out, err = run(*predictions, "--data", data, "--json", kept, "--per-video", "--resamples", 300)
    assert (code, err) == (0, "")
    for row in ("good.json", "poor.h5", "random", "constant", "uniform", "annotator with another", "oracle"):
        assert row in out
    assert "good.json less poor.h5, video by video" in out
    assert "6 of the 6 videos in the file were tested." in out
    assert "video_6" in out
    result = json.loads(kept.read_text())
    assert result["data"]["sha256"] == open_dataset(data).fingerprint()
    assert result["tested"]["videos"] == 6
    means = {name: row["means"]["tau"]["value"] for name, row in (result["systems"] | result["references"]).items()}
    assert means["poor.h5"] < means["good.json"] < means["oracle"] + 1e-9
    assert result["comparisons"][0]["tau"]["better"] == 6


def test_saved_predictions_of_a_model_score_the_same(run, data, predictions, tmp_path):
    kept = tmp_path / "kept.h5"
    words = ("--samples", 2, "--steps", 2, "--resamples", 100)
    code, _, err = run("default", "--data", data, *words)
    assert code == 2  # video_1 to video_6 of TVSum, as far as it knows
    assert "was trained on 6 of these 6 videos" in err
    code, _, err = run("default", "--data", data, "--seen-too", *words)
    assert code == 1
    assert "video_6" in err
    assert "features" in err
    code, out, err = run("default", "--data", data, "--seen-too", "--partial", "--save-predictions", kept, *words)
    assert (code, err.strip()) == (0, "")
    assert "default WAS TRAINED ON 5 of these videos" in out
    assert "5 of the 6 videos" in out
    assert read_predictions(kept).curves["video_2"].shape == (2, 35)
    code, _, err = run(kept, "--data", data, "--partial", *words)
    assert code == 2  # what the model saw is still known
    code, again, _ = run(kept, "--data", data, "--partial", "--seen-too", *words)
    ours = [line.split()[1:] for line in out.splitlines() if line.strip().startswith("default ")]
    theirs = [line.split()[1:] for line in again.splitlines() if line.strip().startswith("kept.h5 ")]
    assert ours[:2] == theirs[:2]


def test_a_model_of_unseen_videos_is_judged(run, data, tmp_path):
    model = load_in_torch(model_folder("default"))
    folder = write_model(model, tmp_path / "model", provenance={"trained_on": ["tvsum/video_2", "tvsum/video_3"]})
    write_splits(tmp_path / "splits.json", [Split(("video_2", "video_3"), ("video_4",), ("video_1", "video_5"))])
    split = ("--split", tmp_path / "splits.json", "--samples", 1, "--steps", 1, "--resamples", 100)
    code, out, _ = run(folder, "--data", data, *split)
    assert code == 0
    assert "test part of 1 split(s), 2 distinct videos of 6" in out
    assert "TRAINED" not in out
    assert run(folder, "--data", data, *split, "--part", "validation")[0] == 0
    assert run(folder, "--data", data, *split, "--part", "train")[0] == 2


def test_the_usual_file_can_use_its_original_annotations(run, data, predictions, tmp_path):
    """The field's TVSum file has neither annotators' scores nor a frame rate."""
    path, scores = tmp_path / "eccv16_dataset_tvsum_google_pool5.h5", {}
    with h5py.File(data) as whole, h5py.File(path, "w") as file:
        for number in range(1, 7):
            whole.copy(f"video_{number}", file)
            group = file[f"video_{number}"]
            scores[f"id{number}"] = ("VT", np.repeat(group["user_scores"][()], 60, axis=1))
            del group["user_scores"], group.attrs["fps"]
    words = (predictions[0], "--data", path, "--kind", "tvsum", "--resamples", 100)
    code, out, _ = run(*words)
    assert code == 0
    assert "give them with --annotations" in out
    assert "tau" not in out.splitlines()[2]
    code, out, _ = run(*words, "--annotations", write_tvsum_tsv(tmp_path / "ydata-tvsum50-anno.tsv", scores))
    assert code == 0
    _, known, _ = run(predictions[0], "--data", data, "--resamples", 100)
    assert row(out, "good.json")[:3] == row(known, "good.json")[:3]  # F1, tau, rho


def row(out, name):
    """The means that are printed for a system."""
    line = next(line for line in out.splitlines() if line.split()[:1] == [name])
    return [cell for cell in line.split()[1:] if not cell.startswith("±")]


def test_overlapping_splits_are_reported(run, data, predictions, tmp_path):
    splits = [Split(("video_3",), (), ("video_1", "video_2")), Split(("video_3",), (), ("video_2", "video_4"))]
    write_splits(tmp_path / "splits.json", splits)
    words = (predictions[0], "--data", data, "--split", tmp_path / "splits.json", "--resamples", 100)
    _, out, _ = run(*words)
    assert "2 split(s), 3 distinct videos of 6, 1 of them in more than one split" in out
    splits.append(Split(("video_2",), (), ("video_5", "video_21")))
    write_splits(tmp_path / "splits.json", splits)
    _, out, _ = run(*words)
    assert "3 split(s), 4 distinct videos of 6, 1 of them in more than one split; 1 more are not in the data" in out
    _, out, _ = run(*words, "--fold", 2)
    assert "2 of the 6 videos" in out
    assert run(*words, "--fold", 4)[0] == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere.json"], "no predictions file"),
        (["no-model"], "no model 'no-model'"),
        (["scores.pkl"], "'scores.pkl' is neither a model's folder nor a predictions file (.json, .h5"),
        (["good.json", "--protocol", "median"], "no protocol 'median'"),
        (["good.json", "--convention", "mine"], "no convention 'mine'; there are eccv16"),
        (["good.json", "--kind", "films"], "no kind of data 'films'"),
        (["good.json", "--fold", "1"], "give that with --split"),
        (["good.json", "--split", "nowhere.json"], "nowhere.json"),
        (["good.json", "--json", "nowhere/result.json"], "there is no folder"),
        (["good.json", "--save-predictions", "kept.h5"], "takes one model"),
        (["default", "--save-predictions", "kept.txt"], "must end in"),
        (["good.json", "--budget", "2"], "(0, 1]"),
        (["good.json", "poor.h5", "--selections"], "the scores of one system, got 2"),
        (["good.json", "--selections", "--knapsack-aware"], "leave them out with --selections"),
        (["good.json", "--selections"], "video_6: 'features' is missing"),
        (["good.json", "--rate", "2"], "give it with --selections"),
    ],
)
def test_mistakes_give_one_sentence(run, data, predictions, monkeypatch, tmp_path, words, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scores.pkl").write_bytes(b"")
    code, out, err = run(*words, "--data", data)
    assert code in (1, 2)
    assert out == ""
    assert said in err
    assert err.count("\n") == 1
    assert "Traceback" not in err


def test_selections_are_judged_on_the_videos_with_features(run, data, predictions, tmp_path, monkeypatch):
    monkeypatch.setattr(_selections, "_GRID", _selections._GRID[:2])
    words = (predictions[0], "--data", data, "--selections", "--partial", "--resamples", 100)
    code, out, _ = run(*words, "--json", tmp_path / "result.json")
    assert code == 0
    assert "5 of the 6 videos" in out
    for row in ("shots + knapsack", "top steps", "random pieces", "people among themselves"):
        assert row in out
    document = json.loads((tmp_path / "result.json").read_text())
    assert document["protocol"]["judged"] == "selections"
    assert document["protocol"]["scores"]["name"] == "good.json"
    assert set(document["systems"]["top steps"]["means"]) == {"z", "used", "pieces", "seconds", "repeated"}


def test_inputs_are_not_overwritten(run, data, predictions, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    copy = tmp_path / "copy.h5"
    copy.write_bytes(data.read_bytes())
    for words in (
        ("good.json", "--data", copy, "--json", "./good.json"),
        ("good.json", "--data", copy, "--json", "copy.h5"),
        ("default", "--data", copy, "--save-predictions", "copy.h5"),
    ):
        code, out, err = run(*words)
        assert (code, out) == (2, "")
        assert "would be overwritten" in err
    assert copy.read_bytes() == data.read_bytes()
    code, _, err = run("default", "--data", copy, "--json", "a.json", "--save-predictions", "./a.json")
    assert code == 2
    assert "both name" in err
    code, _, err = run("good.json", "--data", copy, "--json", "table.csv")
    assert code == 2
    assert "must end in .json" in err


def test_part_needs_a_split(run, data, predictions):
    code, out, err = run(predictions[0], "--data", data, "--part", "train")
    assert (code, out) == (2, "")
    assert "give that with --split" in err


@pytest.mark.parametrize(
    ("trained_on", "code", "said"),
    [
        (["TVSum/video_2"], 2, "was trained on 1 of these 6 videos"),
        (["video_2"], 0, "does not say which videos it was trained on in the form 'tvsum/video_1'"),
        ([{"video": 2}], 0, "does not say which videos it was trained on in the form"),
    ],
)
def test_training_videos_are_recognized_by_other_names(run, data, predictions, tmp_path, trained_on, code, said):
    curves = read_predictions(predictions[0]).curves
    ours = write_predictions(tmp_path / "ours.json", curves, about={"trained_on": trained_on})
    got, out, err = run(ours, "--data", data, "--resamples", 100)
    assert got == code
    assert said in out + err


@pytest.mark.parametrize(("kind", "lengths"), [("tvsum", [2500, 2941]), ("summe", [950, 1286])])
def test_a_model_is_judged_on_the_usual_layout_without_a_frame_rate(run, tmp_path, kind, lengths):
    names = {f"video_{number}": frames for number, frames in enumerate(lengths, start=1)}
    path = write_usual(tmp_path / "usual.h5", kind, names)
    words = ("--samples", 1, "--steps", 1, "--resamples", 100, "--seen-too")
    code, out, err = run("default", "--data", path, *words)
    assert (code, err.strip()) == (0, "")
    assert ("2 videos have that of the original videos" in out) == ("MAP15" in out) == (kind == "tvsum")
    odd = write_usual(tmp_path / "odd.h5", kind, {"video_1": 777, "video_2": 990})
    code, _, err = run("default", "--data", odd, *words)
    assert code == 1
    assert "has no frame rate" in err
    assert run("default", "--data", odd, *words, "--fps", 25)[0] == 0


def test_progress_is_printed_where_there_is_no_terminal(run, tmp_path, monkeypatch):
    monkeypatch.setattr(_progress, "_LINE_SECONDS", 0)
    path = write_usual(tmp_path / "usual.h5", "summe", {"video_1": 950, "video_2": 1286})
    code, _, err = run("default", "--data", path, "--samples", 1, "--steps", 1, "--resamples", 100)
    assert (code, err) == (0, "default predicts: 1 of 2\ndefault predicts: 2 of 2\n")


def test_validation_videos_are_refused_by_their_own_sentence(run, data, predictions, tmp_path):
    about = {"trained_on": ["tvsum/video_2"], "validated_on": ["tvsum/video_3"]}
    ours = write_predictions(tmp_path / "ours.json", read_predictions(predictions[0]).curves, about=about)
    splits = [
        Split(("video_2",), ("video_3",), ("video_1", "video_4")),
        Split(("video_1",), (), ("video_3", "video_4")),
    ]
    write_splits(tmp_path / "splits.json", splits)
    words = (ours, "--data", data, "--split", tmp_path / "splits.json", "--resamples", 100)
    code, _, err = run(*words, "--fold", 2)
    assert code == 2
    assert "was validated on 1 of these 2 videos (video_3 is one)" in err
    assert "--fold" in err
    assert run(*words, "--fold", 1)[0] == 0
    code, out, _ = run(*words, "--fold", 1, "--part", "validation")
    assert code == 0
    assert "ours.json WAS VALIDATED ON 1 of these videos" in out
    code, out, _ = run(*words[:3], "--seen-too", "--resamples", 100)
    assert "WAS TRAINED ON 1" in out
    assert "WAS VALIDATED ON 1" in out


def test_a_file_has_scores_or_summaries_as_its_values_or_the_options_say(run, data, tmp_path):
    frames = {}
    with h5py.File(data) as file:
        for name, group in file.items():
            frames[name] = group["user_summary"][0]
    ready = write_predictions(tmp_path / "ready.json", frames, about={})
    words = (ready, "--data", data, "--resamples", 100)
    code, out, _ = run(*words)
    assert code == 0
    assert "ready.json has ready 0/1 summaries, judged as they are" in out
    code, out, _ = run(*words, "--scores", "--per-video")
    assert code == 0
    assert "ready.json has a score per frame" in out
    mixed = write_predictions(tmp_path / "mixed.json", frames | {"video_1": frames["video_1"] / 2}, about={})
    code, _, err = run(mixed, *words[1:])
    assert code == 1
    assert "--summaries or --scores" in err
    assert run(*words, "--scores", "--summaries")[0] == 2


def test_named_annotations_must_exist(run, data, predictions):
    code, out, err = run(predictions[0], "--data", data, "--annotations", "typo.tsv")
    assert (code, out) == (1, "")
    assert "There is no file of annotations 'typo.tsv'." in err


def test_names_and_numbers_are_not_truncated(run, data, predictions, tmp_path):
    curves = read_predictions(predictions[0]).curves
    files = [write_predictions(tmp_path / f"[bold]{'long' * 9}_{i}.json", curves, about={}) for i in range(3)]
    code, out, _ = run(*files, "--data", data, "--resamples", 100, "--per-video")
    assert code == 0
    assert "…" not in out.split("tau", 1)[1].replace(" … ", "")
    assert f" {files[2].name} MAP15 " in out
    assert "With so few videos the intervals are too narrow" in out


def test_tables_for_spreadsheets_and_papers(run, data, predictions, tmp_path):
    good, poor = predictions
    odd = good.rename(tmp_path / "ours_1 & more|.json")
    tables = [tmp_path / f"table.{suffix}" for suffix in ("csv", "md", "tex")]
    options = [
        word
        for option, table in zip(("--csv", "--markdown", "--latex"), tables, strict=True)
        for word in (option, table)
    ]
    json_file = tmp_path / "all.json"
    assert run(odd, poor, "--data", data, "--resamples", 100, "--per-video", "--json", json_file, *options)[0] == 0
    result = json.loads(json_file.read_text())
    rows = list(csv.DictReader(tables[0].read_text().splitlines()))
    systems = [*result["systems"], *result["references"]]
    assert [(row["system"], row["video"]) for row in rows if row["video"] == "all"] == [(s, "all") for s in systems]
    for row in rows:
        if row["video"] == "all":
            mean = (result["systems"] | result["references"])[row["system"]]["means"].get("tau")
            assert (row["tau"], row["tau_low"]) == (
                ("", "") if mean is None else (repr(mean["value"]), repr(mean["low"]))
            )
        else:
            assert float(row["f1"]) == result["videos"][row["video"]][row["system"]]["f1"]
    assert len(rows) == len(systems) * (1 + 6)
    lines = tables[1].read_text().splitlines()
    assert lines[0].split(" | ")[:3] == ["| ", "F1", "tau"] or lines[0].startswith("|  | F1 | tau")
    assert lines[2].startswith("| ours_1 & more\\|.json | ")
    assert sum("video_" in line for line in lines) == 12
    assert len({line.replace("\\|", "").count("|") for line in lines[: len(systems) + 2]}) == 1
    tex = tables[2].read_text()
    assert r"ours\_1 \& more|.json & " in tex
    assert r"$\pm$" in tex
    assert tex.count(r"\begin{tabular}") == tex.count(r"\end{tabular}") == 2
    assert all(line.endswith(r" \\") for line in tex.splitlines() if " & " in line)
