"""Files of `fuzzing.hostile_files`: each reader refuses them in one sentence and opens no other file."""

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from fuzzing.hostile_files import (
    HDF5_ELSEWHERE,
    HDF5_GIANTS,
    HOSTILE_YAML,
    IN_PLACE_OF_A_FILE,
    put_in_place,
    spoil_h5,
    write_large_matlab,
    write_many_names,
)

from small_data import write_data, write_scores
from summdiff._untrusted import parse_json, read_arrays, read_bytes
from summdiff.archive.manifest import Manifest
from summdiff.data import yaml_text
from summdiff.data.annotations import read_annotations
from summdiff.data.check import check
from summdiff.data.datasets import open_dataset
from summdiff.data.splits import read_splits
from summdiff.data.yaml_text import parse_yaml
from summdiff.errors import SummdiffError
from summdiff.evaluation import read_predictions
from summdiff.features.pca import load_pca
from summdiff.features.store import open_store
from summdiff.scoring import load_model
from summdiff.summary import Summary


@pytest.fixture
def fifo(tmp_path):
    """A file that nobody can open without waiting for ever."""
    path = tmp_path / "secret"
    os.mkfifo(path)
    return path


def refused(read, match):
    with pytest.raises(SummdiffError, match=match) as raised:
        read()
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("kind", HDF5_ELSEWHERE)
@pytest.mark.parametrize("key", ["features", "gtscore", "n_frames", "title"])
def test_data_do_not_come_from_another_file(tmp_path, fifo, kind, key):
    path = write_data(tmp_path / "data.h5", "tvsum")
    spoil_h5(path, f"video_1/{key}", kind, fifo)
    with open_dataset(path) as data:
        refused(lambda: data["video_1"], r"stores its values in other files|is a link")
        assert data["video_2"].need_features().size
    assert any("other files" in problem for problem in check(path).problems)


def test_videos_are_not_links_to_other_files(tmp_path, fifo):
    path = write_data(tmp_path / "data.h5", "tvsum")
    with h5py.File(path, "a") as file:
        file["video_0"] = h5py.ExternalLink(str(fifo), "/video_1")
    with open_dataset(path, "tvsum") as data:
        assert "video_0" in data
        refused(lambda: data["video_0"], "'video_0' is a link")
        refused(lambda: data["video_1/features"], "has no video")


@pytest.mark.parametrize("kind", HDF5_ELSEWHERE)
@pytest.mark.parametrize("key", ["video_1/scores", "video_1/mean", "video_9"])
def test_predictions_do_not_come_from_another_file(tmp_path, fifo, kind, key):
    path = write_scores(tmp_path / "scores.h5")
    spoil_h5(path, key, kind, fifo)
    refused(lambda: read_predictions(path), r"stores its values in other files|is a link")


@pytest.mark.parametrize("kind", HDF5_ELSEWHERE)
def test_annotations_do_not_come_from_another_file(tmp_path, fifo, kind):
    for key in ("user_score", "tvsum50"):
        path = tmp_path / f"{key}.mat"
        with h5py.File(path, "w") as file:
            file["nFrames"], file["FPS"] = np.full((1, 1), 24.0), np.full((1, 1), 25.0)
        spoil_h5(path, key, kind, fifo)
        refused(lambda path=path: read_annotations(path), r"stores its values in other files|is a link")


@pytest.mark.parametrize("kind", HDF5_GIANTS)
def test_small_hdf5_files_do_not_become_gigabytes(tmp_path, fifo, kind, monkeypatch):
    monkeypatch.setenv("SUMMDIFF_MAX_FILE_BYTES", "10000000")
    data, scores = write_data(tmp_path / "data.h5", "tvsum"), write_scores(tmp_path / "scores.h5")
    spoil_h5(data, "video_1/features", kind, fifo)
    spoil_h5(scores, "video_1/scores", kind, fifo)
    with open_dataset(data) as opened:
        refused(lambda: opened["video_1"], "SUMMDIFF_MAX_FILE_BYTES|h5repack")
    refused(lambda: read_predictions(scores), "SUMMDIFF_MAX_FILE_BYTES|h5repack")


