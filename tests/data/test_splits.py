import pytest

from summdiff.data.splits import k_fold
from summdiff.errors import UsageError

NAMES = [f"video_{i}" for i in range(50)]


@pytest.mark.parametrize("folds", [2, 5, 7, 50])
def test_every_video_is_tested_exactly_once_and_parts_are_disjoint(folds):
    splits = k_fold(NAMES, folds=folds)
    assert sorted(name for split in splits for name in split.test) == sorted(NAMES)
    for split in splits:
        assert sorted(split.train + split.validation + split.test) == sorted(NAMES)


def test_tvsum_sizes():
    assert {(len(s.train), len(s.validation), len(s.test)) for s in k_fold(NAMES)} == {(32, 8, 10)}
    assert {len(s.validation) for s in k_fold(NAMES, validation=0)} == {0}


def test_the_seed_alone_decides():
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
def test_says_what_is_wrong(names, options, said):
    with pytest.raises(UsageError, match=said):
        k_fold(names, **options)
