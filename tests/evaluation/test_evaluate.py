import json
from dataclasses import replace

import h5py
import numpy as np
import pytest

from summdiff.data.datasets import open_dataset
from summdiff.data.synthetic import make_synthetic
from summdiff.errors import DataError, UsageError
from summdiff.evaluation import Predictions, evaluate, read_predictions
from summdiff.metrics.fscore import f1_score
from summdiff.metrics.rank import kendall_tau
from summdiff.metrics.segments import summary_from_scores


def predicted(data, *, name="ours", samples=1, noise=1.0, seed=0, about=None):
    """The truth with noise on it."""
    rng = np.random.default_rng(seed)
    truth = {video: data.annotations(video).gtscore for video in data.names}
    curves = {video: score + noise * rng.normal(size=(samples, len(score))) for video, score in truth.items()}
    return Predictions(name, curves, about or {})


def test_every_data_set_can_be_evaluated(tvsum_file, summe_file, highlights_file, mr_hisum_file):
    expected = {
        tvsum_file: ["f1", "tau", "rho", "map50", "map15"],
        summe_file: ["f1", "f1_mean", "tau_a", "rho_a", "tau_b", "rho_b"],
        highlights_file: ["map", "map_trapezoid"],
        mr_hisum_file: ["f1", "map50", "map15", "tau", "rho"],
    }
    for path, measures in expected.items():
        data = open_dataset(path)
        result = evaluate(data, [predicted(data, noise=0.1)], resamples=200)
        assert [measure.name for measure in result.measures] == measures
        for measure in measures:
            ours, random, oracle = (result.means[name][measure] for name in ("ours", "random", "oracle"))
            assert random.value <= oracle.value + 1e-12
            assert ours.low <= ours.value <= ours.high
            if measure in ("tau", "map"):
                assert random.value < ours.value
        document = json.loads(json.dumps(result.to_dict()))
        assert document["tested"]["videos"] == len(data)
        assert set(document["videos"]) == set(data.names)
        assert document["systems"]["ours"]["means"][measures[0]]["value"] == result.means["ours"][measures[0]].value


def test_samples_are_judged_by_their_mean_and_by_their_variety(tvsum_file):
    data = open_dataset(tvsum_file)
    system = predicted(data, samples=5, noise=0.3)
    result = evaluate(data, [system], resamples=200)
    taus = [kendall_tau(system.curves[name].mean(axis=0), data.annotations(name).user_scores) for name in data.names]
    assert result.means["ours"]["tau"].value == pytest.approx(np.mean(taus))
    variety = result.variety["ours"]
    assert 0 < variety["diversity"] < 1
    assert variety["coverage"] > variety["coverage_of_mean"]
    assert any("reach about 60% with 5 samples" in note for note in result.notes)
    same = Predictions("ours", {name: np.repeat(curve[:1], 3, axis=0) for name, curve in system.curves.items()})
    none = evaluate(data, [same], resamples=200).variety["ours"]
    assert none["diversity"] == 0
    assert none["spread_ratio"] == pytest.approx(0)
    assert none["coverage"] == pytest.approx(none["coverage_of_mean"])


def test_a_better_system_is_significantly_better(mr_hisum_file):
    data = open_dataset(mr_hisum_file)
    result = evaluate(data, [predicted(data, noise=0.01), predicted(data, name="theirs", noise=3)], resamples=500)
    comparison, chance = result.comparisons
    assert (chance.first, chance.second) == ("ours", "random")
    assert chance.differences["tau"].mean.low > 0
    tau = comparison.differences["tau"]
    assert (comparison.first, comparison.second) == ("ours", "theirs")
    assert (tau.better, tau.worse) == (4, 0)
    assert tau.mean.low > 0
    assert tau.p == pytest.approx(2 / 2**4, abs=0.05)  # four videos can say no more


def test_only_the_chosen_videos_count(tvsum_file):
    data = open_dataset(tvsum_file)
    whole = evaluate(data, [predicted(data)], resamples=200)
    part = evaluate(data, [predicted(data)], names=["video_5", "video_2"], resamples=200)
    assert part.names == ("video_5", "video_2")
    both = [whole.systems[0].values["tau"][i] for i in (4, 1)]
    assert part.systems[0].values["tau"].tolist() == pytest.approx(both)
    assert "2 of the 6 videos in the file were tested." in part.notes


