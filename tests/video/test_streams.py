"""Streams that belong together: sound of the pictures' programme, and from a track that is not silent."""

import av
import numpy as np
import pytest
from joined_films import FPS, RATE, Recording, noise, write_film

from summdiff.video import VideoReader, audio_stream, open_input, video_stream


def mixed(target, sources, *, options=None):
    """Mux streams of films into one: sources are (film, kind of stream)."""
    inputs = [av.open(str(film)) for film, _ in sources]
    with av.open(str(target), "w", options=options or {}) as output:
        packets = []
        for read, (_, kind) in zip(inputs, sources, strict=True):
            stream = output.add_stream_from_template(getattr(read.streams, kind)[0])
            for packet in read.demux(**{kind: 0}):
                if packet.dts is not None:
                    packets.append((float(packet.dts * packet.time_base), stream, packet))
        for _, stream, packet in sorted(packets, key=lambda entry: entry[0]):
            packet.stream = stream
            output.mux(packet)
    for read in inputs:
        read.close()
    return target


def silent_film(path, wave, **how):
    return write_film(path, [Recording(0, 3 * FPS)], sound=wave, **how)


@pytest.mark.parametrize("suffix", [".mkv", ".ts", ".mov"])
def test_a_track_that_is_silent_throughout_is_replaced_with_a_note(suffix, tmp_path):
    quiet = np.zeros(3 * RATE, np.float32)
    late = np.concatenate((quiet[: 2 * RATE], noise(1)))
    silent, heard = silent_film(tmp_path / "silent.mkv", quiet), silent_film(tmp_path / "late.mkv", late)
    film = mixed(
        tmp_path / f"film{suffix}", [(silent, "video"), (silent, "audio"), (silent, "audio"), (heard, "audio")]
    )
    with open_input(film) as container:
        assert audio_stream(container).index == 3
    with VideoReader(film) as reader:
        list(reader.steps(short_side=64))
        assert reader.notes == ("Sound track 1 is silent from start to end: track 3 is used.",)


@pytest.mark.parametrize("first", ["heard from 2 s on", "silent, and so is the other"])
def test_the_first_track_is_kept_otherwise(first, tmp_path):
    quiet = np.zeros(3 * RATE, np.float32)
    late = np.concatenate((quiet[: 2 * RATE], noise(1)))
    silent, heard = silent_film(tmp_path / "silent.mkv", quiet), silent_film(tmp_path / "late.mkv", late)
    tracks = [heard, silent] if first.startswith("heard") else [silent, silent]
    film = mixed(tmp_path / "film.mkv", [(silent, "video"), *((track, "audio") for track in tracks)])
    with open_input(film) as container:
        assert audio_stream(container).index == 1
    with VideoReader(film) as reader:
        list(reader.steps(short_side=64))
        assert reader.notes == ()


def crc(data):
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value & 0x80000000 else 0)) & 0xFFFFFFFF
    return value.to_bytes(4, "big")


def section(pid, table, number, body, counter):
    """A transport packet with a section (ISO 13818-1, 2.4.4)."""
    content = bytes([table, 0xB0 | len(body) + 9 >> 8, len(body) + 9 & 255, *number.to_bytes(2, "big"), 0xC1, 0, 0])
    content += body
    packet = bytes([0x47, 0x40 | pid >> 8, pid & 255, 0x10 | counter & 15, 0]) + content + crc(content)
    return packet + b"\xff" * (188 - len(packet))


def in_two_programmes(film):
    """Divide the four streams of a transport stream into two programmes: the first two, and the last two."""
    data, counter = film.read_bytes(), 0
    changed = bytearray()
    for at in range(0, len(data), 188):
        packet = data[at : at + 188]
        pid = (packet[1] & 31) << 8 | packet[2]
        if pid == 0:
            programmes = b"".join(bytes([0, n, 0xE0 | pmt >> 8, pmt & 255]) for n, pmt in ((1, 0x1000), (2, 0x1001)))
            changed += section(0, 0, 1, programmes, counter)
        elif pid == 0x1000:
            length = (packet[6] & 15) << 8 | packet[7]
            entries, place = [], 17 + ((packet[15] & 15) << 8 | packet[16])
            while place < 5 + 3 + length - 4:
                size = 5 + ((packet[place + 3] & 15) << 8 | packet[place + 4])
                entries.append(packet[place : place + size])
                place += size
            for number, pmt, own in ((1, 0x1000, entries[:2]), (2, 0x1001, entries[2:])):
                clock = own[0][1:3]
                changed += section(pmt, 2, number, clock + b"\xf0\x00" + b"".join(own), counter)
            counter += 1
        else:
            changed += packet
    film.write_bytes(changed)
    return film


def test_sound_is_taken_from_the_programme_of_the_pictures(tmp_path):
    """The picture with most pixels is in the second programme, the first sound track in the first one."""
    small = write_film(tmp_path / "small.mkv", [Recording(0, 50)])
    large = write_film(tmp_path / "large.mkv", [Recording(0, 50)], size=(192, 128))
    film = mixed(tmp_path / "film.ts", [(small, "video"), (small, "audio"), (large, "video"), (large, "audio")])
    with open_input(in_two_programmes(film)) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio", "video", "audio"]
        assert video_stream(container).index == 2
        assert audio_stream(container).index == 3
