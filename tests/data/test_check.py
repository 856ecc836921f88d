import json

import h5py
import numpy as np
import pytest

from summdiff.data.check import check
from summdiff.data.synthetic import make_synthetic
from summdiff.errors import DataError, UsageError


def change(path, name, key, values):
    with h5py.File(path, "a") as file:
        del file[name][key]
        file[name][key] = values


def read(path, name, key):
    with h5py.File(path) as file:
        return file[name][key][()]


def test_good_files_have_no_problems_and_all_rules_hold(any_file):
    kind, path = any_file
    report = check(path)
    assert report.problems == ()
    assert report.kind == kind
    assert report.rules
    for text, rule in report.rules.items():
        assert rule.kept == rule.videos == report.videos or text.endswith("convention half_open"), text
        assert rule.exactly in (None, rule.kept), text
    assert json.loads(json.dumps(report.as_json()))["problems"] == []
    bare = check(path, features=False)
    assert bare.as_json() == report.as_json()


@pytest.mark.parametrize("kind", ["tvsum", "summe"])
def test_the_usual_files_have_no_problems(write, tmp_path, kind):
    report = check(write[kind](tmp_path / "eccv16.h5", usual=True), kind)
    assert report.problems == ()
    assert report.hours is None
    assert report.facts()["hours"].startswith("unknown")


@pytest.mark.parametrize(
    ("kind", "key", "damage", "said"),
    [
        ("tvsum", "gtscore", lambda x: x * 2, "goes from .*, expected 0 to 1"),
        ("tvsum", "user_scores", lambda x: x - 1, "goes from 0 to 4, expected 1 to 5"),
        ("tvsum", "user_summary", lambda x: x * 2, "has values other than 0 and 1"),
        ("tvsum", "user_summary", lambda x: x[:-1], "has 19 annotators but 'user_scores' has 20"),
        ("tvsum", "picks", lambda x: x[::-1], "does not rise"),
        ("tvsum", "picks", lambda x: x + 1000, "in a video of"),
        ("tvsum", "picks", lambda x: x + 0.5, "not whole numbers"),
        ("tvsum", "n_steps", lambda x: x + 1, "is 61 but 'picks' has 60 entries"),
        ("tvsum", "n_frame_per_seg", lambda x: x + 1, "adds up to"),
        ("tvsum", "n_frame_per_seg", lambda x: np.roll(x, 1), "is not the length"),
        ("tvsum", "change_points", lambda x: x + np.array([0, 1]), "half-open ends"),
        ("tvsum", "change_points", lambda x: x[1:], "does not cut frames 0 to"),
        ("tvsum", "gtsummary", lambda x: x + 1, "other than 0 and 1"),
        ("summe", "change_points", lambda x: np.delete(x, 1, axis=0), "does not cut frames"),
        ("summe", "user_summary", lambda x: x - 1, "below 0"),
        ("youtube_highlights", "match", lambda x: x + 5, "other than -1, 0 and 1"),
        ("youtube_highlights", "clips", lambda x: x[:, ::-1], "end before they start"),
        ("youtube_highlights", "n_steps", lambda x: x + 1, "has 12 entries"),
        ("mr_hisum", "gt_summary", lambda x: x + 0.5, "other than 0 and 1"),
        ("mr_hisum", "gtscore", lambda x: x - 0.5, "expected 0 to 1"),
        ("mr_hisum", "change_points", lambda x: x[:-1], "does not cut seconds"),
        ("mr_hisum", "features", lambda x: x[:-1], "rows, expected"),
    ],
)
def test_impossible_values_are_reported(write, tmp_path, kind, key, damage, said):
    path = write[kind](tmp_path / "small.h5")
    name = "zyooMDuAgCA" if kind == "youtube_highlights" else {"summe": "video_12"}.get(kind, "video_2")
    change(path, name, key, damage(read(path, name, key)))
    with pytest.raises(AssertionError, match=said):  # for its regular expression
        raise AssertionError("\n".join(check(path, kind).problems))
    assert all(problem.startswith(f"{name}: '") and problem.endswith(".") for problem in check(path, kind).problems)


def test_the_check_continues_after_a_problem(write, tmp_path):
    path = write["tvsum"](tmp_path / "small.h5")
    for name in ("video_2", "video_10"):
        change(path, name, "gtscore", read(path, name, "gtscore") * 3)
        change(path, name, "n_steps", 7)
        change(path, name, "features", np.full((5, 8), np.nan))
    problems = check(path, "tvsum").problems
    assert [problem.split("'")[:2] for problem in problems] == [
        [f"{name}: ", key] for name in ("video_2", "video_10") for key in ("features", "n_steps", "gtscore")
    ]


