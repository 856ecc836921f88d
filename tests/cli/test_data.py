"""The verbs of `summdiff data`, by the command itself."""

import json

import h5py
import numpy as np
import pytest

from command import run_summdiff
from small_data import write_data
from summdiff.data.splits import read_splits
from summdiff.data.synthetic import make_synthetic


def run(*arguments, cwd=None):
    return run_summdiff("data", *arguments, cwd=cwd)


@pytest.fixture
def path(tmp_path):
    """A small synthetic file."""
    make_synthetic(tmp_path / "synthetic.h5", videos=12, dimension=8)
    return tmp_path / "synthetic.h5"


def test_help_lists_the_commands():
    result = run("--help")
    assert result.returncode == 0
    for verb in ("info", "check", "splits", "convert", "make-synthetic"):
        assert verb in result.stdout


def test_info_describes_a_file(path):
    result = run("info", path)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["file", "synthetic.h5"]
    assert lines[1].split() == ["kind", "mr_hisum"]
    assert lines[2].split() == ["videos", "12"]
    assert "video_5 " in result.stdout
    assert "video_6 " not in result.stdout
    assert "and 7 more" in lines[-1]
    everything = run("info", path, "--videos").stdout
    assert all(f"video_{number} " in everything for number in range(1, 13))


def test_info_reports_unreadable_videos_and_continues(path):
    with h5py.File(path, "a") as file:
        del file["video_2/gtscore"]
    result = run("info", path)
    assert result.returncode == 1
    assert "'gtscore' is missing" in result.stderr
    assert "video_3 " in result.stdout


def test_info_and_check_count_the_same_steps(tmp_path):
    """Features may be at other frames than the steps at which a video is judged."""
    path = write_data(tmp_path / "summe.h5", "summe")
    with h5py.File(path, "a") as file:
        for group in file.values():
            own = np.arange(0, group["n_frames"][()], 6)
            del group["features"]
            group["features_dino"], group["features_dino_picks"] = np.ones((len(own), 4), np.float16), own
    info, checked = run("info", path).stdout, run("check", path).stdout
    steps = [next(line for line in text.splitlines() if line.startswith("steps")) for text in (info, checked)]
    assert steps[0].split() == steps[1].split() == ["steps", "49,", "24", "to", "25", "per", "video"]
    assert "60 × 4" in info
    assert "at 122 frames of their own" in checked


def test_check_accepts_a_good_file(path):
    result = run("check", path)
    assert result.returncode == 0, result.stderr
    assert "gt_summary is a best knapsack of gtscore by the convention mr_hisum: 12 of 12 videos" in result.stdout
    assert result.stdout.splitlines()[-1] == "no problems"
    assert result.stderr == ""


def test_check_lists_problems_and_exits_with_1(path):
    with h5py.File(path, "a") as file:
        for number in range(1, 6):
            file[f"video_{number}/gtscore"][3] = np.nan
    result = run("check", path, "--shown", "2")
    assert result.returncode == 1
    assert "5 problems:\n  video_1: 'gtscore' has values that are not finite.\n" in result.stdout
    assert "and 3 more" in result.stdout
    result = run("check", path, "--json")
    assert result.returncode == 1
    assert len(json.loads(result.stdout)["problems"]) == 5
    assert "Traceback" not in result.stderr


def test_an_unreadable_file_gives_one_sentence(tmp_path):
    (tmp_path / "text.h5").write_text("no data")
    for verb in ("check", "info"):
        result = run(verb, tmp_path / "text.h5")
        assert result.returncode == 1
        assert result.stderr.startswith("summdiff: ")
        assert result.stderr.count("\n") == 1
    assert run("check", tmp_path / "text.h5", "--kind", "ovp").returncode == 2


def test_make_synthetic_writes_two_files_and_overwrites_nothing(tmp_path):
    options = ["--videos", "5", "--dimension", "4", "--seconds", "30", "40"]
    result = run("make-synthetic", *options, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == ["synthetic_mr_hisum.h5", "synthetic_mr_hisum_split.json"]
    assert {path.name for path in tmp_path.iterdir()} == set(result.stdout.splitlines())
    with h5py.File(tmp_path / "synthetic_mr_hisum.h5") as file:
        assert file["video_3/features"].shape[1] == 4
        assert 30 <= len(file["video_3/gtscore"]) <= 40
    again = run("make-synthetic", *options, cwd=tmp_path)
    assert again.returncode == 2
    assert "exists: name another output" in again.stderr
    assert run("make-synthetic", *options, "--overwrite", cwd=tmp_path).returncode == 0
    assert run("make-synthetic", "x.h5", "--videos", "1", cwd=tmp_path).returncode == 2


def test_a_folder_is_refused_as_a_file(tmp_path):
    for arguments in (["make-synthetic", ".", "--videos", "3"], ["info", "."], ["check", "."]):
        result = run(*arguments, cwd=tmp_path)
        assert result.returncode in (1, 2)
        assert result.stderr.startswith("summdiff: '.' is a folder: name the ")
        assert len(result.stderr.splitlines()) == 1


def test_splits_overwrites_nothing_without_a_flag_and_never_the_data(path):
    before = path.read_bytes()
    for more in ([], ["--overwrite"]):
        result = run("splits", "--make", "--data", path, "-o", path, *more)
        assert result.returncode == 2
        assert "is the data" in result.stderr
    assert path.read_bytes() == before
    made = path.with_name("folds.json")
    asked = ["splits", "--make", "--data", path, "-o", made]
    assert run(*asked).returncode == 0
    first = made.read_text()
    again = run(*asked, "--seed", "1")
    assert again.returncode == 2
    assert "exists: name another output" in again.stderr
    assert made.read_text() == first
    assert run(*asked, "--seed", "1", "--overwrite").returncode == 0
    assert made.read_text() != first


def test_splits_describes_and_makes_splits(path, tmp_path):
    made = run("splits", "--make", "--data", path, "--folds", "3", "-o", tmp_path / "folds.json")
    assert made.returncode == 0, made.stderr
    assert len(read_splits(tmp_path / "folds.json")) == 3
    result = run("splits", tmp_path / "folds.json", "--data", path)
    assert "12 distinct videos are tested, 0 of them more than once" in result.stdout
    assert "a cross-validation" in result.stdout
    entries = [{"train_keys": ["video_3"], "test_keys": [f"video_{number}", "video_7"]} for number in (1, 2)]
    (tmp_path / "random.json").write_text(json.dumps(entries))
    result = run("splits", tmp_path / "random.json", "--data", path)
    assert result.returncode == 0
    assert "3 distinct videos are tested, 1 of them more than once" in result.stdout
    assert "9 are never tested" in result.stdout
    assert "no cross-validation" in result.stdout
    entries[0]["train_keys"].append("video_7")
    (tmp_path / "leak.json").write_text(json.dumps(entries))
    result = run("splits", tmp_path / "leak.json")
    assert result.returncode == 1
    assert "split 1 has 'video_7' in its training and its test part" in result.stderr
    assert run("splits").returncode == 2
    assert run("splits", "--make", "-o", tmp_path / "x.json").returncode == 2
