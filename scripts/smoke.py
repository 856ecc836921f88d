"""Use an installed summdiff as a stranger would, and stop at the first failure.

    path/to/environment/bin/python scripts/smoke.py FOLDER [EXTRA ...]

Makes a 30-second clip in FOLDER, summarizes it in all formats that need no extra, and uses what each named extra adds.
Extras that are not named must be absent. Needs only the package; `scripts/check_release.py` runs it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from importlib.util import find_spec
from pathlib import Path

PLAIN = [
    "mp4",
    "json",
    "csv",
    "sheet",
    "gif",
    "webp",
    "html",
    "vtt",
    "srt",
    "ffmetadata",
    "txt",
    "fcpxml",
]
WITH_EXPORT = ["otio", "edl", "fcp7xml"]
COMMAND = [sys.executable, "-I", "-m", "summdiff"]


def make_clip(path: Path) -> None:
    """Make five scenes of six seconds, 320 × 180, with a tone."""
    from fractions import Fraction

    import av
    import numpy as np

    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as output:
        picture = output.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        picture.width, picture.height, picture.pix_fmt = 320, 180, "yuv420p"
        sound = output.add_stream("aac", rate=48000, layout="mono")
        done = 0
        for scene in range(5):
            patches = rng.integers(0, 255, (9 + scene, 16 + scene, 3), dtype=np.uint8)
            texture = np.kron(patches, np.ones((20, 20, 1), np.uint8))
            for number in range(150):
                image = np.ascontiguousarray(np.roll(texture, number, axis=1)[:180, :320])
                output.mux(picture.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
                while done < (scene * 150 + number + 1) * 1920:
                    wave = np.sin((np.arange(done, done + 1024)) * 2 * np.pi * 440 / 48000).astype(np.float32) / 4
                    frame = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
                    frame.sample_rate, frame.time_base, frame.pts = 48000, Fraction(1, 48000), done
                    output.mux(sound.encode(frame))
                    done += 1024
        output.mux(picture.encode(None))
        output.mux(sound.encode(None))


def run(*words: object, fails: bool = False) -> str:
    """Return the output of a `summdiff` command; its exit code must be as expected, and nothing may be a traceback."""
    result = subprocess.run([*COMMAND, *map(str, words)], capture_output=True, text=True, check=False)
    said = result.stdout + result.stderr
    if bool(result.returncode) != fails or "Traceback" in said:
        sys.exit(f"summdiff {' '.join(map(str, words))} left with {result.returncode}:\n{said}")
    return said if fails else result.stdout


def check(holds: object, what: str) -> None:
    if not holds:
        sys.exit(f"smoke: {what}")


def summarise(folder: Path) -> None:
    import av

    run("summarize", folder / "clip.mp4", "-o", folder / "short", "--formats", ",".join(PLAIN), "--budget", "0.3")
    summary = json.loads((folder / "short" / "clip.summary.json").read_text(encoding="utf-8"))
    check(summary["schema"].startswith("summdiff.summary/"), f"the summary's schema is {summary['schema']}")
    with av.open(str(folder / "short" / "clip.summary.mp4")) as written:
        seconds = written.duration / av.time_base
        check(1 < seconds <= 9.2, f"the summary lasts {seconds} s, asked were at most 9 s")
        check(written.streams.video and written.streams.audio, "the summary has no picture or no sound")


def use_export(folder: Path) -> None:
    run("summarize", folder / "clip.mp4", "-o", folder / "edit", "--formats", ",".join(WITH_EXPORT))
    check(len(list((folder / "edit").iterdir())) == len(WITH_EXPORT), "a timeline is missing")


def use_plot(folder: Path) -> None:
    run("summarize", folder / "clip.mp4", "-o", folder / "plots", "--formats", "png,svg")
    check(len(list((folder / "plots").iterdir())) == 2, "a plot is missing")


def use_data(folder: Path) -> None:
    data = folder / "made.h5"
    run("data", "make-synthetic", data, "--videos", 6)
    run("data", "check", data)
    run("evaluate", "default", "--data", data)


def use_train(folder: Path) -> None:
    data, model = folder / "made_to_train.h5", folder / "run"
    run("data", "make-synthetic", data, "--videos", 6)
    run("train", "vasnet_mr_hisum", f"data={data}", "epochs=1", f"output={model}")


def use_ray(folder: Path) -> None:
    import ray

    cluster = ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    os.environ["RAY_ADDRESS"] = cluster.address_info["address"]
    run("extract", folder / "clip.mp4", "-o", folder / "store", "--engine", "ray", "--workers", "2")
    ray.shutdown()
    check(len(list((folder / "store").rglob("*.safetensors"))) == 1, "the cluster left no features")


def use_web(folder: Path) -> None:
    words = [*COMMAND, "serve", str(folder / "clip.mp4"), "--no-open", "--port", "0"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as server:
        try:
            for line in server.stderr:
                if "http://" in line:
                    break
            address = "http://" + line.split("http://")[1].split()[0]
            page = urllib.request.urlopen(address, timeout=60).read()  # our own server
            check(b"<title>" in page, "the studio's page has no title")
        finally:
            server.terminate()


USES = {
    "data": use_data,
    "export": use_export,
    "plot": use_plot,
    "ray": use_ray,
    "train": use_train,
    "web": use_web,
}
# What these bring is tools for working on the package: they must be there, and harm nothing.
TOOLS = {"audit": "bandit", "bench": "ortools", "browser": "playwright", "dev": "pytest", "docs": "mkdocs"}


def main(folder: Path, extras: list[str]) -> None:
    os.environ["SUMMDIFF_CACHE"] = str(folder / "cache")
    found = json.loads(run("doctor", "--json"))
    check(found["can_summarize"], "doctor says that no summary can be made")
    there = {extra for extra in USES if found["extras"][extra]["installed"]}
    named = set(extras) | ({"export", "train", "web"} if "dev" in extras else set())
    named |= {"data", "plot"} if "train" in named else set()  # which it holds
    check(there == named & set(USES), f"doctor finds the extras {sorted(there)}, installed are {extras}")
    check("train" in named or not find_spec("torch"), "torch is there without the extra [train]")
    import summdiff

    check("site-packages" in summdiff.__file__, f"not the installed package: {summdiff.__file__}")
    make_clip(folder / "clip.mp4")
    start = time.perf_counter()
    summarise(folder)
    print(f"summarised in {time.perf_counter() - start:.1f} s")
    for extra, use in USES.items():
        if extra in extras:
            use(folder)
            print(f"{extra}: works")
    for extra in TOOLS.keys() & set(extras):
        check(find_spec(TOOLS[extra]), f"[{extra}] brought no {TOOLS[extra]}")
        print(f"{extra}: is there")
    if "export" not in named:
        check("summdiff[export]" in run("summarize", folder / "clip.mp4", "--formats", "otio", fails=True), "no hint")
    if "plot" not in named:
        check("summdiff[plot]" in run("summarize", folder / "clip.mp4", "--formats", "png", fails=True), "no hint")
    if "data" not in named:
        (folder / "no.h5").write_bytes(b"")
        check("summdiff[data]" in run("evaluate", "default", "--data", folder / "no.h5", fails=True), "no hint")
    if "web" not in named:
        check("summdiff[web]" in run("serve", fails=True), "no hint at the extra [web]")
    if "train" not in named:
        check("summdiff[train]" in run("train", "default", fails=True), "no hint at the extra [train]")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
