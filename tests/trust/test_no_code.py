"""No file of the package evaluates code, starts a program, or reads a file past the checks for those of strangers."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "src" / "summdiff"
FORBIDDEN = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_CALLS = {
    "os": {"system", "popen", "execv", "execve", "execvp", "spawnl", "spawnv", "startfile"},
    "pickle": {"load", "loads", "Unpickler"},
    "marshal": {"load", "loads"},
    "shelve": {"open"},
    "yaml": {"load", "load_all", "unsafe_load", "full_load"},
}
FORBIDDEN_IMPORTS = {"subprocess", "dill", "cloudpickle", "joblib", "marshal", "shelve", "pty"}
# What may be imported only to name its errors, or to open a browser.
NEEDED = {"torch.load": "weights_only", "np.load": "allow_pickle"}


def faults(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [str(node.module)]
            yield from (f"imports {name}" for name in names if name.split(".")[0] in FORBIDDEN_IMPORTS)
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name) and called.id in FORBIDDEN:
            yield f"calls {called.id}"
        if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
            if called.attr in FORBIDDEN_CALLS.get(called.value.id, ()):
                yield f"calls {called.value.id}.{called.attr}"
            keyword = NEEDED.get(f"{called.value.id}.{called.attr}")
            given = {word.arg: word.value for word in node.keywords}
            if keyword is not None:
                value = given.get(keyword)
                if not (isinstance(value, ast.Constant) and value.value is (keyword == "weights_only")):
                    yield f"calls {called.value.id}.{called.attr} without {keyword}"
        if any(word.arg == "shell" for word in node.keywords):
            yield "starts a shell"


# Modules that read files without `summdiff._untrusted`: parts of the package, of the system, or written just before.
OWN_FILES = {
    "_runtime.py", "atomic.py", "cli/_inputs.py", "cli/recipes.py", "export/_pages.py",
    "research/reproduce/table_plans.py", "web/_studio.py",
}  # fmt: skip


def test_files_of_strangers_are_read_in_one_place():
    """Files are read by `_untrusted` alone: a path may lead to a device, a FIFO or a terabyte of zeros."""
    reading = {"read_text", "read_bytes", "load"}
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in reading:
                of = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
                if node.func.attr != "load" or of in ("np", "json"):
                    found.add(str(path.relative_to(PACKAGE)))
    assert found - {"_untrusted.py"} == OWN_FILES


def test_no_file_of_the_package_runs_code():
    paths = sorted(PACKAGE.rglob("*.py"))
    found = [f"{path}: {fault}" for path in paths for fault in faults(ast.parse(path.read_text(encoding="utf-8")))]
    assert paths
    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        "eval('1')",
        "import subprocess",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "yaml.load(text)",
        "pickle.loads(x)",
        "os.system('true')",
        "run(x, shell=True)",
    ],
)
def test_code_that_evaluates_or_starts_something_is_found(code):
    assert list(faults(ast.parse(code)))