def test_one_array_under_many_names_counts_for_each(tmp_path, monkeypatch):
    monkeypatch.setenv("SUMMDIFF_MAX_FILE_BYTES", "10000000")
    few, many = (write_many_names(tmp_path / f"{names}.h5", names, 10**5) for names in (5, 50))
    assert many.stat().st_size < 20_000
    assert len(read_predictions(few).curves) == 6
    refused(lambda: read_predictions(many), "more than the limit of 10,000,000: set SUMMDIFF_MAX_FILE_BYTES")


def test_small_matlab_files_do_not_become_gigabytes(tmp_path, monkeypatch):
    monkeypatch.setenv("SUMMDIFF_MAX_FILE_BYTES", "10000000")
    assert read_annotations(write_large_matlab(tmp_path / "small.mat", 8))["small"].n_frames == 8
    refused(lambda: read_annotations(write_large_matlab(tmp_path / "large.mat", 10**7)), "SUMMDIFF_MAX_FILE_BYTES")


def test_matlab_variables_of_other_classes_are_refused(tmp_path):
    from scipy.io import savemat

    values = {"nFrames": 8.0, "FPS": 25.0, "user_score": np.array([np.zeros(3), "text"], dtype=object)}
    savemat(tmp_path / "cells.mat", values)
    refused(lambda: read_annotations(tmp_path / "cells.mat"), "'user_score' is of class cell, not numbers")


@pytest.mark.parametrize("kind", HOSTILE_YAML)
def test_yaml_is_limited_while_it_is_parsed(kind, monkeypatch):
    monkeypatch.setattr(yaml_text, "_MAX_VALUES", 2000)
    with pytest.raises(ValueError, match=r"merge keys|character|values|deeply") as raised:
        parse_yaml(HOSTILE_YAML[kind]())
    assert "\n" not in str(raised.value)


def test_yaml_of_people_is_read():
    text = "a: &a {b: [1, 2.5, 1e-3, .inf, 0x1f, true, null, 2001-01-01]}\nc: *a\nd: 1:30\ne: '<<'"
    found = parse_yaml(text)
    assert found["c"] == found["a"]
    assert found["a"]["b"][:5] == [1, 2.5, "1e-3", float("inf"), 31]
    assert (found["d"], found["e"]) == ("1:30", "<<")


READERS = {
    "summary": ("a.json", Summary.from_json),
    "predictions": ("a.json", read_predictions),
    "predictions, HDF5": ("a.h5", read_predictions),
    "predictions, CSV": ("a.csv", read_predictions),
    "predictions, npy": ("a.npy", read_predictions),
    "predictions, npz": ("a.npz", read_predictions),
    "predictions, folder": ("folder/a.npy", lambda path: read_predictions(path.parent)),
    "data": ("a.h5", open_dataset),
    "splits, JSON": ("a.json", read_splits),
    "splits, YAML": ("a.yaml", read_splits),
    "annotations, JSON": ("a.json", read_annotations),
    "annotations, CSV": ("a.csv", read_annotations),
    "annotations, TSV": ("a.tsv", read_annotations),
    "annotations, MATLAB": ("GT/a.mat", lambda path: read_annotations(path.parent)),
    "PCA, npz": ("a.npz", lambda path: load_pca(path, features=4, dimension=2)),
    "PCA, safetensors": ("a.safetensors", lambda path: load_pca(path, features=4, dimension=2)),
    "PCA, folder": ("mean.npy", lambda path: load_pca(path.parent, features=4, dimension=2)),
    "config of a model": ("config.json", lambda path: load_model(path.parent)),
    "header of a store": ("store.json", lambda path: open_store(path.parent)),
}


