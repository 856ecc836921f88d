import h5py
import numpy as np
import pytest

from summdiff.data.datasets import KINDS, open_dataset
from summdiff.errors import DataError, UsageError


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_keys_of_a_file_determine_its_kind(write, tmp_path, kind):
    path = write[kind](tmp_path / "data.h5")
    data = open_dataset(path)
    assert type(data) is KINDS[kind]
    assert type(open_dataset(path, kind)) is KINDS[kind]


def test_finds_the_usual_files(write, tmp_path):
    """TVSum's has neither scores nor titles, but 20 annotators; SumMe's has titles as `video_name`."""
    assert open_dataset(write["tvsum"](tmp_path / "t.h5", usual=True)).kind == "tvsum"
    path = write["summe"](tmp_path / "s.h5", usual=True)
    assert open_dataset(path).kind == "summe"
    with h5py.File(path, "a") as file:
        for name in file:
            del file[name]["video_name"]
    assert open_dataset(path).kind == "summe"  # 15 annotators


def test_a_file_of_unknown_kind_is_refused(tmp_path):
    with h5py.File(tmp_path / "ovp.h5", "w") as file:
        file.create_group("v1")["user_summary"] = np.ones((5, 10))
        file["v1"]["n_frames"] = 10
    with pytest.raises(DataError, match=r"\(v1: n_frames, user_summary\).* one of tvsum, summe, mr_hisum, youtube"):
        open_dataset(tmp_path / "ovp.h5")
    with pytest.raises(UsageError, match="no kind of data 'ovp'"):
        open_dataset(tmp_path / "ovp.h5", "ovp")
    with h5py.File(tmp_path / "empty_group.h5", "w") as file:
        file.create_group("v1")
    with pytest.raises(DataError, match="no keys"):
        open_dataset(tmp_path / "empty_group.h5")


def test_a_file_may_name_its_data_set(write, tmp_path):
    """As `data convert` does: the form of TVSum with other videos, which must not be taken for TVSum's."""
    path = write["tvsum"](tmp_path / "own.h5")
    assert open_dataset(path).identity("video_2") == "tvsum/video_2"
    with h5py.File(path, "a") as file:
        file.attrs.update(kind="summe", dataset="other")
        file["video_2/video_name"] = "holiday"
    data = open_dataset(path)
    assert data.kind == "summe"
    assert (data.identity("video_2"), data.identity("video_10")) == ("other/holiday", "other/video_10")
    synthetic = open_dataset(write["mr_hisum"](tmp_path / "synthetic.h5"))
    assert synthetic.identity("video_2") == "synthetic-0/video_2"


def test_annotations_are_accepted_for_tvsum_only(write, tmp_path):
    with pytest.raises(UsageError, match=r"Only TVSum takes .* is of kind summe"):
        open_dataset(write["summe"](tmp_path / "s.h5"), annotations="ydata-tvsum50-anno.tsv")


@pytest.mark.parametrize(
    ("file", "kind"),
    [("tvsum_i3d", "tvsum"), ("summe_annotations", "summe"), ("youtube_highlights_i3d", "youtube_highlights")],
)
def test_recognizes_the_real_files(data_dir, file, kind):
    assert open_dataset(data_dir / f"{file}.h5").kind == kind
