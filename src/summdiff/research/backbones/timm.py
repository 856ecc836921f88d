"""Any image network of the library timm, with the preprocessing that timm publishes for it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from summdiff.errors import BackboneError
from summdiff.features import check_images
from summdiff.research.backbones._torch_network import (
    cannot_fetch,
    compute,
    content_hash,
    load_weights,
    missing_library,
    read_state_dict,
)
from summdiff.research.devices import find_device

if TYPE_CHECKING:
    from numpy.typing import NDArray


class TimmModel:
    """A `summdiff.features.Backbone` that runs a model of timm.

    The model has no classifier (num_classes=0); D is the length of its pooled features. Mean, standard deviation, size,
    cropping and interpolation follow the model's configuration.

    Args:
        model: name of a model in timm, for example "vit_small_patch14_dinov2.lvd142m".
        weights: a file with timm's state dict for it; None lets timm fetch it.
        threads: threads to compute with; None for PyTorch's setting.
        device: where to compute, see `summdiff._runtime.inference_session`.

    Raises:
        BackboneError: timm, the model or its weights are missing, or the weights do not fit.
    """

    takes_model = True
    options = ("weights",)

    def __init__(
        self, model: str, *, weights: str | Path | None = None, threads: int | None = None, device: str = "cpu"
    ) -> None:
        name = f"timm:{model}"
        try:
            import timm
            import timm.data
        except (ImportError, RuntimeError, OSError) as error:
            raise missing_library(name, "timm", error) from error
        if not timm.is_model(model):
            raise BackboneError(f"The library timm has no model '{model}'; \"timm.list_models()\" gives their names.")
        # timm raises many kinds of errors (network, proxy, disk, no published weights).
        try:
            network = timm.create_model(model, pretrained=weights is None, num_classes=0)
        except Exception as error:
            if weights is None:
                raise cannot_fetch(name, error) from error
            raise BackboneError(f"The library timm cannot make the model '{model}': {error}.") from error
        if weights is not None:
            state = read_state_dict(Path(weights))
            load_weights(network, state, unused=_classifiers(network), source=f"'{weights}'")
        network.eval().requires_grad_(False)
        self._network: nn.Module = network
        self._threads = threads

        config: dict[str, Any] = timm.data.resolve_model_data_config(network)
        self._transform = timm.data.create_transform(**config, is_training=False)
        # timm scales the image to this size before it crops.
        self.short_side = math.floor(max(config["input_size"][1:]) / config["crop_pct"])
        self.id = f"{name}-{content_hash(network, *(f'{key}={config[key]}' for key in sorted(config)))}"

        blank = np.zeros((1, self.short_side, self.short_side, 3), dtype=np.uint8)
        with torch.inference_mode():
            shape = tuple(network(self._prepare(blank)).shape)
        if len(shape) != 2:
            raise BackboneError(f"The model '{model}' gives features of shape {shape[1:]}, not one vector per image.")
        self.dimension = shape[1]
        network.to(find_device(device))

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(B, H, W, 3) uint8 RGB with a shorter side of `short_side` -> (B, D) float32."""
        check_images(images, short_side=self.short_side)
        return compute(self._network, images, self._prepare, dimension=self.dimension, threads=self._threads)

    def _prepare(self, images: NDArray[np.uint8]) -> Tensor:
        return torch.stack([self._transform(Image.fromarray(image)) for image in images])


def _classifiers(network: nn.Module) -> tuple[str, ...]:
    """Return the names of a timm model's classifier modules, which its published weights contain."""
    config: Any = network.pretrained_cfg
    names = config.get("classifier") or ()
    return (names,) if isinstance(names, str) else tuple(names)


BACKBONE = TimmModel