@pytest.mark.parametrize("kind", IN_PLACE_OF_A_FILE)
@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_regular_file_is_refused(tmp_path, reader, kind):
    name, read = READERS[reader]
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    put_in_place(path, kind)
    with pytest.raises(SummdiffError) as raised:
        read(path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("kind", IN_PLACE_OF_A_FILE)
def test_recipes_are_regular_files(tmp_path, kind):
    pytest.importorskip("torch")
    from summdiff.research.training.recipe_files import read_recipe

    put_in_place(tmp_path / "recipe.yaml", kind)
    refused(lambda: read_recipe(tmp_path / "recipe.yaml"), "recipe")


@pytest.mark.parametrize("kind", [kind for kind in IN_PLACE_OF_A_FILE if kind != "a link to nothing"])
def test_manifests_are_regular_files(tmp_path, kind):
    put_in_place(tmp_path / "manifest.jsonl", kind)
    with pytest.raises(SummdiffError, match=r"manifest\.jsonl"), Manifest(tmp_path / "manifest.jsonl", "extract", {}):
        pass


@pytest.mark.parametrize("graph", ["encode.onnx", "denoise.onnx"])
def test_graphs_are_regular_files(tmp_path, graph):
    from shutil import copytree

    from summdiff.scoring import model_folder

    folder = copytree(model_folder("default"), tmp_path / "model")
    put_in_place(folder / graph, "a link to a device")
    refused(lambda: load_model(folder), "is not a regular file")


def test_a_file_that_grows_is_read_up_to_the_limit(tmp_path):
    (tmp_path / "a").write_bytes(bytes(11))
    assert len(read_bytes(tmp_path / "a", most=11)) == 11
    with pytest.raises(OSError, match="it has 11 bytes, more than the limit of 10"):
        read_bytes(tmp_path / "a", most=10)
    with pytest.raises(OSError, match="no file can have this name"):
        read_bytes(tmp_path / "a\0b")


def test_json_is_counted_before_it_is_parsed(monkeypatch):
    text = "[" + ",".join(["[]"] * 1000) + "]"
    assert len(parse_json(text)) == 1000
    monkeypatch.setenv("SUMMDIFF_MAX_FILE_BYTES", "100000")
    with pytest.raises(ValueError, match="SUMMDIFF_MAX_FILE_BYTES"):
        parse_json(text)


def test_packed_arrays_are_counted_before_they_are_unpacked(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros(10**6, np.uint8))
    assert read_arrays(tmp_path / "a.npz")["a"].size == 10**6
    monkeypatch.setenv("SUMMDIFF_MAX_FILE_BYTES", "1000000")
    with pytest.raises(ValueError, match="SUMMDIFF_MAX_FILE_BYTES"):
        read_arrays(tmp_path / "a.npz")


def test_cells_are_counted_before_they_are_parsed(tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text("video_1" + ",1" * 10_000)
    assert read_predictions(tmp_path / "a.csv").curves["video_1"].shape == (1, 10_000)
    monkeypatch.setenv("SUMMDIFF_MAX_FILE_BYTES", "600000")
    refused(lambda: read_predictions(tmp_path / "a.csv"), "SUMMDIFF_MAX_FILE_BYTES")


def test_arrays_of_objects_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        read_arrays(tmp_path / "a.npy")


def test_numbers_of_thousands_of_digits_in_names(tmp_path):
    path = write_data(tmp_path / "data.h5", "tvsum")
    with h5py.File(path, "a") as file:
        file["video_" + "9" * 5000] = file["video_1"]
        file["video_10"] = file["video_1"]
    with open_dataset(path) as data:
        assert data.names[:3] == ("video_1", "video_2", "video_10")


READ_AND_TELL = """
import re, sys
from pathlib import Path
from summdiff.data.annotations import read_annotations
from summdiff.data.datasets import open_dataset
from summdiff.errors import SummdiffError
from summdiff.evaluation import read_predictions
path = Path(sys.argv[1])
try:
    if path.name == "data.h5":
        open_dataset(path)["video_1"]
    elif path.suffix == ".h5":
        read_predictions(path)
    else:
        read_annotations(path)
    print("read")
except SummdiffError as error:
    print(error)
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1000)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize("kind", [*HDF5_GIANTS, "many names", "MATLAB", "MATLAB, just read"])
def test_small_files_take_at_most_1200_megabytes(tmp_path, kind, fifo):
    """With the limit that holds by default; the last of them is as large as it allows."""
    if kind in HDF5_GIANTS:
        path = write_data(tmp_path / "data.h5", "tvsum")
        spoil_h5(path, "video_1/features", kind, fifo)
    elif kind == "many names":
        path = write_many_names(tmp_path / "a.h5")
    else:
        path = write_large_matlab(tmp_path / "a.mat", 3 * 10**8 if kind == "MATLAB" else 3 * 10**7)
    run = subprocess.run([sys.executable, "-c", READ_AND_TELL, path], capture_output=True, text=True, check=True)
    said, peak = run.stdout.splitlines()
    print(f"{kind}: {path.stat().st_size} bytes, {float(peak):.0f} MB: {said}")
    if kind != "MATLAB, just read":
        assert "SUMMDIFF_MAX_FILE_BYTES" in said or "h5repack" in said
    assert float(peak) <= 1200
