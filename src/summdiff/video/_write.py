"""Writing of chosen parts of a video as a new file, exact to the frame and with sound, subtitles and chapters."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import av

from summdiff.atomic import sweep_now_and_then, temporary_path, to_disk
from summdiff.errors import OutputError, VideoError, reason
from summdiff.options import MovieOptions
from summdiff.summary import Interval, clock
from summdiff.video._audio_track import AudioTrack
from summdiff.video._copy import CopyPlan, GroupReader
from summdiff.video._crop import CroppedDecoder
from summdiff.video._cut import TickPart, tick_parts
from summdiff.video._encode import EncoderSettings, H264Stream
from summdiff.video._index import FrameIndex, SeekingDecoder, index_frames
from summdiff.video._limits import (
    PictureBudget,
    budget_alone,
    budget_beside_copies,
    limits_rate,
    rate_limit,
    run_seconds,
)
from summdiff.video._metadata import read_tags
from summdiff.video._mp4 import turn_off_subtitles
from summdiff.video._overlay import Overlay
from summdiff.video._runs import divide, runs_of, seconds_of, split
from summdiff.video._side_by_side import DecoderPool, threads_for
from summdiff.video._size import Encoding, SourceRates, choose_encoding, source_rates
from summdiff.video._subtitles import add_chapters, read_chapters, retime, retimed_subtitles, write_subtitles
from summdiff.video._trial import trial_factor
from summdiff.video._writers import AudioWriter, RunEncoder, VideoWriter

_ATTEMPTS, _MARGIN = 4, 1.03  # to keep to a largest size
_CHANGED_SECONDS = 0.5  # by which a file's duration differs only if it is another file
_LEAST_SHARE = 0.6  # of the bits that look like the source: with fewer, what is between copies stands out


def write_cut(
    source: str | os.PathLike[str],
    parts: Sequence[Interval],
    target: str | os.PathLike[str],
    *,
    duration: float | None = None,
    transition: float = 0.0,
    order: Sequence[int] = (),
    options: MovieOptions = MovieOptions(),  # noqa: B008  (frozen)
    on_progress: Callable[[float], None] | None = None,
    method: Literal["auto", "encode"] = "auto",
    overlay: Overlay | None = None,
) -> None:
    """Write parts of a video, one after the other, as an mp4 (H.264 and AAC) that can be streamed.

    The file contains exactly the frames whose presentation times lie in a part, with their own durations (also at
    variable frame rates), in the source's size, pixel aspect ratio, rotation and colors; interlaced frames are
    deinterlaced, one frame for each. Audio is cut to the same intervals, to the sample, and crossfades at each join. If
    a picture stands still at the start of a part (slides), it is shown from that start. Text subtitles and chapters
    move to their new times; those outside of the parts are dropped.

    The file appears under its name when it is complete; after an error, nothing is left behind.

    Args:
        source: the video.
        parts: intervals in seconds from the first displayed frame; they are sorted, merged and cut off at the end of
            the video.
        duration: of the video when the parts were chosen, in seconds; None for the one that it has now.
        transition: seconds for which pictures and sound of two successive parts dissolve into each other, so that the
            file is shorter by as much at each join; rounded to an even number of frames, and at most half of the
            shorter part. 0 cuts.
        order: positions of the parts in the order in which they are written; () for that of the film.
        options: quality and size of the file, and what it keeps of the source.
        target: file to write; replaced if it exists.
        on_progress: called with the seconds of the new video written so far.
        method: "auto" copies whole groups of pictures of an H.264 source and encodes the rest; "encode" encodes
            everything.
        overlay: drawn over the pictures, in seconds of the new video, so that all are encoded; None for nothing.

    Raises:
        VideoError: the source cannot be read, or its duration has changed.
        UsageError: no part contains a frame of the video.
        OutputError: the target cannot be written, or is the source itself.
    """
    target = Path(target)
    _check_target(Path(source), target)
    index = index_frames(source)
    _check_duration(Path(source), float(index.end * index.clock.time_base), duration)
    sweep_now_and_then(target.parent)
    temporary = temporary_path(target.parent)
    try:
        ticks = tick_parts(parts, index, transition, order)
        _write_within(source, ticks, index, temporary, options, on_progress or (lambda seconds: None), method, overlay)
        to_disk(temporary)
        temporary.replace(target)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, av.FFmpegError | OSError):
            raise OutputError(f"'{target}' cannot be written: {reason(error)}.") from error
        if isinstance(error, _TooLargeError):
            raise OutputError(
                f"'{target}' takes {error.size / 1e6:.2g} MB even at the lowest quality: allow more than that, or make "
                "the summary shorter."
            ) from error
        raise


def _check_target(source: Path, target: Path) -> None:
    folder = target.parent
    if target.is_dir():
        raise OutputError(f"'{target}' is a folder; name a file in it.")
    if not folder.is_dir():
        raise OutputError(f"'{target}' cannot be written: the folder '{folder}' does not exist.")
    if target.exists() and source.exists() and target.samefile(source):
        raise OutputError(f"'{target}' is the video itself; choose another name.")
    if not os.access(folder, os.W_OK):
        raise OutputError(f"'{target}' cannot be written: the folder '{folder}' is not writable.")


def _check_duration(source: Path, now: float, then: float | None) -> None:
    if then is not None and abs(now - then) > _CHANGED_SECONDS:
        lasts, lasted = (clock(seconds, tenths=True) for seconds in (now, then))
        raise VideoError(
            f"'{source}' lasts {lasts} and lasted {lasted} when its parts were chosen: summarize it again."
        )


class _TooLargeError(Exception):
    """The smallest file that could be written is larger than allowed."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


