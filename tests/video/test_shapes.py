"""Pictures of other kinds than the first one, interlaced ones and transparent ones, as they are seen and written."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from av.codec.context import Flags
from av.video.frame import VideoFrame

from summdiff.errors import VideoError
from summdiff.options import MovieOptions
from summdiff.summary import Interval
from summdiff.video import VideoReader, stills, write_cut
from video_frames import decoded, pictures

RATE = 25


def disc(width, height, pixel_aspect=1.0, color=(40, 90, 40)):
    """A true circle in the middle of a picture (height, width, 3) whose pixels have this aspect."""
    y, x = np.mgrid[:height, :width] + 0.5
    image = np.full((height, width, 3), color, np.uint8)
    radius = 0.35 * min(width * pixel_aspect, height)
    image[((x - width / 2) * pixel_aspect) ** 2 + (y - height / 2) ** 2 < radius**2] = 230
    return image


def elongation(image, pixel_aspect=1.0):
    """Width of the bright disc of a picture by its height, as a player shows it."""
    bright = image.min(axis=2) > 160
    return bright.any(axis=0).sum() * pixel_aspect / bright.any(axis=1).sum()


def write_part(path, codec, images, *, start=0, aspect=Fraction(1), pix_fmt="yuv420p", interlaced="", options=None):
    """Write pictures as a video; `interlaced` is the field that comes first, "top" or "bottom"."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=RATE, options=options or {})
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt, stream.gop_size = pix_fmt, 12
        stream.codec_context.bit_rate = 2_000_000
        stream.codec_context.time_base = Fraction(1, RATE)
        stream.codec_context.sample_aspect_ratio = aspect
        if interlaced:
            stream.codec_context.flags |= Flags.interlaced_dct | Flags.interlaced_me
        for n, image in enumerate(images):
            frame = VideoFrame.from_ndarray(image, format="rgba" if image.shape[2] == 4 else "rgb24")
            frame.time_base = Fraction(1, RATE)
            if interlaced:
                frame = marked_interlaced(frame, interlaced, pix_fmt)
            frame.pts, frame.time_base = start + n, Fraction(1, RATE)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def marked_interlaced(frame, first_field, pix_fmt):
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or Fraction(1, RATE)
    )
    setting = graph.add("setfield", {"top": "tff", "bottom": "bff"}[first_field])
    scaler, form = graph.add("scale", "interl=1"), graph.add("format", pix_fmt)
    graph.link_nodes(source, setting, scaler, form, graph.add("buffersink")).configure()
    graph.vpush(frame)
    return graph.vpull()


def joined(path, *parts):
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def moving_bar(count, *, first_field="top", size=(96, 128)):
    """Pictures in which a bar moves between the fields: every line of a field shows it at the field's own time."""
    images = []
    for n in range(count):
        image = np.full((*size, 3), 60, np.uint8)
        for parity in (0, 1):
            late = parity if first_field == "top" else 1 - parity
            x = (2 * n + late) * 5 % (size[1] - 30)
            image[parity::2, x : x + 24] = (230, 60, 60)
        images.append(image)
    return images


def combing(image):
    """Difference of neighboring lines, which belong to different fields; about 0 in a picture of upright bars."""
    red = image[8:-8, :, 0].astype(float)
    return np.abs(red[1:] - red[:-1]).max()


@pytest.fixture(scope="module")
def aspect_change(tmp_path_factory):
    """A 4:3 programme of a second, then one of 16:9 with the same pixels, joined byte by byte."""
    folder = tmp_path_factory.mktemp("aspect")
    parts = []
    for n, shape in enumerate((Fraction(4, 3), Fraction(16, 9))):
        aspect = shape * Fraction(96, 120)
        images = [disc(120, 96, float(aspect))] * RATE
        parts.append(write_part(folder / f"{n}.ts", "mpeg2video", images, start=n * RATE, aspect=aspect))
    return joined(folder / "tv.ts", *parts)


def test_a_later_pixel_aspect_is_letterboxed_from_its_first_frame_on(aspect_change, tmp_path):
    write_cut(aspect_change, [Interval(0, 3)], tmp_path / "out.mp4")
    frames = decoded(tmp_path / "out.mp4")
    aspect = float(Fraction(4, 3) * Fraction(96, 120))
    shapes = [elongation(image, aspect) for image in pictures(frames)]
    assert np.allclose(shapes, 1, atol=0.06)
    top_lines = [image[4].max() > 60 for image in pictures(frames)]
    late = frames[-1].pts - frames[0].pts
    assert top_lines.index(False) in (len(frames) - RATE, len(frames) - RATE + 1)
    assert late > 0


