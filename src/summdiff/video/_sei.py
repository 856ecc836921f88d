"""Supplemental enhancement information (SEI) of H.264: what it says about a film beside its pictures.

Names and section numbers follow ITU-T H.264, edition 08/2021.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_SEI = 6  # NAL unit type (7.4.1)
_USER_DATA, _DISPLAY_ORIENTATION = 5, 47  # payload types (D.1)


def without_user_data(unit: bytes) -> bytes:
    """Return a NAL unit without unregistered user data (D.1.7); nothing if that is all it has."""
    if unit[0] & 31 != _SEI:
        return unit
    messages = list(_messages(unit))
    kept = [message for kind, message in messages if kind != _USER_DATA]
    if len(kept) == len(messages):
        return unit
    payload = b"".join(kept) + b"\x80"
    return unit[:1] + re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", payload) if kept else b""


def _messages(unit: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the messages of a unit of supplemental enhancement information (7.3.2.3): type, and whole message."""
    payload = unescaped(unit[1:])
    start = 0
    while start + 2 < len(payload):
        at, fields = start, []
        for _ in ("type", "size"):
            value = 0
            while payload[at : at + 1] == b"\xff":
                value, at = value + 255, at + 1
            fields.append(value + (payload[at] if at < len(payload) else 0))
            at += 1
        kind, size = fields
        yield kind, payload[start : at + size]
        start = at + size


def unescaped(payload: bytes) -> bytes:
    """Remove the bytes that prevent the emulation of start codes (7.4.1)."""
    return payload.replace(b"\0\0\3", b"\0\0")


def states_orientation(unit: bytes) -> bool:
    """Whether a NAL unit says how its picture is to be turned (D.1.27)."""
    return unit[:1] != b"" and unit[0] & 31 == _SEI and any(kind == _DISPLAY_ORIENTATION for kind, _ in _messages(unit))