def test_domains_weigh_the_same(highlights_file):
    data = open_dataset(highlights_file)
    result = evaluate(data, [predicted(data)], resamples=200)
    values = result.systems[0].values["map"]
    assert result.means["ours"]["map"].value == pytest.approx((values[:2].mean() + values[2:].mean()) / 2)
    assert result.domains()["dog"]["ours"]["map"] == pytest.approx(values[:2].mean())
    assert any("1 videos have no matching clip" in note for note in result.notes)


def test_training_videos_are_reported(tvsum_file):
    data = open_dataset(tvsum_file)
    seen = predicted(data, about={"trained_on": ["tvsum/video_1", "tvsum/video_3", "summe/video_2"]})
    notes = " ".join(evaluate(data, [seen], resamples=200).notes)
    assert "ours WAS TRAINED ON 2 of these videos" in notes
    assert "selected by: not stated" in notes
    unseen = evaluate(data, [seen], names=["video_2"], resamples=200)
    assert "TRAINED" not in " ".join(unseen.notes)
    silent = evaluate(data, [predicted(data, about={"selection": "last epoch"})], resamples=200)
    assert "ours does not say which videos it was trained on." in silent.notes
    assert "ours was selected by: last epoch." in silent.notes


def test_missing_measures_are_omitted_with_a_note(tvsum_file, tmp_path):
    path = tmp_path / "usual.h5"  # as the field's file: no annotators' scores, no frame rate
    with h5py.File(tvsum_file) as whole, h5py.File(path, "w") as file:
        for name in whole:
            whole.copy(name, file)
            del file[name]["user_scores"], file[name].attrs["fps"]
    data = open_dataset(path, "tvsum")
    result = evaluate(data, [predicted(data)], resamples=200)
    assert [measure.name for measure in result.measures] == ["f1"]
    assert "--annotations" in " ".join(result.notes)
    assert "No MAP" in " ".join(result.notes)


def test_synthetic_data_is_labelled(tmp_path):
    path = tmp_path / "made.h5"
    make_synthetic(path, videos=5, dimension=4)
    data = open_dataset(path)
    result = evaluate(data, [predicted(data)], resamples=200)
    assert any(note.startswith("THE DATA IS SYNTHETIC") for note in result.notes)
    assert result.means["oracle"]["f1"].value == 1


def test_negative_scores_get_a_note_about_f1(tvsum_file):
    data = open_dataset(tvsum_file)
    system = predicted(data, noise=0.1)
    moved = replace(system, name="moved", curves={name: curve - 2 for name, curve in system.curves.items()})
    lifted = replace(system, name="lifted", curves={name: curve + 2 for name, curve in system.curves.items()})
    result = evaluate(data, [moved, lifted], resamples=200)
    assert result.means["moved"]["tau"] == result.means["lifted"]["tau"]
    assert result.means["moved"]["f1"].value == 0
    assert result.means["lifted"]["f1"].value > 0.3
    said = [note for note in result.notes if "below 0" in note]
    assert len(said) == 1
    assert said[0].startswith("moved has scores below 0 in 6 videos")


def test_mistakes_are_reported(tvsum_file):
    data = open_dataset(tvsum_file)
    ours = predicted(data)
    with pytest.raises(UsageError, match="no video"):
        evaluate(data, [ours], names=[])
    with pytest.raises(UsageError, match="more than once"):
        evaluate(data, [ours], names=["video_1", "video_1"])
    with pytest.raises(UsageError, match="budget"):
        evaluate(data, [ours], budget=1.5)
    with pytest.raises(UsageError, match="same name"):
        evaluate(data, [ours, ours])
    with pytest.raises(UsageError, match="'random' is the name of a reference"):
        evaluate(data, [replace(ours, name="random")], resamples=200)
    with pytest.raises(DataError, match="no scores for video_4"):
        evaluate(data, [replace(ours, curves={k: v for k, v in ours.curves.items() if k != "video_4"})])


