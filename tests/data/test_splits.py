import json
from collections import Counter

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from summdiff.data.splits import Split, describe_splits, k_fold, read_splits, with_validation, write_splits
from summdiff.errors import DataError, UsageError

NAMES = [f"video_{i}" for i in range(50)]


@pytest.mark.parametrize("folds", [2, 5, 7, 50])
def test_every_video_is_tested_exactly_once_and_parts_are_disjoint(folds):
    splits = k_fold(NAMES, folds=folds)
    assert sorted(name for split in splits for name in split.test) == sorted(NAMES)
    for split in splits:
        assert sorted(split.train + split.validation + split.test) == sorted(NAMES)


def test_a_fold_of_tvsum_has_10_test_videos():
    assert {(len(s.train), len(s.validation), len(s.test)) for s in k_fold(NAMES)} == {(32, 8, 10)}
    assert {len(s.validation) for s in k_fold(NAMES, validation=0)} == {0}


def test_only_the_seed_affects_the_splits():
    assert k_fold(NAMES, seed=1) == k_fold(NAMES[::-1], seed=1)
    assert k_fold(NAMES, seed=1) != k_fold(NAMES, seed=2)


def test_validation_differs_between_folds():
    assert len({split.validation for split in k_fold(NAMES)}) == 5


@pytest.mark.parametrize(
    ("names", "options", "said"),
    [
        (NAMES, {"folds": 1}, "got 1"),
        (NAMES[:3], {"folds": 4}, r"\(3\), got 4"),
        (["a", "a", "b"], {"folds": 2}, "more than once"),
        (NAMES, {"validation": 1.0}, "got 1.0"),
    ],
)
def test_impossible_requests_are_refused(names, options, said):
    with pytest.raises(UsageError, match=said):
        k_fold(names, **options)


H5 = "../datasets/eccv16_dataset_tvsum_google_pool5.h5"
ENTRIES = [
    {"train_keys": ["video_1", "video_2", "video_3"], "test_keys": ["video_4", "video_5"]},
    {"train_keys": ["video_1", "video_2", "video_5"], "test_keys": ["video_4"]},
]


def test_reads_lists_of_json(tmp_path):
    """As PGL-SUM publishes them."""
    path = tmp_path / "tvsum_splits.json"
    path.write_text(json.dumps(ENTRIES))
    first, second = read_splits(path, names=NAMES)
    assert first == Split(train=("video_1", "video_2", "video_3"), validation=(), test=("video_4", "video_5"))
    assert second.test == ("video_4",)


def test_reads_yaml_with_paths_of_several_files(tmp_path):
    """As VASNet and DSNet publish them: keys are paths, and the augmented setting trains on other files too."""
    path = tmp_path / "tvsum_aug.yml"
    path.write_text(
        "- train_keys:\n"
        f"  - {H5}/video_1\n"
        f"  - {H5}/video_2\n"
        "  - ../datasets/eccv16_dataset_summe_google_pool5.h5/video_1\n"
        "  - ../datasets/eccv16_dataset_ovp_google_pool5.h5/video_3\n"
        "  test_keys:\n"
        f"  - {H5}/video_3\n"
    )
    (split,) = read_splits(path, names=NAMES)
    assert split.train == ("video_1", "video_2")
    assert split.test == ("video_3",)
    assert split.train_elsewhere == (
        "eccv16_dataset_summe_google_pool5.h5/video_1",
        "eccv16_dataset_ovp_google_pool5.h5/video_3",
    )


def test_transfer_trains_on_other_files_only(tmp_path):
    path = tmp_path / "tvsum_trans.yml"
    path.write_text(yaml.safe_dump([{"train_keys": ["a/ovp.h5/video_1"], "test_keys": ["a/tvsum.h5/video_1"]}]))
    (split,) = read_splits(path)
    assert (split.train, split.test, split.train_elsewhere) == ((), ("video_1",), ("ovp.h5/video_1",))


LINES = "SumMe/split0/video_1,video_3/video_2\nSumMe/split1/video_2, video_3/video_1\n\n"


