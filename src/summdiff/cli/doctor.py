"""`summdiff doctor`: what is installed, and what is missing for what."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from pathlib import Path
from typing import Annotated, Any

import typer

from summdiff import __version__

FORMAT = "summdiff.doctor/1"

# What each extra brings, in the words of its users. tests/cli/test_doctor.py holds it to pyproject.toml.
EXTRAS = {
    "web": "`summdiff serve`, the studio in the browser",
    "plot": "the formats png and svg, and Summary.plot()",
    "export": "the formats otio, edl and fcp7xml, for editors",
    "data": "`summdiff evaluate` and `summdiff data`",
    "train": "`summdiff train`, `crossval`, `reproduce`, `recipes` and `export-graphs`",
    "backbones": "the backbones inception_v3, inception_v3_yt8m, googlenet_pool5 and timm:<model>",
    "ray": "`--engine ray`, archives on several machines",
    "bench": "`make bench`, the alternatives that speed is compared with",
    "browser": "tests, benchmarks and pictures of the studio in a real browser",
    "docs": "`make docs`, the documentation as a site",
    "audit": "`make audit`, known weaknesses of the dependencies and of the code",
    "dev": "`make test`, `make lint`, `make coverage` and `make mutants`",
}
# Dependencies without which summaries are still made, and what goes without them.
_ONLY_FOR = {
    "jinja2": "the format html",
    "pillow": "the formats html, sheet, gif and webp, and the studio",
}
# FFmpeg's decoders and encoders by the names that people know, in the order of how often videos need them.
_READS = {
    "H.264": "h264", "HEVC": "hevc", "VP9": "vp9", "AV1": "libdav1d", "VP8": "vp8", "MPEG-4": "mpeg4",
    "MPEG-2": "mpeg2video", "ProRes": "prores", "DNxHD": "dnxhd", "MJPEG": "mjpeg", "WMV": "wmv3", "Theora": "theora",
}  # fmt: skip
_WRITES = {"pictures, H.264": "libx264", "sound, AAC": "aac", "subtitles": "mov_text"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON, for other programs.")] = False,
) -> None:
    """Say what is installed, what is missing for what, and what this machine offers.

    The exit code is 1 only where no summary can be made; missing extras are no fault.
    """
    found = examine()
    if as_json:
        print(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        print("\n".join(_lines(found)))
    if found["problems"]:
        raise typer.Exit(1)


def examine() -> dict[str, Any]:
    """All that is found, of the format `summdiff.doctor/1`; `problems` holds a sentence for each thing in the way."""
    problems: list[str] = []
    packages = _packages(problems)
    found = {
        "format": FORMAT,
        "summdiff": __version__,
        "python": {
            "version": platform.python_version(),
            "implementation": platform.python_implementation(),
            "platform": platform.platform(),
        },
        "packages": packages,
        "extras": _extras(packages),
        "video": _video(problems),
        "onnxruntime": _onnxruntime(problems),
        "torch": _torch(),
        "backbone": _backbone(problems),
        "model": _model(problems),
        "cache": _cache(),
        "data": _data(),
    }
    return {**found, "can_summarize": not problems, "problems": problems}


def _packages(problems: list[str]) -> dict[str, dict[str, Any]]:
    """Each direct dependency: `installed` (None if it is not), `allowed`, `state`, `extras` (empty: always needed)."""
    from packaging.requirements import Requirement

    try:
        wanted = importlib.metadata.requires("summdiff") or []
    except importlib.metadata.PackageNotFoundError:
        # Its source is run as it lies: what it needs shows when it is loaded below.
        return {}
    packages: dict[str, dict[str, Any]] = {}
    for requirement in map(Requirement, wanted):
        if requirement.name == "summdiff":  # an extra made of others, whose packages are listed by themselves
            continue
        extras = [extra for extra in EXTRAS if requirement.marker and requirement.marker.evaluate({"extra": extra})]
        if requirement.marker and not extras:
            continue  # for another system or Python
        if requirement.name in packages:
            packages[requirement.name]["extras"] += extras
            continue
        version = _version_of(requirement.name)
        if version is None:
            state = "missing"
        else:
            state = "ok" if requirement.specifier.contains(version, prereleases=True) else "wrong version"
        packages[requirement.name] = {
            "installed": version, "allowed": str(requirement.specifier), "state": state, "extras": extras,
        }  # fmt: skip
    for name, package in packages.items():
        if package["state"] == "missing" and not package["extras"] and name not in _ONLY_FOR:
            problems.append(f"{name} is missing: install it with `pip install '{name}{package['allowed']}'`.")
    return packages


def _version_of(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _extras(packages: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Each extra: what it `brings`, whether it is `installed`, what is `missing` of it, and the `command` to get it."""
    extras = {}
    for extra, brings in EXTRAS.items():
        parts = {name: package for name, package in packages.items() if extra in package["extras"]}
        if not parts:  # an older version is installed than the one that runs
            continue
        missing = [name for name, package in parts.items() if package["state"] != "ok"]
        extras[extra] = {
            "brings": brings,
            "installed": not missing,
            "missing": missing,
            "command": f"pip install 'summdiff[{extra}]'",
        }
    return extras


