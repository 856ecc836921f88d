"""The transcript in a real Chromium: what is said, edited by its text."""

import threading
from pathlib import Path

import numpy as np
import pytest
from studio_page import add_film, api, stored, until
from studio_rig import SENTENCES, add_two_hours, running_studio, write_two_hours

from axe import axe_violations
from caption_files import add_captions
from summdiff.pipeline import Summarizer
from summdiff.video import stills
from summdiff.words import Phrase, finding
from summdiff.words.embeddings import embeddings_installed

pytestmark = pytest.mark.browser
CONTRAST = (Path(__file__).parent / "contrast.js").read_text(encoding="utf-8")
SAID = (
    "The harbour opens early.",
    "A pilot comes on board.",
    "My uncle sold hats in Paris.",
    "The engine was repaired in May.",
    "It burns half as much oil.",
    "The crew sleeps in two cabins.",
    "Nobody may smoke on deck.",
    "We sail before the storm.",
)
SPANS = [(0.3 + 2.4 * k, 2.3 + 2.4 * k) for k in range(len(SAID))]
LIT = "[...document.querySelectorAll('.sentence')].flatMap((s, k) => s.classList.contains('chosen') ? [k] : [])"


@pytest.fixture(scope="module")
def talk(film, tmp_path_factory):
    """A film of 20 seconds with eight sentences as subtitles."""
    path = tmp_path_factory.mktemp("talk") / "Harbour talk.mp4"
    cues = [(*span, text) for span, text in zip(SPANS, SAID, strict=True)]
    return add_captions(film.path, path, tracks=[("en", cues)])


@pytest.fixture
def heard(page, talk):
    """The page with that film."""
    return with_words(add_film(page, talk))


def with_words(page):
    page.wait_for_selector(".sentence")
    until(page, "document.querySelector('.sentence.chosen') !== null")
    return page


def sentence(page, place):
    return page.locator(".sentence").nth(place)


def selected(page):
    return page.evaluate(
        "[...document.querySelectorAll('.sentence')].flatMap((s, k) => s.ariaSelected === 'true' ? [k] : [])"
    )


def spoken_in(parts):
    """Places of the sentences of which more than half is in these parts."""
    return [
        place
        for place, (start, end) in enumerate(SPANS)
        if sum(max(0.0, min(stop, end) - max(begin, start)) for begin, stop in parts) > (end - start) / 2
    ]


def test_sentences_of_the_summary_are_lit_also_while_the_length_is_dragged(heard):
    page = heard
    assert page.locator(".sentence > span").all_text_contents() == list(SAID)
    assert page.evaluate(LIT) == spoken_in(api(page, "/versions/0")["selection"]["parts"])
    box = page.locator("[data-budget]").bounding_box()
    before = page.evaluate(LIT)
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] / 2, steps=4)
    until(page, f"({LIT}).length > {len(before) + 2}")
    page.mouse.up()
    until(page, "document.querySelector('#undo').disabled === false")
    page.click("#undo")
    until(page, f"JSON.stringify({LIT}) === JSON.stringify({before})")


def test_a_click_on_a_sentence_goes_there_and_what_is_spoken_is_marked(heard):
    page = heard
    sentence(page, 5).click()
    until(page, "!document.querySelector('video').seeking")
    assert page.evaluate("document.querySelector('video').currentTime") == pytest.approx(SPANS[5][0], abs=0.05)
    until(page, "document.querySelector('.sentence[aria-current=true]')?.dataset.place === '5'")
    assert selected(page) == [5]
    page.evaluate("document.querySelector('video').play()")
    until(page, "document.querySelector('.sentence[aria-current=true]')?.dataset.place === '6'")


def test_a_kept_sentence_is_in_the_summary_from_pause_to_pause_until_that_is_undone(heard):
    page = heard
    place = next(k for k in range(len(SAID)) if k not in page.evaluate(LIT))
    sentence(page, place).click()
    page.click("[data-words-keep]")
    page.wait_for_selector(f".sentence.kept.chosen[data-place='{place}']")
    assert page.get_attribute("[data-words-keep]", "aria-pressed") == "true"
    kept = stored(page, "keep")
    ((start, end),) = kept["keep"]
    assert start <= SPANS[place][0] < SPANS[place][1] <= end
    parts = api(page, "/selection", {"version": 0, "budget": kept["budget"], "keep": kept["keep"]})["parts"]
    assert place in spoken_in(parts)
    for begin, stop in parts:  # in the pauses around sentences
        assert not any(first + 0.05 < time < last - 0.05 for time in (begin, stop) for first, last in SPANS)
    page.click("#undo")
    page.wait_for_selector(".sentence.kept", state="detached")
    until(page, f"!({LIT}).includes({place})")


