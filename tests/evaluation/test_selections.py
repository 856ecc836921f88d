"""Judging of selections: what a rule chooses, beside people's own pieces."""

import h5py
import numpy as np
import pytest

from summdiff.data.datasets import open_dataset
from summdiff.errors import UsageError
from summdiff.evaluation import Predictions, _selections, evaluate_selections
from summdiff.evaluation._selections import best_on_others, random_pieces
from summdiff.metrics.fscore import f1_scores

FPS, SECONDS = 10, 60
PRODUCT = "intervals, repeats discounted"


@pytest.fixture(autouse=True, scope="module")
def _few_settings():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_selections, "_GRID", _selections._GRID[:2])
        yield


@pytest.fixture(scope="module")
def summe(tmp_path_factory):
    """Three videos of a minute, two steps a second, with four people; the second half looks like the first.

    People start and stop at steps, so that a step's frames are all chosen or none is.
    """
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("summe") / "summe.h5"
    with h5py.File(path, "w") as file:
        for number in range(3):
            group = file.create_group(f"video_{number + 1}")
            users = np.zeros((4, SECONDS * FPS), dtype=np.uint8)
            for user, start in zip(users, 5 * rng.integers(20, 26, size=4), strict=True):
                user[start : start + 80] = 1
            picks = np.arange(0, SECONDS * FPS, FPS // 2)
            half = rng.normal(size=(SECONDS, 16)).repeat(5, axis=0)[: len(picks) // 2]
            group["features"] = np.concatenate([half, half]).astype(np.float32)
            group["picks"], group["n_frames"], group["user_summary"] = picks, SECONDS * FPS, users
            group["gtscore"] = users[:, picks].mean(axis=0).astype(np.float32)
            group["change_points"] = np.array([[0, 299], [300, 599]])
            group.attrs["fps"], group.attrs["title"] = float(FPS), "Jumps"
    return open_dataset(path)


@pytest.fixture(scope="module")
def truth(summe):
    return Predictions("truth", {name: summe.annotations(name).gtscore[None].astype(float) for name in summe.names})


@pytest.fixture(scope="module")
def result(summe, truth):
    return evaluate_selections(summe, truth, draws=20, resamples=200)


def rows(result):
    return {row.name: row.values for row in (*result.systems, *result.references)}


def test_people_are_judged_by_the_others(summe, result):
    people = rows(result)["people among themselves"]
    for number, name in enumerate(summe.names):
        f1 = f1_scores(summe[name].user_summary, summe[name].user_summary)
        others = f1[~np.eye(4, dtype=bool)].reshape(4, 3)
        assert people["f1_mean"][number] == pytest.approx(others.mean())
        assert people["f1"][number] == pytest.approx(others.max(axis=1).mean())
    np.testing.assert_allclose(people["used"], 80 / 90)
    np.testing.assert_allclose(people["pieces"], 1)
    np.testing.assert_allclose(people["seconds"], 8)


def test_people_s_own_mean_as_the_scores_gives_the_upper_bound(result):
    values = rows(result)
    for rule in ("shots + knapsack", "intervals"):
        for measure, bound in values[f"{rule}, by people's own mean"].items():
            np.testing.assert_allclose(values[rule][measure], bound)


def test_no_rule_uses_more_than_the_budget(result):
    for name, values in rows(result).items():
        assert (values["used"] <= 1 + 1e-2).all(), name  # a frame of nine seconds


def test_seconds_seen_before_are_counted_once(summe):
    """Scores that name one stretch and its copy half a minute later: half of the summary repeats."""
    scores = np.zeros(2 * SECONDS)
    scores[10:18] = scores[70:78] = 1.0
    twice = Predictions("twice", dict.fromkeys(summe.names, scores[None]))
    top = rows(evaluate_selections(summe, twice, budget=8 / SECONDS, draws=1, resamples=100))["top steps"]
    np.testing.assert_allclose(top["repeated"], 4)
    once = Predictions("once", dict.fromkeys(summe.names, scores[None] * (np.arange(2 * SECONDS) < SECONDS)))
    top = rows(evaluate_selections(summe, once, budget=4 / SECONDS, draws=1, resamples=100))["top steps"]
    np.testing.assert_allclose(top["repeated"], 0)


def test_settings_for_a_video_come_from_the_others_alone():
    table = np.random.default_rng(0).normal(size=(7, 5))
    best = best_on_others(table)
    for video in range(5):
        assert best[video] == np.delete(table, video, axis=1).mean(axis=1).argmax()


def test_settings_by_the_other_videos_need_others(summe, truth, result):
    row = "intervals, settings by the other videos"
    assert row in rows(result)
    assert row not in rows(evaluate_selections(summe, truth, names=summe.names[:1], draws=1, resamples=100))


def test_comparisons_are_with_the_baseline_and_of_agreement_alone(result):
    assert {c.second for c in result.comparisons} == {"shots + knapsack"}
    assert {frozenset(c.differences) for c in result.comparisons} == {frozenset({"f1_mean", "f1"})}
    assert [c.first for c in result.comparisons] == [row.name for row in result.systems[1:]]


def test_scores_at_other_steps_than_the_features_are_averaged(summe, truth):
    frames = {name: np.repeat(truth.curves[name], FPS // 2, axis=1) for name in summe.names}
    again = evaluate_selections(summe, Predictions("frames", frames), draws=1, resamples=100, rate=2)
    same = evaluate_selections(summe, truth, draws=1, resamples=100, rate=2)
    np.testing.assert_allclose(rows(again)["top steps"]["f1"], rows(same)["top steps"]["f1"])


def test_random_pieces_keep_their_lengths_and_never_overlap():
    chosen = np.zeros(100, dtype=bool)
    chosen[5:12] = chosen[40:50] = chosen[90:] = True
    placed = random_pieces(chosen, 200, np.random.default_rng(0))
    assert (placed.sum(axis=1) == 27).all()
    assert placed.any(axis=0).all()
    assert len(np.unique(placed, axis=0)) > 150
    everything = np.ones(30, dtype=bool)
    assert random_pieces(everything, 3, np.random.default_rng(0)).all()


def test_tvsum_is_judged_by_the_rating_of_the_chosen_seconds(tvsum_file):
    data = open_dataset(tvsum_file)
    scores = {name: data.annotations(name).gtscore[None].astype(float) for name in data.names}
    values = rows(evaluate_selections(data, Predictions("truth", scores), draws=50, resamples=100))
    assert values[PRODUCT]["z"].mean() > values["people among themselves"]["z"].mean() > 0.1
    assert abs(values["random pieces"]["z"].mean()) < 0.1


def test_other_data_is_refused(highlights_file):
    data = open_dataset(highlights_file)
    with pytest.raises(UsageError, match="SumMe and TVSum"):
        evaluate_selections(data, Predictions("x", {}))


@pytest.mark.parametrize(
    ("wrong", "said"), [({"rate": 0}, "rate"), ({"budget": 2}, "budget"), ({"names": []}, "no vid")]
)
def test_values_out_of_range_are_refused(summe, truth, wrong, said):
    with pytest.raises(UsageError, match=said):
        evaluate_selections(summe, truth, **wrong)