@pytest.mark.parametrize("convention", ["half_open", "vasnet", "pgl_sum", "a2summ"])
def test_the_convention_can_be_chosen(tvsum_file, convention):
    data = open_dataset(tvsum_file)
    if convention == "half_open":  # the rows of this file are inclusive
        with pytest.raises(DataError):
            evaluate(data, [predicted(data)], convention=convention, resamples=200)
        return
    result = evaluate(data, [predicted(data)], convention=convention, resamples=200)
    assert result.protocol["convention"] == convention
    assert result.means["ours"]["f1"].value > 0


def test_published_results_are_reproduced_end_to_end(data_dir):
    """CSNet's published scores, one a frame, as a predictions file: its published F1 of each video to 1e-9."""
    path = data_dir / "reference_csnet_summe.h5"
    result = evaluate(open_dataset(data_dir / "summe_annotations.h5"), [read_predictions(path)], resamples=200)
    f1 = dict(zip(result.names, result.systems[0].values["f1"], strict=True))
    with h5py.File(path) as file:
        assert len(f1) == len(file) == 23
        assert {name: 100 * value for name, value in f1.items()} == pytest.approx(
            {name: float(video["fscore"][()]) for name, video in file.items()}, abs=1e-9
        )


@pytest.mark.parametrize("file", ["tvsum_file", "summe_file"])
@pytest.mark.parametrize("f1_over", ["mean", "max"])
def test_f1_can_be_the_mean_or_the_largest_over_annotators(file, f1_over, request):
    data = open_dataset(request.getfixturevalue(file))
    curves = {name: np.random.default_rng(5).random((1, data.n_steps(name))) for name in data.names}
    result = evaluate(data, [Predictions("ours", curves)], f1_over=f1_over, resamples=100, draws=1)
    usual = "mean" if data.kind == "tvsum" else "max"
    for name, value in zip(data.names, result.systems[0].values["f1"], strict=True):
        video = data.annotations(name)
        summary = summary_from_scores(curves[name][0], video.picks, video.n_frames, video.change_points)
        assert value == pytest.approx(f1_score(summary, video.user_summary, f1_over), abs=1e-9)
    measures = {measure.name: measure.about for measure in result.measures}
    assert ("largest" if f1_over == "max" else "mean") in measures["f1"].rpartition(",")[2]
    assert ("f1_mean" in measures) == (data.kind == "summe" and f1_over == "max")
    assert any(("NOT the usual" in note) == (f1_over != usual) for note in result.notes if note.startswith("F1 is"))
    assert evaluate(data, [Predictions("ours", curves)], resamples=100, draws=1).protocol["f1"].startswith(usual)


def test_one_reference_has_no_protocol_of_f1(mr_hisum_file):
    data = open_dataset(mr_hisum_file)
    with pytest.raises(UsageError, match="one reference per video"):
        evaluate(data, [predicted(data)], f1_over="max")


@pytest.mark.parametrize(("budget", "warns"), [(0.15, False), (0.3, True)])
def test_summaries_of_another_length_than_the_annotators_get_a_note(tvsum_file, budget, warns):
    data = open_dataset(tvsum_file)
    notes = evaluate(data, [predicted(data)], budget=budget, resamples=100, draws=1).notes
    assert any("F1 compares summaries of 30% of the frames" in note for note in notes) == warns


def test_the_same_note_for_many_systems_is_one_sentence(tvsum_file):
    data = open_dataset(tvsum_file)
    one = predicted(data)
    few = evaluate(data, [one], resamples=100, draws=1).notes
    systems = [replace(one, name=f"ours{number}") for number in range(20)]
    many = evaluate(data, systems, resamples=100, draws=1).notes
    assert len(many) == len(few)
    assert "All 20 systems were selected by: not stated." in many
    systems[7] = replace(systems[7], about={"selection": "last epoch"})
    notes = evaluate(data, systems, resamples=100, draws=1).notes
    assert "ours0, ours1, ours2 and 16 other systems were selected by: not stated." in notes
    assert "ours7 was selected by: last epoch." in notes
