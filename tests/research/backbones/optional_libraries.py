"""Imports the libraries of the optional backbones, or skips the test."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

import pytest
import torch

# Holds the definitions below for as long as the tests run.
_OPERATORS: list[torch.library.Library] = []


def optional(library: str) -> ModuleType:
    """Import torchvision or timm; skip where it is missing.

    A torchvision built for CUDA does not import beside a torch for the CPU, as the declarations of two operators are
    in the part that fails to load. The networks need neither, so declaring them is enough.
    """
    try:
        return importlib.import_module(library)
    except ModuleNotFoundError as error:
        pytest.skip(f"{error.name} is not installed; pip install 'summdiff[backbones]'")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error) or _OPERATORS:
            raise
    for name in [name for name in sys.modules if name.split(".")[0] in {"torchvision", library}]:
        del sys.modules[name]
    operators = torch.library.Library("torchvision", "DEF")
    operators.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    operators.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _OPERATORS.append(operators)
    return importlib.import_module(library)
