"""Functions shared by the PyTorch backbones: reading weights, hashing them, computing features."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors.torch import load
from torch import Tensor, nn

from summdiff._untrusted import Budget, open_regular, read_bytes
from summdiff.errors import BackboneError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BATCH = 8
_BUDGETS = 2  # that a file of weights may have


def import_torchvision(backbone: str) -> ModuleType:
    """Return torchvision.models; raises BackboneError with the command to install it."""
    # A torchvision built for another torch raises RuntimeError.
    try:
        import torchvision.models
    except (ImportError, RuntimeError, OSError) as error:
        raise missing_library(backbone, "torchvision", error) from error
    module: ModuleType = torchvision.models
    return module


def missing_library(backbone: str, library: str, error: Exception) -> BackboneError:
    """Return the error for a library that cannot be imported."""
    if isinstance(error, ModuleNotFoundError):
        missing = (error.name or library).partition(".")[0]
        return BackboneError(
            f"The backbone '{backbone}' needs {missing}: install it with `pip install 'summdiff[backbones]'`."
        )
    return BackboneError(
        f"The backbone '{backbone}' needs {library}, which cannot be imported with the installed torch "
        f"({_first_line(error)}): install torch and torchvision together from one index."
    )


def obtain_weights(
    backbone: str, path: str | Path | None, fetch: Callable[[], Mapping[str, Tensor]]
) -> Mapping[str, Tensor]:
    """Return the state dict in a file, or the published one if no file is given.

    Raises:
        BackboneError: the file is not a state dict, or the published one cannot be fetched.
    """
    if path is not None:
        return read_state_dict(Path(path))
    # Libraries raise many kinds of errors (network, proxy, disk, checksum).
    try:
        return fetch()
    except Exception as error:
        raise cannot_fetch(backbone, error) from error


def cannot_fetch(backbone: str, error: Exception) -> BackboneError:
    """Return the error for published weights that cannot be fetched."""
    return BackboneError(
        f"The weights of '{backbone}' cannot be fetched ({_first_line(error)}): "
        f"give a file with '{backbone}:weights=PATH'."
    )


def read_state_dict(path: Path) -> Mapping[str, Tensor]:
    """Read the tensors of a .safetensors file, or of a file from `torch.save`, without running code in it.

    Raises:
        BackboneError: the file is missing or has other content.
    """
    try:
        if path.suffix == ".safetensors":
            return load(read_bytes(path, most=_BUDGETS * Budget().most))
        with open_regular(path, most=_BUDGETS * Budget().most) as file:
            state = torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise BackboneError(f"The weights file '{path}' does not exist.") from error
    except Exception as error:  # the unpickler may raise anything for another kind of file
        raise BackboneError(f"'{path}' cannot be read as weights ({_first_line(error)}).") from error
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise BackboneError(f"'{path}' has no state dict (tensors by name).")
    return state


def load_weights(network: nn.Module, state: Mapping[str, Tensor], *, unused: Iterable[str], source: str) -> None:
    """Load weights into a network without classifiers and auxiliary heads.

    Args:
        network: the network.
        state: the weights, all that the network needs.
        unused: names of modules that only `state` may have.
        source: origin of `state`, for messages.

    Raises:
        BackboneError: a weight is missing, unknown or has another shape.
    """
    prefixes = tuple(f"{part}." for part in unused)
    kept = {name: tensor for name, tensor in state.items() if not name.startswith(prefixes)}
    own = network.state_dict()
    # Weights saved before PyTorch 0.4.1 lack these counters, which only training uses.
    missing = [name for name in own if name not in kept and not name.endswith("num_batches_tracked")]
    unknown = [name for name in kept if name not in own]
    other = [name for name, tensor in kept.items() if name in own and tensor.shape != own[name].shape]
    for names, fault in ((missing, "lack"), (unknown, "have an unknown"), (other, "have another shape of")):
        if names:
            raise BackboneError(
                f"The weights from {source} are those of another network: they {fault} '{names[0]}'"
                + (f" and {len(names) - 1} more." if len(names) > 1 else ".")
            )
    network.load_state_dict(kept, strict=False)


def content_hash(network: nn.Module, *facts: str) -> str:
    """Return twelve hex digits that identify a network's weights and further facts its features depend on."""
    digest = hashlib.sha256(repr(facts).encode())
    for name, tensor in sorted(network.state_dict().items()):
        if not name.endswith("num_batches_tracked"):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()[:12]


def compute(
    network: nn.Module,
    images: NDArray[np.uint8],
    prepare: Callable[[NDArray[np.uint8]], Tensor],
    *,
    dimension: int,
    threads: int | None,
) -> NDArray[np.float32]:
    """Run a network on images, a few at a time.

    Args:
        network: (b, 3, h, w) float -> (b, dimension), on any device.
        images: (B, H, W, 3) uint8.
        prepare: converts (b, H, W, 3) uint8 to the network's input.
        dimension: D.
        threads: threads to compute with; None for PyTorch's setting.

    Returns:
        (B, dimension) float32.
    """
    features = np.empty((len(images), dimension), dtype=np.float32)
    device = next(network.parameters()).device
    with torch.inference_mode(), _threads(threads):
        for start in range(0, len(images), _BATCH):
            features[start : start + _BATCH] = network(prepare(images[start : start + _BATCH]).to(device)).cpu().numpy()
    return features


def scaled_to_unit(images: NDArray[np.uint8]) -> Tensor:
    """Convert (b, h, w, 3) uint8 to (b, 3, h, w) float32 in [-1, 1], the input of the Inception family."""
    return torch.from_numpy(images.astype(np.float32, order="C")).permute(0, 3, 1, 2) / 127.5 - 1


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    # The setting belongs to the whole process, so restore it.
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
