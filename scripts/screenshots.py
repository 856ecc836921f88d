"""Take screenshots of the studio in every state: desktop, phone, dark, light, empty, working, error, long video,
dialogs.

    python scripts/screenshots.py OUT [--video FILE] [--only NAME]

FILE is the film in the pictures; without it a film is generated. Needs the extras `dev` and `browser` and a Chromium.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "web")]

from studio_rig import add_two_hours, browser, chromium, running_studio, write_two_hours

from summdiff.pipeline import Summarizer

TALL = 2100  # pixels of a phone's page that are shown
DESKTOP, PHONE = {"width": 1440, "height": 1000}, {"width": 390, "height": 844}


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
            viewport=viewport, color_scheme=scheme, device_scale_factor=2 if phone else 1, has_touch=phone
        )
        page = context.new_page()
        page.on("pageerror", lambda error: sys.exit(f"The page failed: {error}"))
        page.on("console", lambda message: message.type == "error" and print(f"console: {message.text}", flush=True))
        page.goto(studio.url)
        page.wait_for_selector(".start")
        getattr(States, state)(page, studio, film, folder)
        page.wait_for_timeout(600)
        if phone:  # pictures of shots are drawn when they come into view
            page.evaluate("scrollTo(0, 900)")
            page.wait_for_timeout(300)
            page.evaluate("scrollTo(0, 0)")
            page.wait_for_timeout(300)
        tall = state in ("ready", "long") and phone
        clip = {"x": 0, "y": 0, "width": viewport["width"], "height": TALL} if tall else None
        page.screenshot(path=out, full_page=tall, clip=clip)
        context.close()


class States:
    """The actions that lead to each state."""

    @staticmethod
    def empty(page: Any, studio: Any, film: Path, folder: Path) -> None:
        page.wait_for_timeout(6500)

    @staticmethod
    def working(page: Any, studio: Any, film: Path, folder: Path) -> None:
        page.set_input_files("#picker", film)
        page.wait_for_selector(".working .current:nth-child(3)", timeout=60_000)

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
    def wishes(page: Any, studio: Any, film: Path, folder: Path) -> None:
        States.ready(page, studio, film, folder)
        page.keyboard.press("]")
        page.keyboard.press("p")
        page.keyboard.press("]")
        page.keyboard.press("]")
        page.keyboard.press("x")
        page.wait_for_timeout(400)
        page.locator("[data-track]").hover(position={"x": 700, "y": 120})

    @staticmethod
    def long(page: Any, studio: Any, film: Path, folder: Path) -> None:
        path = folder / "long.mp4"
        write_two_hours(path)
        session = next(iter(studio.studio.sessions._sessions.values()))
        add_two_hours(studio.studio, session, path)
        page.click(".film-name")
        page.wait_for_selector("[data-budget]")
        page.wait_for_timeout(1500)

    @staticmethod
    def export(page: Any, studio: Any, film: Path, folder: Path) -> None:
        States.ready(page, studio, film, folder)
        page.click("#export")
        for name in ("html", "otio", "csv"):
            page.check(f"input[name={name}]")
        page.click("[data-write]")
        page.wait_for_selector(".written .done", timeout=60_000)

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
    "wishes-light": (DESKTOP, "light", "wishes"),
    "wishes-dark": (DESKTOP, "dark", "wishes"),
    "long-light": (DESKTOP, "light", "long"),
    "long-dark": (DESKTOP, "dark", "long"),
    "long-phone": (PHONE, "dark", "long"),
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


if __name__ == "__main__":
    main()
