"""`summdiff doctor` says what is there, and fails only where no summary can be made."""

import importlib.metadata
import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from typer.testing import CliRunner

from summdiff.cli.app import app
from summdiff.cli.doctor import _ONLY_FOR, EXTRAS

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def as_metadata():
    """The metadata of an installed package; pyproject.toml may have changed since the installation."""
    return PROJECT["dependencies"] + [
        f'{requirement} ; extra == "{extra}"'
        for extra, requirements in PROJECT["optional-dependencies"].items()
        for requirement in requirements
    ]


@pytest.fixture
def doctor(monkeypatch):
    """Run it as if exactly some of the packages were there, by default all; its exit code and what it printed."""
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: as_metadata())
    monkeypatch.delenv("SUMMDIFF_DATA", raising=False)
    real = importlib.metadata.version

    def run(*options, missing=(), versions=None):
        def version(name):
            if name in missing:
                raise importlib.metadata.PackageNotFoundError(name)
            return (versions or {}).get(name) or real(name)

        monkeypatch.setattr(importlib.metadata, "version", version)
        result = CliRunner().invoke(app, ["doctor", *options])
        return result.exit_code, result.output

    return run


def test_all_extras_are_explained():
    assert set(EXTRAS) == set(PROJECT["optional-dependencies"])


def test_packages_of_no_extra_are_dependencies():
    assert set(_ONLY_FOR) <= {Requirement(text).name for text in PROJECT["dependencies"]}


def test_json_describes_the_installation(doctor, tmp_path, monkeypatch):
    monkeypatch.setenv("SUMMDIFF_CACHE", str(tmp_path / "cache"))
    code, output = doctor("--json")
    found = json.loads(output)
    assert code == 0
    assert found["format"] == "summdiff.doctor/1"
    assert found["can_summarize"] is True
    assert found["problems"] == []
    assert found["video"]["reads"]["H.264"] is True
    assert found["video"]["writes"] == {"pictures, H.264": True, "sound, AAC": True, "subtitles": True}
    assert "CPUExecutionProvider" in found["onnxruntime"]["providers"]
    assert found["torch"]["threads"] >= 1  # of the tests' environment
    assert found["model"]["trained_on"] == {"tvsum": 50, "youtube_highlights": 360}
    assert found["cache"] == {"folder": str(tmp_path / "cache"), "entries": 0, "bytes": 0, "writable": True}
    assert found["extras"]["train"]["installed"] is True
    assert {"av", "torch", "h5py", "fastapi"} <= set(found["packages"])


def test_a_missing_extra_is_no_problem_and_has_its_install_command(doctor):
    code, output = doctor(missing=["uvicorn"])
    assert code == 0
    assert "Summaries can be made." in output
    assert "pip install 'summdiff[web]'  (lacks uvicorn)" in output


def test_a_missing_dependency_is_named_with_its_format(doctor):
    code, output = doctor(missing=["jinja2"])
    assert code == 0
    assert "jinja2 is missing (for the format html): pip install 'jinja2>=" in output


def test_a_missing_core_dependency_is_a_failure(doctor):
    code, output = doctor(missing=["safetensors"])
    assert code == 1
    assert "No summary can be made:" in output
    assert "safetensors is missing: run `pip install 'safetensors>=" in output


def test_an_unsupported_version_is_reported(doctor):
    code, output = doctor(versions={"av": "3.0.0"})
    assert code == 0
    assert "av is 3.0.0, tested is >=" in output


def test_a_library_that_fails_to_load_gives_a_sentence(doctor, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # importing it raises ImportError
    code, output = doctor()
    assert code == 1
    assert "onnxruntime cannot be loaded (" in output
    assert "Traceback" not in output


def test_a_damaged_backbone_is_a_problem(doctor, monkeypatch, tmp_path):
    from summdiff.features.backbones import efficientnet_lite0

    damaged = tmp_path / "graph.onnx"
    damaged.write_bytes(efficientnet_lite0.GRAPH.read_bytes()[:-1])
    monkeypatch.setattr(efficientnet_lite0, "GRAPH", damaged)
    code, output = doctor()
    assert code == 1
    assert "is damaged: install summdiff again" in output


def test_a_damaged_model_is_a_problem(doctor, monkeypatch, tmp_path):
    from summdiff import scoring

    shutil.copytree(scoring.SHIPPED / "default", tmp_path / "default")
    (tmp_path / "default" / "denoise.onnx").write_bytes(b"")
    monkeypatch.setattr(scoring, "SHIPPED", tmp_path)
    code, output = doctor("--json")
    assert code == 1
    assert "is damaged or belongs to another config" in json.loads(output)["problems"][0]


def test_the_size_of_the_cache_is_reported(doctor, tmp_path, monkeypatch):
    monkeypatch.setenv("SUMMDIFF_CACHE", str(tmp_path))
    (tmp_path / "a.features").write_bytes(b"x" * 100_000)
    assert f"{tmp_path}, 1 video, 0.1 MB" in doctor()[1]


def test_an_unwritable_cache_is_reported(doctor, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SUMMDIFF_CACHE", str(tmp_path / "file" / "cache"))
    code, output = doctor()
    assert code == 0
    assert "cannot be written, so not used" in output


def test_data_sets_and_unreadable_files_are_listed(doctor, tmp_path, monkeypatch):
    from summdiff.data.synthetic import make_synthetic

    make_synthetic(tmp_path / "made.h5", videos=3)
    (tmp_path / "torn.h5").write_bytes(b"not HDF5")
    monkeypatch.setenv("SUMMDIFF_DATA", str(tmp_path))
    code, output = doctor()
    assert code == 0
    assert "made.h5: 3 videos, mr_hisum" in output
    assert "torn.h5: " in output


@pytest.mark.slow  # PyTorch is loaded; tests/test_without_torch.py runs it without
def test_it_runs_as_a_command():
    result = subprocess.run(
        [sys.executable, "-m", "summdiff", "doctor", "--json"], capture_output=True, text=True, check=True
    )
    assert json.loads(result.stdout)["can_summarize"] is True
    assert result.stderr == ""
