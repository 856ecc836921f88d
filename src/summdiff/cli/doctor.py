"""`summdiff doctor`: report installed and missing packages."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from summdiff._version import __version__

FORMAT = "summdiff.doctor/1"

# Feature of each extra. A test compares the names with pyproject.toml.
EXTRAS = {
    "web": "`summdiff serve`, the studio in the browser",
    "plot": "the formats png and svg, and Summary.plot()",
    "export": "the formats otio, edl and fcp7xml, for editors",
    "speech": "recognition of English speech, choosing by what is said, and `--about`",
    "data": "`summdiff evaluate` and `summdiff data`",
    "train": "`summdiff train`, `crossval`, `reproduce`, `recipes` and `export-graphs`",
    "backbones": "the backbones inception_v3, inception_v3_yt8m, googlenet_pool5 and timm:<model>",
    "ray": "`--engine ray`, archives on several machines",
    "bench": "`make bench`, other libraries for the speed comparison",
    "browser": "tests, benchmarks and pictures of the studio in a real browser",
    "docs": "`make docs`, the documentation as a site",
    "audit": "`make audit`, known vulnerabilities in dependencies and code",
    "dev": "`make test`, `make lint`, `make coverage` and `make mutants`",
}
# Dependencies not needed for summaries, and the features that need them.
_ONLY_FOR = {
    "jinja2": "the format html",
    "pillow": "the formats html, sheet, gif and webp, and the studio",
}
# Usual names of codecs, and FFmpeg's decoders and encoders for them; the most common first.
_READS = {
    "H.264": "h264", "HEVC": "hevc", "VP9": "vp9", "AV1": "libdav1d", "VP8": "vp8", "MPEG-4": "mpeg4",
    "MPEG-2": "mpeg2video", "ProRes": "prores", "DNxHD": "dnxhd", "MJPEG": "mjpeg", "WMV": "wmv3", "Theora": "theora",
}  # fmt: skip
_WRITES = {"pictures, H.264": "libx264", "sound, AAC": "aac", "subtitles": "mov_text"}


_WITH_CUDA = "cpu, cuda (with `--device cuda`; videos are decoded on the processor)"
_WITHOUT_CUDA = "cpu (for `--device cuda`, replace onnxruntime by onnxruntime-gpu)"
Section = dict[str, Any]


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Report installed packages, packages missing per feature, and the abilities of this machine.

    The exit code is 1 only if summaries cannot be made. A missing extra is no problem.
    """
    report = examine()
    if as_json:
        print(json.dumps(report, indent=1, ensure_ascii=False))
    else:
        print("\n".join(_lines(report)))
    if report["problems"]:
        raise typer.Exit(1)


def examine() -> Section:
    """Return a report of format `summdiff.doctor/1`; `problems` has a sentence for each reason why summaries fail."""
    problems: list[str] = []

    def load(package: str, section: Callable[[], Section], empty: Section) -> Section:
        """Return a section whose code imports a package; add a problem if that fails."""
        from summdiff.errors import SummdiffError

        try:
            return section()
        except SummdiffError as error:
            problems.append(str(error))
        except (ImportError, OSError) as error:
            reason = str(error).strip().splitlines()[0].rstrip(".")
            problem = f"{package} cannot be loaded ({reason}): run `pip install --force-reinstall {package}`."
            if not any(known.startswith(f"{package} cannot be loaded") for known in problems):
                problems.append(problem)
        return empty

    from summdiff.options import DEFAULT_BACKBONE, DEFAULT_MODEL

    packages = _packages()
    for name, package in packages.items():
        if package["state"] == "missing" and not package["extras"] and name not in _ONLY_FOR:
            problems.append(f"{name} is missing: run `pip install '{name}{package['allowed']}'`.")
    video = load("av", _video, {})
    for label, writable in video.get("writes", {}).items():
        if not writable:
            problems.append(
                f"FFmpeg cannot write {label} ({_WRITES[label]}): install av from its wheel, which can, with "
                "`pip install --force-reinstall av`."
            )
    report = {
        "format": FORMAT,
        "summdiff": __version__,
        "python": {
            "version": platform.python_version(),
            "implementation": platform.python_implementation(),
            "platform": platform.platform(),
        },
        "packages": packages,
        "extras": _extras(packages),
        "video": video,
        "onnxruntime": load("onnxruntime", _onnxruntime, {}),
        "torch": _torch(),
        "backbone": load("onnxruntime", _backbone, {"id": DEFAULT_BACKBONE}),
        "voice_activity": load("onnxruntime", _voice_activity, {}),
        "model": load("onnxruntime", _model, {"id": DEFAULT_MODEL}),
        "cache": _cache(),
        "data": _data(),
    }
    return {**report, "can_summarize": not problems, "problems": problems}


