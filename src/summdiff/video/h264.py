"""As much of H.264 as copying groups of pictures needs: units, parameter sets, and where decoding can start afresh.

Names follow ITU-T H.264; section numbers are those of its edition 08/2021.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SLICE, _PARTITION_A, _PARTITION_C, _IDR, _SPS, _PPS, _DELIMITER, _FILLER = 1, 2, 4, 5, 7, 8, 9, 12
_LAYERS = (14, 15, 20, 21)  # scalable and multiview extensions
_HIGH_PROFILES = (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135)
_FREE_IDS = 31  # larger identifiers of sequence parameter sets do not exist


@dataclass(frozen=True, slots=True)
class ParameterSets:
    """The sequence (SPS) and picture parameter sets (PPS) of a stream, without duplicates."""

    sequence: tuple[bytes, ...]
    picture: tuple[bytes, ...]

    def free_id(self) -> int | None:
        """A number that none of the sets is known by, or None."""
        used = {Sequence.parse(unit).id for unit in self.sequence} | {_picture_id(unit) for unit in self.picture}
        return next((number for number in range(_FREE_IDS, -1, -1) if number not in used), None)

    def with_sets_of(self, other: ParameterSets) -> ParameterSets:
        return ParameterSets(self.sequence + other.sequence, self.picture + other.picture)

    def configuration(self) -> bytes:
        """The sets as an mp4 file holds them: an AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1)."""
        # The record describes a decoder that can play every sequence: the highest profile and level of them.
        profile = max(unit[1] for unit in self.sequence)
        compatible = 0xFF
        for unit in self.sequence:
            compatible &= unit[2]
        record = bytes([1, profile, compatible, max(unit[3] for unit in self.sequence), 0xFC | 3])
        record += bytes([0xE0 | len(self.sequence)])
        record += b"".join(struct.pack(">H", len(unit)) + unit for unit in self.sequence)
        record += bytes([len(self.picture)])
        record += b"".join(struct.pack(">H", len(unit)) + unit for unit in self.picture)
        if profile in (100, 110, 122, 144):
            record += bytes([0xFC | 1, 0xF8, 0xF8, 0])  # 4:2:0, 8 bit
        return record


def parameter_sets(extradata: bytes) -> ParameterSets:
    """The parameter sets in a decoder configuration of either form.

    Raises:
        ValueError: it is neither.
    """
    if extradata[:1] != b"\x01":
        units = list(split_units(extradata, 0))
        sequence = [unit for unit in units if unit and unit[0] & 31 == _SPS]
        picture = [unit for unit in units if unit and unit[0] & 31 == _PPS]
    else:
        try:
            sequence, at = _counted_units(extradata, 5, 0x1F)
            picture, _ = _counted_units(extradata, at, 0xFF)
        except IndexError as error:
            raise ValueError("the decoder configuration breaks off") from error
    if not sequence or not picture:
        raise ValueError("the decoder configuration lacks parameter sets")
    return ParameterSets(tuple(dict.fromkeys(sequence)), tuple(dict.fromkeys(picture)))


def length_size(extradata: bytes) -> int:
    """Bytes before each unit of a packet that tell its length; 0 for streams with start codes."""
    return (extradata[4] & 3) + 1 if extradata[:1] == b"\x01" and len(extradata) > 4 else 0


def split_units(data: bytes, size: int) -> Iterator[bytes]:
    """The units of a packet, whose lengths are told by `size` bytes each, or by start codes for 0."""
    if size:
        at = 0
        while at + size <= len(data):
            length = int.from_bytes(data[at : at + size], "big")
            yield data[at + size : at + size + length]
            at += size + length
        return
    start = data.find(b"\0\0\1")
    while start >= 0:
        after = data.find(b"\0\0\1", start + 3)
        yield data[start + 3 : after if after >= 0 else len(data)].rstrip(b"\0")
        start = after


def with_lengths(data: bytes, size: int) -> bytes:
    """A packet as mp4 wants it: a length of four bytes before each unit, and no units that say nothing new there."""
    return b"".join(
        struct.pack(">I", len(unit)) + unit
        for unit in split_units(data, size)
        if unit and unit[0] & 31 not in (_SPS, _PPS, _DELIMITER, _FILLER)
    )


@dataclass(frozen=True, slots=True)
class Sequence:
    """What a sequence parameter set (7.3.2.1.1) says about the pictures of its sequence.

    Attributes:
        id: seq_parameter_set_id.
        profile: profile_idc.
        plain: 8 bit, 4:2:0, progressive frames.
        width, height: after cropping.
        tells_reordering: whether it says how many pictures may be reordered (bitstream_restriction_flag, E.1.1).
    """

    id: int
    profile: int
    plain: bool
    width: int
    height: int
    tells_reordering: bool

    @classmethod
    def parse(cls, unit: bytes) -> Sequence:
        """Read an SPS with its header byte.

        Raises:
            ValueError: it breaks off.
        """
        bits = _Bits(unit[4:])
        profile, number = unit[1], bits.unsigned()
        plain, chroma = True, 1
        if profile in _HIGH_PROFILES:
            chroma = bits.unsigned()
            separate = chroma == 3 and bits.flag()
            depths = bits.unsigned(), bits.unsigned()
            bits.flag()
            plain = chroma == 1 and not separate and depths == (0, 0)
            if bits.flag():
                for matrix in range(8 if chroma != 3 else 12):
                    if bits.flag():
                        bits.skip_scaling_list(16 if matrix < 6 else 64)
        bits.unsigned()  # log2_max_frame_num_minus4
        order = bits.unsigned()
        if order == 0:
            bits.unsigned()
        elif order == 1:
            bits.flag(), bits.unsigned(), bits.unsigned()
            for _ in range(bits.unsigned()):
                bits.unsigned()
        bits.unsigned(), bits.flag()  # max_num_ref_frames, gaps_in_frame_num_value_allowed_flag
        width, height = 16 * (bits.unsigned() + 1), 16 * (bits.unsigned() + 1)
        across, down = 2 if chroma in (1, 2) else 1, 2 if chroma == 1 else 1  # units of cropping
        if not bits.flag():  # frame_mbs_only_flag
            plain, height, down = False, 2 * height, 2 * down
            bits.flag()
        bits.flag()  # direct_8x8_inference_flag
        if bits.flag():
            left, right, top, bottom = (bits.unsigned() for _ in range(4))
            width, height = width - across * (left + right), height - down * (top + bottom)
        return cls(number, profile, plain, width, height, bits.flag() and bits.tells_reordering())


@dataclass(frozen=True, slots=True)
class Groups:
    """Groups of pictures that can be taken out of an H.264 stream as they are.

    Attributes:
        order: (F,) int64, when each picture is shown, in decoding order; ticks from the first displayed frame.
        first: (G,) int64, position in `order` of the IDR picture that each group begins with.
        whole: (G,) bool, whether no picture of the group needs, or is shown among, pictures of others.
        sets: the stream's parameter sets; they hold for all groups.
        length_size: see `length_size`.
    """

    order: NDArray[np.int64]
    first: NDArray[np.int64]
    whole: NDArray[np.bool_]
    sets: ParameterSets
    length_size: int


class GroupScanner:
    """Finds the groups of an H.264 stream from its packets in decoding order.

    Args:
        extradata: the stream's decoder configuration.

    Raises:
        ValueError: it cannot be read.
    """

    def __init__(self, extradata: bytes) -> None:
        self._size = length_size(extradata)
        self._sets = parameter_sets(extradata)
        self._known = {*self._sets.sequence, *self._sets.picture}
        self._usable = True
        self._order: list[int] = []
        self._first: list[int] = []
        self._whole: list[bool] = []
        self._latest: int | None = None

    def feed(self, data: bytes, tick: int, *, intact: bool) -> None:
        """Take the next packet: its content, when it is shown, and whether it is shown at all and undamaged."""
        if not self._usable:
            return
        kinds = set()
        for unit in split_units(data, self._size):
            kind = unit[0] & 31 if unit else _FILLER
            kinds.add(kind)
            if kind in (_SPS, _PPS) and unit not in self._known:
                self._usable = False  # settings that change midway hold only from there on
        if any(kind in _LAYERS or _PARTITION_A <= kind <= _PARTITION_C for kind in kinds):
            self._usable = False
        if _IDR in kinds:
            if self._whole and self._latest is not None and self._latest >= tick:
                self._whole[-1] = False
            self._first.append(len(self._order))
            self._whole.append(self._latest is None or self._latest < tick)
        elif self._first and tick < self._order[self._first[-1]]:
            self._whole[-1] = False
        if self._whole and not intact:
            self._whole[-1] = False
        self._latest = tick if self._latest is None else max(self._latest, tick)
        self._order.append(tick)

    def groups(self) -> Groups | None:
        """What was found; None where nothing can be copied safely."""
        if not self._usable or not self._first:
            return None
        return Groups(
            np.array(self._order, dtype=np.int64),
            np.array(self._first, dtype=np.int64),
            np.array(self._whole, dtype=np.bool_),
            self._sets,
            self._size,
        )


def _counted_units(record: bytes, at: int, mask: int) -> tuple[list[bytes], int]:
    count, at = record[at] & mask, at + 1
    units = []
    for _ in range(count):
        length = record[at] << 8 | record[at + 1]
        units.append(record[at + 2 : at + 2 + length])
        at += 2 + length
    return units, at


def _picture_id(unit: bytes) -> int:
    return _Bits(unit[1:]).unsigned()


class _Bits:
    """Reads a parameter set bit by bit (7.2, 9.1)."""

    def __init__(self, payload: bytes) -> None:
        clean = payload.replace(b"\0\0\3", b"\0\0")  # emulation prevention, 7.4.1
        self._bits = "".join(f"{byte:08b}" for byte in clean)
        self._at = 0

    def read(self, count: int) -> int:
        bits = self._bits[self._at : self._at + count]
        if len(bits) < count:
            raise ValueError("a parameter set breaks off")
        self._at += count
        return int(bits, 2) if count else 0

    def flag(self) -> bool:
        return bool(self.read(1))

    def unsigned(self) -> int:
        """An Exp-Golomb code, ue(v)."""
        zeros = self._bits.find("1", self._at) - self._at
        if zeros < 0:
            raise ValueError("a parameter set breaks off")
        self._at += zeros
        return self.read(zeros + 1) - 1

    def skip_scaling_list(self, size: int) -> None:
        last = following = 8
        for _ in range(size):
            if following:
                code = self.unsigned()
                following = (last + (code + 1) // 2 * (1 if code % 2 else -1)) % 256
            last = following or last

    def tells_reordering(self) -> bool:
        """Read video usability information (E.1.1) up to bitstream_restriction_flag."""
        if self.flag() and self.read(8) == 255:
            self.read(32)
        if self.flag():
            self.flag()
        if self.flag():
            self.read(4)
            if self.flag():
                self.read(24)
        if self.flag():
            self.unsigned(), self.unsigned()
        if self.flag():
            self.read(65)
        buffering = False
        for _ in ("nal_hrd", "vcl_hrd"):
            if self.flag():
                self._skip_hrd()
                buffering = True
        if buffering:
            self.flag()
        self.flag()  # pic_struct_present_flag
        return self.flag()

    def _skip_hrd(self) -> None:
        count = self.unsigned() + 1
        self.read(8)
        for _ in range(count):
            self.unsigned(), self.unsigned(), self.flag()
        self.read(20)
