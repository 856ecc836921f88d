"""Measure in a real Chromium how quickly the selection follows while the budget of a two-hour film is dragged.

    python benchmarks/studio.py [--moves 200] [--talk]

The session is synthetic: 7,200 steps, 240 shots; with `--talk`, and a transcript of 1,500 sentences.
The mouse drags the slider through its whole range. `follows` is the
time from each change of the slider to the drawn selection: request, selection, answer, drawing; the last one, which
compares what the parts show, takes longer. `frames` are the
intervals between the frames the browser shows meanwhile. Needs the extras `web` and `browser` and a Chromium.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "web")]

from studio_rig import add_two_hours, running_studio, two_hour_summary, write_two_hours

from chromium import browser, chromium
from summdiff.options import Options
from summdiff.reselection import reselect
from summdiff.web._studio_video import Version

FRAMES = """() => { window.frames_seen = []; let last = performance.now();
const tick = now => { window.frames_seen.push(now - last); last = now; window.ticking = requestAnimationFrame(tick); };
requestAnimationFrame(tick); performance.clearMeasures(); }"""


def told(name: str, times: list[float]) -> None:
    """Return one line: median, 95th percentile and maximum of times in milliseconds."""
    ordered = sorted(times)
    late = ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
    print(f"{name:<34}{len(times):>6}{statistics.median(times):>9.1f}{late:>9.1f}{ordered[-1]:>9.1f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moves", type=int, default=200, help="of the mouse while it drags")
    parser.add_argument("--talk", action="store_true", help="with a transcript of 1,500 sentences")
    asked = parser.parse_args()
    if chromium() is None:
        sys.exit("No Chromium was found: install one, for example with `apt-get install chromium`.")
    print(f"{'milliseconds':<34}{'n':>6}{'median':>9}{'95 %':>9}{'most':>9}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.mp4"
        write_two_hours(path)
        summary = two_hour_summary(path, talk=asked.talk)
        version = Version(Options(), summary)
        for name, chosen, count in (("while dragging", version.rough(), 60), ("at the end", version, 6)):
            times = []
            for k in range(count):
                began = time.perf_counter()
                reselect(chosen.summary, budget=0.01 + 0.96 * k / count)
                times.append(1000 * (time.perf_counter() - began))
            told(f"selection {name}, in Python", times)
        with running_studio(Path(folder) / "files") as studio, browser() as shown:
            page = shown.new_page(viewport={"width": 1440, "height": 900})
            page.goto(studio.url)
            page.wait_for_selector(".library")
            (session,) = studio.studio.sessions._sessions.values()
            add_two_hours(studio.studio, session, path, talk=asked.talk)
            page.click(".film-open")
            page.wait_for_selector(".sentence" if asked.talk else "[data-shots] li", state="attached")
            page.wait_for_timeout(1500)
            box = page.locator("[data-budget]").bounding_box()
            middle, left, room = box["y"] + box["height"] / 2, box["x"] + 13, box["width"] - 26
            place = page.eval_on_selector("[data-budget]", "s => s.value / 1000")
            page.mouse.move(left + place * room, middle)
            page.evaluate(FRAMES)
            page.mouse.down()
            for k in range(asked.moves):
                page.mouse.move(left + room * abs(1 - 2 * ((place / 2 + k / asked.moves) % 1)), middle)
                page.wait_for_timeout(8)
            page.mouse.up()
            page.wait_for_timeout(300)
            measure = "performance.getEntriesByName('summdiff-selection').map(each => each.duration)"
            told("the selection follows the drag", page.evaluate(measure))
            told("frames while dragging", page.evaluate("window.frames_seen"))
            page.evaluate(FRAMES)
            page.locator("[data-track]").hover()
            for k in range(60):
                page.mouse.move(300 + 9 * k, page.locator("[data-track]").bounding_box()["y"] + 90)
                page.keyboard.press("+" if k % 20 < 10 else "-")
            told("frames while pointing and zooming", page.evaluate("window.frames_seen"))
            if asked.talk:
                page.click("[data-find]")
                page.evaluate(FRAMES)
                page.keyboard.type("coffee before the storm", delay=150)
                told("frames while searching", page.evaluate("window.frames_seen"))
                page.locator(".sentence[tabindex='0']").focus()
                page.evaluate(FRAMES)
                for _ in range(60):
                    page.keyboard.press("Shift+PageDown")
                told("frames while selecting", page.evaluate("window.frames_seen"))


if __name__ == "__main__":
    main()
