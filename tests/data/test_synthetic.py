import hashlib
import json

import h5py
import numpy as np
import pytest

from summdiff.data.mr_hisum import MrHiSum
from summdiff.data.synthetic import make_synthetic
from summdiff.errors import OutputError, UsageError
from summdiff.metrics.fscore import f1_score
from summdiff.metrics.rank import kendall_tau
from summdiff.metrics.segments import summary_from_scores


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "synthetic.h5"
    return MrHiSum(path, split=make_synthetic(path, videos=80, dimension=64))


def test_the_file_has_the_layout_of_mr_hisum(data):
    assert len(data) == 80
    assert (len(data.split.train), len(data.split.validation), len(data.split.test)) == (64, 8, 8)
    gaps = []
    for name in data:
        video = data[name]
        n, gtscore = video.n_frames, video.gtscore
        assert 120 <= n <= 300
        assert video.features.shape == (n, 64)
        assert video.features.dtype == np.float16
        assert (gtscore.min(), gtscore.max()) == (0, 1)
        assert len(np.unique(gtscore)) <= 100
        # A hundredth of the duration is more than a second: neighbors in it share their value.
        place = np.arange(n) * 100 // n
        assert all(len(set(gtscore[place == bin_])) == 1 for bin_ in range(100))
        rows = video.change_points
        assert rows[0, 0] == 0
        assert rows[-1, 1] == n - 1
        assert (rows[1:, 0] == rows[:-1, 1]).all()
        gaps += np.diff(rows).ravel().tolist()
        assert gtscore.mean() < 0.5  # peaks
    assert 4 < np.mean(gaps) < 6
    with h5py.File(data.path) as file:
        assert "no real video" in file.attrs["synthetic"]


def test_the_oracle_is_perfect_by_the_inclusive_convention_only(data):
    f1 = {"mr_hisum": [], "half_open": []}
    for name in data:
        video = data.annotations(name)
        for convention, values in f1.items():
            summary = summary_from_scores(
                video.gtscore, video.picks, video.n_frames, video.change_points, 0.15, convention
            )
            values.append(f1_score(summary, video.user_summary))
    assert min(f1["mr_hisum"]) == 1
    assert np.mean(f1["half_open"]) < 0.97


def test_a_ridge_predicts_unseen_videos_well_but_not_perfectly(data):
    def centred(name):
        video = data[name]
        return video.need_features().astype(float), video.gtscore - video.gtscore.mean()

    X, y = (np.concatenate(parts) for parts in zip(*map(centred, data.split.train), strict=True))
    mean = X.mean(axis=0)
    weights = np.linalg.solve((X - mean).T @ (X - mean) + 100 * np.eye(X.shape[1]), (X - mean).T @ y)
    taus = [kendall_tau((data[name].need_features() - mean) @ weights, data[name].gtscore) for name in data.split.test]
    assert 0.15 < np.mean(taus) < 0.5
    rng = np.random.default_rng(0)
    chance = [kendall_tau(rng.random(data.n_steps(name)), data.annotations(name).gtscore) for name in data.names]
    assert abs(np.mean(chance)) < 0.05


def digests(path):
    found = {}
    with h5py.File(path) as file:
        for name in file:
            values = b"".join(file[name][key][()].tobytes() for key in sorted(file[name]))
            found[name] = hashlib.sha256(values).hexdigest()
    return found


def test_a_video_depends_on_the_seed_and_not_on_the_number_of_videos(tmp_path):
    options = {"dimension": 8, "min_seconds": 30, "max_seconds": 40}
    make_synthetic(tmp_path / "a.h5", videos=6, **options)
    make_synthetic(tmp_path / "b.h5", videos=6, **options)
    make_synthetic(tmp_path / "c.h5", videos=4, **options)
    make_synthetic(tmp_path / "d.h5", videos=6, seed=1, **options)
    a, b, c, d = (digests(tmp_path / f"{name}.h5") for name in "abcd")
    assert a == b
    assert c.items() < a.items()
    assert not set(a.values()) & set(d.values())
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    assert (tmp_path / "a_split.json").read_bytes() == (tmp_path / "b_split.json").read_bytes()
    assert set(json.loads((tmp_path / "a_split.json").read_text())) == {"train_keys", "val_keys", "test_keys"}
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith((".", "a"))) == ["a.h5", "a_split.json"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"videos": 2}, "at least 3 videos.* got 2"),
        ({"min_seconds": 10}, "got 10 and 300"),
        ({"max_seconds": 100}, "got 120 and 100"),
        ({"dimension": 1}, "at least 2, got 1"),
        ({"dtype": "int8"}, "float16 or float32, got int8"),
    ],
)
def test_bad_arguments_are_refused(tmp_path, options, said):
    with pytest.raises(UsageError, match=said):
        make_synthetic(tmp_path / "x.h5", **options)
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(OutputError, match=r"x\.h5' cannot be written"):
        make_synthetic(tmp_path / "no" / "x.h5", videos=3, dimension=4)


def test_a_failed_run_leaves_no_files(tmp_path):
    def stop(done):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_synthetic(tmp_path / "x.h5", videos=5, dimension=4, on_progress=stop)
    assert not list(tmp_path.iterdir())
