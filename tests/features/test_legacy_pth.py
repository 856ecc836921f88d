from __future__ import annotations

import io
import pickle

import numpy as np
import pytest
import torch

from summdiff.features.efficientnet_lite0 import weights_path
from summdiff.features.legacy_pth import read_legacy_pth


def saved(value: object) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=False)
    return file.getvalue()


def test_reads_the_shipped_weights_as_torch_does():
    expected = torch.load(weights_path(), map_location="cpu", weights_only=True)
    arrays = read_legacy_pth(weights_path().read_bytes())
    assert list(arrays) == list(expected)
    for name, tensor in expected.items():
        np.testing.assert_array_equal(arrays[name], tensor.numpy(), strict=True)


def test_follows_views_into_shared_storages():
    storage = torch.arange(24.0)
    state = {
        "whole": storage.view(4, 6),
        "transposed": storage.view(4, 6).T,
        "part": storage[5:11].view(2, 3),
        "steps": storage[1::7],
        "scalar": torch.tensor(3),
        "empty": torch.zeros(0, 4),
    }
    arrays = read_legacy_pth(saved(state))
    for name, tensor in state.items():
        np.testing.assert_array_equal(arrays[name], tensor.numpy(), strict=True)


class Danger:
    def __reduce__(self):
        return (print, ("code of the file was run",))


@pytest.mark.parametrize("value", [{"weight": Danger()}, {"weight": torch.zeros(2, dtype=torch.float16)}])
def test_unpickles_nothing_but_the_allowed_tensors(value, capsys):
    with pytest.raises(ValueError, match="has no place in a weights file"):
        read_legacy_pth(saved(value))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a pickle",
        pickle.dumps(1),
        saved({"a": torch.zeros(3)})[:-4],
        saved({"a": torch.zeros(3)})[:40],
        saved([torch.zeros(3)]),
        saved({"a": 1}),
    ],
    ids=["empty", "text", "number", "cut in the numbers", "cut in the header", "list", "no tensors"],
)
def test_other_content_is_refused(content):
    with pytest.raises(ValueError):
        read_legacy_pth(content)
