import math

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from summdiff.errors import DataError, UsageError
from summdiff.metrics.fscore import f1_of_choices, f1_score, f1_scores
from summdiff.metrics.segments import CONVENTIONS, Segments, frame_scores, summary_from_scores
from summdiff.selection import knapsack
from summdiff.selection.knapsack import choose_many

HALF_OPEN = ("mr_hisum", "half_open")


def rows_of(n_frames, n_segments, convention, rng):
    """(S, 2) random contiguous change points; half-open ones end at the last frame, as Mr.HiSum's do."""
    last = n_frames - 1 if convention in HALF_OPEN else n_frames
    edges = np.sort(rng.choice(np.arange(1, last), n_segments - 1, replace=False))
    edges = np.concatenate(([0], edges, [last]))
    return np.stack([edges[:-1], edges[1:] - (convention not in HALF_OPEN)], axis=1)


def video_of(seed, convention="eccv16", n_frames=600, n_segments=20, every=15):
    """picks, n_frames, change_points; random scores of two curves; user summaries."""
    rng = np.random.default_rng(seed)
    picks = np.arange(rng.integers(0, every), n_frames, every)
    rows = rows_of(n_frames, n_segments, convention, rng)
    return (picks, n_frames, rows), rng.random((2, len(picks))), (rng.random((4, n_frames)) < 0.15).astype(np.uint8)


def test_a_score_holds_until_the_next_step():
    assert frame_scores([0.5, 1.0], [2, 4], 7).tolist() == [0, 0, 0.5, 0.5, 1, 1, 1]


def test_the_best_segments_fill_the_budget():
    summary = summary_from_scores([0.1, 0.9, 0.5, 0.2], [0, 5, 10, 15], 20, [[0, 4], [5, 9], [10, 14], [15, 19]], 0.5)
    assert summary.tolist() == [0] * 5 + [1] * 10 + [0] * 5
    assert summary.dtype == np.uint8


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    convention=st.sampled_from(list(CONVENTIONS)),
    every=st.sampled_from([1, 7, 60]),
    budget=st.sampled_from([0.15, 0.5]),
)
def test_summaries_equal_a_calculation_frame_by_frame(seed, convention, every, budget):
    """Every convention, read off its fields over frames, against `Segments`."""
    (picks, n_frames, rows), curves, _ = video_of(seed, convention, every=every)
    rule = CONVENTIONS[convention]
    segments = Segments.of(picks, n_frames, rows, budget, convention)
    for curve in curves:
        frames = frame_scores(curve, picks, n_frames)
        values = np.array([frames[a : b + (rule.mean == "inclusive")].mean() for a, b in rows])
        assert segments.values(curve) == pytest.approx(
            np.floor(1000 * values) if rule.value == "thousandths" else values, abs=1e-12
        )
        lengths = np.array([b - a + (rule.rows == "inclusive") for a, b in rows])
        room = {
            "floor": int(budget * n_frames),
            "round": round(budget * n_frames),
            "last_end": int(budget * (rows[-1, 1] + 1)),
        }
        assert segments.weights.tolist() == lengths.tolist()
        assert segments.capacity == room[rule.capacity]
        summary = np.zeros(n_frames, dtype=np.uint8)
        for (a, b), taken in zip(rows, knapsack(segments.values(curve), lengths, segments.capacity), strict=True):
            summary[a : b + (rule.rows == "inclusive")] = taken
        assert np.array_equal(summary, summary_from_scores(curve, picks, n_frames, rows, budget, convention))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["eccv16", "mr_hisum"]), st.sampled_from([1, 15]))
def test_a_batch_of_curves_equals_single_curves(seed, convention, every):
    video, curves, users = video_of(seed, convention, every=every)
    segments = Segments.of(*video, convention=convention)
    chosen = segments.choose(curves)
    summaries = segments.summary(chosen)
    assert np.array_equal(chosen, choose_many([(segments.values(curves), segments.weights, segments.capacity)])[0])
    assert segments.values(curves) == pytest.approx(curves @ segments.averaging.T, abs=1e-12)
    for curve, values, choice, summary in zip(curves, segments.values(curves), chosen, summaries, strict=True):
        assert np.array_equal(segments.values(curve), values)  # to the last bit, since ties are decided by it
        assert np.array_equal(segments.choose(curve), choice)
        assert np.array_equal(segments.choose(curve[None]), choice[None])
        assert np.array_equal(segments.summary(choice), summary)
        assert np.array_equal(summary, summary_from_scores(curve, *video, convention=convention))
        assert summary.sum() <= segments.capacity
    lengths = segments.ends - segments.starts
    counts = np.array(
        [[user[a:b].sum() for a, b in zip(segments.starts, segments.ends, strict=True)] for user in users]
    )
    assert np.array_equal(segments.counts(users), counts)
    expected = [[f1_score(summary, user) for user in users] for summary in summaries]
    assert f1_scores(summaries, users) == pytest.approx(np.array(expected), abs=1e-15)
    assert np.array_equal(f1_of_choices(chosen, lengths, counts, users.sum(axis=1)), f1_scores(summaries, users))


