"""Moonshine tiny for English, from the package `moonshine-voice` 0.0.73 (MIT), in plain ONNX Runtime.

Only the files of the package are used, not its native library: an encoder of raw samples at 16 kHz, and a decoder that
gives the next token from those before.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from summdiff._runtime import inference_session, installed_file
from summdiff._untrusted import read_bytes
from summdiff.errors import ModelError
from summdiff.words.contract import INSTALL, Phrase

_FILES = {
    "encoder_model.ort": "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
    "decoder_model_merged.ort": "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0",
    "tokenizer.bin": "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d",
}
_BEGIN, _END = 1, 2  # tokens
_TOKENS_PER_SECOND, _MORE_TOKENS = 6.5, 8  # fluent English has fewer; a longer text is a loop
_ENDLESS = 0.5  # share of the confidence that is left of a text without an end
_SHORTEST_SAMPLES = 4096  # the encoder's convolutions need about 900
_SAMPLES_PER_STATE = 384
_PAST_SHAPE = (1, 8, 0, 36)  # batch, heads, tokens so far, features per head


class Moonshine:
    """Speech recognition by greedy decoding.

    Raises:
        ModelError: a file is missing or of another version.
    """

    id = "moonshine-tiny-en 0.0.73"
    language = "en"

    def __init__(self) -> None:
        encoder, decoder, tokens = (_file(name) for name in _FILES)
        self._encoder = inference_session(encoder, threads=1)
        self._decoder = inference_session(decoder, threads=1)
        self._tokens = _read_tokens(read_bytes(tokens))
        self._outputs = [output.name for output in self._decoder.get_outputs()]

    def __call__(self, samples: NDArray[np.float32]) -> Phrase:
        """Return the words of samples (n,) at 16 kHz; see `SpeechEngine`."""
        samples = np.pad(samples, (0, max(0, _SHORTEST_SAMPLES - len(samples))))
        mask = np.ones((1, len(samples)), dtype=np.int64)
        hidden = self._encoder.run(None, {"input_values": samples[None], "attention_mask": mask})[0]
        # The decoder takes every 384th sample of the mask, as many as the encoder has states.
        mask = np.ones((1, hidden.shape[1] * _SAMPLES_PER_STATE), dtype=np.int64)
        fixed = {"encoder_hidden_states": hidden, "encoder_attention_mask": mask}
        past = dict.fromkeys(self._past, np.zeros(_PAST_SHAPE, dtype=np.float32))
        token, tokens, probabilities, cached = _BEGIN, [], [], False
        for _ in range(int(len(samples) / 16_000 * _TOKENS_PER_SECOND) + _MORE_TOKENS):
            inputs = {"input_ids": np.array([[token]]), "use_cache_branch": np.array([cached])}
            found = dict(zip(self._outputs, self._decoder.run(None, inputs | fixed | past), strict=True))
            for name in past:
                if not cached or ".decoder." in name:  # keys of the encoder are computed once
                    past[name] = found[name.replace("past_key_values", "present")]
            cached = True
            logits = found["logits"][0, -1]
            token = int(logits.argmax())
            probabilities.append(1 / float(np.exp(logits - logits[token]).sum()))
            if token == _END:
                break
            tokens.append(token)
        text = b"".join(self._tokens[token] for token in tokens).decode("utf-8", errors="replace")
        # Speech that it does not understand ends in a loop.
        confidence = float(np.mean(probabilities)) * (1.0 if token == _END else _ENDLESS)
        return Phrase(" ".join(text.replace("▁", " ").split()), confidence)

    @cached_property
    def _past(self) -> list[str]:
        return [item.name for item in self._decoder.get_inputs() if item.name.startswith("past_key_values")]


def _file(name: str) -> Path:
    return installed_file("moonshine_voice", f"assets/tiny-en/{name}", _FILES[name], error=ModelError, install=INSTALL)


def _read_tokens(content: bytes) -> list[bytes]:
    """Return the tokens, each stored after its length, which takes two bytes from 128 on."""
    tokens, at = [], 0
    while at < len(content):
        length, at = content[at], at + 1
        if length >= 128:
            length, at = content[at] * 128 + length - 128, at + 1
        tokens.append(content[at : at + length])
        at += length
    return tokens
