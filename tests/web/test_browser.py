"""The page in a real Chromium, driven as a person would. Without one these tests skip and say why."""

import shutil
import time

import av
import pytest
from studio_page import add_film, api, chosen, chosen_after, painted, until
from studio_rig import running_studio

pytestmark = pytest.mark.browser


def test_from_a_dropped_file_to_the_saved_video(open_page, studio, film, tmp_path):
    page = open_page(studio)
    page.evaluate(
        "() => { window.clicks = 0;"
        "addEventListener('click', (event) => event.isTrusted && (window.clicks += 1), true); }"
    )
    page.set_input_files("#picker", film.path)
    page.wait_for_selector("[data-save]", timeout=60_000)
    until(page, "/0:0[1-9] · about .* kB · MP4 with sound/.test(document.querySelector('[data-save-say]').textContent)")
    with page.expect_download() as download:
        page.click("[data-save]")
    download.value.save_as(tmp_path / download.value.suggested_filename)
    (written,) = tmp_path.glob("*.summary.mp4")
    with av.open(str(written)) as container:
        shown = page.text_content("[data-length]").split(":")
        assert container.duration / 1e6 == pytest.approx(60 * int(shown[0]) + int(shown[1]), abs=0.7)
        assert container.streams.audio
    page.wait_for_selector("[data-saved]:not([hidden])")
    assert written.name in page.text_content("[data-saved]")
    assert page.evaluate("window.clicks") <= 2  # this one and that of choosing a file


def test_dragging_the_length_is_one_step_of_undo(ready):
    page = ready
    assert "token" not in page.url
    assert painted(page, "[data-ground]") > 20_000
    first = chosen(page)
    assert first
    box = page.locator("[data-budget]").bounding_box()
    middle = box["y"] + box["height"] / 2
    share = page.eval_on_selector("[data-budget]", "s => s.value / 1000")
    page.mouse.move(box["x"] + 13 + share * (box["width"] - 26), middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 30, middle, steps=8)
    more = chosen_after(page, first)  # it follows while the button is down
    page.mouse.up()
    page.wait_for_timeout(300)
    more = chosen(page)
    assert len(more) > len(first)
    page.keyboard.press("Control+z")
    assert chosen_after(page, more) == first
    page.keyboard.press("Control+Shift+z")
    assert chosen_after(page, first) == more
    assert page.locator("#undo").is_enabled()


@pytest.mark.parametrize(
    ("typed", "seconds"), [("3", 3), ("0:04", 4), ("5 s", 5), ("6s", 6), ("25%", 5), ("0.1 min", 6), ("1m", 20)]
)
def test_lengths_are_understood_as_people_write_them(ready, typed, seconds):
    ready.fill("[data-allowed]", typed)
    ready.keyboard.press("Enter")
    until(ready, f"document.querySelector('[data-allowed]').value === '0:{seconds:02d}'")
    assert ready.locator("[data-problem]").is_hidden()


def test_a_length_that_is_not_understood_is_said_to_be(ready):
    for typed in ("soon", "5 apples", "0", "-3"):
        ready.fill("[data-allowed]", typed)
        ready.keyboard.press("Enter")
        assert ready.text_content("[data-problem]").startswith("Enter a time such as 90, 1:30 or 20 s"), typed


def test_suggesting_again_makes_a_version_for_the_picks(ready):
    page = ready
    out = next(shot for shot in range(1, 50) if shot not in chosen(page))
    page.locator(".card-go").nth(out).click()
    page.click("[data-keep]")
    until(page, f"document.querySelectorAll('[data-shots] li')[{out}].classList.contains('chosen')")
    page.locator("[data-shots] li").nth(0).hover()
    page.locator(".card-drop").nth(0).click()
    assert page.locator(".chip").count() == 2
    page.click("[data-suggest]")
    page.wait_for_selector(".version[aria-pressed='true']:nth-child(2)", timeout=30_000)
    assert page.evaluate("document.activeElement === document.querySelector('[data-suggest]')")
    assert out in chosen(page)
    assert 0 not in chosen(page)
    page.keyboard.press("Control+z")
    page.wait_for_selector(".version[aria-pressed='true']:nth-child(1)")


