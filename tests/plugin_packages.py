"""Small packages with entry points, as pip would install them."""

import sys


def install_plugin(monkeypatch, folder, package, entries, source):
    """Make a package importable until the test ends: a module `<package>_module`, and its entry points.

    Args:
        monkeypatch: pytest's fixture.
        folder: an empty folder for all packages of a test.
        package: name of the package.
        entries: text of its `entry_points.txt`.
        source: text of its module.
    """
    root = folder / package
    info = root / f"{package}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entries)
    (root / f"{package}_module.py").write_text(source)
    monkeypatch.syspath_prepend(root)
    monkeypatch.delitem(sys.modules, f"{package}_module", raising=False)