def _video(problems: list[str]) -> dict[str, Any]:
    """PyAV, its FFmpeg, and the codecs that matter."""
    try:
        import av
        from av.codec import codecs_available
    except (ImportError, OSError) as error:
        problems.append(_broken("av", error))
        return {}
    writes = {label: name in codecs_available for label, name in _WRITES.items()}
    problems += [
        f"FFmpeg cannot write {label} ({_WRITES[label]}): install av from its wheel, which brings it, with "
        "`pip install --force-reinstall av`."
        for label, there in writes.items()
        if not there
    ]
    return {
        "av": av.__version__,
        "libraries": {name: ".".join(map(str, version)) for name, version in av.library_versions.items()},
        "reads": {label: name in codecs_available for label, name in _READS.items()},
        "writes": writes,
    }


def _onnxruntime(problems: list[str]) -> dict[str, Any]:
    try:
        import onnxruntime
    except (ImportError, OSError) as error:
        problems.append(_broken("onnxruntime", error))
        return {}
    from summdiff._runtime import threads_asked, usable_cores

    return {
        "version": onnxruntime.__version__,
        "threads": threads_asked() or usable_cores(),
        "providers": onnxruntime.get_available_providers(),
    }


def _torch() -> dict[str, Any]:
    """PyTorch, which only training needs; empty where it is not installed or does not load."""
    try:
        from summdiff.research.devices import describe_torch
    except (ImportError, OSError):
        return {}
    return describe_torch()


def _backbone(problems: list[str]) -> dict[str, Any]:
    """The default backbone's weights, which are read and checked."""
    from summdiff.errors import BackboneError
    from summdiff.options import DEFAULT_BACKBONE

    try:
        from summdiff.features.backbones.efficientnet_lite0 import GRAPH_SHA256, verified_graph

        graph = verified_graph()
    except BackboneError as error:
        problems.append(str(error))
        return {"id": DEFAULT_BACKBONE}
    except (ImportError, OSError):  # said of numpy already
        return {"id": DEFAULT_BACKBONE}
    return {"id": DEFAULT_BACKBONE, "weights": str(graph), "sha256": GRAPH_SHA256}


def _model(problems: list[str]) -> dict[str, Any]:
    """The model that ships, which is loaded, and what its card says in short."""
    from summdiff.errors import ModelError
    from summdiff.options import DEFAULT_MODEL

    try:
        from summdiff.scoring import load_model

        model = load_model(DEFAULT_MODEL)
    except ModelError as error:
        problems.append(str(error))
        return {"id": DEFAULT_MODEL}
    except (ImportError, OSError):  # said of onnxruntime already
        return {"id": DEFAULT_MODEL}
    videos: dict[str, int] = {}
    for name in model.provenance["trained_on"]:  # tvsum/video_1
        kind = name.partition("/")[0]
        videos[kind] = videos.get(kind, 0) + 1
    return {
        "id": DEFAULT_MODEL,
        "step_seconds": model.config.step_seconds,
        "trained_with": model.provenance["summdiff"],
        "trained_on": videos,
        "card": "docs/default-model.md",
    }


def _cache() -> dict[str, Any]:
    """Where features are kept, how much lies there, and whether more can be written."""
    from summdiff.features.cache import default_directory

    folder = default_directory()
    try:
        sizes = [path.stat().st_size for path in folder.glob("*.features")]
    except OSError:
        sizes = []
    there = next((part for part in (folder, *folder.parents) if part.exists()), folder)
    writable = there.is_dir() and os.access(there, os.W_OK | os.X_OK)
    return {"folder": str(folder), "entries": len(sizes), "bytes": sum(sizes), "writable": writable}


