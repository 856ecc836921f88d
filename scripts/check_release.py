"""Build the release and use it as a stranger would: results/trust/release.json and .md.

    python scripts/check_release.py [--only wheel,sdist,lowest,image,clone]

- clone: `git clone` of the last commit, then `make demo` with a clip, timed from the clone to the first summary.
- wheel: the wheel in an empty environment with the newest allowed versions; without extras, then with each alone.
- sdist: a wheel built from the sdist, in the same environment.
- lowest: the lowest allowed version of each direct dependency.
- image: the Dockerfile's steps without Docker: installed from the files that .dockerignore lets in, pip removed, used
  by an unprivileged user.

Everything happens in a temporary folder, one environment at a time, and is removed. Extras that need torch get the
version in constraints.txt, whose CPU build is available. Parts that were not asked for keep their last result.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results" / "trust"
SMOKE = ROOT / "scripts" / "smoke.py"
PARTS = ("wheel", "sdist", "lowest", "image", "clone")
EXTRAS = ("web", "export", "plot", "data", "train", "ray", "browser", "bench", "docs", "audit", "dev")
WITH_TORCH = {"train", "dev"}
USERS_EXTRAS = EXTRAS[:6]  # the others are for work on the package, with versions of constraints.txt
IMAGE_EXTRAS = ("web", "export", "plot")  # as the Dockerfile names them
SKIPPED_EXTRAS = {
    "backbones": "torchvision of the package index does not fit a CPU build of torch; `make test-backbones` tests it",
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def torch_pin() -> str:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if line.startswith("torch=="))


def run(*words: object, cwd: Path, user: int | None = None) -> str:
    """Return the output of a command, run without variables that lead back to this repository or its environment."""
    strange = {"PYTHONPATH", "VIRTUAL_ENV", "SUMMDIFF_DATA", "SUMMDIFF_CACHE", "MAKEFLAGS", "MFLAGS", "MAKELEVEL"}
    environment = {name: value for name, value in os.environ.items() if name not in strange}
    result = subprocess.run(
        [str(word) for word in words], cwd=cwd, env=environment, timeout=1800, check=False, user=user,
        capture_output=True, text=True,
    )  # fmt: skip
    if result.returncode:
        shown = "\n".join((result.stdout + result.stderr).splitlines()[-40:])
        raise SystemExit(f"{' '.join(str(word) for word in words)} left with {result.returncode}:\n{shown}")
    return result.stdout


class Environment:
    """A virtual environment in a folder."""

    def __init__(self, folder: Path, python: str = sys.executable) -> None:
        self.folder = folder
        run(python, "-m", "venv", folder, cwd=folder.parent)
        self.python = folder / "bin" / "python"

    def pip(self, *words: object) -> str:
        quiet = ("--quiet", "--disable-pip-version-check")
        return run(self.python, "-m", "pip", *words[:1], *quiet, *words[1:], cwd=self.folder)

    def installed(self) -> set[str]:
        return set(self.pip("freeze").splitlines())

    def smoke(self, *extras: str, user: int | None = None) -> list[str]:
        with tempfile.TemporaryDirectory(dir=self.folder.parent) as folder:
            if user is not None:
                os.chown(folder, user, -1)
            script = shutil.copy(SMOKE, folder)
            return run(self.python, script, folder, *extras, cwd=Path(folder), user=user).splitlines()


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def check_clone(place: Path) -> dict[str, Any]:
    """Time the way from the clone to the first summary, by the README's commands."""
    clip = place / "clip.mp4"
    run(sys.executable, "-c", f"import sys; sys.path.insert(0, {str(SMOKE.parent)!r}); import smoke, pathlib; "
        f"smoke.make_clip(pathlib.Path({str(clip)!r}))", cwd=place)  # fmt: skip
    start = time.perf_counter()
    run("git", "clone", "--quiet", "--no-hardlinks", ROOT, place / "summdiff", cwd=place)
    cloned = time.perf_counter() - start
    run("make", "demo", f"VIDEO={clip}", cwd=place / "summdiff")
    total = time.perf_counter() - start
    (summary,) = (place / "summdiff" / "demo").glob("*.summary.mp4")
    return {
        "commit": run("git", "rev-parse", "HEAD", cwd=place / "summdiff").strip(),
        "clone_seconds": round(cloned, 1),
        "clone_to_first_summary_seconds": round(total, 1),
        "environment_bytes": size(place / "summdiff" / ".venv"),
        "clone_bytes": size(place / "summdiff" / ".git"),
        "summary_bytes": summary.stat().st_size,
    }


