"""The page in a real Chromium: by keyboard, for screen readers, in other colours and on small screens."""

from pathlib import Path

import pytest
from studio_page import add_film, until

from axe import axe_violations

pytestmark = pytest.mark.browser
HERE = Path(__file__).parent
CONTRAST = (HERE / "contrast.js").read_text(encoding="utf-8")
NAMELESS = (HERE / "nameless.js").read_text(encoding="utf-8")


def test_everything_works_by_keyboard(ready):
    page = ready
    page.locator("body").press("Tab")
    page.keyboard.press("]")
    until(page, "document.querySelector('video').currentTime > 1")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    page.wait_for_selector(".chip.drop")
    page.keyboard.press("x")
    page.wait_for_selector(".chip.drop", state="detached")
    before = page.input_value("[data-budget]")
    page.keyboard.press("b")
    page.keyboard.press("ArrowLeft")
    assert int(page.input_value("[data-budget]")) < int(before)
    # In the list of shots the arrows go from card to card, and Tab to the buttons of one card.
    page.locator(".card-go[tabindex='0']").focus()
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement === document.querySelector('[data-shots] li:last-child .card-go')")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.matches('li:last-child .card-keep')")
    page.keyboard.press("Enter")
    page.wait_for_selector(".chip.keep")
    page.keyboard.press("?")
    assert page.locator("#menu-dialog").is_visible()
    page.keyboard.press("Escape")
    page.locator("[data-track]").focus()
    page.keyboard.press(" ")
    until(page, "!document.querySelector('video').paused")
    page.keyboard.press("k")
    until(page, "document.querySelector('video').paused")
    page.keyboard.press("l")
    page.keyboard.press("l")
    until(page, "document.querySelector('video').playbackRate === 2 && !document.querySelector('video').paused")


def test_shortcuts_with_one_key_can_be_switched_off(ready):
    ready.keyboard.press("?")
    ready.uncheck("#single-keys")
    ready.keyboard.press("Escape")
    ready.locator("[data-track]").focus()
    ready.keyboard.press("p")
    ready.keyboard.press("?")
    ready.wait_for_timeout(200)
    assert ready.locator(".chip").count() == 0
    assert ready.locator("#menu-dialog").is_hidden()
    ready.reload()
    ready.wait_for_selector(".part")
    ready.locator("body").press("p")
    ready.wait_for_timeout(200)
    assert ready.locator(".chip").count() == 0
    ready.click("[data-keep]")
    ready.wait_for_selector(".chip.keep")
    ready.locator("body").press("Control+z")
    ready.wait_for_selector(".chip", state="detached")


def test_the_list_of_shots_can_always_be_reached_by_keyboard(ready):
    for place, name in enumerate(("all", "chosen", "picked"), start=1):
        ready.click(f".filter:nth-child({place})")
        shown = ready.locator("[data-shots] li:visible").count()
        assert ready.locator(".card-go[tabindex='0']:visible").count() == min(shown, 1), name
        assert ready.locator(".card-go[tabindex='0']").count() <= 1


def test_every_control_has_a_name_for_screen_readers(ready):
    assert ready.evaluate(NAMELESS) == []
    twice = ready.evaluate(
        "() => { const ids = [...document.querySelectorAll('[id]')].map(e => e.id);"
        "return ids.filter((id, k) => ids.indexOf(id) !== k); }"
    )
    assert twice == []
    assert ready.get_attribute("html", "lang") == "en"


def states(page):
    """Lead the page from state to state, and yield their names."""
    page.click(".part >> nth=0")
    page.keyboard.press("p")
    page.keyboard.press("]")
    page.keyboard.press("x")
    page.wait_for_timeout(500)
    page.select_option("[data-frame]", "9:16")
    yield "studio"
    page.check("[data-details]")
    page.hover("[data-track]")
    page.wait_for_timeout(300)
    yield "details"
    for name in ("share", "editor", "formats"):
        page.click(f"[data-{name}]")
        yield name
        page.keyboard.press("Escape")
    page.click("#menu")
    yield "settings"
    page.keyboard.press("Escape")
    page.fill("[data-allowed]", "soon")
    page.keyboard.press("Enter")
    with page.expect_download():
        page.click("[data-save]")
    page.wait_for_selector("[data-saved]:not([hidden])")
    yield "saved"
    page.click("#all")
    page.wait_for_selector(".film")
    page.wait_for_timeout(200)
    yield "library"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_have_the_contrast_of_wcag_aa(ready, scheme):
    ready.emulate_media(color_scheme=scheme)
    for name in states(ready):
        assert ready.evaluate(CONTRAST) == [], name


@pytest.mark.parametrize("look", ["light", "dark", "forced", "phone"])
def test_axe_finds_nothing(open_page, studio, film, look):
    options = {
        "light": {},
        "dark": {"color_scheme": "dark"},
        "forced": {"forced_colors": "active"},
        "phone": {"viewport": {"width": 390, "height": 844}},
    }[look]
    page = open_page(studio, hints=look == "light", bypass_csp=True, **options)
    assert axe_violations(page) == []
    add_film(page, film.path)
    assert axe_violations(page) == []
    for name in states(page):
        assert axe_violations(page) == [], name


def test_forced_colours_are_used_where_the_page_draws_itself(open_page, studio, film):
    page = add_film(open_page(studio, forced_colors="active"), film.path)
    page.wait_for_timeout(400)
    part, well = page.evaluate(
        "() => ['.part', '.parts'].map((name) => getComputedStyle(document.querySelector(name)).backgroundColor)"
    )
    assert part != well
    assert (
        page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--curve')").strip() == "CanvasText"
    )


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_is_wider_than_the_screen(ready, width):
    ready.set_viewport_size({"width": width, "height": 800})
    ready.wait_for_timeout(200)
    assert ready.evaluate("document.documentElement.scrollWidth") <= width
    ready.click("#all")
    ready.wait_for_timeout(200)
    assert ready.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("size", [(1280, 720), (1440, 900)])
def test_player_timeline_and_parts_are_seen_without_scrolling(ready, size):
    ready.set_viewport_size({"width": size[0], "height": size[1]})
    ready.wait_for_timeout(200)
    assert ready.evaluate("document.documentElement.scrollHeight") <= size[1]
    ready.click(".part >> nth=0")
    for name in ("[data-video]", "[data-play]", "[data-track]", "[data-parts]", "[data-split]", "[data-save]"):
        box = ready.locator(name).bounding_box()
        assert box["y"] + box["height"] <= size[1], name
    ready.locator("[data-shots] li").last.scroll_into_view_if_needed()
    assert ready.locator("[data-video]").bounding_box()["y"] >= 0  # the cards scroll beside the player