def test_suggesting_again_in_one_tab_does_not_switch_the_other(ready, studio):
    other = ready.context.new_page()
    other.goto(ready.url)
    other.wait_for_selector(".part")
    ready.keyboard.press("a")
    ready.wait_for_selector(".version[aria-pressed='true']:nth-child(2)", timeout=30_000)
    other.wait_for_selector(".version:nth-child(2)")
    assert other.get_attribute(".version:nth-child(1)", "aria-pressed") == "true"
    other.close()


def test_playing_only_the_summary_skips_the_rest(ready):
    page = ready
    page.fill("[data-allowed]", "2 s")
    page.keyboard.press("Enter")
    until(page, "document.querySelector('[data-length]').textContent === '0:02'")
    parts = page.evaluate("document.querySelectorAll('.part').length")
    page.locator("body").press("s")
    until(page, "document.querySelector('[data-play-summary]').textContent.includes('Pause')")
    assert page.locator("[data-mode]").is_visible()
    times = page.evaluate(
        "() => new Promise(done => { const v = document.querySelector('video'), seen = [];"
        "const timer = setInterval(() => { if (!v.seeking && v.readyState >= 2) seen.push(v.currentTime);"
        "if (v.paused || seen.length > 400) { clearInterval(timer); done(seen); } }, 30); })"
    )
    spans = api(page, "/selection", api(page, "/edits")["present"])["parts"]
    assert len(spans) == parts
    assert len(times) > 5
    for at in times:
        assert any(start - 0.1 <= at <= end + 0.25 for start, end in spans), (at, spans)
    until(page, "document.querySelector('[data-play-summary]').textContent.includes('Play summary')")


def test_full_screen_has_the_controls(ready):
    ready.click("[data-full]")
    until(ready, "document.fullscreenElement?.matches('[data-stage]')")
    assert ready.locator("[data-play]").is_visible()
    ready.click("[data-full]")
    until(ready, "!document.fullscreenElement")


def test_markup_in_a_name_is_shown_as_text(page, film, tmp_path):
    name = "<img src=x onerror=window.hacked=1><b>bold</b>&amp;.mp4".replace("/", "_")
    shutil.copy(film.path, tmp_path / name)
    add_film(page, tmp_path / name)
    assert page.text_content("#title") == name
    page.click("[data-formats]")
    assert name in page.text_content("[data-what]")
    page.keyboard.press("Escape")
    page.click("#all")
    assert page.text_content(".film-title") == name
    assert page.evaluate("window.hacked") is None


def test_a_file_that_is_no_video_gives_a_message_once(page, tmp_path):
    (tmp_path / "notes.mp4").write_bytes(b"words" * 1000)
    for _ in range(3):
        page.set_input_files("#picker", tmp_path / "notes.mp4")
        page.wait_for_selector(".toast.error")
        page.wait_for_timeout(200)
    assert page.locator(".toast").count() == 1
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
    until(page, "document.querySelector('[data-still]').naturalWidth > 100")
    before = page.text_content("[data-time]")
    page.keyboard.press("s")
    until(page, f"document.querySelector('[data-time]').textContent !== {before!r}")


def test_cancelling_and_trying_again(open_page, tmp_path, summarizer, film):
    from test_api import Held

    held = Held(summarizer)
    with running_studio(tmp_path / "files", summarizer=held) as studio:
        page = open_page(studio)
        page.set_input_files("#picker", film.path)
        page.wait_for_selector(".stages .current:nth-child(2)")
        page.reload()
        page.wait_for_selector(".stages .current:nth-child(2)")
        page.click("[data-cancel]")
        page.wait_for_selector("text=Cancelled.")
        held.go.set()
        page.click("[data-retry]")
        page.wait_for_selector("[data-budget]", timeout=60_000)
        page.context.close()


def test_times_count_from_the_first_frame_if_sound_starts_earlier(page, make_video, tmp_path):
    film = make_video(
        tmp_path / "late.mp4",
        scenes=[(5.0, "red"), (5.0, "blue")],
        start=3.0,
        sound=True,
        sound_start=-3.0,
        sound_seconds=13.0,
    )
    add_film(page, film.path)
    until(page, "document.querySelector('[data-video]').readyState > 1")
    duration = page.evaluate("document.querySelector('[data-video]').duration")
    assert duration == pytest.approx(13, abs=0.2)
    page.fill("[data-allowed]", "100%")
    page.keyboard.press("Enter")
    until(page, "document.querySelectorAll('[data-shots] li:not(.chosen)').length === 0")
    page.click("[data-shots] li:last-child .card-go")
    until(page, "Math.abs(document.querySelector('[data-video]').currentTime - 8) < 0.1")  # its beginning is 0:05
    assert page.text_content("[data-time]").startswith("0:05")


