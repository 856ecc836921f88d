"""The part of the package that needs torch: networks, training, the paper's tables, and torch backbones.

Nothing outside imports this package when it is imported itself: the verbs that need it load it when they are called.
"""

from __future__ import annotations

from importlib.util import find_spec

from summdiff.errors import UsageError


def require(what: str, *modules: str, extra: str) -> None:
    """Check that modules are installed.

    Raises:
        UsageError: one is missing; says how to get the extra that brings it.
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise UsageError(
            f"{what} needs {', '.join(missing)}: install what is missing with `pip install 'summdiff[{extra}]'`."
        )
