"""WordPiece, the tokenizer of BERT without case, with its vocabulary beside this file (Apache-2.0; see NOTICE.md)."""

from __future__ import annotations

import gzip
import unicodedata
from functools import cache
from pathlib import Path

from summdiff._runtime import verified
from summdiff._untrusted import read_bytes
from summdiff.errors import ModelError

_VOCABULARY = Path(__file__).with_name("wordpiece.txt.gz")
_VOCABULARY_SHA256 = "a56a782a9efa804a222dcfab1235478d03aece606b5aa178c20bd9b596228c4e"
_UNKNOWN, _FIRST, _LAST = "[UNK]", "[CLS]", "[SEP]"
_LONGEST_WORD = 100


def tokenize(text: str, *, most: int) -> list[int]:
    """Return the numbers of a text's tokens, between those of its start and end.

    Args:
        text: any text.
        most: largest number of tokens; the rest of the text is left out.

    Raises:
        ModelError: the vocabulary is missing or damaged.
    """
    numbers = _vocabulary()
    tokens = [token for word in _words(text) for token in _pieces(word, numbers)]
    return [numbers[_FIRST], *tokens[: most - 2], numbers[_LAST]]


def _words(text: str) -> list[str]:
    """Return the words of a text in lower case without accents; each mark and each ideograph is a word."""
    spaced = []
    for character in unicodedata.normalize("NFD", text.lower()):
        category = unicodedata.category(character)
        if category == "Mn" or character == "\ufffd" or (category[0] == "C" and not character.isspace()):
            continue
        alone = category[0] == "P" or character in "$+<=>^`|~" or _is_ideograph(character)
        spaced.append(f" {character} " if alone else character)
    return "".join(spaced).split()


def _is_ideograph(character: str) -> bool:
    return "\u4e00" <= character <= "\u9fff" or "\u3400" <= character <= "\u4dbf" or "\uf900" <= character <= "\ufaff"


def _pieces(word: str, numbers: dict[str, int]) -> list[int]:
    """Divide a word into the longest pieces of the vocabulary, from its start on."""
    pieces: list[int] = []
    start = 0
    while start < len(word) <= _LONGEST_WORD:
        prefix = "##" if start else ""
        ends = range(len(word), start, -1)
        end = next((end for end in ends if prefix + word[start:end] in numbers), None)
        if end is None:
            break
        pieces.append(numbers[prefix + word[start:end]])
        start = end
    return pieces if start == len(word) else [numbers[_UNKNOWN]]


@cache
def _vocabulary() -> dict[str, int]:
    content = read_bytes(verified(_VOCABULARY, _VOCABULARY_SHA256, error=ModelError))
    lines = gzip.decompress(content).decode("utf-8").split("\n")
    return {token: number for number, token in enumerate(lines) if token}