def test_segments_of_frames_take_a_score_for_each_frame():
    segments = Segments.of([0, 3, 6], 8, [[0, 4], [5, 7]])
    curve = np.random.default_rng(0).random(8)
    assert segments.of_frames().values(curve) == pytest.approx([curve[:5].mean(), curve[5:].mean()])
    assert segments.values([1.0, 2.0, 4.0]) == pytest.approx([(3 * 1 + 2 * 2) / 5, (1 * 2 + 2 * 4) / 3])


def test_padded_segments_do_not_change_the_selection():
    videos = [video_of(seed, n_segments=n) for seed, n in ((0, 12), (1, 20))]
    chosen, lengths, counts = np.zeros((2, 2, 20), bool), np.zeros((2, 20), int), np.zeros((2, 4, 20), int)
    expected = []
    for i, (video, curves, users) in enumerate(videos):
        segments = Segments.of(*video)
        n = len(segments.starts)
        chosen[i, :, :n], counts[i, :, :n] = segments.choose(curves), segments.counts(users)
        lengths[i, :n] = segments.ends - segments.starts
        expected.append(f1_scores(segments.summary(segments.choose(curves)), users))
    totals = np.array([users.sum(axis=1) for _, _, users in videos])
    assert np.array_equal(f1_of_choices(chosen, lengths, counts, totals), expected)


def test_15_percent_is_rounded_down_as_in_public_code():
    rows, picks = [[0, 9]], [0]
    for n in [*range(10, 3000), 99_960, 352_353]:
        assert Segments.of(picks, n, rows).capacity == int(0.15 * n) == 15 * n // 100
    assert math.floor(0.29 * 100) == 28  # in floating point
    assert Segments.of(picks, 100, rows, 0.29).capacity == 29


def test_capacity_follows_the_convention():
    picks, rows = [0], [[0, 5], [6, 98]]
    assert Segments.of(picks, 110, rows).capacity == 16
    assert Segments.of(picks, 110, rows, convention="pgl_sum").capacity == 14  # of 99 frames
    assert Segments.of(picks, 110, rows, convention="a2summ").capacity == 16  # 16.5, to the even one
    assert Segments.of(picks, 111, rows, convention="a2summ").capacity == 17  # 16.65


def test_frames_outside_the_segments_or_the_annotation_count_as_zero():
    segments = Segments.of([4, 8], 12, [[2, 5], [6, 99]])
    assert segments.starts.tolist() == [2, 6]
    assert segments.ends.tolist() == [6, 12]  # cut at the video's end
    assert segments.values([0.3, 0.6]) == pytest.approx([0.15, 0.5])  # nothing before the first pick
    assert segments.summary([[True, False]]).tolist() == [[0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0]]
    assert segments.counts(np.ones((1, 8))).tolist() == [[4, 2]]
    assert segments.counts(np.ones((1, 14))).tolist() == [[4, 6]]
    assert segments.counts(np.ones(14)).tolist() == [4, 6]
    last_alone = Segments.of([4, 8], 12, [[2, 10], [11, 11]])
    assert last_alone.counts(np.ones((2, 11))).tolist() == [[9, 0], [9, 0]]
    assert last_alone.counts(np.ones(11)).tolist() == [9, 0]
    assert Segments.of([9], 12, [[0, 5], [6, 11]]).values([1.0]).tolist() == [0.0, 0.5]