def test_sentences_that_are_left_out_are_not_in_the_summary(heard):
    page = heard
    page.fill("[data-allowed]", "80%")
    page.keyboard.press("Enter")
    until(page, f"({LIT}).length >= 6")
    sentence(page, 2).click()
    sentence(page, 4).click(modifiers=["Shift"])
    assert selected(page) == [2, 3, 4]
    assert page.text_content("[data-words-say]") == "3 sentences"
    page.click("[data-words-drop]")
    until(page, "document.querySelectorAll('.sentence.left-out').length === 3")
    until(page, f"!({LIT}).some((place) => [2, 3, 4].includes(place))")
    assert page.locator(".chip.drop").count() == 1
    page.click("[data-words-drop]")  # again undoes it
    page.wait_for_selector(".sentence.left-out", state="detached")


def test_sentences_are_selected_by_dragging_and_with_ctrl(heard):
    page = heard
    first, last = (
        sentence(page, place).evaluate("s => { const [line] = s.getClientRects(); return [line.x + 8, line.y + 8]; }")
        for place in (1, 3)
    )
    page.mouse.move(*first)
    page.mouse.down()
    page.mouse.move(*last, steps=5)
    page.mouse.up()
    assert selected(page) == [1, 2, 3]
    sentence(page, 2).click(modifiers=["Control"])
    sentence(page, 6).click(modifiers=["Control"])
    assert selected(page) == [1, 3, 6]
    page.click("[data-words-clear]")
    assert selected(page) == []
    assert page.locator("[data-words-tools]").is_hidden()


def test_sentences_are_edited_by_keyboard_alone(heard):
    page = heard
    page.locator(".sentence[tabindex='0']").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    assert selected(page) == [1, 2]
    page.keyboard.press("x")
    until(page, "document.querySelectorAll('.sentence.left-out').length === 2")
    assert page.locator(".sentence[data-place='1']").text_content().endswith(", left out")
    page.keyboard.press("Control+z")
    page.wait_for_selector(".sentence.left-out", state="detached")
    page.keyboard.press("Control+a")
    assert len(selected(page)) == len(SAID)
    page.keyboard.press("Escape")
    assert selected(page) == []
    page.keyboard.press("End")
    until(page, f"document.querySelector('video').currentTime > {SPANS[-1][0]}")
    assert page.evaluate("document.activeElement.dataset.place") == str(len(SAID) - 1)
    # Away from the transcript the same key means the shot.
    page.locator("[data-track]").focus()
    page.keyboard.press("p")
    page.wait_for_selector("[data-shots] li.kept")


def test_a_search_marks_all_hits_and_goes_from_one_to_the_next(heard):
    page = heard
    sentence(page, 1).click()
    page.keyboard.press("/")
    page.keyboard.type("THE ")
    until(page, "document.querySelectorAll('.sentence mark').length === 4")
    assert page.text_content("[data-find-say]") == "4 sentences"
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert page.text_content("[data-find-say]") == "3 of 4"
    assert selected(page) == [5]
    page.keyboard.press("Shift+Enter")
    assert selected(page) == [3]
    until(page, f"Math.abs(document.querySelector('video').currentTime - {SPANS[3][0]}) < 0.05")
    page.fill("[data-find]", "zebra")
    until(page, "document.querySelector('[data-find-say]').textContent === 'Not found'")
    assert page.locator(".sentence mark").count() == 0
    assert page.locator("[data-find-next]").is_hidden()


