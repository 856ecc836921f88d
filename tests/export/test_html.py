"""The report and the index page: one file each that runs and loads nothing from outside."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from urllib.parse import unquote

import pytest

from caption_files import add_captions
from small_summary import small_summary
from summdiff.errors import OutputError
from summdiff.export import check_index, save, write_index
from summdiff.export._report_words import _SETTINGS, setting_rows
from summdiff.export._strings import percent
from summdiff.pipeline import Summarizer
from summdiff.summary import Alternative, Interval

EVIL = "<img src=x onerror=\"document.title='owned'\">'&{{7*7}}.mp4"


class Page(HTMLParser):
    """The tags of a page with their attributes, and its text by tag."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self._inside = [], {}, None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag):
        self._inside = None

    def handle_data(self, data):
        self.text.setdefault(self._inside, []).append(data)

    def all(self, name):
        return [attrs for tag, attrs in self.tags if tag == name]


LOADS = {"src", "href", "poster", "srcset", "data", "action", "formaction", "background", "xlink:href", "ping"}


def references(page):
    return [value for _, attrs in page.tags for name, value in attrs.items() if name in LOADS]


@pytest.fixture(scope="module")
def evil(nasty, summary_of):
    path, _ = nasty(EVIL)
    cues = [(0.5, 1.0, "</script><script>document.title='owned'</script>")]
    source = add_captions(path, Path(path).with_suffix(".mkv"), tracks=[("eng", cues)], codec="ass")
    return replace(
        summary_of(source, [(0.4, 1.2), (2.0, 3.0)]),
        warnings=("<script>document.title='owned'</script> & \"quotes\"",),
        model={"id": "</td><script>document.title='owned'</script>", "card": {"nested": ["<b>"]}},
        settings={"rate": 1.0, "keep": ["<svg onload=alert(1)>"], "<th>": None, "drop": ()},
    )


def test_the_report_loads_nothing_but_the_summary(evil, tmp_path):
    movie, report = save(evil, tmp_path / "out", formats=["mp4", "html"])
    text = report.read_text(encoding="utf-8")
    page = Page(text)
    outside = [value for value in references(page) if not value.startswith("data:image/jpeg;base64,")]
    assert [unquote(value) for value in outside] == [movie.name]
    assert page.all("video")[0]["src"] == outside[0]
    assert "/" not in outside[0]
    assert not page.all("link") + page.all("iframe") + page.all("object") + page.all("base")
    for style in [*page.text["style"], *(attrs.get("style", "") for _, attrs in page.tags)]:
        assert "url(" not in style
        assert "@import" not in style
    assert "http" not in re.sub(r"data:image/jpeg;base64,[\w+/=]+", "", text).replace("http-equiv", "")


def test_hostile_names_stay_text(evil, tmp_path):
    (report,) = save(evil, tmp_path / "out", formats=["html"])
    page = Page(report.read_text(encoding="utf-8"))
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert len(page.all("script")) == 2  # the cues and ours
    assert [attrs for attrs in page.all("img") if not attrs["src"].startswith("data:")] == []
    assert Path(evil.video.path).name in "".join(page.text["h1"])
    assert any("<svg onload=alert(1)>" in data for data in page.text["td"])
    policy = next(a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]


def test_the_report_shows_scores_settings_alternatives_and_warnings(nasty, summary_of, tmp_path):
    path, _ = nasty()
    summary = replace(
        summary_of(path, [(0.4, 1.2), (2.0, 3.0)]),
        warnings=("2 damaged frames were skipped.",),
        alternatives=(Alternative((Interval(0.0, 1.0), Interval(3.0, 4.0)), (0, 2), 0.93, 0.5),),
        settings={"samples": 4, "keep": [{"start": 0.0, "end": 2.0}], "drop": []},
    )
    (report,) = save(summary, tmp_path / "out", formats=["html"])
    text = report.read_text(encoding="utf-8")
    page = Page(text)
    assert "0:01 of 0:04 (45%) · 2 of 5 shots" in text
    assert [attrs["data-at"] for attrs in page.all("button")] == ["0.001", "0.801"]
    assert len(page.all("img")) == 5
    assert [attrs.get("class") for attrs in page.all("rect")].count("part") == 4  # two parts in two curves
    assert [attrs["class"] for attrs in page.all("path")] == ["mean", "band", "mean"]
    for text_shown in (
        "2 damaged frames were skipped.",
        "efficientnet_lite0",
        "Sampled curves",
        "relational",
        "SummDiff",
        "in 25% of samples",
        "0:00 – 0:01, 0:03 – 0:04",
        "Nearly as good · about half the same moments",
        "expected score 93%",
        "You kept</th><td>0:00 – 0:02",
        "up to 0:02 (50% of the video)",
    ):
        assert text_shown in text


def test_a_report_of_many_shots_shows_the_chosen_ones_alone(nasty, summary_of, tmp_path):
    path, _ = nasty(scenes=[(6.4, "forest")], fps=10)
    edges = [round(0.1 * n, 1) for n in range(65)]
    (report,) = save(summary_of(path, [(1.0, 1.5), (3.0, 3.1)], shots=edges), tmp_path, formats=["html"])
    page = Page(report.read_text(encoding="utf-8"))
    assert len(page.all("img")) == len(page.all("button")) == 6
    assert "Chosen shots" in page.text["h2"]
    assert any("The 58 other shots are not shown" in text for text in page.text["p"])
    assert not [attrs for attrs in page.all("input") if attrs["id"] == "only"]