def check_wheel(place: Path, wheel: Path) -> tuple[dict[str, Any], Environment]:
    """Check the wheel alone, then with each extra alone; an extra's packages are removed before the next."""
    environment = Environment(place / "newest")
    empty = size(environment.folder)
    environment.pip("install", wheel)
    alone = environment.installed()
    result: dict[str, Any] = {
        "wheel_bytes": wheel.stat().st_size,
        "environment_bytes": size(environment.folder),
        "of_which_venv_bytes": empty,
        "packages": len(alone),
        "smoke": {"no extra": environment.smoke()},
        "extra_bytes": {},
        "replaced": {},  # by what an extra for work on the package asks for in another version
    }
    before = size(environment.folder)
    for extra in EXTRAS:
        environment.pip("install", f"{wheel}[{extra}]", *([torch_pin()] if extra in WITH_TORCH else []))
        result["extra_bytes"][extra] = size(environment.folder) - before
        result["smoke"][extra] = environment.smoke(extra)
        there = environment.installed()
        if others := sorted(alone - there):
            if extra in USERS_EXTRAS:
                raise SystemExit(f"[{extra}] changed what was there before it: {', '.join(others)}.")
            result["replaced"][extra] = [line for line in sorted(there) if _name(line) in set(map(_name, others))]
        environment.pip("uninstall", "--yes", *({_name(line) for line in there} - {_name(line) for line in alone}))
        if others:
            environment.pip("install", *others)
        if environment.installed() != alone:
            raise SystemExit(f"What was there before [{extra}] is not there after it.")
    return result, environment


def _name(line: str) -> str:
    """Return a package's name from a line of `pip freeze`."""
    return re.split("==| @ ", line, maxsplit=1)[0]


def lowest() -> dict[str, dict[str, str]]:
    """Return the lowest allowed version of each direct dependency, by extra ("" is none), without torch."""
    from packaging.requirements import Requirement

    groups = {"": PROJECT["dependencies"], **{e: PROJECT["optional-dependencies"][e] for e in USERS_EXTRAS}}
    found: dict[str, dict[str, str]] = {}
    for extra, requirements in groups.items():
        for requirement in map(Requirement, requirements):
            bounds = [part.version for part in requirement.specifier if part.operator == ">="]
            if requirement.name != "torch":
                found.setdefault(extra, {})[requirement.name] = bounds[0]
    return found


def check_lowest(place: Path, wheel: Path) -> dict[str, Any]:
    environment = Environment(place / "lowest")
    pins = [f"{name}=={version}" for group in lowest().values() for name, version in group.items()]
    environment.pip("install", f"{wheel}[{','.join(USERS_EXTRAS)}]", torch_pin(), *pins)
    installed = dict(line.split("==", 1) for line in environment.installed() if "==" in line)
    return {
        "asked": pins,
        "torch": torch_pin(),
        "smoke": environment.smoke(*USERS_EXTRAS),
        "packages": len(installed),
    }


def unprivileged() -> tuple[str, int | None]:
    """Return a Python that everybody may run and a user without privileges; None for the current user."""
    if os.geteuid():
        return sys.executable, None
    for python in (sys.executable, "/usr/bin/python3"):
        path = Path(python).resolve()
        if path.exists() and all(part.stat().st_mode & 0o001 for part in (path, *path.parents)):
            return python, 65534
    raise SystemExit("No Python here can be run by others than root.")


def check_image(place: Path) -> dict[str, Any]:
    """Run the Dockerfile's steps in a separate environment."""
    source = place / "source"
    source.mkdir()
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        if line.startswith("!"):
            name = line[1:]
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, source / name)
    python, nobody = unprivileged()
    environment = Environment(place / "image", python)
    environment.pip("install", f"{source}[{','.join(IMAGE_EXTRAS)}]", "--constraint", source / "constraints.txt")
    environment.pip("uninstall", "--yes", "pip", "setuptools")
    shutil.rmtree(source)
    return {
        "environment_bytes": size(environment.folder),
        "user": nobody if nobody is not None else os.geteuid(),
        "smoke": environment.smoke(*IMAGE_EXTRAS, user=nobody),
    }


def build(place: Path) -> tuple[Path, Path]:
    """Build an sdist and a wheel from it, as `python -m build` does; return (wheel, sdist)."""
    run(sys.executable, "-m", "build", "--outdir", place / "dist", ROOT, cwd=place)
    (wheel,), (sdist,) = (place / "dist").glob("*.whl"), (place / "dist").glob("*.tar.gz")
    return wheel, sdist


