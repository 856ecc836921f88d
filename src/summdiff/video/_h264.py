"""The parts of H.264 that stream copy needs: NAL units, parameter sets, and groups of pictures.

Names and section numbers follow ITU-T H.264, edition 08/2021.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from summdiff.video._sei import states_orientation, unescaped, without_user_data

# NAL unit types (7.4.1).
_PARTITION_A, _PARTITION_C, _IDR, _SPS, _PPS, _DELIMITER, _FILLER = 2, 4, 5, 7, 8, 9, 12
_SCALABLE_OR_MULTIVIEW = (14, 15, 20, 21)
_HIGH_PROFILES = (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135)
_MAX_SPS_ID = 31
_EXTENDED_SAR = 255  # aspect_ratio_idc


@dataclass(frozen=True, slots=True)
class ParameterSets:
    """The sequence parameter sets (SPS) and picture parameter sets (PPS) of a stream, without duplicates."""

    sequence: tuple[bytes, ...]
    picture: tuple[bytes, ...]

    def unused_id(self) -> int | None:
        """Return the highest identifier that no set uses, or None."""
        used = {SequenceParameterSet.parse(unit).id for unit in self.sequence}
        used |= {_Bits(unit[1:]).unsigned() for unit in self.picture}  # pic_parameter_set_id
        return next((number for number in range(_MAX_SPS_ID, -1, -1) if number not in used), None)

    def joined_with(self, other: ParameterSets) -> ParameterSets:
        """Return the sets of both."""
        return ParameterSets(self.sequence + other.sequence, self.picture + other.picture)

    def configuration(self) -> bytes:
        """Serialize for an mp4: an AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1)."""
        # The record describes a decoder for all sequences: their highest profile and level.
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
    """Parse a decoder configuration: an AVCDecoderConfigurationRecord, or NAL units with start codes.

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
            raise ValueError("truncated decoder configuration") from error
    if not sequence or not picture:
        raise ValueError("the decoder configuration lacks parameter sets")
    return ParameterSets(tuple(dict.fromkeys(sequence)), tuple(dict.fromkeys(picture)))


def length_size(extradata: bytes) -> int:
    """Return the number of bytes of the length before each NAL unit; 0 for streams with start codes."""
    return (extradata[4] & 3) + 1 if extradata[:1] == b"\x01" and len(extradata) > 4 else 0


def split_units(data: bytes, size: int) -> Iterator[bytes]:
    """Yield the NAL units of a packet; `size` is the number of bytes of each length, 0 for start codes."""
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


def length_prefixed(data: bytes, size: int) -> bytes:
    """Rewrite a packet for mp4: lengths of four bytes, and no parameter sets, delimiters, filler or user data.

    Cameras write where they are into user data.
    """
    units = (
        without_user_data(unit)
        for unit in split_units(data, size)
        if unit and unit[0] & 31 not in (_SPS, _PPS, _DELIMITER, _FILLER)
    )
    return b"".join(struct.pack(">I", len(unit)) + unit for unit in units if unit)


@dataclass(frozen=True, slots=True)
class SequenceParameterSet:
    """The fields of a sequence parameter set (7.3.2.1.1) that stream copy needs.

    Attributes:
        id: seq_parameter_set_id.
        profile: profile_idc.
        plain: 8 bit, 4:2:0, progressive frames.
        width, height: after cropping.
        pixel_aspect: aspect_ratio_idc, sar_width and sar_height (E.1.1); zeros where not stated.
        limits_reordering: whether it limits how many frames are reordered (bitstream_restriction_flag, E.1.1).
    """

    id: int
    profile: int
    plain: bool
    width: int
    height: int
    pixel_aspect: tuple[int, int, int]
    limits_reordering: bool

    @classmethod
    def parse(cls, unit: bytes) -> SequenceParameterSet:
        """Parse an SPS with its header byte.

        Raises:
            ValueError: it is truncated.
        """
        bits = _Bits(unit[4:])
        profile, id_ = unit[1], bits.unsigned()
        plain, chroma = True, 1  # chroma_format_idc
        if profile in _HIGH_PROFILES:
            chroma = bits.unsigned()
            separate_planes = chroma == 3 and bits.flag()
            bit_depths = bits.unsigned(), bits.unsigned()  # minus 8
            bits.flag()  # qpprime_y_zero_transform_bypass_flag
            plain = chroma == 1 and not separate_planes and bit_depths == (0, 0)
            if bits.flag():  # seq_scaling_matrix_present_flag
                for scaling_list in range(8 if chroma != 3 else 12):
                    if bits.flag():
                        bits.skip_scaling_list(16 if scaling_list < 6 else 64)
        bits.unsigned()  # log2_max_frame_num_minus4
        order_type = bits.unsigned()  # pic_order_cnt_type
        if order_type == 0:
            bits.unsigned()
        elif order_type == 1:
            bits.flag(), bits.unsigned(), bits.unsigned()
            for _ in range(bits.unsigned()):
                bits.unsigned()
        bits.unsigned(), bits.flag()  # max_num_ref_frames, gaps_in_frame_num_value_allowed_flag
        width, height = 16 * (bits.unsigned() + 1), 16 * (bits.unsigned() + 1)
        crop_x, crop_y = 2 if chroma in (1, 2) else 1, 2 if chroma == 1 else 1  # pixels per unit of cropping
        if not bits.flag():  # frame_mbs_only_flag
            plain, height, crop_y = False, 2 * height, 2 * crop_y
            bits.flag()  # mb_adaptive_frame_field_flag
        bits.flag()  # direct_8x8_inference_flag
        if bits.flag():  # frame_cropping_flag
            left, right, top, bottom = (bits.unsigned() for _ in range(4))
            width, height = width - crop_x * (left + right), height - crop_y * (top + bottom)
        aspect, limits_reordering = bits.usability() if bits.flag() else ((0, 0, 0), False)
        return cls(id_, profile, plain, width, height, aspect, limits_reordering)


