"""The commands and code on the pages of the documentation work in their order, and the site's links hold."""

import copy
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from annotation_files import write_summe_mat, write_tvsum_mat
from doc_page import blocks, follow
from small_data import write_data
from summdiff.data.convert import convert
from summdiff.evaluation import write_predictions

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))

FOLLOWED = ["quick-start", "for-a-video", "recipes", "faq", "how-it-works", "index", "exports", "words"]
CHANGE_THE_PACKAGE = ["add-a-backbone", "add-a-model", "add-an-export"]
FOLLOWED_WITH_FILES = ["add-a-data-set", "archives", "data"]
FOLLOWED_WITH_DATA_SETS = ["data-convert", "evaluation"]
FOLLOWED_SLOWLY = ["for-research"]
# Pages whose blocks are run elsewhere, or are parts of what README's are.
OTHERWISE = {"studio": "tests/web/test_serve.py runs its commands"}


@pytest.fixture
def place(make_video, tmp_path, monkeypatch):
    """A folder with the files that the pages name."""
    film = make_video(scenes=[(4.0, "forest"), (5.0, "street"), (4.0, "beach")], fps=10, sound=True).path
    for folder in ("holiday/day two", "films"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ["talk.mp4", "lecture.mp4", "holiday/one.mp4", "holiday/day two/two.mp4", "films/talk.mp4"]:
        shutil.copy(film, tmp_path / name)
    write_data(tmp_path / "tvsum.h5", "tvsum")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", sys.argv)
    return tmp_path


@pytest.mark.parametrize(
    "name", FOLLOWED + FOLLOWED_WITH_FILES + [pytest.param(name, marks=pytest.mark.slow) for name in FOLLOWED_SLOWLY]
)
def test_what_a_page_says_works(name, place):
    assert follow(DOCS / f"{name}.md")


@pytest.fixture(scope="module")
def made_data_sets(make_video, tmp_path_factory):
    """Small data sets made of two videos in the original files' forms, and two tools' predictions."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("data_sets")
    (folder / "videos").mkdir()
    (folder / "GT").mkdir()
    frames = {}
    for name in ("AwmHb44_ouw", "98MoyGZKHXc"):
        film = make_video(scenes=[(4.0, "forest"), (5.0, "street"), (4.0, "beach")])
        shutil.copy(film.path, folder / "videos" / f"{name}.mp4")
        frames[name] = len(film.frame_times)
    scores = {
        name: ("VT", np.repeat(rng.integers(1, 6, (20, n // 50 + 1)), 50, axis=1)[:, :n]) for name, n in frames.items()
    }
    write_tvsum_mat(folder / "ydata-tvsum50.mat", scores)
    for name, title in zip(frames, ("Jumps", "Cooking"), strict=True):
        shutil.copy(folder / "videos" / f"{name}.mp4", folder / "GT" / f"{title}.mp4")
        chosen = np.zeros((frames[name], 15))
        chosen[100:180] = rng.integers(0, 3, 15)
        write_summe_mat(folder / "GT" / f"{title}.mat", chosen)
    convert(sorted((folder / "videos").iterdir()), folder / "ydata-tvsum50.mat", folder / "tvsum.h5", cache=False)
    convert(sorted((folder / "GT").glob("*.mp4")), folder / "GT", folder / "summe.h5", cache=False)
    for file in ("ours.json", "theirs.h5"):
        curves = {f"video_{i}": rng.random(n) for i, n in enumerate(frames.values(), start=1)}  # one score a frame
        write_predictions(folder / file, curves, about={})
    return folder


@pytest.mark.parametrize("name", FOLLOWED_WITH_DATA_SETS)
def test_what_a_page_says_of_data_sets_works(name, made_data_sets, tmp_path, monkeypatch):
    shutil.copytree(made_data_sets, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", sys.argv)
    assert follow(DOCS / f"{name}.md")


@pytest.mark.slow
def test_what_pages_add_works_in_a_copy_of_the_package(place):
    shutil.copytree(ROOT / "src" / "summdiff", place / "copy" / "summdiff")
    for name in CHANGE_THE_PACKAGE:
        (place / name).mkdir()
        shutil.copy(place / "talk.mp4", place / name)
    pages = [str(DOCS / f"{name}.md") for name in CHANGE_THE_PACKAGE]
    command = [sys.executable, str(ROOT / "tests" / "doc_page.py"), *pages, str(place / "copy")]
    environment = {**os.environ, "PYTHONPATH": str(place / "copy")}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.slow
def test_the_notebook_runs_and_shows_its_output(tmp_path, monkeypatch):
    """`python scripts/notebook.py docs/notebook.ipynb` stores the output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import notebook

    stored = json.loads((DOCS / "notebook.ipynb").read_text(encoding="utf-8"))
    again = copy.deepcopy(stored)
    notebook.run(again)

    def shown(document):
        return [[output["output_type"] for output in cell.get("outputs", ())] for cell in document["cells"]]

    assert shown(again) == shown(stored)
    assert "display_data" in shown(stored)[-1]
    table = next(cell for cell in again["cells"] if "result = evaluate(" in "".join(cell["source"]))
    rows = {line.split()[0]: line.split() for line in table["outputs"][0]["text"][1:]}
    assert float(rows["oracle"][1]) == 1
    assert rows.keys() >= {"mlp", "ridge", "random"}


def test_every_page_with_commands_or_python_is_run():
    have = {page.stem for page in PAGES if any(block[0] in ("bash", "python") for block in blocks(page))}
    assert have == {
        *FOLLOWED,
        *FOLLOWED_SLOWLY,
        *CHANGE_THE_PACKAGE,
        *FOLLOWED_WITH_FILES,
        *FOLLOWED_WITH_DATA_SETS,
        *OTHERWISE,
    }
    changing = {page.stem for page in PAGES if any(title.startswith("src/") for _, title, _ in blocks(page))}
    assert changing == set(CHANGE_THE_PACKAGE)


def test_a_diff_that_does_not_fit_is_noticed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "code.py").write_text("a = 1\nb = 2\n")
    (tmp_path / "page.md").write_text('```diff title="code.py"\n a = 1\n+c = 3\n```\n')
    follow(tmp_path / "page.md")
    assert (tmp_path / "code.py").read_text() == "a = 1\nc = 3\nb = 2\n"
    (tmp_path / "page.md").write_text('```diff title="code.py"\n a = 5\n+c = 3\n```\n')
    with pytest.raises(AssertionError, match="stand 0 times"):
        follow(tmp_path / "page.md")


def test_all_pages_are_in_the_navigation():
    found = re.findall(r"[\w-]+\.md", str(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))
    assert sorted(found) == [page.name for page in PAGES]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_files_that_a_page_links_to_exist(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)", text)
    assert not [link for link in links if not (DOCS / link).exists()]


def test_make_targets_that_pages_name_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    named = {name for page in PAGES for name in re.findall(r"`make ([a-z-]+)", page.read_text(encoding="utf-8"))}
    assert named
    assert named <= targets


def test_the_site_names_no_other_host():
    """Fonts, scripts and styles lie beside the pages."""
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    assert settings["theme"]["font"] is False
    assert "extra_javascript" not in settings
    assert "offline" not in settings["plugins"]  # it brings a script of another host


def test_equations_become_mathml():
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        import docs_site
    finally:
        sys.path.pop(0)
    made = docs_site.on_page_content('<p><span class="arithmatex">\\(a &lt; b\\)</span></p>')
    assert made.startswith("<p><math")
    assert "&lt;" in made or "&#x0003C;" in made
    assert "arithmatex" not in made