def _data() -> dict[str, Any]:
    """The annotated data sets in $SUMMDIFF_DATA; a file that cannot be read says why."""
    from summdiff.errors import SummdiffError

    folder = os.environ.get("SUMMDIFF_DATA")
    if not folder:
        return {"folder": None, "sets": []}
    sets: list[dict[str, Any]] = []
    for path in sorted(Path(folder).glob("*.h5")):
        try:
            from summdiff.data.registry import open_dataset

            with open_dataset(path) as data:
                sets.append({"file": path.name, "kind": data.kind, "videos": len(data)})
        except (SummdiffError, ImportError) as error:
            sets.append({"file": path.name, "problem": str(error)})
    return {"folder": folder, "sets": sets}


def _broken(name: str, error: Exception) -> str:
    reason = str(error).strip().splitlines()[0].rstrip(".")
    return f"{name} cannot be loaded ({reason}): install it with `pip install --force-reinstall {name}`."


def _lines(found: dict[str, Any]) -> list[str]:
    """The same for people."""
    python, video, runtime, torch = found["python"], found["video"], found["onnxruntime"], found["torch"]
    lines = [
        f"summdiff {found['summdiff']}, {python['implementation']} {python['version']}, {python['platform']}",
        "",
        "Summaries can be made." if found["can_summarize"] else "No summary can be made:",
        *(f"  {problem}" for problem in found["problems"]),
    ]
    if video:
        absent = [label for label, there in video["reads"].items() if not there]
        lines += [
            _row("video", f"av {video['av']} with FFmpeg's libavcodec {video['libraries'].get('libavcodec', '?')}"),
            _row("reads", ", ".join(label for label, there in video["reads"].items() if there) + " and more"),
            *([_row("cannot read", ", ".join(absent))] if absent else []),
            _row("writes", "; ".join(label for label, there in video["writes"].items() if there)),
        ]
    if runtime:
        lines.append(_row("computing", f"onnxruntime {runtime['version']}, {_count(runtime['threads'], 'thread')}"))
        lines.append(_row("devices", _devices(runtime["providers"])))
    if torch:
        seen = ", ".join(torch["accelerators"]) or "no accelerator"
        lines.append(_row("training", f"torch {torch['version']}, {seen}"))
    if "sha256" in found["backbone"]:
        lines.append(_row("backbone", f"{found['backbone']['id']}, weights whole"))
    if "card" in found["model"]:
        model = found["model"]
        sets = " and ".join(f"{_count(videos, 'video')} of {kind}" for kind, videos in model["trained_on"].items())
        lines.append(_row("model", f"{model['id']}, trained on {sets}; {model['card']}"))
    cache = found["cache"]
    state = f"{_count(cache['entries'], 'video')}, {cache['bytes'] / 1e6:.1f} MB"
    lines.append(
        _row("cache", f"{cache['folder']}, {state if cache['writable'] else 'cannot be written, so not used'}")
    )
    for name, package in found["packages"].items():
        if package["extras"] or package["state"] == "ok":
            continue
        what = f" (for {_ONLY_FOR[name]})" if name in _ONLY_FOR else ""
        have = f"is {package['installed']}, tested is {package['allowed']}" if package["installed"] else "is missing"
        lines.append(_row("look here", f"{name} {have}{what}: pip install '{name}{package['allowed']}'"))
    lines += ["", "Extras"] if found["packages"] else ["", "summdiff is not installed, so its extras are not known."]
    for extra, facts in found["extras"].items() if found["packages"] else ():
        lines.append(_row(extra, f"{'installed' if facts['installed'] else 'not here '}  {facts['brings']}"))
        if not facts["installed"]:
            lines.append(_row("", f"           {facts['command']}  (lacks {', '.join(facts['missing'])})"))
    data = found["data"]
    lines += ["", f"Data sets in {data['folder']}" if data["folder"] else "Data sets: $SUMMDIFF_DATA names no folder."]
    if data["folder"] and not data["sets"]:
        lines.append("  none: no .h5 file lies there")
    for part in data["sets"]:
        what = part["problem"] if "problem" in part else f"{_count(part['videos'], 'video')}, {part['kind']}"
        lines.append(f"  {part['file']}: {what}")
    return lines


def _devices(providers: list[str]) -> str:
    """Say where summaries can be computed, by ONNX Runtime's providers."""
    if "CUDAExecutionProvider" in providers:
        return "cpu, cuda (`--device cuda` looks and scores there; pictures are decoded on the processor)"
    return "cpu (for `--device cuda`, put onnxruntime-gpu in the place of onnxruntime)"


def _row(label: str, text: str) -> str:
    return f"  {label:<13} {text}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + "s" * (number != 1)
