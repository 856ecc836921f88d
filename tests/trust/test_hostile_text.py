"""Small files that stand for something huge, or hold what no reader expects."""

import h5py
import pytest
from fuzzing.fuzz_targets import a_summary

from small_data import write_data
from summdiff.data.datasets import open_dataset
from summdiff.data.yaml_text import parse_yaml
from summdiff.errors import DataError, SummdiffError
from summdiff.summary import Summary


def test_an_array_of_a_terabyte(tmp_path):
    path = write_data(tmp_path / "a.h5", "tvsum")
    with h5py.File(path, "a") as file:
        del file["video_1/features"]
        file.create_dataset("video_1/features", shape=(24, 10**10), chunks=(1, 1000), dtype="f4")
    with (
        open_dataset(path) as data,
        pytest.raises(DataError, match=r"more than the limit of .*: set SUMMDIFF_MAX_FILE_BYTES"),
    ):
        data["video_1"]


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"{n}: &{n} [{', '.join([f'*{b}'] * 10)}]\n" for b, n in zip("abcdefgh", "bcdefghi", strict=True)),
        "a: &a [*a]",
        "[" * 700,
        "a: " + "9" * 5000,
        "a: 2001-99-99",
        "a: !!bool maybe",
        "a: !!int ''",
        "!!python/object/apply:os.system ['true']",
    ],
)
def test_yaml_that_means_harm(text):
    with pytest.raises(ValueError) as raised:
        parse_yaml(text)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"budget": 0.25', '"budget": 1e999'),
        ('"budget": 0.25', '"budget": ' + "9" * 5000),
        ('"seed": 0', '"seed": true'),
        ('"fps": 25.0', '"fps": NaN'),
        ('"path": "/films/talk.mp4"', '"path": 3'),
        ('"start": 2.0', '"start": "2"'),
        ('"samples": 16', '"samples": -1e999'),
        ('"rotation": 0', '"rotation": 45'),
    ],
)
def test_summaries_with_values_of_another_kind(old, new):
    text = a_summary().to_json()
    assert old in text
    with pytest.raises(DataError) as raised:
        Summary.from_json(text.replace(old, new))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["/films/\\ud800.mp4", "/films/\\u0000.mp4"])
def test_summaries_of_a_file_that_can_have_no_such_name(tmp_path, name):
    summary = Summary.from_json(a_summary().to_json().replace("/films/talk.mp4", name))
    with pytest.raises(SummdiffError, match="does not exist") as raised:
        summary.save(tmp_path, formats=("txt",), name="film")
    assert "\n" not in str(raised.value)
    assert not list(tmp_path.iterdir())
