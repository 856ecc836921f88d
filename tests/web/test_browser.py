"""The page in a real Chromium, driven as a person would. Without one these tests skip and say why."""

import re
import shutil
import time
from pathlib import Path

import av
import pytest

pytest.importorskip("playwright", reason="the browser tests need Playwright: `make test-browser` installs it")

from studio_rig import add_two_hours, browser, chromium, running_studio, write_two_hours

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason="no Chromium was found: `make test-browser` tries to install one"),
]


@pytest.fixture(scope="module")
def shown():
    with browser() as running:
        yield running


@pytest.fixture
def page(shown, studio):
    """A browser with the studio open; anything that its console calls an error fails the test."""
    context = shown.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    page = context.new_page()
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("console", lambda message: message.type == "error" and page.faults.append(message.text))
    page.on("request", lambda request: request.url.startswith(studio.plain) or page.faults.append(request.url))
    page.goto(studio.url)
    page.wait_for_selector(".start")
    yield page
    context.close()
    assert page.faults == []


@pytest.fixture
def ready(page, film):
    """The page with a film that was uploaded and looked at."""
    page.set_input_files("#picker", film.path)
    page.wait_for_selector("[data-budget]", timeout=60_000)
    until(page, "document.querySelector('[data-length]').textContent !== '0:00'")
    return page


def lit(page):
    """Numbers of the shots that the list shows as chosen."""
    return page.eval_on_selector_all(
        "[data-shots] li", "cards => cards.flatMap((c, k) => c.ariaSelected === 'true' ? [k] : [])"
    )