def test_a_link_on_another_site_leads_back_to_the_same_session(shown, studio):
    context = shown.new_context()
    page = context.new_page()
    page.goto(studio.url)
    page.wait_for_selector(".library")
    owner = context.cookies()
    token = studio.url.partition("?")[2]
    for address in (studio.plain, f"{studio.plain}?{token}"):
        page.goto(studio.plain.replace("127.0.0.1", "localhost") + "static/icon.svg")  # another site, to a browser
        page.evaluate(f"location.href = '{address}'")
        page.wait_for_selector(".library")
        assert [cookie["value"] for cookie in context.cookies(studio.plain)] == [cookie["value"] for cookie in owner]
        assert page.evaluate("fetch('/api/session').then((answer) => answer.json())")["owner"]
    context.close()


def test_several_films_are_shown_as_a_library_and_saved_together(page, film, tmp_path):
    paths = [tmp_path / f"{name} with a rather long name that is shown.mp4" for name in "ab"]
    for path in paths:
        shutil.copy(film.path, path)
    page.set_input_files("#picker", paths)
    until(page, "document.querySelectorAll('.film.ready').length === 2", seconds=60)
    assert [title.removesuffix(".mp4") for title in page.locator(".film-title").all_text_contents()] == [
        path.stem for path in paths
    ]
    assert "0:20 · Ready" in page.locator(".film-facts").first.text_content()
    with page.expect_download() as download:
        page.click("[data-save-all]")
    download.value.save_as(tmp_path / "all.zip")
    from zipfile import ZipFile

    with ZipFile(tmp_path / "all.zip") as archive:
        assert sorted(archive.namelist()) == [f"{path.stem}.summary.mp4" for path in paths]
    page.locator(".film-open").nth(1).click()
    page.wait_for_selector(".part")
    assert page.text_content("#title") == paths[1].name


def test_a_studio_that_is_gone_is_said_to_be(open_page, tmp_path, summarizer, film):
    with running_studio(tmp_path / "files", summarizer=summarizer) as studio:
        page = add_film(open_page(studio), film.path)
    page.wait_for_selector("#lost:not([hidden])", timeout=20_000)
    assert page.text_content("#lost") == "Lost connection. Is summdiff still running?"
    assert page.evaluate("getComputedStyle(document.querySelector('main')).pointerEvents") == "none"
    page.faults.clear()  # of the connection


def test_subtitles_are_offered_only_where_there_are_some(ready):
    ready.click("[data-formats]")
    box = ready.locator("input[name=srt]")
    assert box.is_disabled()
    assert "This film has no subtitles or transcript" in ready.locator(".choice", has=box).text_content()


def test_links_to_saved_files_keep_the_focus_while_others_are_written(ready):
    ready.click("[data-formats]")
    ready.check("input[name=json]")
    with ready.expect_download():
        ready.click("[data-write]")
    link = ready.locator("[data-list] a").first
    ready.uncheck("input[name=json]")
    ready.check("input[name=csv]")
    link.focus()
    ready.evaluate("window.before = document.activeElement")
    with ready.expect_download():
        ready.evaluate("document.querySelector('[data-write]').click()")
    ready.wait_for_selector("[data-list] li:nth-child(2)")
    assert ready.evaluate("document.activeElement === window.before")


def test_an_editor_gets_the_format_that_it_opens(ready):
    ready.click("[data-editor]")
    for name, ending in (("Premiere", ".fcp7.xml"), ("Final Cut", ".fcpxml"), ("Kdenlive", ".otio")):
        with ready.expect_download() as download:
            ready.locator(".choice", has_text=name).click()
        assert download.value.suggested_filename.endswith(ending)


def test_three_hints_are_shown_once(open_page, studio, film):
    page = add_film(open_page(studio, hints=True), film.path)
    for number in (1, 2, 3):
        assert page.locator(".hint-box:visible").count() == 1
        assert page.text_content(".hint-box:not([hidden])").startswith(f"{number} of 3")
        page.click(".hint-box:not([hidden]) button:first-of-type")
    assert page.locator(".hint-box:visible").count() == 0
    page.reload()
    page.wait_for_selector(".part")
    time.sleep(0.2)
    assert page.locator(".hint-box:visible").count() == 0
