"""Pictures matched with texts by a tiny generated model of the form of CLIP: the real files, loaded for real.

Its vision graph gives the mean color, its text graph the sum of its tokens' colors; it knows four words.
"""

import json

import av
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from summdiff.errors import ModelError
from summdiff.pipeline import Summarizer
from summdiff.words._clip import PictureTextModel

WORDS = ["red", "lime", "blue", "a"]
SYMBOLS = sorted({letter for word in WORDS for letter in word} | {word[-1] + "</w>" for word in WORDS})


def tokenizer():
    """Byte-pair encoding that joins the letters of each word from its start."""
    vocabulary, merges = ["<|startoftext|>", "<|endoftext|>", *SYMBOLS], []
    for word in WORDS:
        letters = [*word[:-1], word[-1] + "</w>"]
        for k in range(1, len(letters)):
            merges.append(["".join(letters[:k]), letters[k]])
            vocabulary.append("".join(letters[: k + 1]))
    numbers = {token: number for number, token in enumerate(dict.fromkeys(vocabulary))}
    return {"model": {"type": "BPE", "vocab": numbers, "merges": [" ".join(pair) for pair in merges]}}


def save_graph(path, nodes, inputs, output, constants):
    graph = helper.make_graph(nodes, "tiny", inputs, [output], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clip")
    (folder / "onnx").mkdir()
    save_graph(
        folder / "onnx" / "vision_model.onnx",
        [helper.make_node("ReduceMean", ["pixel_values"], ["image_embeds"], axes=[2, 3], keepdims=0)],
        [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, ["n", 3, 16, 16])],
        helper.make_tensor_value_info("image_embeds", TensorProto.FLOAT, ["n", 3]),
        [],
    )
    numbers = tokenizer()["model"]["vocab"]
    colors = np.full((len(numbers), 3), 0.01, dtype=np.float32)
    for place, word in enumerate(WORDS[:3]):
        colors[numbers[word + "</w>"], place] = 1
    save_graph(
        folder / "text_model.onnx",
        [
            helper.make_node("Gather", ["colors", "input_ids"], ["each"]),
            helper.make_node("ReduceSum", ["each", "axis"], ["text_embeds"], keepdims=0),
        ],
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["n", "tokens"])],
        helper.make_tensor_value_info("text_embeds", TensorProto.FLOAT, ["n", 3]),
        [numpy_helper.from_array(colors, "colors"), numpy_helper.from_array(np.array([1]), "axis")],
    )
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer()))
    settings = {"size": {"shortest_edge": 16}, "crop_size": 16, "image_mean": [0, 0, 0], "image_std": [1, 1, 1]}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    return folder


def test_texts_are_divided_into_the_pieces_of_the_model(clip):
    numbers = tokenizer()["model"]["vocab"]
    tokens = PictureTextModel(clip)._tokens("  A  RED é")
    assert tokens[:3] == [numbers["<|startoftext|>"], numbers["a</w>"], numbers["red</w>"]]
    assert tokens[3:] == [numbers["<|endoftext|>"]] * 3  # two bytes that it does not know, and the end


def colorful_film(path):
    """Write 8 s each of red, lime and blue."""
    with av.open(str(path), "w") as film:
        video = film.add_stream("libx264", rate=5, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 64, 36, "yuv420p"
        for n in range(3 * 40):
            picture = np.full((36, 64, 3), 20, dtype=np.uint8)
            picture[:, :, n // 40] = 220
            film.mux(video.encode(av.VideoFrame.from_ndarray(picture)))
        film.mux(video.encode())
    return path


def test_moments_whose_pictures_match_come_first(clip, tmp_path):
    film = colorful_film(tmp_path / "film.mp4")
    summarizer = Summarizer(cache=False)
    for color, start in (("red", 0.0), ("lime", 8.0), ("blue", 16.0)):
        summary = summarizer.summarize(film, budget=0.15, about=(f"a {color}",), about_model=str(clip))
        assert all(start <= part.start and part.end <= start + 8 for part in summary.selection), color


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("text_model.onnx", b"no graph"),
        ("tokenizer.json", b"{}"),
        ("tokenizer.json", b"["),
        ("preprocessor_config.json", b'{"size": 16}'),
        ("preprocessor_config.json", b'{"size": -1, "image_mean": [0, 0, 0], "image_std": [1, 1, 1]}'),
        ("onnx/vision_model.onnx", None),
    ],
)
def test_a_damaged_model_is_refused(clip, file, content, tmp_path):
    import shutil

    folder = shutil.copytree(clip, tmp_path / "clip")
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_bytes(content)
    with pytest.raises(ModelError, match="CLIP model"):
        PictureTextModel(folder)