def test_inclusive_means_overlap_the_last_segment():
    """Every frame is a step, and the mean before the last segment includes its only frame as well."""
    segments = Segments.of(np.arange(6), 6, [[0, 2], [2, 5], [5, 6]], convention="mr_hisum")
    curves = np.array([[3.0, 0.0, 0.0, 1.0, 1.0, 6.0], [0.0, 3.0, 3.0, 0.0, 0.0, 1.0], [1.0] * 6])
    assert segments.values(curves).tolist() == [[1.0, 2.0, 6.0], [2.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    assert segments.values(curves[0]).tolist() == [1.0, 2.0, 6.0]


def test_scores_of_small_types_are_summed_in_double_precision():
    """Half precision knows no 2049, and 200 + 200 is no uint8."""
    for picks in (np.arange(8), [0, 4]):
        segments = Segments.of(picks, 8, [[0, 3], [4, 7]])
        steps = segments.n_steps // 2
        halves = np.repeat([2047, 3], steps).astype(np.float16)
        assert segments.values(halves).tolist() == [2047, 3]
        assert segments.values(np.repeat([200, 100], steps).astype(np.uint8)).tolist() == [200, 100]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"picks": [0, 0]}, "picks"),
        ({"picks": []}, "picks"),
        ({"change_points": [0, 2]}, "change_points must be"),
        ({"change_points": np.zeros((0, 2))}, "change_points must be"),
        ({"change_points": np.zeros((1, 3))}, "change_points must be"),
        ({"picks": [[0, 5]]}, "picks"),
        ({"picks": [0, -5]}, "picks"),
        ({"change_points": [[0, 5], [6, 5]]}, "both inclusive, and not empty"),
        ({"change_points": [[0, 5], [5, 5]], "convention": "half_open"}, "the last not inclusive, and not empty"),
        ({"change_points": [[-1, 5], [6, 9]]}, "within the video's 10 frames"),
        ({"change_points": [[0, 9], [10, 12]]}, "within the video's 10 frames"),
        ({"change_points": [[0, 5], [5, 9]]}, r"not contiguous if read by 'eccv16'.*end \+ 1 = start"),
        ({"convention": "mr_hisum"}, "not contiguous if read by 'mr_hisum'.*end = start"),
        ({"scores": [1.0]}, r"\(2,\)"),
        ({"scores": [1.0, np.nan]}, "finite"),
    ],
)
def test_bad_data_is_refused(change, said):
    video = {"scores": [1.0, 2.0], "picks": [0, 5], "n_frames": 10, "change_points": [[0, 5], [6, 9]]}
    with pytest.raises(DataError, match=said):
        summary_from_scores(**video | change)


def test_bad_requests_are_refused():
    with pytest.raises(UsageError, match="'eccv61'; there are eccv16, mr_hisum, half_open"):
        Segments.of([0], 10, [[0, 9]], convention="eccv61")
    with pytest.raises(UsageError, match="budget"):
        Segments.of([0], 10, [[0, 9]], budget=0)
    with pytest.raises(DataError, match="n_steps"):
        frame_scores([1.0], [0, 1], 3)


