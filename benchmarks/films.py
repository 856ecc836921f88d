"""Derive benchmark films from an existing one."""

from __future__ import annotations

from pathlib import Path

import av
from av.video.frame import PictureType


def with_key_frames(source: Path, target: Path, *, every: float) -> Path:
    """Encode the same pictures as H.264 with a key frame every so many seconds and nowhere else; copy the sound."""
    with av.open(str(source)) as given, av.open(str(target), "w") as made:
        pictures, sound = given.streams.video[0], given.streams.audio[:1]
        pictures.thread_type = "AUTO"
        group = str(round(every * float(pictures.average_rate or 25)))
        options = {"preset": "veryfast", "crf": "20", "g": group, "keyint_min": group, "sc_threshold": "0"}
        out = made.add_stream("libx264", rate=pictures.average_rate, options=options)
        out.width, out.height, out.pix_fmt = pictures.width, pictures.height, "yuv420p"
        copied = [made.add_stream_from_template(stream) for stream in sound]
        for packet in given.demux(pictures, *sound):
            if packet.stream is pictures:
                for frame in packet.decode():
                    frame.pict_type = PictureType.NONE
                    made.mux(out.encode(frame))
            elif packet.dts is not None:
                packet.stream = copied[0]
                made.mux(packet)
        made.mux(out.encode())
    return target
