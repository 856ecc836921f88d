"""Decoding by hardware, where FFmpeg has a decoder for it and the machine has the device."""

from __future__ import annotations

import os

from av.codec.hwaccel import HWAccel, hwdevices_available
from av.container.input import InputContainer

from summdiff.errors import VideoError
from summdiff.video._container import open_input
from summdiff.video._streams import video_stream

# Devices of macOS, Windows, NVIDIA and Linux, in the order in which they are tried.
_DEVICES = ("videotoolbox", "d3d11va", "cuda", "vaapi")


def open_for_hardware(path: str | os.PathLike[str]) -> InputContainer | None:
    """Open a video with the first device that decodes its codec; None if there is none.

    Frames arrive in main memory. What the device cannot decode after all, such as an unusual profile, FFmpeg decodes
    on the processor.

    Raises:
        VideoError: the file cannot be opened on the processor either.
    """
    present = hwdevices_available()
    for device in _DEVICES:
        if device not in present:
            continue
        try:
            container = open_input(path, hardware=HWAccel(device, allow_software_fallback=True))
        except VideoError:  # no such device in this machine, or no right to use it
            continue
        try:
            if video_stream(container).codec_context.is_hwaccel:
                return container
        except VideoError:
            pass
        container.close()
    return None
