"""Frame rates that a file does not state."""

import h5py
import pytest

from small_data import write_usual
from summdiff.data.check import check
from summdiff.data.datasets import open_dataset
from summdiff.data.frame_rates import rate_note
from summdiff.errors import DataError, UsageError

ORIGINAL = {"tvsum": {"video_38": (2941, 30000 / 1001), "video_45": (2500, 24000 / 1001)}, "summe": {
    "Jumps": (950, 25), "Cooking": (1286, 15)}}  # fmt: skip


@pytest.fixture(params=["tvsum", "summe"])
def usual(request, tmp_path):
    """A file in the usual layout with two original lengths and one that is nobody's: (kind, path)."""
    lengths = {name: frames for name, (frames, _) in ORIGINAL[request.param].items()} | {"video_99": 777}
    return request.param, write_usual(tmp_path / "eccv16.h5", request.param, lengths)


def test_original_videos_are_recognized_by_frames_and_steps(usual):
    kind, path = usual
    data = open_dataset(path)
    assert data.kind == kind
    for name, (_, fps) in ORIGINAL[kind].items():
        video = data[name]
        assert (video.fps, video.fps_source) == (pytest.approx(fps), "known")
        assert video.rate == pytest.approx(fps / 15)
    assert data["video_99"].fps is None
    with pytest.raises(DataError, match=r"video_99 has no frame rate.*--fps"):
        data["video_99"].need_fps()
    assert rate_note(map(data.annotations, data.names)) == (
        "The file states no frame rate: 2 videos have that of the original videos, recognized by frames and steps."
    )


def test_a_rate_is_taken_from_the_file_then_the_original_then_as_given(usual):
    kind, path = usual
    first, second = ORIGINAL[kind]
    with h5py.File(path, "a") as file:
        file[first].attrs["fps"] = 12.5
    data = open_dataset(path, fps=20)
    assert [data[name].fps_source for name in (first, second, "video_99")] == ["file", "known", "given"]
    assert [data[name].fps for name in (first, "video_99")] == [12.5, 20]
    assert "1 videos have the 20 that you gave" in rate_note(map(data.annotations, data.names))


def test_other_steps_are_not_recognized(usual):
    kind, path = usual
    name = next(iter(ORIGINAL[kind]))
    with h5py.File(path, "a") as file:
        group = file[name]
        for key in ("features", "picks", "gtscore", "gtsummary"):
            values = group[key][::2]
            del group[key]
            group[key] = values
        group["n_steps"][...] = len(group["picks"])
    assert open_dataset(path).annotations(name).fps is None


def test_the_check_says_what_is_not_possible(usual):
    kind, path = usual
    report = check(path)
    assert report.problems == ()
    assert report.rates == {"known": 2, "": 1}
    says = " ".join(report.impossible)
    what = "training, judging a model" + (", and MAP" if kind == "tvsum" else "")
    assert f"{what}: 1 of 3 videos have no frame rate; add --fps" in says
    assert ("tau and rho: 3 of 3 videos have no 'user_scores'" in says) == (kind == "tvsum")
    assert "frame rate" not in " ".join(check(path, fps=30).impossible)
    with h5py.File(path, "a") as file:
        del file["video_99"], file[next(iter(ORIGINAL[kind]))]["features"]
    lacking = check(path)
    assert any("1 of 2 videos have no features" in text for text in lacking.impossible) or lacking.problems


@pytest.mark.parametrize("fps", [0, -1, 1000])
def test_impossible_rates_are_refused(usual, fps):
    with pytest.raises(UsageError, match="frame rate must be above 0"):
        open_dataset(usual[1], fps=fps)