def until(page, expression, seconds=30):
    """Wait for an expression to be true. Playwright's own way uses `eval`, which the page forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"never: {expression}"
        time.sleep(0.03)


def settled(page, before):
    """Numbers of the chosen shots, once they are others than before."""
    end = time.monotonic() + 30
    while (found := lit(page)) == before:
        assert time.monotonic() < end
        time.sleep(0.03)
    return found


def painted(page, selector):
    """Count the pixels of a canvas that are not empty."""
    return page.eval_on_selector(
        selector,
        "c => { const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let n = 0;"
        "for (let k = 3; k < d.length; k += 4) n += d[k] > 0; return n; }",
    )


def test_from_upload_to_export(ready, film, tmp_path):
    page = ready
    assert "token" not in page.url
    assert page.title().startswith(film.path.name)
    # The curve and the strip are drawn, and every shot has its card.
    assert painted(page, "[data-ground]") > 20_000
    until(page, "document.querySelector('[data-shots] li').dataset.painted")
    first = lit(page)
    assert first

    # Drag the budget with the mouse: the selection follows while the button is down.
    box = page.locator("[data-budget]").bounding_box()
    middle = box["y"] + box["height"] / 2
    share = page.eval_on_selector("[data-budget]", "s => s.value / 1000")
    page.mouse.move(box["x"] + 13 + share * (box["width"] - 26), middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 30, middle, steps=8)
    settled(page, first)
    page.mouse.up()
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(200)
    more = lit(page)
    assert len(more) > len(first)
    assert page.locator("#undo").is_enabled()

    # Undo and redo are one step each for the whole drag.
    page.keyboard.press("Control+z")
    assert settled(page, more) == first
    page.keyboard.press("Control+Shift+z")
    assert settled(page, first) == more
    page.keyboard.press("Control+z")
    settled(page, more)

    # Pin what is left out, ban what was chosen.
    out = next(shot for shot in range(50) if shot not in first)
    page.locator("[data-shots] li").nth(out).click()
    page.keyboard.press("p")
    until(page, f"document.querySelectorAll('[data-shots] li')[{out}].ariaSelected === 'true'")
    pinned = lit(page)
    banned = next(shot for shot in pinned if shot != out) if len(pinned) > 1 else None
    if banned is not None:
        page.locator("[data-shots] li").nth(banned).click()
        page.click("[data-ban]")
        until(page, f"document.querySelectorAll('[data-shots] li')[{banned}].ariaSelected === 'false'")
    assert page.locator(".chip").count() == 1 + (banned is not None)

    # Ask again: a second version, computed under the constraints, is shown.
    page.click("[data-ask]")
    page.wait_for_selector(".version[aria-pressed='true']:nth-child(2)", timeout=30_000)
    assert out in lit(page)
    assert banned not in lit(page)
    page.keyboard.press("Control+z")
    page.wait_for_selector(".version[aria-pressed='true']:nth-child(1)")
    page.keyboard.press("Control+Shift+z")
    page.wait_for_selector(".version[aria-pressed='true']:nth-child(2)")

    # Export what is shown.
    seconds = page.text_content("[data-length]")
    page.keyboard.press("e")
    page.check("input[name=json]")
    page.click("[data-write]")
    page.wait_for_selector(".written .done a", timeout=60_000)
    for link in page.locator(".written .done a").all():
        with page.expect_download() as download:
            link.click()
        download.value.save_as(tmp_path / download.value.suggested_filename)
    (written,) = tmp_path.glob("*.mp4")
    with av.open(str(written)) as container:
        minutes, rest = seconds.split(":")
        assert container.duration / 1e6 == pytest.approx(60 * int(minutes) + int(rest), abs=0.7)
    page.keyboard.press("Escape")

    # A reload finds the film, its versions and what was decided.
    before = lit(page)
    page.reload()
    page.wait_for_selector(".chip")
    until(page, "document.querySelectorAll('[data-shots] li').length > 0")
    assert lit(page) == before
    assert page.locator(".version").count() == 2
    assert page.locator("#undo").is_enabled()


def test_playing_only_the_summary_skips_the_rest(ready):
    page = ready
    parts = page.evaluate(
        "async () => (await (await fetch(`/api/videos/${location.hash.slice(1)}/versions/0`)).json()).selection.parts"
    )
    page.keyboard.press("s")
    page.wait_for_selector("[data-play-summary][aria-pressed=true]")
    assert page.locator("[data-mode]").is_visible()
    times = page.evaluate(
        "() => new Promise(done => { const v = document.querySelector('video'), seen = [];"
        "const timer = setInterval(() => { if (!v.seeking && v.readyState >= 2) seen.push(v.currentTime);"
        "if (v.paused || seen.length > 400) { clearInterval(timer); done(seen); } }, 30); })"
    )
    assert len(times) > 5
    for at in times:
        assert any(start - 0.1 <= at <= end + 0.25 for start, end in parts), (at, parts)


def test_clicking_and_hovering_on_the_timeline(ready):
    page = ready
    box = page.locator("[data-track]").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 100)
    assert "importance" in page.text_content("[data-peek]")
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + 100)
    until(page, "Math.abs(document.querySelector('video').currentTime - 10) < 0.2")
    assert page.get_attribute("[data-track]", "aria-valuetext").startswith("10 seconds, shot ")
    # Shift pins, Alt bans; zooming keeps the place under the pointer.
    page.keyboard.down("Shift")
    page.mouse.click(box["x"] + 5, box["y"] + 100)
    page.keyboard.up("Shift")
    page.wait_for_selector(".chip.pin")
    page.keyboard.press("+")
    page.keyboard.press("0")


def test_everything_works_by_keyboard(ready):
    page = ready
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip-link"
    page.keyboard.press("]")
    until(page, "document.querySelector('video').currentTime > 1")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    page.wait_for_selector(".chip.ban")
    page.keyboard.press("x")
    page.wait_for_selector(".chip.ban", state="detached")
    before = page.input_value("[data-budget]")
    page.keyboard.press("b")
    page.keyboard.press("ArrowLeft")
    assert int(page.input_value("[data-budget]")) < int(before)
    page.keyboard.press("2")
    page.wait_for_selector(".alternative:nth-child(2)[aria-pressed=true]")
    page.keyboard.press("1")
    page.wait_for_selector(".alternative:nth-child(1)[aria-pressed=true]")
    # In the list of shots the arrows go from card to card.
    page.locator("[data-shots] li[tabindex='0']").focus()
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement === document.querySelector('[data-shots] li:last-child')")
    page.keyboard.press("p")
    page.wait_for_selector(".chip.pin")
    page.keyboard.press("?")
    assert page.locator("#help-dialog").is_visible()
    page.keyboard.press("Escape")
    page.keyboard.press(" ")
    until(page, "!document.querySelector('video').paused")


def test_every_control_has_a_name_for_screen_readers(ready):
    page = ready
    nameless = page.evaluate((Path(__file__).parent / "nameless.js").read_text(encoding="utf-8"))
    assert nameless == []
    twice = page.evaluate(
        "() => { const ids = [...document.querySelectorAll('[id]')].map(e => e.id);"
        "return ids.filter((id, k) => ids.indexOf(id) !== k); }"
    )
    assert twice == []
    assert page.get_attribute("html", "lang") == "en"


CONTRAST = (Path(__file__).parent / "contrast.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_have_the_contrast_of_wcag_aa(ready, scheme):
    page = ready
    page.emulate_media(color_scheme=scheme)
    page.keyboard.press("p")
    page.keyboard.press("]")
    page.keyboard.press("x")
    page.wait_for_timeout(300)
    assert page.evaluate(CONTRAST) == []
    page.keyboard.press("e")
    assert page.evaluate(CONTRAST) == []
    page.keyboard.press("Escape")
    page.click(".brand")
    page.wait_for_selector(".start")
    assert page.evaluate(CONTRAST) == []


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_is_wider_than_the_screen(ready, width):
    page = ready
    page.set_viewport_size({"width": width, "height": 800})
    page.wait_for_timeout(200)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_markup_in_a_name_is_shown_as_text(page, film, tmp_path):
    name = "<img src=x onerror=window.hacked=1><b>bold</b>&amp;.mp4".replace("/", "_")
    shutil.copy(film.path, tmp_path / name)
    page.set_input_files("#picker", tmp_path / name)
    page.wait_for_selector("[data-budget]", timeout=60_000)
    assert page.text_content(".film-name span:last-child") == name
    page.click("#export")
    assert name in page.text_content("[data-what]")
    assert page.evaluate("window.hacked") is None
    assert page.locator("main img, header img").count() == 0


def test_a_file_that_is_no_video_gives_a_message(page, tmp_path):
    (tmp_path / "notes.mp4").write_bytes(b"words" * 1000)
    page.set_input_files("#picker", tmp_path / "notes.mp4")
    page.wait_for_selector(".toast.error")
    assert "notes.mp4" in page.text_content(".toast")
    (tmp_path / "large.mp4").write_bytes(bytes(3_500_000))
    page.set_input_files("#picker", tmp_path / "large.mp4")
    page.wait_for_selector(".toast.error:nth-child(2)")
    assert "takes up to 3 MB" in page.text_content(".toasts")
    page.faults[:] = [fault for fault in page.faults if "422" not in fault]  # Chromium itself reports it


def test_a_film_that_the_browser_cannot_play_is_shown_in_stills(page, make_video, tmp_path):
    film = make_video(tmp_path / "old.avi", scenes=[(4.0, "red"), (4.0, "blue")], codec="mpeg4", options={"b": "400k"})
    page.set_input_files("#picker", film.path)
    page.wait_for_selector("[data-cannot]:not([hidden])", timeout=60_000)
    assert "cannot play MPEG-4 in AVI" in page.text_content("[data-cannot]")
    until(page, "document.querySelector('[data-still]').width > 100")
    assert painted(page, "[data-still]") > 1000
    before = page.text_content("[data-time]")
    page.keyboard.press("s")
    until(page, f"document.querySelector('[data-time]').textContent !== {before!r}")


def test_cancelling_and_trying_again(shown, tmp_path, summarizer, film):
    from test_api import Held

    held = Held(summarizer)
    with running_studio(tmp_path / "files", summarizer=held) as studio:
        context = shown.new_context()
        page = context.new_page()
        page.goto(studio.url)
        page.set_input_files("#picker", film.path)
        page.wait_for_selector(".stages .current:nth-child(3)")
        page.reload()
        page.wait_for_selector(".stages .current:nth-child(3)")
        page.click("[data-cancel]")
        page.wait_for_selector("text=Cancelled. Nothing was kept.")
        held.go.set()
        page.click("[data-retry]")
        page.wait_for_selector("[data-budget]", timeout=60_000)
        context.close()


def test_times_count_from_the_first_frame_if_sound_starts_earlier(page, make_video, tmp_path):
    film = make_video(
        tmp_path / "late.mp4",
        scenes=[(5.0, "red"), (5.0, "blue")],
        start=3.0,
        sound=True,
        sound_start=-3.0,
        sound_seconds=13.0,
    )
    page.set_input_files("#picker", film.path)
    page.wait_for_selector("[data-budget]", timeout=60_000)
    until(page, "document.querySelector('[data-video]').readyState > 1")
    duration = page.evaluate("document.querySelector('[data-video]').duration")
    assert duration == pytest.approx(13, abs=0.2)
    page.click("[data-shots] li:last-child")
    until(page, "Math.abs(document.querySelector('[data-video]').currentTime - 8) < 0.1")  # its beginning is 0:05
    assert page.text_content("[data-time]").startswith("0:05")


def test_the_list_of_shots_can_always_be_reached_by_keyboard(ready):
    for name in ("chosen", "constrained", "all"):
        ready.click(f".filter:nth-child({['all', 'chosen', 'constrained'].index(name) + 1})")
        shown = ready.locator("[data-shots] li:visible").count()
        assert ready.locator("[data-shots] li[tabindex='0']:visible").count() == min(shown, 1), name
        assert ready.locator("[data-shots] li[tabindex='0']").count() <= 1


def test_links_to_exports_keep_the_focus_during_another_export(ready):
    ready.click("#export")
    ready.uncheck("input[name=mp4]")
    ready.check("input[name=json]")
    ready.click("[data-write]")
    link = ready.locator("[data-list] a").first
    link.wait_for()
    link.focus()
    ready.evaluate("window.before = document.activeElement")
    ready.uncheck("input[name=json]")
    ready.check("input[name=mp4]")
    ready.click("[data-write]")
    link.focus()
    ready.wait_for_selector("[data-list] li:nth-child(2)")
    ready.wait_for_selector("[data-list] a[download$='.mp4']")
    assert ready.evaluate("document.activeElement === window.before")


def test_the_slider_says_that_pinned_shots_limit_it(ready):
    ready.locator("[data-shots] li").nth(1).focus()
    ready.keyboard.press("p")
    ready.locator("[data-budget]").focus()
    ready.keyboard.press("Home")
    time.sleep(0.5)
    assert "What is pinned lasts" in ready.text_content("[data-problem]")
    ready.keyboard.press("End")
    until(ready, "document.querySelector('[data-problem]').textContent === ''")


def test_a_link_on_another_site_leads_back_to_the_same_session(shown, studio):
    context = shown.new_context()
    page = context.new_page()
    page.goto(studio.url)
    page.wait_for_selector(".start")
    owner = context.cookies()
    token = studio.url.partition("?")[2]
    for address in (studio.plain, f"{studio.plain}?{token}"):
        page.goto(studio.plain.replace("127.0.0.1", "localhost") + "static/icon.svg")  # another site, to a browser
        page.evaluate(f"location.href = '{address}'")
        page.wait_for_selector(".start")
        assert [cookie["value"] for cookie in context.cookies(studio.plain)] == [cookie["value"] for cookie in owner]
        assert page.evaluate("fetch('/api/session').then((answer) => answer.json())")["owner"]
    context.close()


def test_several_uploads_do_not_switch_the_open_video(page, film, tmp_path):
    paths = [tmp_path / f"{name}.mp4" for name in "abc"]
    for path in paths:
        shutil.copy(film.path, path)
    page.set_input_files("#picker", paths)
    until(page, "document.querySelectorAll('.film:not(.is-sending)').length === 3")
    assert page.text_content("[aria-current=page]") == "a.mp4"


def test_two_hours_stay_smooth(shown, tmp_path, summarizer):
    write_two_hours(tmp_path / "long.mp4")
    with running_studio(tmp_path / "files", summarizer=summarizer) as studio:
        context = shown.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        page.goto(studio.url)
        page.wait_for_selector(".start")
        (session,) = studio.studio.sessions._sessions.values()
        add_two_hours(studio.studio, session, tmp_path / "long.mp4")
        page.click(".film-name")
        page.wait_for_selector("[data-shots] li", state="attached")
        assert page.locator("[data-shots] li").count() == 240
        assert page.get_attribute("[data-shots]", "data-filter") == "chosen"
        before = lit(page)
        page.fill("[data-allowed]", "5:00")
        page.keyboard.press("Enter")
        assert 0 < len(settled(page, before)) < len(before)
        assert re.match(r"[45]:\d\d", page.text_content("[data-length]"))
        for _ in range(6):
            page.keyboard.press("+")
        page.locator("[data-track]").hover()
        assert painted(page, "[data-ground]") > 20_000
        context.close()
