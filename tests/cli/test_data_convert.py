"""`summdiff data convert`, as it is called."""

import h5py
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from annotation_files import write_tvsum_tsv
from command import run_summdiff
from summdiff.cli.data.convert import convert
from summdiff.data.tvsum import TVSum
from summdiff.errors import UsageError


@pytest.fixture(scope="module")
def folder(make_video, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tvsum")
    (folder / "video").mkdir()
    for name in ("xxdtq8mxegs", "-esJrBWj2d8"):
        make_video(folder / "video" / f"{name}.mp4", scenes=((3.0, f"{name} 1"), (3.0, f"{name} 2")))
    rng = np.random.default_rng(0)
    rows = {name: ("VT", rng.integers(1, 6, (20, 150))) for name in ("-esJrBWj2d8", "xxdtq8mxegs")}
    write_tvsum_tsv(folder / "anno.tsv", rows)
    write_tvsum_tsv(folder / "more.tsv", rows | {"gone": ("VT", rng.integers(1, 6, (20, 150)))})
    return folder


def run(*arguments):
    app = typer.Typer()
    app.command()(convert)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_prints_a_line_per_video_and_the_file(folder, tmp_path):
    output = tmp_path / "tvsum.h5"
    asked = [folder / "video", "-a", folder / "anno.tsv", "-o", output, "--segment-seconds", "1"]
    result = run(*asked)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{output}\n"
    first, second = result.stderr.splitlines()
    assert first.startswith("[1/2] -esJrBWj2d8: video_1, 150 frames, 10 steps, 6 segments (")
    assert second.startswith("[2/2] xxdtq8mxegs: video_2, 150 frames, 10 steps, 6 segments (")
    assert TVSum(output).names == ("video_1", "video_2")
    again = run(*asked, "--overwrite", "--every", "30", "--kind", "other", "--score-range", "0", "5")
    assert again.exit_code == 0, again.output
    assert len(TVSum(output)["video_2"].picks) == 5
    assert "features from the cache" not in again.stderr
    assert "features from the cache" in run(*asked, "--overwrite").stderr


def test_missing_videos_are_reported_at_the_end(folder, tmp_path):
    output = tmp_path / "tvsum.h5"
    (tmp_path / "xxdtq8mxegs.mp4").write_bytes(b"no video")
    mixed = [tmp_path / "xxdtq8mxegs.mp4", folder / "video" / "-esJrBWj2d8.mp4"]
    result = run(*mixed, "-a", folder / "more.tsv", "-o", output, "--segment-seconds", "1")
    assert result.exit_code == 1
    assert result.stdout == f"{output}\n"
    lines = result.stderr.splitlines()
    assert lines[1] == "[2/2] xxdtq8mxegs: left out"
    assert "xxdtq8mxegs.mp4" in lines[2]
    assert lines[3:] == ["summdiff: 1 annotated videos are missing: 'gone'."]
    with h5py.File(output) as file:
        assert list(file) == ["video_1"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["video", "-a", "gone.tsv", "-o", "out.h5"], 1, "There are no annotations 'gone.tsv'."),
        (
            ["video", "-a", "anno.tsv", "-o", "anno.tsv"],
            1,
            "'anno.tsv' exists: give --overwrite to replace it.",
        ),
        (["video", "-a", "anno.tsv", "-o", "out.h5", "--every", "0"], 2, "Steps must be at least 1 frame apart, got 0"),
        ([".", "-a", "anno.tsv", "-o", "out.h5"], 2, "No video in the folder"),
    ],
)
def test_mistakes_give_one_sentence(folder, arguments, code, said):
    result = run_summdiff("data", "convert", *arguments, cwd=folder)
    assert (result.returncode, result.stdout) == (code, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"summdiff: {said}")
    assert not (folder / "out.h5").exists()


def test_no_input_is_overwritten(folder, tmp_path):
    own = {name: tmp_path / name for name in ("xxdtq8mxegs.mp4", "anno.tsv", "segments.h5")}
    own["xxdtq8mxegs.mp4"].write_bytes((folder / "video" / "xxdtq8mxegs.mp4").read_bytes())
    own["anno.tsv"].write_bytes((folder / "anno.tsv").read_bytes())
    own["segments.h5"].write_bytes(b"segments")
    video, annotations, segments = own.values()
    before = [path.read_bytes() for path in own.values()]
    for output in own.values():
        result = run(video, "-a", annotations, "--segments-from", segments, "-o", output, "--overwrite")
        assert isinstance(result.exception, UsageError)
        assert "is an input and would be overwritten" in str(result.exception)
    assert [path.read_bytes() for path in own.values()] == before


def test_messages_mention_only_options_of_the_command(tmp_path):
    assert "--recursive" not in str(run(tmp_path, "-a", "x.csv", "-o", tmp_path / "x.h5").exception)