def test_the_model_sees_true_shapes_and_the_user_is_told(aspect_change):
    with VideoReader(aspect_change) as reader:
        images = [step.image for step in reader.steps(rate=4, short_side=96)]
    assert all(abs(elongation(image) - 1) < 0.06 for image in images)
    assert reader.notes == (
        "The shape of the picture changes midway: later pictures are fitted into the first one's, with black bars.",
    )


@pytest.mark.parametrize(("codec", "suffix"), [("libx264", "ts"), ("mpeg2video", "mpg")])
def test_a_later_size_is_letterboxed(codec, suffix, tmp_path):
    wide = write_part(tmp_path / f"a.{suffix}", codec, [disc(160, 90)] * RATE)
    tall = write_part(tmp_path / f"b.{suffix}", codec, [disc(90, 160, color=(90, 40, 40))] * RATE, start=RATE)
    film = joined(tmp_path / f"film.{suffix}", wide, tall)
    write_cut(film, [Interval(0, 3)], tmp_path / "out.mp4")
    images = list(pictures(decoded(tmp_path / "out.mp4")))
    assert {image.shape for image in images} == {(90, 160, 3)}
    assert np.allclose([elongation(image) for image in images], 1, atol=0.08)
    assert images[-1][:, :40].max() < 30  # bars at the left and the right
    assert images[-1][:, -40:].max() < 30