def test_a_video_unlike_the_others_is_reported(tmp_path):
    """A rule that most videos keep is the file's rule; one that few keep is only counted."""
    path = tmp_path / "synthetic.h5"
    make_synthetic(path, videos=8, dimension=4)
    change(path, "video_3", "gt_summary", np.roll(read(path, "video_3", "gt_summary"), 3))
    report = check(path)
    rule = report.rules["gt_summary is a best knapsack of gtscore by the convention mr_hisum"]
    assert (rule.videos, rule.kept, rule.exactly) == (8, 7, 7)
    (problem,) = report.problems
    assert problem.startswith("video_3: 'gt_summary' is unlike the other videos'")
    assert "mr_hisum" in problem
    for number in range(1, 7):
        name = f"video_{number}"
        change(path, name, "gt_summary", np.roll(read(path, name, "gt_summary"), 3))
    assert check(path).problems == ()


def test_equally_good_summaries_are_distinguished_from_wrong_ones(tmp_path):
    """Two segments of the same length and value: the knapsack takes one, the file may hold the other."""
    path = tmp_path / "small.h5"
    with h5py.File(path, "w") as file:
        for number in range(1, 4):
            group = file.create_group(f"video_{number}")
            score = np.zeros(100)
            score[10:15] = score[50:55] = 0.5
            score[70:80] = 1.0
            group["gtscore"] = score
            group["change_points"] = np.array([[0, 10], [10, 15], [15, 50], [50, 55], [55, 70], [70, 80], [80, 99]])
            summary = np.zeros(100, np.uint8)
            summary[70:80] = 1
            summary[10:15] = number == 1
            summary[50:55] = number == 2
            group["gt_summary"] = summary
    rule = check(path).rules["gt_summary is a best knapsack of gtscore by the convention mr_hisum"]
    assert (rule.videos, rule.kept, rule.exactly) == (3, 2, 1)


def test_inclusive_change_points_of_mr_hisum_are_recognized(tmp_path):
    path = tmp_path / "synthetic.h5"
    make_synthetic(path, videos=3, dimension=4)
    for number in range(1, 4):
        rows = read(path, f"video_{number}", "change_points")
        rows[-1, 1] += 1
        change(path, f"video_{number}", "change_points", rows - [0, 1])
    assert check(path).segment_ends == "inclusive"
    assert check(path).problems == ()


def test_different_feature_dimensions_are_reported(write, tmp_path):
    path = write["tvsum"](tmp_path / "small.h5")
    change(path, "video_2", "features", np.ones((60, 9)))
    report = check(path)
    assert report.problems == ("'features' have different dimensions: 8 in 1, 9 in 1 videos.",)
    assert report.dimension is None
    assert report.dtype == "mixed"


def test_several_processes_give_the_same_report(any_file):
    kind, path = any_file
    with h5py.File(path, "a") as file:
        name = next(iter(file))
        file[name]["gtscore"][...] = 7
    assert check(path, kind, processes=2) == check(path, kind)
    assert check(path, kind).problems


def test_progress_counts_videos_and_unopenable_files_are_refused(any_file, tmp_path):
    _, path = any_file
    seen = []
    report = check(path, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, report.videos) for done in range(1, report.videos + 1)]
    with pytest.raises(DataError, match="no data file"):
        check(tmp_path / "nowhere.h5")
    with pytest.raises(UsageError, match="kind of data 'ovp'; known are tvsum, summe"):
        check(path, "ovp")


@pytest.mark.parametrize(
    ("file", "videos", "frames", "exactly"),
    [
        ("tvsum_i3d.h5", 50, 352_353, {"gtsummary is a best knapsack of the mean annotator, at the steps": 48}),
        ("summe_annotations.h5", 23, 104_126, {}),
        ("youtube_highlights_i3d.h5", 360, 988_137, {}),
    ],
)
def test_the_real_files_pass_the_check(data_dir, file, videos, frames, exactly):
    report = check(data_dir / file)
    assert report.problems == ()
    assert (report.videos, report.frames) == (videos, frames)
    assert all(rule.kept == rule.videos == videos for rule in report.rules.values())
    for text, count in exactly.items():
        assert report.rules[text].exactly == count
