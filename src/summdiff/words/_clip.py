"""A model of the CLIP type that a user supplies: pictures and texts in one space, as two ONNX graphs.

The folder has the files that Hugging Face's exporters write: `vision_model.onnx` and `text_model.onnx` (also in a
folder `onnx`), `tokenizer.json` and `preprocessor_config.json`.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from summdiff._runtime import inference_session
from summdiff._untrusted import check_regular, read_json
from summdiff.errors import ModelError

if TYPE_CHECKING:
    import onnxruntime

_BEGIN, _END = "<|startoftext|>", "<|endoftext|>"
_MOST_TOKENS = 77
_BATCH = 8
_PARTS = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d|[^\W\d_]+|\d|(?:[^\s\w]|_)+")


class PictureTextModel:
    """Embeds pictures and texts, so that the cosine of the two says how well they match.

    Args:
        folder: see the module.

    Raises:
        ModelError: a file is missing, damaged or of another form.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = Path(folder)
        self._vision, self._text = self._graph("vision_model.onnx"), self._graph("text_model.onnx")
        try:
            bpe = self._json("tokenizer.json")["model"]
            self._numbers = {str(token): int(number) for token, number in bpe["vocab"].items()}
            pairs = (pair.split(" ") if isinstance(pair, str) else pair for pair in bpe["merges"])
            self._ranks = {(first, second): rank for rank, (first, second) in enumerate(pairs)}
            settings = self._json("preprocessor_config.json")
            crop = settings.get("crop_size", settings["size"])
            self.side = int(crop if isinstance(crop, int) else crop.get("height", crop.get("shortest_edge")))
            self._mean, self._std = (np.array(settings[name], dtype=np.float32) for name in ("image_mean", "image_std"))
            if self._mean.shape != (3,) or self._std.shape != (3,) or not 1 <= self.side <= 4096:
                raise ValueError("image_mean, image_std or the size is out of range")  # noqa: TRY301
            self._numbers[_BEGIN], self._numbers[_END]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelError(f"'{folder}' is not a CLIP model in ONNX: {error}.") from error

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return embeddings of texts (Q, D), of length 1."""
        rows = []
        for text in texts:
            ids = np.array([self._tokens(text)], dtype=np.int64)
            inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
            rows.append(self._run(self._text, inputs, "text_embeds"))
        return np.concatenate(rows)

    def embed_pictures(self, pictures: Iterable[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return embeddings (N, D), of length 1, of RGB pictures (H, W, 3) whose shorter side is `side`."""
        rows: list[NDArray[np.float32]] = []
        waiting: list[NDArray[np.float32]] = []

        def run() -> None:
            if waiting:
                rows.append(self._run(self._vision, {"pixel_values": np.stack(waiting)}, "image_embeds"))
                waiting.clear()

        for picture in pictures:
            waiting.append(self._prepared(picture))
            if len(waiting) == _BATCH:
                run()
        run()
        return np.concatenate(rows)

    def _prepared(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(H, W, 3) -> (3, side, side), its middle, standardized."""
        top, left = ((length - self.side) // 2 for length in picture.shape[:2])
        middle = picture[top : top + self.side, left : left + self.side].astype(np.float32) / 255
        return np.ascontiguousarray(((middle - self._mean) / self._std).transpose(2, 0, 1))

    def _run(
        self, session: onnxruntime.InferenceSession, inputs: dict[str, NDArray[Any]], output: str
    ) -> NDArray[np.float32]:
        known = {item.name for item in session.get_inputs()}
        try:
            found = session.run([output], {name: value for name, value in inputs.items() if name in known})[0]
        except Exception as error:  # of ONNX Runtime, for a graph of another form
            raise ModelError(f"'{self._folder}' is not a CLIP model in ONNX: {error}.") from error
        unit = np.asarray(found, dtype=np.float32)
        unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-9)
        return unit

    def _tokens(self, text: str) -> list[int]:
        """Return the numbers of a text's tokens by byte-pair encoding, between those of its start and end."""
        tokens: list[int] = []
        for part in _PARTS.findall(" ".join(unicodedata.normalize("NFC", text).lower().split())):
            symbols = [_BYTES[byte] for byte in part.encode("utf-8")]
            symbols[-1] += "</w>"
            tokens += [self._numbers.get(symbol, self._numbers[_END]) for symbol in self._merged(symbols)]
        return [self._numbers[_BEGIN], *tokens[: _MOST_TOKENS - 2], self._numbers[_END]]

    def _merged(self, symbols: list[str]) -> list[str]:
        """Join neighbors, those that were learned first before others."""
        while len(symbols) > 1:
            pairs = list(pairwise(symbols))
            best = min(pairs, key=lambda pair: self._ranks.get(pair, len(self._ranks)))
            if best not in self._ranks:
                break
            at = pairs.index(best)
            symbols[at : at + 2] = ["".join(best)]
        return symbols

    def _graph(self, name: str) -> onnxruntime.InferenceSession:
        files = [self._folder / name, self._folder / "onnx" / name]
        file = next((file for file in files if file.is_file()), files[0])
        try:
            check_regular(file)
            return inference_session(file, threads=1)
        except Exception as error:
            raise ModelError(f"'{file}' cannot be read as a graph of a CLIP model: {error}.") from error

    def _json(self, name: str) -> Any:
        return read_json(self._folder / name)


def _byte_symbols() -> list[str]:
    """Return the printable character that stands for each byte in the vocabulary of a byte-pair encoding."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]


_BYTES = _byte_symbols()