def _write_within(
    path: str | os.PathLike[str],
    parts: Sequence[TickPart],
    index: FrameIndex,
    temporary: Path,
    options: MovieOptions,
    on_progress: Callable[[float], None],
    method: Literal["auto", "encode"],
    overlay: Overlay | None,
) -> None:
    """Write a file that is not larger than allowed; again and smaller where the first one turns out too large."""
    rates = source_rates(path, index, parts)
    largest = options.max_size or math.inf
    seconds = (parts[-1].offset + parts[-1].end - parts[-1].start) * index.clock.time_base
    if options.quality not in ("normal", "high") or (rates.pictures + rates.sound) * seconds > 8 * largest:
        method = "encode"  # copied pictures have the source's quality and size
    if overlay is not None:
        method = "encode"
    excess, size = 1.0, 0
    for _ in range(_ATTEMPTS):
        most = _write(path, parts, index, temporary, options, rates, excess, on_progress, method, overlay)
        size = temporary.stat().st_size
        if size <= min(most, largest):
            return
        excess *= _MARGIN * size / min(most, largest)
        if size > largest:
            method = "encode"
    if size <= largest:
        return
    raise _TooLargeError(size)


def _write(
    path: str | os.PathLike[str],
    parts: Sequence[TickPart],
    index: FrameIndex,
    temporary: Path,
    options: MovieOptions,
    rates: SourceRates,
    excess: float,
    on_progress: Callable[[float], None],
    method: Literal["auto", "encode"],
    overlay: Overlay | None,
) -> float:
    """Write a file; return the bytes that it may have, infinite for as many as it needs."""
    time_base = index.clock.time_base
    duration = float((parts[-1].offset + parts[-1].end - parts[-1].start) * time_base)
    with ExitStack() as opened:
        open_decoder = partial(_open_decoder, path, index, options)
        decoder = open_decoder()
        decoders = DecoderPool(open_decoder, decoder)
        opened.callback(decoders.close)
        if isinstance(decoder, CroppedDecoder):
            rates, method = rates.cropped(decoder.share), "encode"
        track = AudioTrack.open(path, clock=index.clock, seekable=bool(len(index.key_ticks)))
        if track is not None:
            opened.enter_context(track)
        encoding = choose_encoding(
            options,
            rates,
            pixels=float(decoder.first.width * decoder.first.height * index.clock.rate),
            channels=track.channels if track is not None else 0,
            seconds=duration,
            parts=len(parts),
            excess=excess,
        )
        plan = CopyPlan.of(index, decoder.first) if method == "auto" and not decoder.interlaced else None
        plan, budget = _copies_and_budget(plan, parts, index, rates, encoding, duration, excess)
        groups = opened.enter_context(GroupReader(path, plan, index.clock)) if plan is not None else None
        threads = threads_for(index, decoder.first.width * decoder.first.height)
        divided = divide(parts, index, plan)
        seconds = seconds_of(runs_of(divided), time_base)
        limited = limits_rate(encoding, seconds, len(runs_of(divided)))
        divided = split(divided, index, run_seconds(encoding, limited=limited))
        settings = EncoderSettings(
            first=decoder.first,
            source=decoder.stream,
            clock=index.clock,
            factor=encoding.factor,
            key_interval=encoding.key_interval,
            interlaced=decoder.first.interlaced_frame,
            overlay=overlay,
        )
        if budget is not None:
            factor = trial_factor(settings, decoders, index, rates, parts, budget, seconds=seconds, threads=threads)
            settings = replace(settings, factor=factor)
        settings = replace(
            settings,
            most=rate_limit(encoding, seconds, len(runs_of(divided)), limited=limited),
            copied_sets=plan.groups.sets if plan is not None else None,
            decode_delay=plan.decode_delay() if plan is not None else 0,
        )
        spans = [(part.start * time_base, part.end * time_base) for part in parts]
        subtitles = retimed_subtitles(path, spans, keep_location=options.keep_location)
        with _new_file(temporary) as output:
            output.metadata.update(read_tags(path, keep_location=options.keep_location))
            encode = RunEncoder(decoders, settings, dissolve_ticks=float(1 / (index.dissolve_rate * time_base)))
            video = VideoWriter(output, H264Stream(output, settings), groups, encode, threads=threads)
            dissolves = [2 * (part.alone_from - part.start) * time_base for part in parts[1:]]
            audio = AudioWriter(output, track, spans, dissolves, bit_rate=encoding.sound)
            add_chapters(output, retime(read_chapters(path), spans))
            write_subtitles(output, subtitles)
            with closing(video.write(divided)) as ticks:
                for tick in ticks:
                    audio.write_until(tick * time_base)
                    on_progress(float(tick * time_base))
            audio.write_until(None)
        turn_off_subtitles(temporary, [track.default for track in subtitles])
        on_progress(duration)
        return math.inf if encoding.most is None or (plan is not None and not encoding.strict) else encoding.most


