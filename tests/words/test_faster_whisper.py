"""The second engine, with a tiny Whisper of random weights: it loads, decodes and times words, but makes them up."""

import json

import numpy as np
import pytest

from summdiff.errors import ModelError
from summdiff.words import load_engine

pytest.importorskip("faster_whisper")

WIDTH = 64
SPECIAL = [
    *("<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|translate|>", "<|transcribe|>", "<|startoflm|>"),
    *("<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"),
    *(f"<|{number * 0.02:.2f}|>" for number in range(1501)),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    from ctranslate2.specs.whisper_spec import WhisperSpec
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    folder, rng = tmp_path_factory.mktemp("whisper"), np.random.default_rng(0)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = [*letters, *SPECIAL]
    tokenizer = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(letters)}, merges=[]))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(), decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in SPECIAL])
    tokenizer.save(str(folder / "tokenizer.json"))

    def weights(*shape):
        return (0.1 * rng.normal(size=shape)).astype(np.float32)

    def fill_linear(layer, rows, columns=WIDTH):
        layer.weight, layer.bias = weights(rows, columns), np.zeros(rows, dtype=np.float32)

    def fill_norm(layer):
        layer.gamma, layer.beta = np.ones(WIDTH, dtype=np.float32), np.zeros(WIDTH, dtype=np.float32)

    def fill_attention(layer, *sizes):
        for linear, size in zip(layer.linear, sizes, strict=True):
            fill_linear(linear, size * WIDTH)
        fill_norm(layer.layer_norm)

    def fill_feed_forward(layer):
        fill_norm(layer.layer_norm)
        fill_linear(layer.linear_0, 4 * WIDTH)
        fill_linear(layer.linear_1, WIDTH, 4 * WIDTH)

    spec = WhisperSpec(1, 1, 1, 1)
    encoder, decoder = spec.encoder, spec.decoder
    for convolution, channels in ((encoder.conv1, 80), (encoder.conv2, WIDTH)):
        convolution.weight, convolution.bias = weights(WIDTH, channels, 3), np.zeros(WIDTH, dtype=np.float32)
    encoder.position_encodings.encodings, decoder.position_encodings.encodings = (
        weights(1500, WIDTH),
        weights(448, WIDTH),
    )
    decoder.embeddings.weight = decoder.projection.weight = weights(len(vocabulary), WIDTH)
    for part in (encoder, decoder):
        fill_norm(part.layer_norm)
        fill_attention(part.layer[0].self_attention, 3, 1)
        fill_feed_forward(part.layer[0].ffn)
    fill_attention(decoder.layer[0].attention, 1, 2, 1)
    spec.config.suppress_ids = spec.config.suppress_ids_begin = []
    spec.config.lang_ids, spec.config.alignment_heads = [vocabulary.index("<|en|>")], [(0, 0)]
    spec.register_vocabulary(vocabulary)
    spec.validate()
    spec.save(str(folder))
    settings = {"feature_size": 80, "sampling_rate": 16000, "hop_length": 160, "chunk_length": 30, "n_fft": 400}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    return folder


def test_words_have_times_inside_the_stretch(model):
    engine = load_engine(f"faster-whisper:{model}")
    phrase = engine(0.1 * np.random.default_rng(0).normal(size=48_000).astype(np.float32))
    assert engine.id.startswith("faster-whisper ")
    assert phrase.words
    assert phrase.text == " ".join(word.text for word in phrase.words)
    assert all(0 <= word.start <= word.end <= 3.01 for word in phrase.words)
    assert 0 < phrase.confidence < 0.65  # random words are not taken for speech


def test_a_model_that_is_not_there_is_not_downloaded(tmp_path):
    with pytest.raises(ModelError, match="is not on this computer: name the folder"):
        load_engine(f"faster-whisper:{tmp_path / 'gone'}")