@pytest.mark.skipif(not embeddings_installed(), reason="the language model is in the extra `speech`")
def test_what_is_asked_for_comes_first_and_is_shown(heard):
    page = heard
    page.fill("[data-allowed]", "5 s")
    page.keyboard.press("Enter")
    page.fill("[data-ask-text]", "fuel consumption of the motor")
    page.keyboard.press("Enter")
    page.wait_for_selector(".matched .chip")
    until(page, "document.querySelector('.sentence.match.chosen') !== null")
    matches = page.eval_on_selector_all(".sentence.match", "all => all.map((s) => Number(s.dataset.place))")
    assert 4 in matches
    assert page.text_content("[data-match-say]").endswith(" about it")
    page.click("[data-match-next]")
    assert selected(page)[0] in matches
    page.fill("[data-ask-text]", "family and clothes")
    page.keyboard.press("Enter")
    until(page, "document.querySelectorAll('.matched .chip').length === 2")
    assert "match" in sentence(page, 2).get_attribute("class")
    assert api(page, "/versions/2")["about"] == ["fuel consumption of the motor", "family and clothes"]
    for _ in range(2):
        count = page.locator(".matched .chip").count()
        until(page, "!document.querySelector('.matched .chip button').disabled")
        page.locator(".matched .chip button").first.click()
        until(page, f"document.querySelectorAll('.matched .chip').length === {count - 1}")
    assert page.locator("[data-matched]").is_hidden()
    page.click("#undo")
    page.wait_for_selector(".matched .chip")


@pytest.mark.parametrize(
    ("choice", "name", "holds"),
    [
        ("Text", "Harbour talk.summary.transcript.txt", SAID[2]),
        ("Markdown", "Harbour talk.summary.transcript.md", SAID[2]),
        ("SRT", "Harbour talk.summary.srt", "-->"),
        ("WebVTT", "Harbour talk.summary.subtitles.vtt", "WEBVTT"),
    ],
)
def test_the_words_are_downloaded_in_the_form_that_was_asked_for(heard, choice, name, holds):
    page = heard
    page.click("[data-words-files]")
    with page.expect_download() as download:
        page.locator(".choice", has=page.locator(f"b:text-is('{choice}')")).click()
    assert download.value.suggested_filename == name
    assert holds in Path(download.value.path()).read_text(encoding="utf-8")


def test_captions_are_drawn_into_the_saved_video_where_they_are_asked_for(heard, tmp_path):
    page = heard
    pictures = []
    for burn in (False, True):
        page.set_checked("[data-burn]", burn)
        with page.expect_download() as download:
            page.click("[data-save]")
        path = tmp_path / f"{burn}.mp4"
        download.value.save_as(path)
        pictures.append(next(stills(path, [1.2], short_side=108)).astype(float))
        page.wait_for_selector("[data-saved]:not([hidden])")
    upper, lower = np.split(np.abs(pictures[1] - pictures[0]).mean(axis=(1, 2)), 2)
    assert lower.max() > 20
    assert upper.mean() < 8


class Halting:
    """An engine that hears one stretch of speech, and the others once `go` is set."""

    id, language = "halting 1", "en"

    def __init__(self):
        self.go = threading.Event()
        self.heard = 0

    def __call__(self, samples):
        if self.heard:
            self.go.wait(30)
        self.heard += 1
        return Phrase(f"This is stretch {self.heard}.", 0.9)


def test_listening_is_a_stage_of_its_own_and_what_is_heard_the_transcript(open_page, make_video, tmp_path, monkeypatch):
    from voices import RATE, speech

    sound = speech([(0.5, 4.5), (8.0, 11.5)], 13.0)
    film = make_video(
        tmp_path / "Spoken.mp4",
        scenes=[(7.0, "forest"), (6.0, "night")],
        fps=10,
        sound=sound,
        sound_rate=RATE,
        sound_layout="mono",
    )
    engine = Halting()
    monkeypatch.setattr(finding, "speech_engines", lambda: ("halting",))
    monkeypatch.setattr(finding, "load_engine", lambda name: engine)
    finding._engine.cache_clear()
    with running_studio(tmp_path / "files", summarizer=Summarizer(cache=False)) as studio:
        page = open_page(studio)
        page.set_input_files("#picker", film.path)
        page.wait_for_selector(".stages .current >> text=Listening to what is said", timeout=60_000)
        assert page.locator(".stages li:visible").count() == 4
        assert page.locator(".stages .done").count() == 2
        engine.go.set()
        with_words(page)
        texts = page.locator(".sentence > span").all_text_contents()
        assert texts == [f"This is stretch {k + 1}." for k in range(engine.heard)]
        page.context.close()  # before the studio does
    finding._engine.cache_clear()


def test_without_words_there_is_no_transcript(ready):
    assert ready.locator("[data-words]").is_hidden()
    assert ready.locator(".sentence").count() == 0
    ready.locator("[data-track]").focus()
    ready.keyboard.press("/")
    assert ready.evaluate("!document.activeElement.matches('[data-find]')")


