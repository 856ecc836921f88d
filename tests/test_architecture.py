"""The direction of imports, and that the start stays light."""

import ast
import functools
import subprocess
import sys
from collections import defaultdict
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "summdiff"

# Each layer may import those before it (and, within a layer, nothing but itself, save where ALLOWED says so).
LAYERS = [
    {
        "_version",
        "_runtime",
        "_pool",
        "_plugins",
        "_untrusted",
        "errors",
        "atomic",
        "summary",
        "summary_json",
        "transcript",
        "options",
    },
    {"segmentation", "selection", "metrics"},
    {"video", "audio", "features", "scoring", "words", "data", "reselection", "exact_cuts"},
    {"evaluation", "_places", "_warnings"},
    {"pipeline", "export"},
    {"archive", "research"},
    {"cli", "web"},
    {"__init__", "__main__"},
]
LEVEL = {room: level for level, layer in enumerate(LAYERS) for room in layer}

# Rooms on the same level that one may look into, and why.
SAME_LEVEL = {
    ("_runtime", "errors"),
    ("_pool", "_runtime"),
    ("_pool", "errors"),
    ("_plugins", "errors"),
    ("_untrusted", "_runtime"),
    ("_untrusted", "errors"),
    ("summary", "errors"),
    ("summary", "summary_json"),  # Summary.to_json() and from_json() are short-cuts, imported when called
    ("summary_json", "_untrusted"),
    ("summary_json", "errors"),
    ("summary_json", "summary"),
    ("summary", "transcript"),
    ("summary_json", "transcript"),
    ("options", "errors"),
    ("options", "summary"),  # constraints are intervals
    ("atomic", "errors"),
    ("audio", "video"),  # the sound is decoded with the pictures
    ("exact_cuts", "video"),  # cuts are found in the pictures
    ("features", "audio"),  # and what was heard is kept with the features
    ("features", "video"),  # features are computed while a video is decoded
    ("words", "audio"),  # speech is recognized in the samples of the sound
    ("words", "video"),  # subtitles are read from the file
    ("data", "video"),  # data sets are made from videos, with features
    ("data", "features"),
    ("scoring", "features"),  # relational descriptors are the model's condition
    ("cli", "web"),  # `summdiff serve` starts the studio
    ("selection", "segmentation"),  # both compare steps by the same centered features
    ("metrics", "selection"),  # F1 is measured on what the knapsack chooses
}
# Exceptions to the direction, and why.
UPWARD = {
    ("summary", "export"),  # Summary.save() and Summary.plot() are short-cuts, imported when called
}
NEVER = {("research", "cli"), ("research", "web"), ("export", "scoring"), ("export", "features")}


@functools.cache
def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path):
    """Rooms of ours that a file imports, at its top or anywhere else."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [
                f"{node.module}.{alias.name}" if node.module == "summdiff" else str(node.module) for alias in node.names
            ]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "summdiff":
                yield parts[1] if len(parts) > 1 else "__init__"


def test_every_room_has_a_place():
    rooms = {
        p.stem if p.is_file() else p.name
        for p in PACKAGE.iterdir()
        if p.suffix == ".py" or (p / "__init__.py").exists()
    }
    assert rooms <= set(LEVEL), f"no layer for {rooms - set(LEVEL)}"


def faults(path):
    """Return a sentence for each import of a file against the layers."""
    inside = path.relative_to(PACKAGE)
    here = inside.parts[0].removesuffix(".py")
    for there in imports(path):
        if there == here or (here, there) in UPWARD | SAME_LEVEL:
            continue
        if (here, there) in NEVER:
            yield f"{inside} must never import {there}"
        elif LEVEL[there] >= LEVEL[here]:
            yield f"{inside} (level {LEVEL[here]}) imports {there} (level {LEVEL[there]})"


def test_imports_go_one_way():
    assert [fault for path in sorted(PACKAGE.rglob("*.py")) for fault in faults(path)] == []


def modules_imported(path):
    """First parts of the names of all modules that a file imports, at its top or anywhere else."""
    for node in ast.walk(tree(path)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
        yield from (name.partition(".")[0] for name in names)


def test_only_research_imports_torch_and_what_needs_it():
    needs_torch = {"torch", "onnx", "timm", "torchvision", "lightning_fabric"}
    core = [path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] != "research"]
    assert not [str(path.relative_to(PACKAGE)) for path in core if needs_torch & set(modules_imported(path))]


def test_the_core_loads_research_only_when_a_verb_or_backbone_asks_for_it():
    for path in PACKAGE.rglob("*.py"):
        if path.relative_to(PACKAGE).parts[0] == "research":
            continue
        top = [node for node in tree(path).body if isinstance(node, ast.ImportFrom)]
        loads = [node.module for node in top if str(node.module).startswith("summdiff.research")]
        assert not loads or path.relative_to(PACKAGE).parts[0] == "cli", f"{path} imports {loads}"


@pytest.mark.parametrize("code", ["import summdiff", "import summdiff.cli.app"])
def test_the_start_imports_nothing_heavy(code):
    heavy = {"torch", "av", "onnx", "onnxruntime", "matplotlib", "numpy", "h5py", "pydantic", "scipy"}
    check = f"{code}; import sys; print(*sorted(set(sys.modules) & {heavy!r}))"
    result = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert result.stdout.split() == []


def test_no_two_modules_and_no_two_public_classes_share_a_name():
    modules, classes = defaultdict(list), defaultdict(list)
    for path in PACKAGE.rglob("*.py"):
        name = str(path.relative_to(PACKAGE))
        # A module of the command line is named after its verb.
        if path.stem not in ("__init__", "__main__") and not name.startswith("cli/"):
            modules[path.stem].append(name)
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                classes[node.name].append(name)
    assert {name: places for name, places in (modules | classes).items() if len(places) > 1} == {}


def modules_needed(path, modules):
    """Modules of ours that a file imports, at its top, when called, or for type checkers alone."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom):
            for name in (f"{node.module}.{alias.name}" for alias in node.names):
                yield name if name in modules else str(node.module)


def test_modules_import_each_other_in_no_circle():
    modules = {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path for path in PACKAGE.rglob("*.py")}
    modules = {name.removesuffix(".__init__"): path for name, path in modules.items()}
    below = {name: set(modules_needed(path, modules)) & set(modules) - {name} for name, path in modules.items()}
    # Summary.save() and Summary.plot() import their writers when they are called.
    below["summdiff.summary"] -= {"summdiff.export", "summdiff.export.pictures", "summdiff.summary_json"}
    tuple(TopologicalSorter(below).static_order())  # raises CycleError


def test_no_module_hides_a_function_of_its_package():
    """Importing a module sets its name in the package, whatever had that name."""
    hidden = [
        f"{path.parent.name}.{node.name}"
        for path in PACKAGE.rglob("__init__.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
        if (path.parent / f"{node.name}.py").exists() or (path.parent / node.name).is_dir()
    ]
    assert hidden == []
