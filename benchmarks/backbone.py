"""Compare ways to run EfficientNet-Lite0 on a CPU: speed, speed beside a decoder, and time to the first features.

    python benchmarks/backbone.py [--video VIDEO] [--pictures 48] [--rounds 7] [--threads 2] [--json FILE]

All ways run in turns in one process, in a new order each round; the table has medians over the rounds. Every way must
give the features of the plain PyTorch network, otherwise nothing is printed. With --video, another thread decodes the
file at the same time, as in the product. The time to the first features is measured from the start of a new process.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Thread

import av
import numpy as np
import onnx
import onnxruntime
import torch
from onnx import helper
from rows import Row, write
from torch import nn
from torch.nn.utils import fuse_conv_bn_eval

from summdiff.features.backbones.efficientnet_lite0 import SIZE

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "scripts"
sys.path[:0] = [str(ROOT / "tests" / "features"), str(SCRIPTS)]
from make_backbone import build_graph, read_weights, weights_path
from pictures import textures
from torch_efficientnet_lite0 import TorchEfficientNetLite0, published

Extractor = Callable[[np.ndarray], np.ndarray]

START_UP = {
    # What the product does.
    "graph as a file": "from summdiff.features import load_backbone; backbone = load_backbone(threads=THREADS)",
    # The same network built from the published weights each time.
    "graph from weights": (
        "import sys; sys.path.insert(0, SCRIPTS)\n"
        "from make_backbone import build_graph, read_weights\n"
        "from summdiff._runtime import inference_session\n"
        "session = inference_session(build_graph(read_weights()), threads=THREADS)\n"
        "backbone = lambda images: session.run(None, {'images': images[:, 16:-16, 16:-16]})[0]"
    ),
}


def torch_way(network: Callable[[torch.Tensor], torch.Tensor]) -> Extractor:
    def extract(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return network(torch.from_numpy(images)).numpy()

    return extract


def fold(network: TorchEfficientNetLite0) -> TorchEfficientNetLite0:
    """Fold each batch normalization into the preceding convolution."""
    for part in network.modules():
        for convolution, norm in (
            ("_conv_stem", "_bn0"),
            ("_expand_conv", "_bn0"),
            ("_depthwise_conv", "_bn1"),
            ("_project_conv", "_bn2"),
            ("_conv_head", "_bn1"),
        ):
            if hasattr(part, convolution):
                setattr(part, convolution, fuse_conv_bn_eval(getattr(part, convolution), getattr(part, norm)))
                setattr(part, norm, nn.Identity())
    return network


def onnx_way(graph: bytes, *, threads: int, spinning: bool) -> Extractor:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    (image,) = session.get_inputs()

    def extract(images: np.ndarray) -> np.ndarray:
        return session.run(None, {image.name: images})[0]

    return extract


def side_by_side(extract: Extractor, workers: int, batch: int) -> Extractor:
    """Return a way that computes batches in several threads; what the product does."""
    pool = ThreadPoolExecutor(workers)

    def whole(images: np.ndarray) -> np.ndarray:
        batches = [images[start : start + batch] for start in range(0, len(images), batch)]
        return np.concatenate(list(pool.map(extract, batches)))

    return whole


def without_pixels(graph: bytes) -> bytes:
    """Return the graph without its input border, conversion and transposition: (B, 3, 225, 225) float32 in [0, 255]."""
    model = onnx.load_from_string(graph)
    pixels = model.graph.node[2].output[0]
    assert [node.op_type for node in model.graph.node[:3]] == ["Pad", "Cast", "Transpose"]
    del model.graph.node[:3], model.graph.input[:]
    shape = ["batch", 3, SIZE + 1, SIZE + 1]
    model.graph.input.append(helper.make_tensor_value_info(pixels, onnx.TensorProto.FLOAT, shape))
    return model.SerializeToString()


def with_numpy_pixels(extract: Extractor) -> Extractor:
    def whole(images: np.ndarray) -> np.ndarray:
        padded = np.pad(images, ((0, 0), (0, 1), (0, 1), (0, 0)), constant_values=127)
        return extract(np.ascontiguousarray(padded.transpose(0, 3, 1, 2), dtype=np.float32))

    return whole


def ways(threads: int) -> dict[str, tuple[Extractor, int]]:
    """Return by name a function that computes features of a batch, and the batch size."""
    path = str(weights_path())
    graph = build_graph(read_weights())
    eager = published(path)
    last = fold(published(path)).to(memory_format=torch.channels_last)
    example = torch.zeros(4, SIZE, SIZE, 3, dtype=torch.uint8)
    with torch.inference_mode():
        frozen = torch.jit.freeze(torch.jit.trace(published(path), example))
        optimised = torch.jit.optimize_for_inference(frozen)
        optimised(example), optimised(example)
    session = onnx_way(graph, threads=threads, spinning=False)
    found = {
        "torch eager, 4": (torch_way(eager), 4),
        "torch folded, channels last, 4": (torch_way(last), 4),
        "torch jit, frozen and optimised, 4": (torch_way(optimised), 4),
        "onnx, pixels in numpy, 4": (
            with_numpy_pixels(onnx_way(without_pixels(graph), threads=threads, spinning=False)),
            4,
        ),
        "onnx, spinning, 4": (onnx_way(graph, threads=threads, spinning=True), 4),
        "onnx, one thread, 4": (onnx_way(graph, threads=1, spinning=False), 4),
    }
    for size in (1, 2, 4):
        single = onnx_way(graph, threads=1, spinning=False)
        found[f"onnx, side by side, {size}"] = (side_by_side(single, threads, size), 16)
    return found | {f"onnx, {size}": (session, size) for size in (1, 2, 4, 8, 16, 48)}


def run(extract: Extractor, batch: int, images: np.ndarray) -> np.ndarray:
    return np.concatenate([extract(images[i : i + batch]) for i in range(0, len(images), batch)])


def seconds(work: Callable[[], object]) -> float:
    return spent(work)[0]


def spent(work: Callable[[], object]) -> tuple[float, float]:
    """Return wall-clock seconds, and CPU seconds of all cores."""
    began, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - used


def decode(video: Path) -> None:
    with av.open(str(video)) as container:
        container.streams.video[0].thread_type = "AUTO"
        for _ in container.decode(video=0):
            pass


def beside_decoder(extract: Extractor, batch: int, images: np.ndarray, video: Path) -> None:
    decoder = Thread(target=decode, args=(video,))
    decoder.start()
    run(extract, batch, images)
    decoder.join()


def first_features(code: str, threads: int) -> float:
    program = code.replace("THREADS", str(threads)).replace("SCRIPTS", repr(str(SCRIPTS))) + (
        "\nimport numpy as np; assert backbone(np.zeros((1, 256, 256, 3), np.uint8)).shape == (1, 1280)"
    )
    return seconds(partial(subprocess.run, [sys.executable, "-c", program], check=True))


def in_turns(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, np.ndarray]:
    """Return the median of each function's numbers over rounds that run them in a new order."""
    results: dict[str, list[object]] = {name: [] for name in works}
    generator = np.random.default_rng(0)
    for _ in range(rounds):
        for name in generator.permutation(list(works)).tolist():
            results[name].append(works[name]())
    return {name: np.median(values, axis=0) for name, values in results.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--video", type=Path)
    parser.add_argument("--pictures", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    images = textures(arguments.pictures, SIZE, SIZE)
    candidates = ways(arguments.threads)
    expected = run(*candidates["torch eager, 4"], images)
    for name, (extract, batch) in candidates.items():
        # This also warms each of them up.
        np.testing.assert_allclose(run(extract, batch, images), expected, atol=2e-4, err_msg=name)

    alone = in_turns(
        {name: partial(spent, partial(run, *way, images)) for name, way in candidates.items()}, arguments.rounds
    )
    print(f"{'way, pictures at once':<38}{'pictures/s':>12}{'core ms/picture':>18}")
    for name, (wall, cores) in sorted(alone.items(), key=lambda item: item[1][0]):
        print(f"{name:<38}{len(images) / wall:12.1f}{1000 * cores / len(images):18.2f}")

    if arguments.video is not None:
        names = ["onnx, side by side, 2", "onnx, 2", "onnx, spinning, 4", "onnx, one thread, 4"]
        both = in_turns(
            {
                name: partial(seconds, partial(beside_decoder, *candidates[name], images, arguments.video))
                for name in names
            }
            | {"decoding alone": partial(seconds, partial(decode, arguments.video))},
            arguments.rounds,
        )
        print(f"\n{f'{len(images)} pictures while {arguments.video.name} is decoded':<50}{'seconds':>12}")
        for name, value in both.items():
            print(f"{name:<50}{value:12.2f}")

    starts = in_turns(
        {name: partial(first_features, code, arguments.threads) for name, code in START_UP.items()}, arguments.rounds
    )
    print(f"\n{'from the start of a process to the first features':<50}{'seconds':>12}")
    for name, value in starts.items():
        print(f"{name:<50}{value:12.2f}")

    best = max((name for name in alone if name.startswith("onnx, ")), key=lambda name: -alone[name][0])
    eager, ours = float(alone["torch eager, 4"][0]), float(alone["onnx, side by side, 2"][0])
    numbers = {"eager, pictures/s": len(images) / eager, "ours, pictures/s": len(images) / ours}
    write(
        arguments.json,
        [
            Row(
                f"backbone, {arguments.threads} threads", "the same weights in eager torch", eager / ours, 4.0,
                bound=f"convolutions; of all ways tried '{best}' is the fastest, {eager / alone[best][0]:.2f}",
                numbers=numbers,
            )
        ],
    )  # fmt: skip


if __name__ == "__main__":
    main()