def states(page):
    """Lead the page from state to state, and yield their names."""
    page.wait_for_timeout(300)  # until colours have faded
    yield "heard"
    page.fill("[data-find]", "the")
    page.wait_for_selector(".sentence mark")
    sentence(page, 0).click()
    page.click("[data-words-keep]")
    sentence(page, 2).click()
    page.click("[data-words-drop]")
    page.wait_for_selector(".sentence.left-out")
    yield "edited"
    if embeddings_installed():
        page.fill("[data-ask-text]", "the engine")
        page.keyboard.press("Enter")
        page.wait_for_selector(".sentence.match")
        yield "asked"
    page.click("[data-words-files]")
    yield "download"
    page.keyboard.press("Escape")


@pytest.mark.parametrize("look", ["light", "dark", "forced", "phone"])
def test_axe_finds_nothing_in_the_transcript(open_page, studio, talk, look):
    options = {
        "light": {},
        "dark": {"color_scheme": "dark"},
        "forced": {"forced_colors": "active"},
        "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True},
    }[look]
    page = with_words(add_film(open_page(studio, bypass_csp=True, **options), talk))
    for name in states(page):
        assert axe_violations(page) == [], name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_transcript_has_the_contrast_of_wcag_aa(heard, scheme):
    heard.emulate_media(color_scheme=scheme)
    for name in states(heard):
        assert heard.evaluate(CONTRAST) == [], name


@pytest.mark.parametrize("width", [320, 390, 768, 1100, 1280])
def test_with_a_transcript_nothing_is_wider_than_the_screen(heard, width):
    heard.set_viewport_size({"width": width, "height": 800})
    sentence(heard, 1).click()
    heard.wait_for_timeout(200)
    assert heard.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("size", [(1280, 720), (1440, 900)])
def test_player_and_transcript_are_seen_side_by_side_without_scrolling(heard, size):
    heard.set_viewport_size({"width": size[0], "height": size[1]})
    heard.wait_for_timeout(200)
    assert heard.evaluate("document.documentElement.scrollHeight") <= size[1]
    boxes = {name: heard.locator(name).bounding_box() for name in ("[data-video]", "[data-words]", "[data-track]")}
    video, words, track = boxes.values()
    assert video["x"] + video["width"] <= words["x"]
    assert words["y"] + words["height"] <= track["y"]
    for name in ("[data-play]", "[data-parts]", "[data-save]"):
        box = heard.locator(name).bounding_box()
        assert box["y"] + box["height"] <= size[1], name


def test_a_finger_selects_sentences_one_after_the_other(open_page, studio, talk):
    page = with_words(add_film(open_page(studio, viewport={"width": 390, "height": 844}, has_touch=True), talk))
    sentence(page, 1).tap()
    assert selected(page) == [1]
    page.tap("[data-words-more]")
    sentence(page, 3).tap()
    assert selected(page) == [1, 2, 3]
    page.tap("[data-words-drop]")
    until(page, "document.querySelectorAll('.sentence.left-out').length === 3")


@pytest.fixture(scope="module")
def two_hours(tmp_path_factory):
    path = tmp_path_factory.mktemp("long") / "A day at sea, uncut.mp4"
    write_two_hours(path)
    return path


def test_in_two_hours_of_talk_only_what_is_near_is_laid_out(open_page, summarizer, two_hours, tmp_path):
    with running_studio(tmp_path / "files", summarizer=summarizer) as studio:
        page = open_page(studio)
        (session,) = studio.studio.sessions._sessions.values()
        add_two_hours(studio.studio, session, two_hours, talk=True)
        page.click(".film-open")
        with_words(page)
        assert page.locator(".sentence").count() == SENTENCES
        laid_out = (
            "[...document.querySelectorAll('.sentence')]"
            ".filter((s) => s.checkVisibility({ contentVisibilityAuto: true })).map((s) => Number(s.dataset.place))"
        )
        page.locator(".sentence[tabindex='0']").focus()
        for key, near in (("Home", 0), ("End", SENTENCES - 1), ("PageUp", SENTENCES - 11)):
            page.keyboard.press(key)
            until(page, f"({laid_out}).includes({near}) && ({laid_out}).length < 200")
            place = page.locator(f".sentence[data-place='{near}']")
            until(page, "document.activeElement.dataset.place === '" + str(near) + "'")
            box, around = place.bounding_box(), page.locator("[data-sentences]").bounding_box()
            assert around["y"] - 1 <= box["y"] <= around["y"] + around["height"], key
        page.context.close()  # before the studio does
