"""The report in a real Chromium: for everybody, in every appearance, on every screen."""

from dataclasses import replace

import pytest

from axe import axe_violations
from summdiff.export import save, write_index
from summdiff.summary import Alternative, Interval

pytestmark = pytest.mark.browser
LOOKS = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 360, "height": 740}},
    "forced colors": {"forced_colors": "active"},
}


@pytest.fixture(scope="module")
def report(nasty, summary_of, tmp_path_factory):
    path, _ = nasty()
    summary = replace(
        summary_of(path, [(0.4, 1.2), (2.0, 3.0)]),
        warnings=("2 damaged frames were skipped.",),
        alternatives=(Alternative((Interval(0.0, 1.0), Interval(3.0, 4.0)), (0, 2), 0.93, 0.5),),
    )
    folder = tmp_path_factory.mktemp("reports")
    _, report = save(summary, folder, formats=["mp4", "html"])
    save(summary, folder, formats=["html"], name="without a film")
    return report


@pytest.fixture(params=LOOKS)
def page(request, shown, report):
    context = shown.new_context(bypass_csp=True, **LOOKS[request.param])
    page = context.new_page()
    page.goto(report.as_uri())
    yield page
    context.close()


def test_neither_report_nor_index_has_an_accessibility_fault(page, report):
    assert axe_violations(page) == []
    page.check("#details")
    assert axe_violations(page) == []
    page.goto(write_index(report.parent).as_uri())
    assert axe_violations(page) == []


def test_nothing_is_wider_than_the_screen(page):
    page.check("#details")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_curve_bars_and_chosen_parts_differ_from_their_ground(page):
    """Also with forced colors, which take away backgrounds."""
    fills = page.evaluate(
        """() => Object.fromEntries([['.mean', 'stroke'], ['.part', 'fill'], ['.bar i', 'backgroundColor'],
          ['.parts i', 'backgroundColor'], ['.l-part', 'backgroundColor'], ['.panel', 'backgroundColor']].map(
          ([name, key]) => [name, getComputedStyle(document.querySelector(name), name === '.l-part' ? '::before' : '')
          [key]]))"""
    )
    ground = fills.pop(".panel")
    assert ground not in fills.values()
    assert fills[".l-part"] == fills[".parts i"]


def test_details_and_the_choice_of_shots_are_boxes_to_tick(page):
    numbers, left_out = page.locator(".card .detail").first, page.locator(".left-out").first
    assert (numbers.is_visible(), left_out.is_visible()) == (False, True)
    page.check("#details")
    page.check("#only")
    assert (page.locator(".chosen .detail").first.is_visible(), left_out.is_visible()) == (True, False)


def test_a_card_plays_its_shot(page):
    page.wait_for_function("document.querySelector('video').readyState > 0")
    page.locator("button.card").last.click()
    assert page.evaluate("document.querySelector('video').currentTime") >= 0.8


def test_paper_shows_cards_and_no_player(page):
    page.emulate_media(media="print")
    assert not page.locator("video").is_visible()
    assert page.locator(".card").first.is_visible()


def test_without_the_film_the_cards_cannot_be_pressed(shown, report):
    page = shown.new_page()
    page.goto(report.with_name("without a film.summary.html").as_uri())
    page.locator("#missing").wait_for()
    assert page.locator("button.card:enabled").count() == 0
    page.close()
