"""Change the content of files as accidents and attackers do; the same seed gives the same file."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

Change = Callable[[bytearray, np.random.Generator], None]

# Numbers at which sizes, counts and times turn over.
_EDGES = (
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    2**63 - 1,
    2**63,
    2**64 - 1,
)
_WORDS = (
    *(b"0", b"-1", b"1e999", b"NaN", b"-Infinity", b"null", b"true", b'""', b"[]", b"{}", b"[[[[[]]]]]", b"9" * 5000),
    *(
        b"1e308",
        b"0.5",
        b"3",
        b"1000000000000",
        b'"a"',
        b'"\\ud800"',
        b"\xff",
        b"\x00",
        b"[1, 2]",
        b'{"a": 1}',
        b"-0.0",
    ),
    *(
        b"2001-99-99",
        b"!!python/object/apply:os.system ['true']",
        b"&a [*a, *a]",
        b"? ",
        b": ",
        b"- ",
        b"\t",
        b"%YAML 9",
    ),
)


def mutated(content: bytes, rng: np.random.Generator, *, text: bool = False, others: Sequence[bytes] = ()) -> bytes:
    """A file changed in one to six ways.

    Args:
        content: the whole file.
        rng: decides everything.
        text: whether words are exchanged as well as bytes.
        others: files from which pieces may be taken over.
    """
    changed = bytearray(content)
    changes: list[Change] = [_flip, _flip, _noise, _edge, _edge, _cut_out, _repeat, _zeros, _swap, _truncate]
    if text:
        changes = [_flip, _word, _word, _word, _word, _cut_out, _repeat, _swap, _line, _line, _truncate]
    if others:
        changes.append(lambda body, rng: _splice(body, rng, others))
    # Few changes leave a text readable, so that what stands in it is looked at.
    for _ in range(min(6, int(rng.geometric(0.5))) if text else int(rng.integers(1, 7))):
        if changed:
            changes[int(rng.integers(len(changes)))](changed, rng)
    return bytes(changed)


def _place(body: bytearray, rng: np.random.Generator) -> int:
    """Anywhere; half of the time near the beginning, where headers are."""
    return int(rng.integers(len(body) if rng.random() < 0.5 else max(1, min(len(body), 2000))))


def _span(body: bytearray, rng: np.random.Generator) -> tuple[int, int]:
    start = _place(body, rng)
    return start, min(len(body), start + int(2 ** rng.uniform(0, 12)))


def _flip(body: bytearray, rng: np.random.Generator) -> None:
    for _ in range(int(2 ** rng.uniform(0, 6))):
        body[_place(body, rng)] ^= 1 << int(rng.integers(8))


def _noise(body: bytearray, rng: np.random.Generator) -> None:
    start, end = _span(body, rng)
    body[start:end] = rng.bytes(end - start)


def _edge(body: bytearray, rng: np.random.Generator) -> None:
    size = int(rng.choice((1, 2, 4, 4, 8)))
    start = _place(body, rng)
    value = int(_EDGES[int(rng.integers(len(_EDGES)))]) % (1 << 8 * size)
    body[start : start + size] = value.to_bytes(size, "big" if rng.random() < 0.5 else "little")


def _cut_out(body: bytearray, rng: np.random.Generator) -> None:
    start, end = _span(body, rng)
    del body[start:end]


def _repeat(body: bytearray, rng: np.random.Generator) -> None:
    start, end = _span(body, rng)
    body[end:end] = body[start:end] * int(rng.integers(1, 4))


def _zeros(body: bytearray, rng: np.random.Generator) -> None:
    start, end = _span(body, rng)
    body[start:end] = bytes(end - start)


def _swap(body: bytearray, rng: np.random.Generator) -> None:
    start, end = _span(body, rng)
    other = _place(body, rng)
    piece = bytes(body[start:end])
    body[start:end] = body[other : other + len(piece)]
    body[other : other + len(piece)] = piece


def _truncate(body: bytearray, rng: np.random.Generator) -> None:
    if rng.random() < 0.3:
        del body[int(rng.integers(len(body))) :]


def _word(body: bytearray, rng: np.random.Generator) -> None:
    """Put another value where one stands: behind a colon, a comma or a bracket, up to the next of them."""
    start = next((i for i in range(_place(body, rng), len(body)) if body[i] in b":,[ "), None)
    if start is not None:
        end = next((i for i in range(start + 1, len(body)) if body[i] in b",]}\n"), len(body))
        body[start + 1 : end] = b" " + _WORDS[int(rng.integers(len(_WORDS)))]


def _line(body: bytearray, rng: np.random.Generator) -> None:
    """Take a line out, or put it elsewhere."""
    lines = bytes(body).split(b"\n")
    line = lines.pop(int(rng.integers(len(lines))))
    if rng.random() < 0.5:
        lines.insert(int(rng.integers(len(lines) + 1)), line)
    body[:] = b"\n".join(lines)


def _splice(body: bytearray, rng: np.random.Generator, others: Sequence[bytes]) -> None:
    other = bytearray(others[int(rng.integers(len(others)))])
    start, end = _span(other, rng)
    at = _place(body, rng)
    body[at : at + (end - start if rng.random() < 0.5 else 0)] = other[start:end]