@dataclass(frozen=True, slots=True)
class GroupsOfPictures:
    """The groups of pictures of an H.264 stream, each from one IDR frame to the next.

    Attributes:
        ticks: (F,) int64, presentation time of each frame, in decoding order; ticks from the first displayed frame.
        first: (G,) int64, position in `ticks` of the IDR frame of each group.
        closed: (G,) bool, whether no frame of the group refers to, or is displayed among, frames of other groups.
        sets: the parameter sets of all groups.
        length_size: see `length_size`.
    """

    ticks: NDArray[np.int64]
    first: NDArray[np.int64]
    closed: NDArray[np.bool_]
    sets: ParameterSets
    length_size: int

    @property
    def start_ticks(self) -> NDArray[np.int64]:
        """(G,) int64, presentation time of each IDR frame."""
        return self.ticks[self.first]


class GopScanner:
    """Find the groups of pictures of an H.264 stream from its packets in decoding order.

    Args:
        extradata: the stream's decoder configuration.

    Raises:
        ValueError: it cannot be parsed.
    """

    def __init__(self, extradata: bytes) -> None:
        self._length_size = length_size(extradata)
        self._sets = parameter_sets(extradata)
        self._known_sets = {*self._sets.sequence, *self._sets.picture}
        self._usable = True
        self._ticks: list[int] = []
        self._first: list[int] = []
        self._closed: list[bool] = []
        self._latest: int | None = None

    def feed(self, data: bytes, tick: int, *, intact: bool) -> None:
        """Add the next packet: its data, its presentation time, and whether it is displayed and undamaged."""
        if not self._usable:
            return
        types = set()
        for unit in split_units(data, self._length_size):
            unit_type = unit[0] & 31 if unit else _FILLER
            types.add(unit_type)
            if (unit_type in (_SPS, _PPS) and unit not in self._known_sets) or states_orientation(unit):
                self._usable = False  # parameters that change midway, or a rotation that may
        if any(unit_type in _SCALABLE_OR_MULTIVIEW or _PARTITION_A <= unit_type <= _PARTITION_C for unit_type in types):
            self._usable = False
        if _IDR in types:
            if self._closed and self._latest is not None and self._latest >= tick:
                self._closed[-1] = False
            self._first.append(len(self._ticks))
            self._closed.append(self._latest is None or self._latest < tick)
        elif self._first and tick < self._ticks[self._first[-1]]:
            self._closed[-1] = False
        if self._closed and not intact:
            self._closed[-1] = False
        self._latest = tick if self._latest is None else max(self._latest, tick)
        self._ticks.append(tick)

    def groups(self) -> GroupsOfPictures | None:
        """Return the groups found; None if nothing can be copied safely."""
        if not self._usable or not self._first:
            return None
        return GroupsOfPictures(
            np.array(self._ticks, dtype=np.int64),
            np.array(self._first, dtype=np.int64),
            np.array(self._closed, dtype=np.bool_),
            self._sets,
            self._length_size,
        )


def _counted_units(record: bytes, at: int, mask: int) -> tuple[list[bytes], int]:
    count, at = record[at] & mask, at + 1
    units = []
    for _ in range(count):
        length = record[at] << 8 | record[at + 1]
        units.append(record[at + 2 : at + 2 + length])
        at += 2 + length
    return units, at


class _Bits:
    """Read a parameter set bit by bit (7.2, 9.1)."""

    def __init__(self, payload: bytes) -> None:
        self._bits = "".join(f"{byte:08b}" for byte in unescaped(payload))
        self._at = 0

    def read(self, count: int) -> int:
        bits = self._bits[self._at : self._at + count]
        if len(bits) < count:
            raise ValueError("truncated parameter set")
        self._at += count
        return int(bits, 2) if count else 0

    def flag(self) -> bool:
        return bool(self.read(1))

    def unsigned(self) -> int:
        """Read an Exp-Golomb code, ue(v)."""
        zeros = self._bits.find("1", self._at) - self._at
        if zeros < 0:
            raise ValueError("truncated parameter set")
        self._at += zeros
        return self.read(zeros + 1) - 1

    def skip_scaling_list(self, size: int) -> None:
        last = following = 8
        for _ in range(size):
            if following:
                code = self.unsigned()
                following = (last + (code + 1) // 2 * (1 if code % 2 else -1)) % 256
            last = following or last

    def usability(self) -> tuple[tuple[int, int, int], bool]:
        """Read the video usability information (E.1.1): the pixel aspect and bitstream_restriction_flag."""
        aspect = self.read(8) if self.flag() else 0, 0, 0
        if aspect[0] == _EXTENDED_SAR:
            aspect = aspect[0], self.read(16), self.read(16)
        if self.flag():  # overscan_info_present_flag
            self.flag()
        if self.flag():  # video_signal_type_present_flag
            self.read(4)
            if self.flag():  # color_description_present_flag
                self.read(24)
        if self.flag():  # chroma_loc_info_present_flag
            self.unsigned(), self.unsigned()
        if self.flag():  # timing_info_present_flag
            self.read(65)
        has_hrd = False
        for _ in ("nal_hrd", "vcl_hrd"):
            if self.flag():
                self._skip_hrd()
                has_hrd = True
        if has_hrd:
            self.flag()  # low_delay_hrd_flag
        self.flag()  # pic_struct_present_flag
        return aspect, self.flag()

    def _skip_hrd(self) -> None:
        count = self.unsigned() + 1
        self.read(8)
        for _ in range(count):
            self.unsigned(), self.unsigned(), self.flag()
        self.read(20)