def test_bars_and_curve_use_the_range_of_the_film(nasty, summary_of, tmp_path):
    path, _ = nasty()
    summary = summary_of(path, [(0.0, 1.0)], shots=[0.0, 1.0, 2.0, 4.0])
    shots = [replace(shot, score=score) for shot, score in zip(summary.shots, (0.55, 0.5, 0.6), strict=True)]
    (report,) = save(replace(summary, shots=tuple(shots)), tmp_path, formats=["html"])
    page = Page(report.read_text(encoding="utf-8"))
    bars = [attrs["style"] for attrs in page.all("i") if not attrs["style"].startswith("left")]
    assert bars == ["width: 50%", "width: 0%", "width: 100%"]
    line = next(attrs["d"] for attrs in page.all("path"))
    heights = [float(height) for height in re.findall(r"V([\d.]+)", line)]
    assert min(heights) < 20
    assert max(heights) > 140


def test_every_setting_of_ours_has_a_label(nasty):
    path, _ = nasty(scenes=[(3.0, "forest")], fps=5)
    settings = Summarizer(cache=False).summarize(path, max_size=10**6, frame="1:1").settings
    assert set(settings) - set(_SETTINGS) == set()
    rows = dict(setting_rows(replace(small_summary(), settings={**settings, "about": ["a dog", "snow"]})))
    assert rows["Place of the frame"] == "50% from the left, 50% from the top"
    assert (rows["Largest file"], rows["Asked for"], rows["Words"]) == (
        "1 MB",
        "“a dog”, “snow”",
        "used where they are known",
    )


def test_settings_of_other_programs_are_shown_as_they_are(nasty, summary_of, tmp_path):
    path, _ = nasty()
    settings = {"rate": "fast", "keep": 3, "select": ["x"], "min_shot": 10**400, "my_option": {"a": 1}}
    (report,) = save(summary_of(path, [(0.0, 1.0)], settings=settings), tmp_path, formats=["html"])
    rows = Page(report.read_text(encoding="utf-8")).text["td"]
    assert {"fast", "3", '["x"]', '{"a": 1}', "1" + 400 * "0"} <= set(rows)


@pytest.mark.parametrize(("share", "shown"), [(0.0625, "6.3%"), (0.02, "2%"), (0.125, "13%"), (1.0, "100%"), (0, "0%")])
def test_shares_are_rounded_as_in_the_studio(share, shown):
    assert percent(share) == shown


@pytest.mark.parametrize("theme", [":root {", "prefers-color-scheme: dark"])
def test_report_and_studio_have_the_same_colors(theme):
    """The report contains its style, so it has a copy of the studio's colors."""
    styles = [files("summdiff") / path for path in ("export/pages/pages.css", "web/static/css/colours.css")]
    ours, theirs = (
        dict(re.findall(r"--([\w-]+):\s*([^;]+);", style.read_text().partition(theme)[2].partition("}")[0]))
        for style in styles
    )
    assert len(ours) >= 12
    assert {name: theirs.get(name) for name in ours} == ours


@pytest.mark.skipif(not shutil.which("chromium"), reason="Chromium is not installed")
def test_a_browser_runs_our_script_and_no_other(evil, tmp_path):
    (report,) = save(evil, tmp_path / "out", formats=["html"])
    result = subprocess.run(
        [
            *("chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=3000"),
            *(f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", report.as_uri()),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    page = Page(result.stdout)
    assert "".join(page.text["title"]) == f"{Path(evil.video.path).name} – summary"
    # Our script noticed that the mp4 is missing.
    assert "hidden" in page.all("video")[0]
    assert "hidden" not in next(attrs for attrs in page.all("p") if attrs.get("id") == "missing")


def test_the_index_leads_to_every_report(evil, nasty, summary_of, tmp_path):
    out = tmp_path / "out"
    save(evil, out, formats=["html"])
    path, _ = nasty("b #2?.mp4")
    save(summary_of(path, [(1.0, 2.0)]), out / "deep er" / "100%", formats=["html"])
    (out / "fake.summary.html").write_text("<meta name='summdiff-report' content='[1'>")
    (out / "other.summary.html").write_text("<meta name='summdiff-report' content='{\"title\": 3}'>")
    page = Page(write_index(out).read_text(encoding="utf-8"))
    links = [unquote(attrs["href"]) for attrs in page.all("a")]
    assert [(out / link).is_file() for link in links] == [True, True]
    assert {Path(link).name for link in links} == {
        Path(evil.video.path).stem + ".summary.html",
        "b #2?.summary.html",
    }
    assert not [attrs for attrs in page.all("img") if not attrs["src"].startswith("data:image/jpeg;base64,")]
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert not page.all("script")
    check_index(out, overwrite=False)
    (out / "index.html").write_text("<h1>My site</h1>")
    with pytest.raises(OutputError, match="not from summdiff"):
        check_index(out, overwrite=False)
    check_index(out, overwrite=True)
