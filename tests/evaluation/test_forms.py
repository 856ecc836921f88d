"""Forms of predictions: a score per step or per frame, or a ready 0/1 summary of the frames."""

import json

import h5py
import numpy as np
import pytest
from scipy.stats import kendalltau

from summdiff.data.datasets import open_dataset
from summdiff.data.video import AnnotatedVideo
from summdiff.errors import DataError
from summdiff.evaluation import Predictions, evaluate, read_predictions
from summdiff.metrics import f1_score
from summdiff.metrics.segments import Segments
from summdiff.selection.knapsack import knapsack

FEW = {"draws": 1, "resamples": 100}


def _videos(path):
    data = open_dataset(path)
    return data, [data.annotations(name) for name in data.names]


def _random_frames(videos):
    rng = np.random.default_rng(7)
    return {v.name: rng.random((1, v.n_frames)) for v in videos}


def _averaged(frames, starts, ends):
    return np.array([frames[start:end].mean() for start, end in zip(starts, ends, strict=True)])


def _at_steps(frames, video):
    return _averaged(frames[0], video.picks, [*video.picks[1:], video.n_frames])[None]


def test_frame_scores_equal_the_same_scores_averaged_beforehand(tvsum_file):
    data, videos = _videos(tvsum_file)
    frames = _random_frames(videos)
    steps = {v.name: _at_steps(frames[v.name], v) for v in videos}
    result = evaluate(data, [Predictions("frames", frames), Predictions("steps", steps)], **FEW)
    ours, theirs = (row.values for row in result.systems)
    for measure in ("tau", "rho", "map50", "map15"):
        assert np.allclose(ours[measure], theirs[measure], rtol=0, atol=1e-9)
    assert any("frames has a score per frame" in note for note in result.notes)
    assert not any("steps has a score per frame" in note for note in result.notes)
    for video, f1 in zip(videos, ours["f1"], strict=True):
        starts, ends = video.change_points[:, 0], video.change_points[:, 1] + 1
        values = _averaged(frames[video.name][0], starts, ends)
        chosen = knapsack(values, ends - starts, int(0.15 * video.n_frames))
        assert f1 == pytest.approx(f1_score(np.repeat(chosen, ends - starts), video.user_summary), abs=1e-9)


def test_frame_scores_equal_step_scores_in_everything_if_segments_are_whole_steps(tvsum_file, tmp_path):
    path = tmp_path / "whole_steps.h5"
    path.write_bytes(tvsum_file.read_bytes())
    with h5py.File(path, "r+") as file:
        for group in file.values():
            edges = np.append(group["picks"][::3], group["n_frames"][()])
            del group["change_points"]
            group["change_points"] = np.stack([edges[:-1], edges[1:] - 1], axis=1)
    data, videos = _videos(path)
    frames = _random_frames(videos)
    steps = {v.name: _at_steps(frames[v.name], v) for v in videos}
    result = evaluate(data, [Predictions("frames", frames), Predictions("steps", steps)], knapsack_aware=True, **FEW)
    ours, theirs = (row.values for row in result.systems)
    assert {"f1", "tau", "map15", "wse"} <= ours.keys()
    for measure, values in ours.items():
        assert np.allclose(values, theirs[measure], rtol=1e-9, atol=1e-9), measure


@pytest.mark.parametrize("file", ["tvsum_file", "summe_file", "mr_hisum_file"])
def test_step_scores_held_over_frames_are_judged_as_before(file, request):
    data, videos = _videos(request.getfixturevalue(file))
    rng = np.random.default_rng(8)
    steps = {v.name: rng.integers(0, 5, (1, len(v.picks))) / 7 for v in videos}  # with ties
    held = {v.name: np.repeat(steps[v.name], np.diff(np.append(v.picks, v.n_frames)), axis=1) for v in videos}
    ours, theirs = (
        row.values for row in evaluate(data, [Predictions("held", held), Predictions("steps", steps)], **FEW).systems
    )
    for measure, values in ours.items():
        assert np.allclose(values, theirs[measure], rtol=0, atol=1e-9), measure


def test_frame_scores_of_samples_have_the_variety_of_their_steps(tvsum_file):
    data, videos = _videos(tvsum_file)
    rng = np.random.default_rng(9)
    steps = {v.name: rng.random((3, len(v.picks))) for v in videos}
    held = {v.name: np.repeat(steps[v.name], np.diff(np.append(v.picks, v.n_frames)), axis=1) for v in videos}
    variety = evaluate(data, [Predictions("held", held), Predictions("steps", steps)], **FEW).variety
    assert variety["held"] == pytest.approx(variety["steps"], abs=1e-9)


def test_a_clip_takes_the_mean_of_its_own_frames(highlights_file):
    _, videos = _videos(highlights_file)
    for video in videos:
        frames = np.random.default_rng(1).random((1, video.n_frames))
        first, last = video.clips.T.astype(int)
        ours = Predictions("x", {video.name: frames}).at_steps(video)
        assert np.allclose(ours[0], _averaged(frames[0], first, last), rtol=0, atol=1e-12)