def _packages() -> dict[str, Section]:
    """Return each direct dependency: `installed` version, `allowed` versions, `state`, and `extras` that need it."""
    from packaging.requirements import Requirement

    try:
        requirements = importlib.metadata.requires("summdiff") or []
    except importlib.metadata.PackageNotFoundError:  # run from its source, without being installed
        return {}
    packages: dict[str, Section] = {}
    for requirement in map(Requirement, requirements):
        extras = [extra for extra in EXTRAS if requirement.marker and requirement.marker.evaluate({"extra": extra})]
        if requirement.name == "summdiff" or (requirement.marker and not extras):
            continue  # an extra made of others, or a requirement of another system or Python
        if requirement.name in packages:
            packages[requirement.name]["extras"] += extras
            continue
        version, state = None, "missing"
        with suppress(importlib.metadata.PackageNotFoundError):
            version = importlib.metadata.version(requirement.name)
            state = "ok" if requirement.specifier.contains(version, prereleases=True) else "wrong version"
        packages[requirement.name] = {
            "installed": version, "allowed": str(requirement.specifier), "state": state, "extras": extras,
        }  # fmt: skip
    return packages


def _extras(packages: dict[str, Section]) -> dict[str, Section]:
    """Return each extra: `brings`, the feature; `installed`; `missing` packages; and the install `command`."""
    extras = {}
    for extra, brings in EXTRAS.items():
        states = {name: package["state"] for name, package in packages.items() if extra in package["extras"]}
        if states:
            missing = [name for name, state in states.items() if state != "ok"]
            command = f"pip install 'summdiff[{extra}]'"
            extras[extra] = {"brings": brings, "installed": not missing, "missing": missing, "command": command}
    return extras


def _video() -> Section:
    """Return the versions of PyAV and its FFmpeg, and the codecs that they read and write."""
    import av
    from av.codec import codecs_available

    return {
        "av": av.__version__,
        "libraries": {name: ".".join(map(str, version)) for name, version in av.library_versions.items()},
        "reads": {label: name in codecs_available for label, name in _READS.items()},
        "writes": {label: name in codecs_available for label, name in _WRITES.items()},
    }


def _onnxruntime() -> Section:
    import onnxruntime

    from summdiff._runtime import threads_asked, usable_cores

    return {
        "version": onnxruntime.__version__,
        "threads": threads_asked() or usable_cores(),
        "providers": onnxruntime.get_available_providers(),
    }


def _torch() -> Section:
    """Describe PyTorch, which only training needs; empty if it cannot be imported."""
    try:
        from summdiff.research.devices import describe_torch
    except (ImportError, OSError):
        return {}
    return describe_torch()


def _backbone() -> Section:
    """Check the weights of the default backbone."""
    from summdiff.features.backbones.efficientnet_lite0 import GRAPH_SHA256, verified_graph
    from summdiff.options import DEFAULT_BACKBONE

    return {"id": DEFAULT_BACKBONE, "weights": str(verified_graph()), "sha256": GRAPH_SHA256}


def _voice_activity() -> Section:
    """Check the weights of the voice activity detector."""
    from summdiff.audio import voice_activity_graph

    return {"id": "silero_vad", "weights": str(voice_activity_graph())}


def _model() -> Section:
    """Load the default model, and summarize its card."""
    from summdiff.options import DEFAULT_MODEL
    from summdiff.scoring import load_model

    model = load_model(DEFAULT_MODEL)
    return {
        "id": DEFAULT_MODEL,
        "step_seconds": model.config.step_seconds,
        "trained_with": model.provenance["summdiff"],
        "trained_on": Counter(name.partition("/")[0] for name in model.provenance["trained_on"]),  # tvsum/video_1
        "card": "docs/default-model.md",
    }


def _cache() -> Section:
    """Return the folder, number and size of cached features, and whether more can be written."""
    from summdiff.features.cache import default_directory

    folder = default_directory()
    try:
        sizes = [path.stat().st_size for path in folder.glob("*.features")]
    except OSError:
        sizes = []
    existing = next((parent for parent in (folder, *folder.parents) if parent.exists()), folder)
    writable = existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
    return {"folder": str(folder), "entries": len(sizes), "bytes": sum(sizes), "writable": writable}


