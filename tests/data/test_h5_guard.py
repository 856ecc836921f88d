"""Files that are refused before HDF5 reads them."""

import struct

import h5py
import numpy as np
import pytest

from small_data import write_data, write_scores
from summdiff.data.datasets import open_dataset
from summdiff.data.h5_guard import open_h5
from summdiff.errors import DataError
from summdiff.evaluation import read_predictions


def objects(content):
    """Place, index and length of each object in a file's first heap of texts."""
    heap = content.index(b"GCOL")
    (size,) = struct.unpack_from("<Q", content, heap + 8)
    place = heap + 16
    while place + 16 <= heap + size:
        index, _, _, length = struct.unpack_from("<HHIQ", content, place)
        yield place, index, length
        place += 16 + (length + 7) // 8 * 8 if index else length


def spoil(path, length=0, which=-1):
    """Let the free space at the heap's end take no space. HDF5 would look at it again and again, in a read that nothing
    but the end of the process ends."""
    content = bytearray(path.read_bytes())
    *_, (_, index, _) = found = list(objects(content))
    assert index == 0, "a new heap has free space at its end"
    struct.pack_into("<Q", content, found[which][0] + 8, length)
    path.write_bytes(content)


@pytest.mark.parametrize(("length", "which"), [(0, -1), (8, -1), (2**64 - 16, 0), (2**64 - 8, -1)])
def test_a_damaged_heap_is_refused(tmp_path, length, which):
    path = write_data(tmp_path / "data.h5", "mr_hisum")
    with h5py.File(path, "a") as file:
        file.attrs["about"] = "a text of its own length"
    with open_h5(path) as file:
        assert file.attrs["about"] == "a text of its own length"
    spoil(path, length, which)
    with pytest.raises(DataError, match="which makes HDF5 hang: download it again"):
        open_h5(path)


def test_predictions_with_a_damaged_heap_are_refused(tmp_path):
    path = write_scores(tmp_path / "scores.h5")
    with h5py.File(path, "a") as file:
        file.attrs["about"] = "{}"
    spoil(path)
    with pytest.raises(DataError, match="which makes HDF5 hang"):
        read_predictions(path)


def test_bytes_that_resemble_a_heap_are_ignored(tmp_path):
    path = tmp_path / "data.h5"
    with h5py.File(path, "w") as file:
        file["bytes"] = list(b"GCOL\x01\0\0\0")
    with path.open("ab") as file:
        file.write(b"GCOL\x01\0\0\0")
    with open_h5(path) as file:
        assert len(file["bytes"]) == 8


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "cannot be read as HDF5"), (b"no HDF5", "cannot be read as HDF5"), (b"\x89HDF\r\n\x1a\n", "HDF5")],
)
def test_files_of_other_formats_pass(tmp_path, content, said):
    path = tmp_path / "data.h5"
    path.write_bytes(content)
    with pytest.raises(DataError, match=said):
        open_h5(path)


def test_folders_and_missing_files_pass(tmp_path):
    with pytest.raises(DataError, match="is a folder: name the HDF5 file"):
        open_h5(tmp_path)
    with pytest.raises(DataError, match="There is no data file"):
        open_h5(tmp_path / "data.h5")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (np.arange(3.0), "it is not a single value"),
        (np.zeros(5, "S8"), "it is not a single value"),
        (np.bytes_(b"a" * 60_000), "states a size of 60,000 bytes"),
        (np.array((1, 2), dtype=[("a", "i4"), ("b", "f4")]), "neither text nor a number"),
        (h5py.Empty("f4"), "it is not a single value"),
    ],
)
def test_damaged_attributes_are_refused(tmp_path, value, said):
    """h5py makes room for whatever a damaged shape or length says."""
    path = write_data(tmp_path / "data.h5", "tvsum")
    with h5py.File(path, "a") as file:
        file["video_2"].attrs["fps"] = value
    with open_dataset(path, "tvsum") as data, pytest.raises(DataError, match=said):
        data["video_2"]


def test_a_list_of_numbers_is_refused_as_text(tmp_path):
    """Made by one flipped bit in a text's type; reading it crashes h5py where the list lies in a damaged place."""
    path = write_data(tmp_path / "data.h5", "tvsum")
    with h5py.File(path, "a") as file:
        numbers = np.empty((), object)
        numbers[()] = np.array([1, 2], np.uint8)
        del file.attrs["kind"]
        file.attrs.create("kind", numbers, dtype=h5py.vlen_dtype(np.uint8))
    with pytest.raises(DataError, match="attribute 'kind' cannot be read: it is neither text nor a number"):
        open_dataset(path)


def test_texts_are_refused_as_scores(tmp_path):
    path = tmp_path / "scores.h5"
    with h5py.File(path, "w") as file:
        file["video_1/scores"] = ["a", "b"]
    with pytest.raises(DataError, match="video_1: cannot be read as HDF5: the scores are not numbers"):
        read_predictions(path)