@pytest.mark.parametrize("file", ["tvsum_file", "summe_file", "mr_hisum_file"])
def test_ready_summaries_are_judged_as_they_are(file, request):
    data, videos = _videos(request.getfixturevalue(file))
    rng = np.random.default_rng(3)
    summaries = {v.name: (rng.random((1, v.n_frames)) < 0.15).astype(float) for v in videos}
    result = evaluate(data, [Predictions("ready", summaries)], **FEW)
    summe = data.kind == "summe"
    for i, video in enumerate(videos):
        summary = summaries[video.name][0]
        assert result.systems[0].values["f1"][i] == pytest.approx(
            f1_score(summary, video.user_summary, "max" if summe else "mean"), abs=1e-12
        )
        if summe:
            tau = kendalltau(summary, video.user_summary.mean(axis=0)).statistic
            assert result.systems[0].values["tau_b"][i] == pytest.approx(tau, abs=1e-9)
    assert any("ready 0/1 summaries, judged as they are" in note for note in result.notes)
    assert summe or list(result.systems[0].values) == ["f1"]
    assert list(result.comparisons[0].differences) == list(result.systems[0].values)


def test_ready_summaries_can_be_read_as_scores(tvsum_file):
    data, videos = _videos(tvsum_file)
    summaries = {v.name: v.user_summary[:1].astype(float) for v in videos}
    values = evaluate(data, [Predictions("scores", summaries, form="scores")], **FEW).systems[0].values
    segments = [Segments.of(v.picks, v.n_frames, v.change_points).of_frames() for v in videos]
    for video, each, f1 in zip(videos, segments, values["f1"], strict=True):
        again = each.summary(each.choose(summaries[video.name]))[0]
        assert f1 == pytest.approx(f1_score(again, video.user_summary), abs=1e-9)
    assert "tau" in values


def test_a_file_with_summaries_and_scores_is_refused_unless_told(tvsum_file):
    data, videos = _videos(tvsum_file)
    mixed = {v.name: v.user_summary[:1].astype(float) for v in videos}
    mixed["video_2"] = mixed["video_2"] / 2
    with pytest.raises(
        DataError, match=r"summaries of 5 videos .* scores of 1 \(video_2 is one\).*--summaries or --sc"
    ):
        evaluate(data, [Predictions("mixed", mixed)], **FEW)
    assert "tau" in evaluate(data, [Predictions("mixed", mixed, form="scores")], **FEW).systems[0].values
    with pytest.raises(DataError, match="video_2: a summary has only 0 and 1"):
        evaluate(data, [Predictions("mixed", mixed, form="summaries")], **FEW)


def test_constant_frames_are_what_the_others_are(tvsum_file):
    data, videos = _videos(tvsum_file)
    empty = {v.name: np.zeros((1, v.n_frames)) for v in videos}
    assert "tau" in evaluate(data, [Predictions("empty", empty)], **FEW).systems[0].values
    one = empty | {"video_1": videos[0].user_summary[:1].astype(float)}
    assert list(evaluate(data, [Predictions("one", one)], **FEW).systems[0].values) == ["f1"]


@pytest.mark.parametrize(
    ("curves", "said"),
    [
        (np.ones((2, 60)), "2 summaries, but one per video"),
        (np.full((1, 60), 0.5), "only 0 and 1"),
        (np.ones((1, 4)), "a value for each of the 60 frames, this one has one for each of the 4 steps"),
    ],
)
def test_what_is_no_summary_is_refused(curves, said):
    video = AnnotatedVideo("tvsum", "video_1", n_frames=60, picks=np.arange(4) * 15, gtscore=np.zeros(4, np.float32))
    with pytest.raises(DataError, match=said):
        Predictions("x", {"video_1": curves}, form="summaries").summary(video)


@pytest.mark.parametrize("length", [50, 70])
def test_a_summary_of_another_length_is_cut_or_filled(length):
    video = AnnotatedVideo("tvsum", "video_1", n_frames=60, picks=np.arange(4) * 15, gtscore=np.zeros(4, np.float32))
    summary = Predictions("x", {"video_1": np.ones((1, length))}).summary(video)
    assert summary.tolist() == [1] * min(length, 60) + [0] * max(0, 60 - length)


@pytest.mark.parametrize("suffix", [".json", ".h5"])
@pytest.mark.parametrize(("form", "expected"), [(None, 0.5), ("scores", 0.5), ("summaries", 1.0)])
def test_scores_and_summary_of_one_video_are_told_apart(tmp_path, suffix, form, expected):
    path, entry = tmp_path / f"a{suffix}", {"machine_summary": [1.0, 1.0], "importance_scores": [0.5, 0.5]}
    if suffix == ".json":
        path.write_text(json.dumps({"video_1": entry}))
    else:
        with h5py.File(path, "w") as file:
            for key, values in entry.items():
                file[f"video_1/{key}"] = values
    assert read_predictions(path, form).curves["video_1"].tolist() == [[expected, expected]]