def test_reads_lines_of_training_and_test_videos(tmp_path):
    """As CSTA publishes them."""
    (tmp_path / "SumMe_splits.txt").write_text(LINES)
    first, second = read_splits(tmp_path / "SumMe_splits.txt", names=NAMES)
    assert first == Split(train=("video_1", "video_3"), validation=(), test=("video_2",))
    assert second == Split(train=("video_2", "video_3"), validation=(), test=("video_1",))
    (tmp_path / "SumMe_splits.txt").write_text("SumMe/split0/video_1\n")
    with pytest.raises(DataError, match=r"SumMe_splits.txt', line 1: expected `name/split/training videos/test"):
        read_splits(tmp_path / "SumMe_splits.txt")


def test_videos_that_the_data_lacks_can_be_left_out(tmp_path):
    (tmp_path / "a.txt").write_text(LINES)
    with pytest.raises(DataError, match=r"names 'video_3', which is not in the data .*drop_missing=true"):
        read_splits(tmp_path / "a.txt", names=["video_1", "video_2"])
    first, _ = read_splits(tmp_path / "a.txt", names=["video_1", "video_2"], drop=True)
    assert (first.train, first.test) == (("video_1",), ("video_2",))
    with pytest.raises(DataError, match="split 2 tests no video that is in the data"):
        read_splits(tmp_path / "a.txt", names=["video_2", "video_3"], drop=True)


def test_videos_can_have_other_names(tmp_path):
    (tmp_path / "a.txt").write_text("x/y/Jumps/Cooking")
    titles = {"Jumps": "video_12", "Cooking": "video_8"}
    (split,) = read_splits(tmp_path / "a.txt", names=titles.values(), find=titles.get)
    assert (split.train, split.test) == (("video_12",), ("video_8",))


def test_reads_a_single_object_with_validation(tmp_path):
    """As Mr.HiSum publishes it."""
    path = tmp_path / "mrhisum_split.json"
    path.write_text(json.dumps({"train_keys": ["video_1"], "val_keys": ["video_2"], "test_keys": ["video_3"]}))
    assert read_splits(path) == (Split(train=("video_1",), validation=("video_2",), test=("video_3",)),)


@given(st.data())
def test_written_splits_can_be_read(tmp_path_factory, data):
    splits = []
    for _ in range(data.draw(st.integers(1, 4))):
        names = data.draw(st.permutations(NAMES[:12]))
        a, b = sorted((data.draw(st.integers(0, 11)), data.draw(st.integers(0, 11))))
        elsewhere = tuple(f"other.h5/{name}" for name in data.draw(st.sets(st.sampled_from(NAMES))))
        splits.append(Split(tuple(names[:a]), tuple(names[a:b]), tuple(names[b:]), elsewhere))
    path = tmp_path_factory.mktemp("splits") / "splits.json"
    write_splits(path, splits)
    assert read_splits(path, names=NAMES) == tuple(splits)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"train_keys": ["a"]}, "split 1 has no 'test_keys'"),
        ({"test_keys": ["a"]}, "split 1 has no 'train_keys'"),
        ({"train_keys": ["a"], "test_keys": []}, "'test_keys' is empty"),
        ({"train_keys": ["a"], "test_keys": "b"}, "'test_keys' is not a list of video names"),
        ({"train_keys": ["a"], "test_keys": [3]}, "'test_keys' is not a list of video names"),
        ({"train_keys": ["a"], "test_keys": ["x/"]}, "'test_keys' is not a list of video names"),
        ({"train_keys": ["a", "a"], "test_keys": ["b"]}, "'train_keys' names 'a' more than once"),
        ({"train_keys": ["a", "b"], "test_keys": ["b", "c"]}, r"'b' in its training and its test part \(1 such"),
        ({"train_keys": ["a"], "val_keys": ["b"], "test_keys": ["b"]}, "'b' in its validation and its test part"),
        ({"train_keys": ["a"], "val_keys": ["a"], "test_keys": ["b"]}, "'a' in its training and its validation part"),
        ({"train_keys": ["f/a"], "test_keys": ["f/b", "g/b"]}, "tests videos of several files: f, g"),
        ({"train_keys": ["f/a"], "val_keys": ["g/a"], "test_keys": ["f/b"]}, "validates on videos of another file"),
        ({"train_keys": ["a"], "test_keys": ["x/f.h5/a"]}, "tests videos of 'f.h5' but names no file for some"),
        ({"train_keys": ["x/f.h5/a"], "test_keys": ["y/f.h5/a"]}, "'a' in its training and its test part"),
        ({"train_keys": ["x/f.h5/a", "y/f.h5/a"], "test_keys": ["f.h5/b"]}, "names 'f.h5/a' more than once"),
        ("video_1", "has no"),
        ([], "has no splits"),
        ({"train_keys": ["a"], "test_keys": ["z"]}, r"names 'z', which is not in the data \(1 such"),
    ],
)
def test_an_error_in_a_file_is_named(tmp_path, entry, said):
    path = tmp_path / "splits.json"
    path.write_text(json.dumps(entry if isinstance(entry, list) else [entry]))
    with pytest.raises(DataError, match=said) as raised:
        read_splits(path, names=["a", "b", "c"])
    assert "splits.json" in str(raised.value)


