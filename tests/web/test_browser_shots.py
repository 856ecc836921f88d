"""The page in a real Chromium: what it shows of a film is what is there."""

import re
from fractions import Fraction
from io import BytesIO

import numpy as np
import pytest
from joined_films import FPS, Recording, number_of, write_film
from PIL import Image
from studio_page import add_film, api, chosen, displayed, until
from studio_rig import add_two_hours, running_studio, write_two_hours

from summdiff.video import stills

pytestmark = pytest.mark.browser
SCENES = [(1.9, "red"), (2.3, "blue"), (2.1, "forest"), (2.2, "night")]


@pytest.mark.parametrize("fps", ["24000/1001", "24", "25", "30000/1001", "30", "60000/1001"])
def test_a_click_on_a_card_shows_that_shot_and_keep_keeps_it(page, make_video, tmp_path, fps):
    film = make_video(tmp_path / "film.mp4", scenes=SCENES, fps=Fraction(fps))
    add_film(page, film.path)
    page.fill("[data-allowed]", "100%")  # cards lead to the first chosen part, which is the shot itself
    page.keyboard.press("Enter")
    shots = api(page, "/versions/0")["shots"]
    assert len(shots) >= 3
    until(page, f"document.querySelectorAll('[data-shots] li.chosen').length === {len(shots)}")
    for place, shot in enumerate(shots):
        page.locator(".card-go").nth(place).click()
        until(page, "!document.querySelector('video').seeking")
        first = film.number(displayed(page))
        assert film.frame_times[first] == pytest.approx(shot["start"], abs=1e-3), place
        assert page.text_content("[data-here]").startswith(f"Shot {place + 1},")
        page.keyboard.press("p")
        until(page, f"document.querySelectorAll('[data-shots] li')[{place}].classList.contains('kept')")
        assert page.locator("[data-shots] li.kept").count() == place + 1


def test_a_gap_in_which_the_recorder_was_paused_is_left_out(page, tmp_path):
    """Cards lead to their pictures, and playing goes on behind the gap, though the browser's clock counts it."""
    recordings = [Recording(0, 75), Recording(75, 150, clock=40.0)]
    film = write_film(tmp_path / "paused.webm", recordings, codecs=("libvpx", "libopus"), size=(192, 128))
    add_film(page, film)
    page.fill("[data-allowed]", "100%")
    page.keyboard.press("Enter")
    shots = api(page, "/versions/0")["shots"]
    until(page, f"document.querySelectorAll('[data-shots] li.chosen').length === {len(shots)}")
    assert shots[-1]["end"] == pytest.approx(6.0, abs=0.1)
    assert any(shot["start"] > 3.1 for shot in shots)
    for place, shot in enumerate(shots):
        page.locator(".card-go").nth(place).click()
        until(page, "!document.querySelector('video').seeking")
        assert number_of(displayed(page)) == round(shot["start"] * FPS), place
    last_before = max(place for place, shot in enumerate(shots) if shot["start"] < 2.9)
    page.locator(".card-go").nth(last_before).click()
    page.evaluate("document.querySelector('video').play()")
    until(page, "document.querySelector('video').currentTime > 40.2")


def test_frame_by_frame(ready, film):
    ready.locator(".card-go").nth(1).click()
    first = film.number(displayed(ready))
    for step in (1, 2, 3):
        ready.keyboard.press(".")
        assert film.number(displayed(ready)) == first + step
    ready.keyboard.press(",")
    assert film.number(displayed(ready)) == first + 2


@pytest.fixture(scope="module")
def two_hours(tmp_path_factory):
    path = tmp_path_factory.mktemp("long") / "A day at sea, uncut.mp4"
    write_two_hours(path)
    return path


@pytest.fixture
def long_page(open_page, summarizer, two_hours, tmp_path):
    with running_studio(tmp_path / "files", summarizer=summarizer) as studio:
        page = open_page(studio)
        (session,) = studio.studio.sessions._sessions.values()
        add_two_hours(studio.studio, session, two_hours)
        page.click(".film-open")
        page.wait_for_selector("[data-shots] li", state="attached")
        yield page
        page.context.close()  # before the studio does