def table(result: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    lines = ["# The release, as strangers meet it", "", "Written by `make check-release`.", "", "| | |", "|---|---|"]

    def row(label: str, value: object) -> None:
        lines.append(f"| {label} | {value} |")

    row("machine", result["machine"])
    row("torch", f"`{result['torch']}`: the only CPU build that is to be had here, so no older one was tested")
    if clone := result.get("clone"):
        row("from `git clone` to the first summary, with `make demo VIDEO=clip.mp4`, packages in pip's cache",
            f"{clone['clone_to_first_summary_seconds']:.0f} s")  # fmt: skip
        row("its environment", megabytes(clone["environment_bytes"]))
    if wheel := result.get("wheel"):
        row("wheel", megabytes(wheel["wheel_bytes"]))
        row("environment of the wheel alone, newest allowed versions",
            f"{megabytes(wheel['environment_bytes'])}, {wheel['packages']} packages, no torch")  # fmt: skip
        for extra, more in wheel["extra_bytes"].items():
            row(f"what [{extra}] adds", megabytes(more))
        for extra, said in wheel["smoke"].items():
            others = [f"with `{line}`" for line in wheel["replaced"].get(extra, ())]
            row(f"smoke test, {extra if extra == 'no extra' else f'[{extra}] alone'}", "; ".join([*said, *others]))
    if sdist := result.get("sdist"):
        row("sdist", megabytes(sdist["sdist_bytes"]))
        row("smoke test, installed from the sdist", "; ".join(sdist["smoke"]))
    if low := result.get("lowest"):
        row("smoke test, lowest allowed versions", "; ".join(low["smoke"]))
        row("these are", ", ".join(f"`{pin}`" for pin in low["asked"]))
    if image := result.get("image"):
        row("the Dockerfile's steps, without Docker", f"environment of {megabytes(image['environment_bytes'])}")
        row(f"smoke test of it, by user {image['user']}, who is not root", "; ".join(image["smoke"]))
    for extra, why in SKIPPED_EXTRAS.items():
        row(f"[{extra}] is not tested here", why)
    return "\n".join(lines) + "\n"


def megabytes(number: float) -> str:
    return f"{number / 1e6:,.1f} MB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(PARTS), help="parts, separated by commas")
    asked = set(parser.parse_args().only.split(","))
    if not asked <= set(PARTS):
        parser.error(f"parts are {', '.join(PARTS)}")

    RESULTS.mkdir(parents=True, exist_ok=True)
    target = RESULTS / "release.json"
    result = json.loads(target.read_text(encoding="utf-8")) if target.exists() else {}
    result |= {
        "version": next(
            line.split('"')[1]
            for line in (ROOT / "src" / "summdiff" / "_version.py").read_text(encoding="utf-8").splitlines()
            if line.startswith("__version__")
        ),
        "machine": f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores, no GPU",
        "torch": torch_pin(),
        "not_tested": SKIPPED_EXTRAS,
    }

    def keep(said: str) -> None:
        """Store the results after each part, since a later part may fail."""
        target.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        target.with_suffix(".md").write_text(table(result), encoding="utf-8")
        print(said, flush=True)

    with tempfile.TemporaryDirectory(prefix="summdiff-release-") as folder:
        place = Path(folder)
        place.chmod(0o755)  # others than root look in, too
        if asked & {"wheel", "sdist", "lowest"}:
            wheel, sdist = build(place)
            print(f"built {wheel.name} and {sdist.name}", flush=True)
        if asked & {"wheel", "sdist"}:
            result["wheel"], environment = check_wheel(place, wheel)
            keep("wheel: works alone and with each extra")
            if "sdist" in asked:
                environment.pip("install", "--force-reinstall", "--no-deps", sdist)
                result["sdist"] = {"sdist_bytes": sdist.stat().st_size, "smoke": environment.smoke()}
                keep("sdist: works")
            shutil.rmtree(environment.folder)
        if "lowest" in asked:
            result["lowest"] = check_lowest(place, wheel)
            shutil.rmtree(place / "lowest")
            keep("lowest allowed versions: work")
        if "image" in asked:
            result["image"] = check_image(place)
            shutil.rmtree(place / "image")
            keep("image: its steps work, and not only for root")
        if "clone" in asked:
            result["clone"] = check_clone(place)
            keep("clone: its first summary is there")
    print(table(result))


if __name__ == "__main__":
    main()