def _data() -> Section:
    """Return the annotated data sets in $SUMMDIFF_DATA, or why a file cannot be read."""
    from summdiff.errors import SummdiffError

    folder = os.environ.get("SUMMDIFF_DATA")
    sets: list[Section] = []
    for path in sorted(Path(folder).glob("*.h5")) if folder else ():
        try:
            from summdiff.data.datasets import open_dataset

            with open_dataset(path) as data:
                sets.append({"file": path.name, "kind": data.kind, "videos": len(data)})
        except (SummdiffError, ImportError) as error:
            sets.append({"file": path.name, "problem": str(error)})
    return {"folder": folder or None, "sets": sets}


def _lines(report: Section) -> list[str]:
    """Format the report for people."""
    python, video, runtime, torch = report["python"], report["video"], report["onnxruntime"], report["torch"]
    model, cache, data = report["model"], report["cache"], report["data"]
    rows: list[tuple[str, str]] = []
    if video:
        read = [label for label, there in video["reads"].items() if there]
        not_read = [label for label in video["reads"] if label not in read]
        rows.append(("video", f"av {video['av']} with FFmpeg's libavcodec {video['libraries'].get('libavcodec', '?')}"))
        rows.append(("reads", ", ".join(read) + " and more"))
        rows += [("cannot read", ", ".join(not_read))] if not_read else []
        rows.append(("writes", "; ".join(label for label, there in video["writes"].items() if there)))
    if runtime:
        cuda = "CUDAExecutionProvider" in runtime["providers"]
        rows.append(("computing", f"onnxruntime {runtime['version']}, {_count(runtime['threads'], 'thread')}"))
        rows.append(("devices", _WITH_CUDA if cuda else _WITHOUT_CUDA))
    if torch:
        accelerators = ", ".join(torch["accelerators"]) or "no accelerator"
        rows.append(("training", f"torch {torch['version']}, {accelerators}"))
    if "sha256" in report["backbone"]:
        rows.append(("backbone", f"{report['backbone']['id']}, weights intact"))
    if report["voice_activity"]:
        rows.append(("hearing", f"{report['voice_activity']['id']}, weights intact"))
    if "card" in model:
        sets = " and ".join(f"{_count(videos, 'video')} of {kind}" for kind, videos in model["trained_on"].items())
        rows.append(("model", f"{model['id']}, trained on {sets}; {model['card']}"))
    size = f"{_count(cache['entries'], 'video')}, {cache['bytes'] / 1e6:.1f} MB"
    rows.append(("cache", f"{cache['folder']}, {size if cache['writable'] else 'cannot be written, so not used'}"))
    for name, package in report["packages"].items():
        if not package["extras"] and package["state"] != "ok":
            version, allowed = package["installed"], package["allowed"]
            state = f"is {version}, tested is {allowed}" if version else "is missing"
            uses = f" (for {_ONLY_FOR[name]})" if name in _ONLY_FOR else ""
            rows.append(("check", f"{name} {state}{uses}: pip install '{name}{allowed}'"))
    extras: list[tuple[str, str]] = []
    for extra, facts in report["extras"].items():
        extras.append((extra, f"{'installed' if facts['installed'] else 'not here '}  {facts['brings']}"))
        if not facts["installed"]:
            extras.append(("", f"           {facts['command']}  (lacks {', '.join(facts['missing'])})"))
    sets_found = [
        f"  {data_set['file']}: "
        + (data_set.get("problem") or f"{_count(data_set['videos'], 'video')}, {data_set['kind']}")
        for data_set in data["sets"]
    ]
    return [
        f"summdiff {report['summdiff']}, {python['implementation']} {python['version']}, {python['platform']}",
        "",
        "Summaries can be made." if report["can_summarize"] else "No summary can be made:",
        *(f"  {problem}" for problem in report["problems"]),
        *(f"  {label:<13} {text}" for label, text in rows),
        "",
        "Extras" if extras else "Extras: unknown, as summdiff is not installed as a package.",
        *(f"  {label:<13} {text}" for label, text in extras),
        "",
        f"Data sets in {data['folder']}" if data["folder"] else "Data sets: $SUMMDIFF_DATA names no folder.",
        *(sets_found or ["  no .h5 file"] * bool(data["folder"])),
    ]


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + "s" * (number != 1)