def like_video_18749(seed):
    """n = 144, rows [start, end) up to 143; scores in 100 bins of the graph; and frames of the knapsack by hand."""
    rng = np.random.default_rng(seed)
    rows = rows_of(144, 27, "mr_hisum", rng)
    bins = np.round(rng.random(100) ** 2, 4)
    gtscore = bins[np.minimum(1000 * np.arange(144) // 1440, 99)]
    summary = np.zeros(144, dtype=np.uint8)
    means = [gtscore[a : b + 1].mean() for a, b in rows]
    for (a, b), taken in zip(rows, knapsack(means, rows[:, 1] - rows[:, 0], 21), strict=True):
        summary[a:b] = taken
    return gtscore, rows, summary


def test_true_scores_of_mr_hisum_give_the_stored_summary_by_its_own_convention_only():
    """The worked example of one real video: inclusive means, half-open lengths; F1 100, and 90.5 read cleanly there."""
    f1 = {"mr_hisum": [], "half_open": []}
    for seed in range(40):
        gtscore, rows, gt_summary = like_video_18749(seed)
        for convention, values in f1.items():
            made = summary_from_scores(gtscore, np.arange(144), 144, rows, convention=convention)
            values.append(f1_score(made, gt_summary))
            if convention == "mr_hisum":
                assert np.array_equal(made, gt_summary)
    assert set(f1["mr_hisum"]) == {1.0}
    assert np.mean(f1["half_open"]) < 0.97
    assert min(f1["half_open"]) < 0.9


@pytest.mark.parametrize(
    ("convention", "reproduced"), [("eccv16", 23), ("pgl_sum", 23), ("vasnet", 13), ("a2summ", 13)]
)
def test_published_selections_on_summe_are_reproduced(data_dir, convention, reproduced):
    """CSNet's scores give its stored shots on all videos, by float means and capacity rounded down."""
    same = 0
    with (
        h5py.File(data_dir / "reference_csnet_summe.h5") as results,
        h5py.File(data_dir / "summe_annotations.h5") as annotations,
    ):
        for name, video in results.items():
            rows, picks = annotations[name]["change_points"][()], annotations[name]["picks"][()]
            assert video["shot_lengths"][()].tolist() == (rows[:, 1] - rows[:, 0] + 1).tolist()
            frames = video["importance_scores"][()]
            segments = Segments.of(picks, len(frames), rows, convention=convention)
            chosen = segments.choose(frames[picks])
            same += np.flatnonzero(chosen).tolist() == video["selected_shot_idxs"][()].tolist()
            if convention == "eccv16":
                assert np.array_equal(segments.summary(chosen), video["machine_summary"][()]), name
                f1 = f1_scores(segments.summary(chosen), video["user_summary"][()]).max()
                assert 100 * f1 == pytest.approx(float(video["fscore"][()]), abs=1e-9), name
                by_frame = summary_from_scores(frames, np.arange(len(frames)), len(frames), rows)
                assert np.array_equal(by_frame, video["machine_summary"][()]), name
    assert same == reproduced


@given(st.integers(0, 2**32 - 1), st.sampled_from(list(CONVENTIONS)))
def test_a_batch_of_videos_equals_single_videos(seed, convention):
    rng = np.random.default_rng(seed)
    half_open = CONVENTIONS[convention].rows == "exclusive"
    videos = []
    for _ in range(int(rng.integers(1, 5))):
        n_frames = int(rng.integers(2, 60))
        inner = np.flatnonzero(rng.random(n_frames - 1) < 0.3) + 1
        edges = np.concatenate(([0], inner, [n_frames]))
        picks = np.arange(n_frames) if rng.random() < 0.5 else np.arange(int(rng.integers(2)), n_frames, 3)
        videos.append((picks, n_frames, np.stack([edges[:-1], edges[1:] - (not half_open)], axis=1)))
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(Segments, "of")  # right ones are never looked at again one by one
        together = Segments.of_many(videos, 0.3, convention)
    for video, ours in zip(videos, together, strict=True):
        alone = Segments.of(*video, 0.3, convention)
        scores = rng.normal(size=(2, len(video[0])))
        assert np.array_equal(ours.values(scores), alone.values(scores))
        assert np.array_equal(ours.choose(scores), alone.choose(scores))
        assert np.array_equal(ours.summary(ours.choose(scores)), alone.summary(alone.choose(scores)))
        assert (ours.capacity, ours.n_frames, ours.n_steps) == (alone.capacity, alone.n_frames, alone.n_steps)
        assert np.array_equal(ours.weights, alone.weights)
    assert Segments.of_many([], 0.3, convention) == []
    usual = [Segments.of(*video, 0.15, convention).capacity for video in videos]
    assert [segments.capacity for segments in Segments.of_many(videos, convention=convention)] == usual


@pytest.mark.parametrize(
    "wrong",
    [
        ([0, 5], 10, [[0, 4], [6, 9]]),
        ([0, 5], 10, [[0, 4], [5, 4]]),
        ([5, 5], 10, [[0, 4], [5, 9]]),
        ([-1, 5], 10, [[0, 4], [5, 9]]),
        ([0, 5], 10, [[-1, 4], [5, 9]]),
        ([0, 5], 10, [0, 4]),
        ([], 10, [[0, 9]]),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_bad_video_in_a_batch_is_named(wrong, place):
    videos = [([0, 5], 10, [[0, 4], [5, 9]])] * 2
    videos.insert(place, wrong)
    with pytest.raises(DataError) as alone:
        Segments.of(*wrong)
    with pytest.raises(DataError) as together:
        Segments.of_many(videos)
    assert str(together.value) == str(alone.value)


def test_a_bad_argument_for_a_batch_is_named():
    videos = [([0, 5], 10, [[0, 4], [4, 9]])] * 2
    with pytest.raises(UsageError, match="eccv61"):
        Segments.of_many(videos, convention="eccv61")
    with pytest.raises(UsageError, match="budget"):
        Segments.of_many(videos, 0.0, "half_open")
    with pytest.raises(DataError, match="read by 'half_open'"):
        Segments.of_many([*videos, ([0, 5], 10, [[0, 4], [5, 9]])], convention="half_open")
