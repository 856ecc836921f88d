"""The page in a real Chromium: what a person decides, and that it is kept."""

import numpy as np
import pytest
from studio_page import add_film, api, chosen, stored, until

from caption_files import add_captions
from summdiff.video import stills

pytestmark = pytest.mark.browser


def set_length(page, text, shown):
    page.fill("[data-allowed]", text)
    page.keyboard.press("Enter")
    until(page, f"document.querySelector('[data-allowed]').value === '{shown}'")


def test_other_choices_have_the_chosen_length_and_do_not_change_it(ready):
    page = ready
    set_length(page, "9 s", "0:09")
    until(page, "/^0:0[6-9]/.test(document.querySelectorAll('.alternative-words')[1]?.textContent)")
    page.keyboard.press("2")
    page.wait_for_selector(".alternative:nth-child(2)[aria-pressed=true]")
    until(page, "document.querySelector('[data-allowed]').value === '0:09'")
    words = page.text_content(".alternative:nth-child(2) .alternative-words")
    until(page, f"document.querySelector('[data-length]').textContent === '{words[:4]}'")
    assert "good" in words
    page.keyboard.press("1")
    page.wait_for_selector(".alternative:nth-child(1)[aria-pressed=true]")
    assert page.input_value("[data-allowed]") == "0:09"


def test_picks_length_and_undo_survive_the_tab(ready, studio):
    page = ready
    set_length(page, "6 s", "0:06")
    page.locator(".card-go").nth(1).click()
    page.keyboard.press("p")
    page.wait_for_selector(".chip.keep")
    stored(page, "keep")
    until(page, "document.querySelector('[data-shots] li.kept.chosen') !== null")
    before, url, context = chosen(page), page.url, page.context
    page.close()
    again = context.new_page()
    again.goto(url)
    again.wait_for_selector(".chip.keep")
    until(again, f"document.querySelectorAll('[data-shots] li.chosen').length === {len(before)}")
    assert chosen(again) == before
    assert again.input_value("[data-allowed]") == "0:06"
    again.click("#undo")
    again.wait_for_selector(".chip.keep", state="detached")
    assert again.input_value("[data-allowed]") == "0:06"
    again.click("#undo")
    until(again, "document.querySelector('[data-allowed]').value !== '0:06'")


def test_kept_shots_raise_the_length_only_as_long_as_they_are_kept(ready):
    page = ready
    set_length(page, "2 s", "0:02")
    for place in (0, 1):
        page.locator(".card-go").nth(place).click()
        page.keyboard.press("p")
    page.wait_for_selector("[data-note]:not([hidden])")
    assert page.text_content("[data-note]").startswith("What you kept takes 0:")
    for _ in range(2):
        page.locator(".chip .icon").first.click()
    assert page.evaluate("document.activeElement === document.querySelector('[data-suggest]')")  # focus is not lost
    until(page, "['0:01', '0:02'].includes(document.querySelector('[data-length]').textContent)")
    assert page.locator("[data-note]").is_hidden()


def test_a_project_is_saved_and_opened_again_with_its_film(ready, open_page, studio, film, tmp_path):
    page = ready
    set_length(page, "7 s", "0:07")
    page.locator(".card-go").nth(2).click()
    page.keyboard.press("x")
    page.wait_for_selector(".chip.drop")
    page.wait_for_timeout(300)
    page.click("#menu")
    with page.expect_download() as download:
        page.click("#project")
    project = tmp_path / download.value.suggested_filename
    assert project.name.endswith(".summdiff.json")
    download.value.save_as(project)
    other = open_page(studio)  # another browser
    other.set_input_files("#picker", [film.path, project])
    other.wait_for_selector(".chip.drop", timeout=30_000)
    assert other.input_value("[data-allowed]") == "0:07"
    assert chosen(other) == chosen(page)
    other.click("#undo")
    other.wait_for_selector(".chip.drop", state="detached")


def test_a_file_that_is_cut_short_is_said_to_be(page, make_video, tmp_path):
    film = make_video(
        tmp_path / "whole.mp4", scenes=[(6.0, "red"), (6.0, "blue")], container_options={"movflags": "+faststart"}
    )
    content = film.path.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: len(content) // 2])
    add_film(page, tmp_path / "cut.mp4")
    assert page.text_content("[data-warnings]").startswith("The file is cut short: it should last 0:12 and ends at 0:0")
    assert page.locator("[data-warnings] li").is_visible()


def drag_end(page, handle, pixels, shift=False):
    box = page.locator(f".handle.{handle}").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    if shift:
        page.keyboard.down("Shift")
    page.mouse.move(x + pixels, y, steps=6)
    page.mouse.up()
    if shift:
        page.keyboard.up("Shift")
    page.wait_for_timeout(250)
    return api(page, "/edits")["present"]["parts"]


def test_the_end_of_a_part_is_dragged_and_snaps_to_cuts(ready):
    page = ready
    set_length(page, "3 s", "0:03")
    page.wait_for_timeout(300)
    page.click(".part >> nth=0")
    shots = api(page, "/versions/0")["shots"]
    across = page.locator("[data-track]").bounding_box()["width"] / 20
    [first, *_] = drag_end(page, "end", 2.23 * across, shift=True)
    length = first[1] - first[0]
    assert page.locator("#undo").is_enabled()
    cuts = [shot["end"] for shot in shots if shot["end"] > first[1] + 0.3]
    [snapped, *_] = drag_end(page, "end", (cuts[0] - first[1]) * across - 4)
    assert snapped[1] == pytest.approx(cuts[0])
    until(page, f"document.querySelector('[data-length]').textContent === '0:{round(snapped[1] - snapped[0]):02d}'")
    page.keyboard.press("Control+z")
    until(page, "document.querySelectorAll('.part').length === 1")
    page.wait_for_timeout(200)
    now = api(page, "/edits")["present"]["parts"][0]
    assert now[1] - now[0] == pytest.approx(length)
    page.keyboard.press("Control+z")
    page.wait_for_timeout(300)
    assert api(page, "/edits")["present"]["parts"] is None