def test_two_hours_stay_smooth(long_page):
    page = long_page
    assert page.locator("[data-shots] li").count() == 240
    assert page.get_attribute("[data-shots]", "data-filter") == "chosen"
    before = chosen(page)
    page.fill("[data-allowed]", "2 min")
    page.keyboard.press("Enter")
    until(page, "/^[12]:[0-5]/.test(document.querySelector('[data-length]').textContent)")
    assert 0 < len(chosen(page)) <= len(before)
    assert re.match(r"[12]:\d\d", page.text_content("[data-length]"))
    for _ in range(6):
        page.keyboard.press("+")


def test_in_a_film_of_two_hours_every_visible_card_shows_its_own_shot(long_page, two_hours):
    page = long_page
    page.click(".filter:nth-child(1)")
    shots = api(page, "/versions/0")["shots"]
    seen = 0
    for scroll in (0, 3000, 9000):
        page.eval_on_selector("[data-panel]", "(panel, y) => panel.scrollTop = y", scroll)
        page.wait_for_timeout(300)
        until(page, VISIBLE + ".every(([, image]) => image.complete && image.naturalWidth)")
        cards = page.evaluate(f"() => {VISIBLE}.map(([place, image]) => [place, image.getAttribute('src')])")
        for place, address in cards:
            shot = shots[place]
            assert nearest_frame(fetched(page, address), two_hours, shot) < 6, place
            seen += 1
    assert seen > 12


VISIBLE = (
    "[...document.querySelectorAll('[data-shots] li')].map((card) => [Number(card.dataset.place), card])"
    ".filter(([, card]) => { const box = card.getBoundingClientRect();"
    "return box.height && box.bottom > 60 && box.top < innerHeight; })"
    ".map(([place, card]) => [place, card.querySelector('img')])"
)


def fetched(page, address):
    """The bytes at an address of the studio."""
    return bytes(
        page.evaluate("async (address) => [...new Uint8Array(await (await fetch(address)).arrayBuffer())]", address)
    )


def nearest_frame(jpeg, path, shot):
    """Mean difference of a picture and the nearest of some frames of a shot, 0 to 255."""
    picture = np.asarray(Image.open(BytesIO(jpeg)).convert("RGB"), dtype=float)
    times = np.unique(np.floor(np.linspace(shot["start"], shot["end"] - 1, 9)))
    frames = stills(path, list(times), short_side=picture.shape[0])
    return min(np.abs(frame.astype(float) - picture).mean() for frame in frames)


def test_the_strip_shows_finer_pictures_when_zoomed(ready):
    asked = []
    ready.on("request", lambda request: "/picture?" in request.url and asked.append(request.url))
    for _ in range(4):
        ready.keyboard.press("+")
    ready.wait_for_timeout(800)
    lengths = [float(a[1]) - float(a[0]) for a in (re.findall(r"=([\d.]+)", url) for url in asked)]
    assert lengths
    assert min(lengths) < 0.5


def test_hovering_shows_the_picture_of_that_time_without_covering_controls(ready, film):
    box = ready.locator("[data-track]").bounding_box()
    ready.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 60)
    ready.wait_for_selector("[data-peek]:not([hidden])")
    assert ready.text_content("[data-peek] p").startswith(("0:09", "0:10"))
    until(ready, "document.querySelector('[data-peek] img').naturalWidth > 0")
    picture = fetched(ready, ready.get_attribute("[data-peek] img", "src"))
    number = film.number(np.asarray(Image.open(BytesIO(picture))))
    assert film.frame_times[number] == pytest.approx(10, abs=0.3)
    peek, controls = (ready.locator(name).bounding_box() for name in ("[data-peek]", ".controls"))
    assert peek["y"] + peek["height"] <= controls["y"]
