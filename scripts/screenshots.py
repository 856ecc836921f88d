"""Take screenshots of the studio in every state: desktop, phone, dark, light, empty, working, error, long video,
dialogs.

    python scripts/screenshots.py OUT [--video FILE] [--only NAME]

FILE is the film in the pictures; without it a film is generated. Needs the extras `dev` and `browser` and a Chromium.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "web")]

from studio_rig import add_two_hours, running_studio, write_two_hours

from caption_files import add_captions
from chromium import browser, chromium
from summdiff.pipeline import Summarizer

SAID = (
    "Good morning, and welcome to the harbour.",
    "Most people who come here see the big ships and the cranes.",
    "I would like to show you what is behind them.",
    "A pilot comes on board of every ship before it may enter.",
    "He knows each sandbank, and where the current turns at low tide.",
    "Last winter the pilots brought in four hundred ships, and none of them ran aground.",
    "My uncle sold hats in this street, by the way.",
    "He also had a parrot that could whistle.",
    "The second thing is the new engine of our tugboat.",
    "It runs on electricity, and it burns no oil at all.",
    "A charge lasts for nine hours of work.",
    "In the evening the boat takes power from the wind on the pier.",
    "So if you hear nothing tonight, that is the tugboat.",
    "Thank you, and mind the step on your way out.",
)
TALL = 2100  # pixels of a phone's page that are shown
DESKTOP, SMALL, PHONE = {"width": 1440, "height": 900}, {"width": 1280, "height": 720}, {"width": 390, "height": 844}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--video", type=Path)
    parser.add_argument("--only", default="", help="only states whose name has this in it")
    asked = parser.parse_args()
    if chromium() is None:
        sys.exit("No Chromium was found: install one, for example with `apt-get install chromium`.")
    asked.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        film = asked.video or generated(Path(folder) / "Harbour walk.mp4")
        with browser() as shown:
            for name, (viewport, scheme, state) in STATES.items():
                if asked.only in name:
                    photograph(shown, asked.out / f"{name}.png", Path(folder) / name, film, viewport, scheme, state)
                    print(asked.out / f"{name}.png", flush=True)


class Slow(Summarizer):
    """A summarizer that is slow enough to photograph the page while it works."""

    def summarize(self, *args: Any, on_progress: Any = None, **options: Any) -> Any:
        def report(at: Any) -> None:
            on_progress(at)
            time.sleep(3)

        return super().summarize(*args, on_progress=report, **options)


def photograph(
    shown: Any, out: Path, folder: Path, film: Path, viewport: dict[str, int], scheme: str, state: str
) -> None:
    """Photograph one state in its own studio and browser window."""
    summarizer = Slow(cache=False) if state == "working" else None
    with running_studio(folder / "studio", summarizer=summarizer) as studio:
        phone = viewport is PHONE
        context = shown.new_context(
            viewport=viewport,
            color_scheme="dark" if scheme == "dark" else "light",
            forced_colors="active" if scheme == "forced" else "none",
            device_scale_factor=2 if phone else 1,
            has_touch=phone,
        )
        context.add_init_script("localStorage.setItem('summdiff:hints', '3')")
        page = context.new_page()
        page.on("pageerror", lambda error: sys.exit(f"The page failed: {error}"))
        page.on("console", lambda message: message.type == "error" and print(f"console: {message.text}", flush=True))
        page.goto(studio.url)
        page.wait_for_selector(".library")
        getattr(States, state)(page, studio, film, folder)
        page.wait_for_timeout(600)
        if phone:  # pictures of shots are drawn when they come into view
            page.evaluate("scrollTo(0, 900)")
            page.wait_for_timeout(300)
            page.evaluate("scrollTo(0, 0)")
            if state == "words":
                page.evaluate("document.querySelector('.words').scrollIntoView({ block: 'end' })")
            page.wait_for_timeout(300)
        tall = state in ("ready", "long") and phone
        clip = {"x": 0, "y": 0, "width": viewport["width"], "height": TALL} if tall else None
        page.screenshot(path=out, full_page=tall, clip=clip)
        context.close()


class States:
    """The actions that lead to each state."""

    @staticmethod
    def empty(page: Any, studio: Any, film: Path, folder: Path) -> None:
        page.wait_for_timeout(500)

    @staticmethod
    def working(page: Any, studio: Any, film: Path, folder: Path) -> None:
        page.set_input_files("#picker", film)
        page.wait_for_selector(".working .current:nth-child(2)", timeout=60_000)

    @staticmethod
    def error(page: Any, studio: Any, film: Path, folder: Path) -> None:
        broken = folder / "notes from the meeting.mp4"
        broken.write_bytes(b"these are not pictures" * 400)
        page.set_input_files("#picker", broken)
        page.wait_for_selector(".toast.error")

    @staticmethod
    def ready(page: Any, studio: Any, film: Path, folder: Path) -> None:
        page.set_input_files("#picker", film)
        page.wait_for_selector("[data-budget]", timeout=120_000)
        page.wait_for_timeout(1500)

    @staticmethod
    def first(page: Any, studio: Any, film: Path, folder: Path) -> None:
        page.evaluate("localStorage.setItem('summdiff:hints', '0')")
        States.ready(page, studio, film, folder)

    @staticmethod
    def picks(page: Any, studio: Any, film: Path, folder: Path) -> None:
        States.ready(page, studio, film, folder)
        page.keyboard.press("]")
        page.keyboard.press("p")
        page.keyboard.press("]")
        page.keyboard.press("]")
        page.keyboard.press("x")
        page.wait_for_timeout(400)
        page.locator("[data-track]").hover(position={"x": 700, "y": 120})

    @staticmethod
    def long(page: Any, studio: Any, film: Path, folder: Path, *, talk: bool = False) -> None:
        path = folder / "long.mp4"
        write_two_hours(path)
        session = next(iter(studio.studio.sessions._sessions.values()))
        add_two_hours(studio.studio, session, path, talk=talk)
        page.click(".film-open")
        page.wait_for_selector("[data-budget]")
        page.wait_for_timeout(1500)

    @staticmethod
    def words(page: Any, studio: Any, film: Path, folder: Path) -> None:
        path = talk(folder)
        page.set_input_files("#picker", path)
        page.wait_for_selector(".sentence.chosen", timeout=120_000)
        page.fill("[data-allowed]", "35%")
        page.keyboard.press("Enter")
        page.wait_for_timeout(800)
        sentence = page.locator(".sentence")
        sentence.nth(5).click()
        page.click("[data-words-keep]")
        sentence.nth(6).click()
        sentence.nth(7).click(modifiers=["Shift"])
        page.click("[data-words-drop]")
        page.fill("[data-find]", "the")
        page.wait_for_timeout(500)
        sentence.nth(9).click()
        page.wait_for_timeout(800)

    @staticmethod
    def asked(page: Any, studio: Any, film: Path, folder: Path) -> None:
        page.set_input_files("#picker", talk(folder))
        page.wait_for_selector(".sentence.chosen", timeout=120_000)
        for number, text in enumerate(("how the boat is powered", "family"), start=1):
            page.fill("[data-ask-text]", text)
            page.keyboard.press("Enter")
            page.wait_for_selector(f".matched .chip:nth-child({number})", timeout=30_000)
        page.click("[data-match-next]")
        page.wait_for_timeout(800)

    @staticmethod
    def download(page: Any, studio: Any, film: Path, folder: Path) -> None:
        page.set_input_files("#picker", talk(folder))
        page.wait_for_selector(".sentence.chosen", timeout=120_000)
        page.click("[data-words-files]")

    @staticmethod
    def speech(page: Any, studio: Any, film: Path, folder: Path) -> None:
        States.long(page, studio, film, folder, talk=True)
        page.locator(".sentence[data-place='702']").evaluate("(s) => s.scrollIntoView({ block: 'center' })")
        page.wait_for_timeout(500)
        page.locator(".sentence[data-place='702']").click()

    @staticmethod
    def export(page: Any, studio: Any, film: Path, folder: Path) -> None:
        States.ready(page, studio, film, folder)
        with page.expect_download():
            page.click("[data-save]")
        page.click("[data-formats]")
        for name in ("json", "csv"):
            page.check(f"input[name={name}]")
        with page.expect_download():
            page.click("[data-write]")

    @staticmethod
    def editor(page: Any, studio: Any, film: Path, folder: Path) -> None:
        States.ready(page, studio, film, folder)
        page.click("[data-editor]")

    @staticmethod
    def cutting(page: Any, studio: Any, film: Path, folder: Path) -> None:
        States.ready(page, studio, film, folder)
        page.fill("[data-allowed]", "30%")
        page.keyboard.press("Enter")
        page.wait_for_timeout(600)
        page.click(".part >> nth=0")
        for _ in range(20):
            page.keyboard.press(".")
        page.wait_for_timeout(300)
        page.click("[data-split]")
        page.check("[data-details]")
        page.wait_for_timeout(300)

    @staticmethod
    def library(page: Any, studio: Any, film: Path, folder: Path) -> None:
        paths = [folder / f"{name}.mp4" for name in ("Holiday, first day", "Interview with the harbour master, uncut")]
        for path in paths:
            shutil.copy(film, path)
        broken = folder / "notes.mp4"
        broken.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
        page.set_input_files("#picker", [*paths, broken])
        page.wait_for_selector(".film.ready:nth-child(2)", timeout=120_000)
        page.wait_for_timeout(2500)

    @staticmethod
    def gone(page: Any, studio: Any, film: Path, folder: Path) -> None:
        States.ready(page, studio, film, folder)
        page.context.set_offline(True)
        page.evaluate("document.querySelector('[data-save]').click()")
        page.wait_for_timeout(4000)

    @staticmethod
    def keys(page: Any, studio: Any, film: Path, folder: Path) -> None:
        States.ready(page, studio, film, folder)
        page.keyboard.press("?")

    @staticmethod
    def unplayable(page: Any, studio: Any, film: Path, folder: Path) -> None:
        path = folder / "from the camera.mkv"
        generated(path, codec="mpeg4")
        States.ready(page, studio, path, folder)


STATES = {
    "empty-light": (DESKTOP, "light", "empty"),
    "empty-dark": (DESKTOP, "dark", "empty"),
    "empty-phone": (PHONE, "light", "empty"),
    "working-light": (DESKTOP, "light", "working"),
    "error-light": (DESKTOP, "light", "error"),
    "ready-light": (DESKTOP, "light", "ready"),
    "ready-dark": (DESKTOP, "dark", "ready"),
    "ready-phone": (PHONE, "light", "ready"),
    "ready-phone-dark": (PHONE, "dark", "ready"),
    "first-light": (SMALL, "light", "first"),
    "picks-light": (DESKTOP, "light", "picks"),
    "picks-dark": (SMALL, "dark", "picks"),
    "picks-forced": (DESKTOP, "forced", "picks"),
    "cutting-light": (SMALL, "light", "cutting"),
    "cutting-dark": (DESKTOP, "dark", "cutting"),
    "cutting-phone": (PHONE, "light", "cutting"),
    "library-light": (DESKTOP, "light", "library"),
    "library-phone": (PHONE, "dark", "library"),
    "library-forced": (DESKTOP, "forced", "library"),
    "editor-light": (SMALL, "light", "editor"),
    "gone-light": (DESKTOP, "light", "gone"),
    "long-light": (DESKTOP, "light", "long"),
    "long-dark": (DESKTOP, "dark", "long"),
    "long-phone": (PHONE, "dark", "long"),
    "words-light": (DESKTOP, "light", "words"),
    "words-dark": (SMALL, "dark", "words"),
    "words-forced": (DESKTOP, "forced", "words"),
    "words-phone": (PHONE, "light", "words"),
    "words-phone-dark": (PHONE, "dark", "words"),
    "words-asked": (DESKTOP, "light", "asked"),
    "words-download": (SMALL, "light", "download"),
    "words-long": (DESKTOP, "light", "speech"),
    "export-light": (DESKTOP, "light", "export"),
    "keys-dark": (DESKTOP, "dark", "keys"),
    "unplayable-light": (DESKTOP, "light", "unplayable"),
}


def generated(path: Path, **options: Any) -> Path:
    """Generate a film like those of the tests."""
    from conftest import write_video

    looks = ["forest", "street", "beach", "forest", "night", "market", "street", "harbour", "beach", "dusk"]
    scenes = [(4.0 + 1.7 * (k % 4), look) for k, look in enumerate(looks)]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, scenes=scenes, size=(480, 270), sound=True, **options)
    return path


def talk(folder: Path) -> Path:
    """Generate a film in which somebody speaks, with subtitles."""
    film = generated(folder / "generated" / "Harbour talk.mp4")
    path = folder / film.name
    cues, at = [], 0.4
    for text in SAID:
        cues.append((at, at + 0.068 * len(text), text))
        at += 0.068 * len(text) + (1.8 if text.startswith(("I would", "He also")) else 0.5)
    return add_captions(film, path, tracks=[("en", cues)])


if __name__ == "__main__":
    main()