def _copies_and_budget(
    plan: CopyPlan | None,
    parts: Sequence[TickPart],
    index: FrameIndex,
    rates: SourceRates,
    encoding: Encoding,
    duration: float,
    excess: float,
) -> tuple[CopyPlan | None, PictureBudget | None]:
    """Return what is copied, and the bits for the rest; None for no limit. Copies that leave too few are given up."""
    if encoding.pictures is None or encoding.strict or len(rates.frames) != len(index.ticks):
        return plan, None
    if plan is not None:
        beside_copies = budget_beside_copies(parts, plan, index, rates, encoding.pictures * duration)
        if beside_copies.bits >= _LEAST_SHARE * beside_copies.like_source(rates):
            return plan, beside_copies
    alone = budget_alone(parts, index, rates, encoding, duration)
    return None, replace(alone, bits=alone.bits / excess)


@contextmanager
def _new_file(path: Path) -> Iterator[av.container.OutputContainer]:
    """Open an mp4 to write, and complete it; after an error, remove it."""
    output = av.open(str(path), "w", format="mp4", container_options={"movflags": "+faststart"})
    try:
        yield output
        output.close()  # moves the index to the front, which may fill the disk
    except BaseException:
        with suppress(OSError):  # first, so that closing does not complete an unwanted file
            path.unlink()
        with suppress(av.FFmpegError):
            output.close()
        raise


def _open_decoder(path: str | os.PathLike[str], index: FrameIndex, options: MovieOptions) -> SeekingDecoder:
    """Open a decoder for one thread."""
    deinterlace = not options.keep_interlaced
    if options.frame == "film":
        return SeekingDecoder(path, index, deinterlace=deinterlace, threads=1)
    shape, position = options.frame, options.crop
    return CroppedDecoder(path, index, deinterlace=deinterlace, threads=1, shape=shape, position=position)
