"""Rules for all formats: names, files, errors, plug-ins; and that a failure leaves nothing behind."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import check_exports
import pytest
from fuzzing.fault_targets import short_files
from PIL import Image

from plugin_packages import install_plugin
from summdiff.errors import OutputError, SummdiffError, UsageError
from summdiff.export import built_in_formats, check_formats, format_names, save, targets
from summdiff.summary import Interval

ROOT = Path(__file__).parents[2]
FORMATS = tuple(built_in_formats())


def test_no_two_formats_write_the_same_file():
    names = [path.name for path in targets(Path("out"), "x", FORMATS)]
    assert len(set(names)) == len(names)
    assert all(name.startswith("x.summary.") for name in names)


def test_all_means_every_format():
    assert check_formats(["all"]) == check_formats(["mp4", "all"]) == format_names()
    assert set(FORMATS) <= set(format_names())


def test_every_format_says_what_its_files_hold_and_what_opens_them():
    assert all(fmt.description and fmt.opens_in for fmt in built_in_formats().values())
    assert all(bool(fmt.libraries) == bool(fmt.install) for fmt in built_in_formats().values())


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["mp4", "avi"], "Unknown format 'avi': choose from mp4, json, .*, or all"),
        (["mp4", "mp4"], "each only once"),
        ([], "at least one format"),
    ],
)
def test_formats_that_cannot_be_meant_are_refused(names, message):
    with pytest.raises(UsageError, match=message):
        check_formats(names)


def test_listing_the_formats_imports_no_heavy_library():
    heavy = {"av", "jinja2", "matplotlib", "numpy", "opentimelineio", "PIL"}
    code = f"import sys, summdiff.export as e; e.format_names(); print(*sorted(set(sys.modules) & {heavy!r}))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == []


def test_the_table_of_formats_in_the_docs_is_up_to_date():
    result = subprocess.run(
        [sys.executable, ROOT / "scripts" / "format_table.py", "--check"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout


NOTES = """
from summdiff.atomic import write_file
from summdiff.export import Format

def write_notes(summary, path, on_progress):
    write_file(path, f"{len(summary.selection)} parts\\n")

FORMAT = Format("NAME", {"ENDING": write_notes}, "the number of parts")
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that installs a package with the format `notes`."""

    def make(*, name="notes", ending="notes.txt", value="FORMAT"):
        source = NOTES.replace("NAME", name).replace("ENDING", ending)
        entries = f"[summdiff.exports]\nnotes = notes_module:{value}\n"
        install_plugin(monkeypatch, tmp_path / "packages", "notes", entries, source)

    return make


def test_a_plug_in_is_a_format_like_any_other(install, film, tmp_path):
    install()
    assert "notes" in format_names()
    (path,) = save(film, tmp_path / "out", formats=["notes"], name="x")
    assert path == tmp_path / "out" / "x.summary.notes.txt"
    assert path.read_text() == "2 parts\n"


@pytest.mark.parametrize("changes", [{"name": "other"}, {"value": "write_notes"}])
def test_a_plug_in_that_is_no_format_of_its_name_is_refused(changes, install):
    install(**changes)
    with pytest.raises(UsageError, match=r"plug-in for the format 'notes' must be a `summdiff\.export\.Format`"):
        check_formats(["notes"])


def test_two_formats_with_the_same_ending_are_not_written_together(install):
    install(ending="json")
    assert check_formats(["notes"]) == ("notes",)
    with pytest.raises(UsageError, match=r"The formats json and notes both write '\.summary\.json'"):
        check_formats(["json", "notes"])


def test_all_formats_are_written_at_once_and_alike_each_time(film, tmp_path):
    before = Path(film.video.path).read_bytes()
    written = save(film, tmp_path / "out", formats=FORMATS)
    assert sorted(written) == sorted((tmp_path / "out").iterdir())
    assert written == targets(tmp_path / "out", Path(film.video.path).stem, FORMATS)
    assert Path(film.video.path).read_bytes() == before
    with pytest.raises(OutputError, match="--overwrite"):
        save(film, tmp_path / "out", formats=["otio"])
    again = {path.name: path.read_bytes() for path in written if path.suffix != ".mp4"}
    save(film, tmp_path / "again", formats=[fmt for fmt in FORMATS if fmt != "mp4"])
    for path in (tmp_path / "again").iterdir():
        assert path.read_bytes() == again[path.name], f"{path.suffix} differs from run to run"


def test_a_name_in_any_script_causes_no_warning(nasty, summary_of, tmp_path):
    path, _ = nasty("日本語 $x$ \udcff.mp4")
    save(
        summary_of(path, [(0.4, 1.2), (2.0, 3.0)]),
        tmp_path / "out",
        formats=["png", "svg", "sheet", "html", "otio", "edl", "fcpxml", "fcp7xml"],
    )


def test_sheet_and_report_of_very_many_shots(nasty, summary_of, tmp_path):
    path, _ = nasty(fps=10, scenes=[(60.0, "forest")], size=(32, 32), sound=False)
    edges = [n / 10 for n in range(601)]
    summary = summary_of(path, [(edges[n], edges[n + 1]) for n in range(0, 600, 2)], shots=edges)
    sheet, report = save(summary, tmp_path / "out", formats=["sheet", "html"])
    with Image.open(sheet) as image:
        assert max(image.size) < 4000
    assert report.read_text(encoding="utf-8").count('<span class="times">') == 300  # chosen ones alone


def test_data_and_curve_need_no_video(film, tmp_path):
    film = replace(film, video=replace(film.video, path=str(tmp_path / "gone.mp4")))
    assert len(save(film, tmp_path / "out", formats=["json", "csv", "png", "svg"])) == 5
    with pytest.raises(SummdiffError, match="does not exist"):
        save(film, tmp_path / "other", formats=["edl"])
    assert list((tmp_path / "other").iterdir()) == []


def test_a_selection_without_a_frame_is_refused(film, tmp_path):
    empty = replace(film, selection=(Interval(9.0, 9.5),))
    for fmt in ("otio", "txt", "html"):
        with pytest.raises(UsageError, match="no chosen part contains a frame"):
            save(empty, tmp_path / "out", formats=[fmt])
    assert list((tmp_path / "out").iterdir()) == []


def test_a_missing_extra_is_named_before_any_work(film, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "opentimelineio", None)
    with pytest.raises(UsageError, match=r"otio, edl needs more packages.*pip install 'summdiff\[export\]'"):
        save(film, tmp_path / "out", formats=["mp4", "otio", "edl"])
    assert not (tmp_path / "out").exists()
    assert save(film, tmp_path / "out", formats=["fcpxml", "html", "csv"])


def test_a_full_disk_leaves_nothing(captioned, tmp_path):
    save(captioned, tmp_path / "warm", formats=["png"])  # so that the cache of fonts exists
    for fmt in FORMATS:
        with short_files(20), pytest.raises(OutputError, match="cannot be written"):
            save(captioned, tmp_path / "full", formats=[fmt])
    assert list((tmp_path / "full").iterdir()) == []


def test_the_script_that_checks_exports_finds_no_error(nasty, monkeypatch, capsys):
    path, _ = nasty("it's 100% & <日本>.mp4", scenes=[(4.0, "forest"), (5.0, "street"), (4.0, "beach")], fps=10)
    monkeypatch.setattr(sys, "argv", ["check_exports.py", str(path)])
    with pytest.raises(SystemExit) as leave:
        check_exports.main()
    said = capsys.readouterr().out
    assert leave.value.code == 0, said
    assert re.findall(r"^\| `(\w+)` \|", said, flags=re.M) == list(FORMATS)