def test_parts_are_cut_by_keyboard(ready):
    page = ready
    set_length(page, "4 s", "0:04")
    page.wait_for_timeout(300)
    page.locator(".part").first.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight") if page.locator(".part").count() > 1 else None
    page.locator(".handle.start").focus()
    before = float(page.get_attribute(".handle.start", "aria-valuenow"))
    page.keyboard.press("Shift+ArrowRight")
    assert float(page.get_attribute(".handle.start", "aria-valuenow")) == pytest.approx(before + 1, abs=0.02)
    page.keyboard.press("ArrowLeft")
    assert float(page.get_attribute(".handle.start", "aria-valuenow")) == pytest.approx(before + 0.9, abs=0.02)
    count = page.locator(".part").count()
    page.locator("[data-track]").focus()
    for _ in range(3):
        page.keyboard.press(".")
    page.wait_for_timeout(200)
    page.keyboard.press("t")
    until(page, f"document.querySelectorAll('.part').length === {count + 1}")
    page.keyboard.press("Delete")
    until(page, f"document.querySelectorAll('.part').length === {count}")


def into_the_first_part(page, *, frames):
    """Select the first part and move the playhead some frames into it."""
    page.wait_for_timeout(300)
    page.click(".part >> nth=0")
    for _ in range(frames):
        page.keyboard.press(".")
    page.wait_for_timeout(250)


def test_parts_are_split_joined_and_removed(ready):
    page = ready
    set_length(page, "5 s", "0:05")
    into_the_first_part(page, frames=5)
    count = page.locator(".part").count()
    seconds = page.text_content("[data-length]")
    page.click("[data-split]")
    until(page, f"document.querySelectorAll('.part').length === {count + 1}")
    assert page.text_content("[data-length]") == seconds
    page.click(".part >> nth=0")
    page.click("[data-join]")
    until(page, f"document.querySelectorAll('.part').length === {count}")
    assert page.text_content("[data-note]").startswith("You cut these parts by hand")


def test_parts_are_played_and_saved_in_another_order(ready, film, tmp_path):
    page = ready
    set_length(page, "4 s", "0:04")
    into_the_first_part(page, frames=10)
    page.click("[data-split]")
    page.click(".part >> nth=0")
    page.click("[data-later]")
    page.wait_for_selector("[data-film-order]:not([hidden])")
    page.wait_for_timeout(250)
    first, second = api(page, "/edits")["present"]["parts"][:2]
    assert first[0] > second[0]
    with page.expect_download() as download:
        page.click("[data-save]")
    download.value.save_as(tmp_path / "turned.mp4")
    shown = film.number(next(stills(tmp_path / "turned.mp4", [0.0], short_side=108)))
    assert film.frame_times[shown] == pytest.approx(first[0], abs=0.11)
    page.click("[data-film-order]")
    page.wait_for_selector("[data-film-order]", state="hidden")
    page.wait_for_timeout(250)
    parts = api(page, "/edits")["present"]["parts"]
    assert parts == sorted(parts)


def test_a_vertical_window_is_dragged_and_saved(ready, film, tmp_path):
    page = ready
    page.select_option("[data-frame]", "9:16")
    page.wait_for_selector(".crop")
    window = page.locator(".crop").bounding_box()
    assert window["width"] / window["height"] == pytest.approx(9 / 16, rel=0.02)
    x, y = window["x"] + 30, window["y"] + 60
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 900, y + 5, steps=8)  # as far as it goes
    page.mouse.up()
    until(page, "document.querySelector('.crop').getAttribute('aria-valuetext') === '100% from the left'")
    page.locator(".crop").focus()
    page.keyboard.press("ArrowLeft")
    until(page, "document.querySelector('.crop').getAttribute('aria-valuetext') === '98% from the left'")
    page.select_option("[data-quality]", "high")
    with page.expect_download() as download:
        page.click("[data-save]")
    download.value.save_as(tmp_path / "tall.mp4")
    start = api(page, "/selection", api(page, "/edits")["present"])["parts"][0][0]
    whole = next(stills(film.path, [start], short_side=108))
    cut = next(stills(tmp_path / "tall.mp4", [0.0], short_side=60))
    assert cut.shape[:2] == (108, 60)
    right, left = (np.abs(whole[:, x : x + 60].astype(float) - cut).mean() for x in (130, 0))
    assert right < 15 < left
    page.keyboard.press("Control+z")
    until(page, "document.querySelector('[data-quality]').value === 'normal'")


def test_captions_are_those_of_the_film(page, film, tmp_path):
    path = add_captions(film.path, tmp_path / "talk.mp4", tracks=[("en", [(0.0, 19.0, "Hello there")])])
    add_film(page, path)
    page.click("[data-captions]")
    until(page, "document.querySelector('video').textTracks[0].mode === 'showing'")
    until(page, "document.querySelector('video').textTracks[0].activeCues?.[0]?.text === 'Hello there'")
    page.keyboard.press("c")
    until(page, "document.querySelector('video').textTracks[0].mode === 'hidden'")