def test_unreadable_files_are_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_splits(tmp_path / "nowhere.json")
    (tmp_path / "bad.json").write_text('[{"train_keys": ')
    with pytest.raises(DataError, match="are not JSON"):
        read_splits(tmp_path / "bad.json")
    (tmp_path / "bad.yml").write_text("a: [1\nb: }")
    with pytest.raises(DataError, match="are not YAML") as raised:
        read_splits(tmp_path / "bad.yml")
    assert "\n" not in str(raised.value)
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not text in UTF-8"):
        read_splits(tmp_path / "bytes.json")
    for name, depth in (("deep.json", 100_000), ("deep.yaml", 700)):
        (tmp_path / name).write_text("[" * depth)
        with pytest.raises(DataError, match="nested too deeply"):
            read_splits(tmp_path / name)


def test_a_byte_order_mark_is_ignored(tmp_path):
    path = tmp_path / "splits.json"
    path.write_text('[{"train_keys": ["a"], "test_keys": ["b"]}]', encoding="utf-8-sig")
    assert read_splits(path)[0].test == ("b",)


def test_coverage_counts_the_tests_of_each_video():
    coverage = describe_splits(k_fold(NAMES), NAMES)
    assert (len(coverage.tested), coverage.repeated, coverage.never) == (50, (), ())
    assert coverage.is_cross_validation
    rng = np.random.default_rng(0)
    random = []
    for _ in range(5):
        names = [str(name) for name in rng.permutation(NAMES)]
        random.append(Split(tuple(names[10:]), (), tuple(names[:10])))
    coverage = describe_splits(random)
    times = Counter(name for split in random for name in split.test)
    assert len(coverage.tested) == len(times) < 50
    assert len(coverage.repeated) == sum(count > 1 for count in times.values())
    assert len(coverage.never) == 50 - len(times)
    assert not coverage.is_cross_validation
    with pytest.raises(DataError, match="Split 2 has 'a' in its training and its test part"):
        describe_splits([Split(("a",), (), ("b",)), Split(("a",), (), ("a",))])


def test_validation_is_taken_from_the_training_part():
    split = Split(tuple(NAMES[10:]), (), tuple(NAMES[:10]), ("other.h5/video_1",))
    made = with_validation(split, 0.2, seed=3)
    assert len(made.validation) == 8
    assert sorted(made.train + made.validation) == sorted(split.train)
    assert (made.test, made.train_elsewhere) == (split.test, split.train_elsewhere)
    assert made == with_validation(split, 0.2, seed=3) != with_validation(split, 0.2, seed=4)
    with pytest.raises(UsageError, match="has 8 validation videos already"):
        with_validation(made, 0.2)
    with pytest.raises(UsageError, match=r"got 1\.5"):
        with_validation(split, 1.5)