def turned(path, target, degrees):
    """Copy an H.264 film and state in its key frames that it is to be turned."""
    with av.open(str(path)) as source, av.open(str(target), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        turn = av.BitStreamFilterContext(
            f"h264_metadata=display_orientation=insert:rotate={degrees}", in_stream=source.streams.video[0]
        )
        for packet in source.demux(video=0):
            if packet.size:
                for changed in turn.filter(packet):
                    changed.stream = stream
                    output.mux(changed)
    return target


@pytest.mark.parametrize("turned_first", [False, True])
def test_a_later_rotation_is_letterboxed(turned_first, tmp_path):
    images = [disc(160, 90)] * RATE * 2
    parts = [write_part(tmp_path / f"{n}.ts", "libx264", images, start=2 * n * RATE) for n in range(2)]
    number = 0 if turned_first else 1
    parts[number] = turned(parts[number], tmp_path / "turned.ts", 90)
    film = joined(tmp_path / "film.ts", *parts)
    write_cut(film, [Interval(0, 4)], tmp_path / "out.mp4")
    assert {image.shape for image in pictures(decoded(tmp_path / "out.mp4"))} == {(90, 160, 3)}
    first, last = stills(tmp_path / "out.mp4", [0.5, 3.8], short_side=90)
    assert first.shape == last.shape == ((160, 90, 3) if turned_first else (90, 160, 3))
    for image in (first, last):
        assert abs(elongation(image) - 1) < 0.1
    bars = last[:30], last[-30:]
    if not turned_first:
        bars = last[:, :40], last[:, -40:]
    assert max(bar.max() for bar in bars) < 40
    assert first.max(axis=2).min() > 40


def test_one_shape_throughout_needs_no_note(make_video):
    with VideoReader(make_video().path) as reader:
        list(reader.steps())
    assert reader.notes == ()


@pytest.mark.parametrize(
    ("codec", "suffix", "pix_fmt", "first_field"),
    [
        ("mpeg2video", "mpg", "yuv420p", "top"),
        ("mpeg2video", "mxf", "yuv422p", "top"),
        ("libx264", "ts", "yuv420p", "top"),
        ("libx264", "mkv", "yuv420p", "bottom"),
        ("prores_ks", "mov", "yuv422p10le", "top"),
    ],
)
def test_interlaced_pictures_are_deinterlaced(codec, suffix, pix_fmt, first_field, tmp_path):
    options = {"x264-params": "tff=1" if first_field == "top" else "bff=1"} if codec == "libx264" else {}
    images = moving_bar(30, first_field=first_field)
    film = tmp_path / f"film.{suffix}"
    write_part(film, codec, images, pix_fmt=pix_fmt, interlaced=first_field, options=options)
    source = decoded(film)
    assert all(frame.interlaced_frame for frame in source)
    assert combing(list(pictures(source))[10]) > 100
    write_cut(film, [Interval(0.2, 0.8)], tmp_path / "out.mp4")
    frames = decoded(tmp_path / "out.mp4")
    assert len(frames) == 15
    assert not any(frame.interlaced_frame for frame in frames)
    assert max(combing(image) for image in pictures(frames)) < 60
    for seen in stills(film, [0.2, 0.4, 0.6], short_side=96):
        assert combing(seen) < 60
    with VideoReader(film) as reader:
        assert max(combing(step.image) for step in reader.steps(rate=8, short_side=96)) < 60


def test_tiny_interlaced_pictures_are_left_as_they_are(tmp_path):
    film = write_part(
        tmp_path / "film.mov", "prores_ks", moving_bar(5, size=(8, 48)), pix_fmt="yuv422p10le", interlaced="top"
    )
    write_cut(film, [Interval(0, 0.2)], tmp_path / "out.mp4")
    assert len(decoded(tmp_path / "out.mp4")) == 5
    assert len(list(stills(film, [0.0, 0.1], short_side=16))) == 2


@pytest.mark.parametrize("first_field", ["top", "bottom"])
def test_interlaced_pictures_are_kept_on_request_with_each_field_in_its_own_colors(first_field, tmp_path):
    images = moving_bar(30, first_field=first_field, size=(94, 128))  # 94 lines: no whole number in each field of 4:2:0
    film = tmp_path / "film.mov"
    write_part(film, "prores_ks", images, pix_fmt="yuv422p10le", interlaced=first_field)
    write_cut(film, [Interval(0.2, 0.8)], tmp_path / "out.mp4", options=MovieOptions(keep_interlaced=True))
    frames = decoded(tmp_path / "out.mp4")
    assert all(frame.interlaced_frame for frame in frames)
    (seen,) = stills(tmp_path / "out.mp4", [0.2], short_side=96)  # of the first field, by a player's measure
    first_line = images[10][0 if first_field == "top" else 1]
    assert np.abs(seen[40].astype(int) - first_line).mean() < 12
    red = frames[5].planes[2]
    rows = np.frombuffer(red, np.uint8).reshape(-1, red.line_size)[: red.height, : red.width].astype(int)
    assert np.abs(rows[:46:2].mean(axis=0) - rows[1:46:2].mean(axis=0)).max() > 40


def transparent(count=8):
    """A red disc on nothing; where nothing is, the hidden color is green."""
    image = np.zeros((90, 160, 4), np.uint8)
    image[..., 1] = 255
    y, x = np.mgrid[:90, :160]
    image[(x - 80) ** 2 + (y - 45) ** 2 < 900] = (220, 30, 30, 255)
    return [image] * count


@pytest.mark.parametrize(
    ("codec", "name", "pix_fmt"),
    [
        ("libvpx-vp9", "film.webm", "yuva420p"),
        ("libvpx", "film.webm", "yuva420p"),
        ("prores_ks", "film.mov", "yuva444p10le"),
        ("png", "film.mov", "rgba"),
        ("qtrle", "film.mov", "argb"),
        ("ffv1", "film.mkv", "bgra"),
        ("apng", "film.apng", "rgba"),
    ],
)
def test_transparent_pictures_lie_on_black(codec, name, pix_fmt, tmp_path):
    options = {"auto-alt-ref": "0"} if codec == "libvpx" else {}
    film = write_part(tmp_path / name, codec, transparent(), pix_fmt=pix_fmt, options=options)
    write_cut(film, [Interval(0, 0.2)], tmp_path / "out.mp4")
    written = next(pictures(decoded(tmp_path / "out.mp4")))
    (seen,) = stills(film, [0.0], short_side=90)
    for image in (written, seen):
        assert image[5, 5].max() < 12
        assert np.abs(image[45, 80].astype(int) - (220, 30, 30)).max() < 25


def test_transparent_gifs_lie_on_white(tmp_path):
    from PIL import Image

    frames = [Image.fromarray(image).convert("RGBA") for image in transparent(4)]
    film = tmp_path / "film.gif"
    frames[0].save(film, save_all=True, append_images=frames[1:], duration=100, disposal=2)
    write_cut(film, [Interval(0, 0.3)], tmp_path / "out.mp4")
    assert next(pictures(decoded(tmp_path / "out.mp4")))[5, 5].min() > 243


def test_animated_webp_is_refused_with_its_own_sentence(tmp_path):
    from PIL import Image

    frames = [Image.fromarray(image) for image in transparent(4)]
    film = tmp_path / "film.webp"
    frames[0].save(film, save_all=True, append_images=frames[1:], duration=100)
    with pytest.raises(VideoError, match=r"is a WebP picture or animation: convert it to mp4 or GIF first\.$"):
        VideoReader(film)
