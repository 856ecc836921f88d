"""The timelines, read by OpenTimelineIO, show the same frames as the mp4."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlparse
from xml.etree import ElementTree as ET

import av
import opentimelineio as otio
import pytest

from summdiff.export import save
from summdiff.export.editors import reel_name
from summdiff.summary import Summary
from summdiff.video._cut import _standard_rate
from video_frames import decoded, pictures

FORMATS = ["otio", "edl", "fcpxml", "fcp7xml"]
VARIABLE_TIMES = [
    0.0,
    0.05,
    0.09,
    0.131,
    0.2,
    0.21,
    0.3,
    0.42,
    0.45,
    0.5,
    0.6,
    0.633,
    0.7,
    0.8,
    0.85,
    0.9,
    1.0,
    1.4,
    1.45,
    1.5,
]
VARIABLE_TIMES = VARIABLE_TIMES + [round(1.5 + time + 0.04, 3) for time in VARIABLE_TIMES]
SOURCES = {
    "25": {"fps": 25},
    "23.976": {"fps": Fraction(24000, 1001)},
    "29.97": {"fps": Fraction(30000, 1001)},
    "59.94": {"fps": Fraction(60000, 1001)},
    "60": {"fps": 60},
    "29.97 in Matroska, with times in milliseconds": {"fps": Fraction(30000, 1001), "suffix": ".mkv"},
    "25 in AVI, without presentation times": {"fps": 25, "suffix": ".avi", "options": {"bf": "0"}},
    "29.97 in a transport stream": {"fps": Fraction(30000, 1001), "suffix": ".ts"},
    "15, half of a standard rate": {"fps": 15},
    "starts late, with B-frames": {"fps": 25, "suffix": ".mkv", "start": 2.0, "options": {"bf": "2"}},
    "variable": {"times": VARIABLE_TIMES},
}


class ReadTimeline:
    """A timeline as a reader gives it.

    Attributes:
        rate: frames per second.
        clips: (first frame of the source, number of frames, frame of the timeline) of each clip on the video track.
        path: the source.
        linked: clips of each audio track.
        start: first frame of the source by its timecode.
    """

    def __init__(self, rate, clips, *, path=None, linked=None, start=0):
        self.rate, self.clips, self.path, self.linked, self.start = Fraction(rate), clips, path, linked, start


def from_otio(timeline, *, rate, video=0):
    track = [track for track in timeline.tracks if track.kind == otio.schema.TrackKind.Video][video]
    clips = []
    for clip in track.find_clips():
        source, record = clip.source_range, clip.range_in_parent()
        values = source.start_time.value, source.duration.value, record.start_time.value
        assert all(value == round(value) for value in values)
        clips.append(tuple(map(int, values)))
    sounds = [
        [
            (
                int(c.source_range.start_time.value),
                int(c.source_range.duration.value),
                int(c.range_in_parent().start_time.value),
            )
            for c in t.find_clips()
        ]
        for t in timeline.tracks
        if t.kind == otio.schema.TrackKind.Audio
    ]
    return ReadTimeline(rate, clips, linked=sounds)


def path_of(url):
    assert url.startswith("file://")
    return unquote(urlparse(url).path)


def read_otio(path, rate):
    timeline = otio.adapters.read_from_file(str(path))
    (urls,) = ({clip.media_reference.target_url for clip in timeline.find_clips()},)
    (url,) = urls
    found = from_otio(timeline, rate=rate)
    found.path = path_of(url)
    media = next(iter(timeline.find_clips())).media_reference.available_range
    found.start = int(media.start_time.value)
    assert media.duration.rate == pytest.approx(float(rate))
    return found


def read_edl(path, rate):
    text = path.read_text(encoding="utf-8")
    found = from_otio(otio.adapters.read_from_string(text, "cmx_3600", rate=float(rate)), rate=rate)
    (found.path,) = set(re.findall(r"^\* FROM FILE: (.*)$", text, flags=re.M))
    return found


def read_fcp7xml(path, rate):
    timeline = otio.adapters.read_from_file(str(path), "fcp_xml")
    found = from_otio(timeline, rate=rate)
    root = ET.parse(path).getroot()
    (url,) = {element.text for element in root.iter("pathurl")}
    assert url.startswith("file://localhost/")
    found.path = path_of(url)
    (timebase,) = {element.text for element in root.iter("timebase")}
    (ntsc,) = {element.text for element in root.iter("ntsc")}
    assert Fraction(int(timebase)) * (Fraction(1000, 1001) if ntsc == "TRUE" else 1) == rate
    return found


def read_fcpxml(path, rate):
    """Read Final Cut Pro XML and check its structure: Apple's document type definition may not be redistributed."""
    root = ET.parse(path).getroot()
    assert (root.tag, root.get("version")) == ("fcpxml", "1.9")
    assert [child.tag for child in root] == ["resources", "library"]
    (form,) = root.findall("resources/format")
    (asset,) = root.findall("resources/asset")
    (media,) = asset.findall("media-rep")
    (sequence,) = root.findall("library/event/project/sequence")
    (spine,) = sequence
    frame = seconds(form.get("frameDuration"))
    assert 1 / frame == rate
    assert asset.get("format") == sequence.get("format") == form.get("id")
    assert {clip.tag for clip in spine} == {"asset-clip"}
    assert {clip.get("ref") for clip in spine} == {asset.get("id")}
    clips = []
    for clip in spine:
        counts = [seconds(clip.get(key)) / frame for key in ("start", "duration", "offset")]
        assert all(count.denominator == 1 for count in counts), "not on a frame"
        clips.append(tuple(map(int, counts)))
    assert seconds(sequence.get("duration")) / frame == sum(count for _, count, _ in clips)
    for first, count, _ in clips:
        assert first - seconds(asset.get("start")) / frame >= 0
        assert first + count <= (seconds(asset.get("start")) + seconds(asset.get("duration"))) / frame
    return ReadTimeline(rate, clips, path=path_of(media.get("src")), start=int(seconds(asset.get("start")) / frame))


def seconds(text):
    assert text.endswith("s")
    return Fraction(text[:-1])


READERS = {"otio": read_otio, "edl": read_edl, "fcp7xml": read_fcp7xml, "fcpxml": read_fcpxml}


def numbers_of(path, made):
    """Return the number of every frame of a video."""
    return [made.number(image) for image in pictures(decoded(path))]


@pytest.mark.parametrize("kind", SOURCES)
def test_timelines_and_mp4_agree_frame_by_frame(kind, nasty, summary_of, tmp_path):
    options = dict(SOURCES[kind])
    path, film = nasty("a & b \"q\" 's' <x> 100% #1 日本;=" + options.pop("suffix", ".mp4"), **options)
    times = [*film.frame_times, film.duration]
    cuts = [(3, 9), (12, 13), (20, len(film.frame_times) - 3), (len(film.frame_times) - 1, len(film.frame_times))]
    summary = summary_of(path, [(times[first], times[last]) for first, last in cuts])
    summary = Summary.from_json(summary.to_json())  # times rounded to the microsecond
    outputs = save(summary, tmp_path / "out", formats=["mp4", *FORMATS])
    shown = numbers_of(outputs[0], film)
    assert shown == [number for first, last in cuts for number in range(first, last)]

    rates = {"15, half of a standard rate": Fraction(30), "variable": Fraction(24000, 1001)}
    rate = rates.get(kind) or Fraction(options["fps"])
    found = {name: READERS[name](path, rate) for name, path in zip(FORMATS, outputs[1:], strict=True)}
    for name, read in found.items():
        assert read.path == str(path), name
        assert read.clips == found["otio"].clips, name
        assert [record for _, _, record in read.clips] == [
            sum(count for _, count, _ in read.clips[:n]) for n in range(len(read.clips))
        ], name

    # The frame of the video on display at each frame of the timeline.
    tolerance = 0.0015
    displayed = [
        [bisect_right(film.frame_times, k / float(rate) + tolerance) - 1 for k in range(first, first + count)]
        for first, count, _ in found["otio"].clips
    ]
    for (first, last), part in zip(cuts, displayed, strict=True):
        if kind == "variable":
            # In order, only frames of the part, and every frame that lasts a frame of the timeline.
            assert set(part) <= set(range(first, last)) or last - first == 1
            assert part == sorted(part)
            lasting = {n for n in range(first, last) if times[n + 1] - times[n] > 1.001 / float(rate)}
            assert lasting <= set(part)
        else:
            repeat = round(rate / Fraction(options.get("fps", rate)))
            assert part == [number for number in range(first, last) for _ in range(repeat)]


@pytest.mark.parametrize("kind", ["25", "29.97 in Matroska, with times in milliseconds"])
def test_timelines_have_the_dissolves_of_the_mp4(kind, nasty, summary_of, tmp_path):
    options = dict(SOURCES[kind])
    path, film = nasty("film" + options.pop("suffix", ".mp4"), **options)
    rate = Fraction(options["fps"])
    times = film.frame_times
    chosen = [(3, 33), (40, 70), (75, 95)]
    plain = summary_of(path, [(times[first], times[last]) for first, last in chosen])
    summary = replace(plain, settings={**plain.settings, "transition": 0.4})
    summary = Summary.from_json(summary.to_json())
    video, *outputs = save(summary, tmp_path / "out", formats=["mp4", *FORMATS])
    paths = dict(zip(FORMATS, outputs, strict=True))
    halves = [round(0.2 * rate), 20 // 4]
    length = 80 - 2 * sum(halves)
    assert len(numbers_of(video, film)) == length
    overlaps = [0, 2 * halves[0], 2 * halves[1]]
    begins = [sum(b - a for a, b in chosen[:n]) - sum(overlaps[: n + 1]) for n in range(3)]  # of each part

    timeline = otio.adapters.read_from_file(str(paths["otio"]))
    for track in timeline.tracks:
        assert track.duration().value == length
        assert [type(child).__name__ for child in track] == ["Clip", "Transition", "Clip", "Transition", "Clip"]
        assert [track[n].in_offset.value for n in (1, 3)] == [track[n].out_offset.value for n in (1, 3)] == halves
        for clip, (first, last) in zip(track.find_clips(), chosen, strict=True):
            shown = clip.trimmed_range_in_parent()
            handles = [0, *halves, 0]
            number = chosen.index((first, last))
            assert clip.source_range.start_time.value == first + handles[number]
            assert clip.source_range.end_time_exclusive().value == last - handles[number + 1]
            assert shown.start_time.value == begins[number] + handles[number]

    root = ET.parse(paths["fcp7xml"]).getroot()
    for media, effect in (("video", "Cross Dissolve"), ("audio", "KGAudioTransCrossFade3dB")):
        for track in root.iterfind(f".//sequence/media/{media}/track"):
            ranges = [(int(clip.findtext("in")), int(clip.findtext("out"))) for clip in track.iterfind("clipitem")]
            assert ranges == chosen
            places = [(int(t.findtext("start")), int(t.findtext("end"))) for t in track.iterfind("transitionitem")]
            assert places == [(begin, begin + overlap) for begin, overlap in zip(begins[1:], overlaps[1:], strict=True)]
            assert {t.findtext("effect/effectid") for t in track.iterfind("transitionitem")} == {effect}
            assert {t.findtext("effect/mediatype") for t in track.iterfind("transitionitem")} == {media}

    root = ET.parse(paths["fcpxml"]).getroot()
    spine = root.find(".//spine")
    assert [child.tag for child in spine] == ["asset-clip", "transition", "asset-clip", "transition", "asset-clip"]
    assert seconds(root.find(".//sequence").get("duration")) * rate == length
    end = 0
    for child in spine:
        offset, duration = seconds(child.get("offset")) * rate, seconds(child.get("duration")) * rate
        if child.tag == "asset-clip":
            assert offset == end
            end += duration
        else:
            assert (offset + duration / 2, duration) == (end, overlaps[1 + list(spine).index(child) // 2])
    identifiers = {effect.get("id") for effect in root.iter("effect")}
    assert {f.get("ref") for t in root.iter("transition") for f in t} == identifiers

    events = re.findall(r"^\d+  \S+ +(\S+) +D (\d+) ", paths["edl"].read_text(), flags=re.M)
    assert events == [("AA/V", f"{overlap:03d}") for overlap in overlaps[1:]]


def test_a_still_picture_is_in_the_timeline_where_the_part_begins(nasty, summary_of, tmp_path):
    """A part may begin while a slide is on display."""
    path, film = nasty(times=[*(n / 25 for n in range(25)), 4.0, 8.0, 8.04, 8.08], sound=False)
    outputs = save(summary_of(path, [(2.0, 3.0), (3.5, 6.0)]), tmp_path / "out", formats=["mp4", *FORMATS])
    assert numbers_of(outputs[0], film) == [24, 24, 25]
    for name, output in zip(FORMATS, outputs[1:], strict=True):
        assert READERS[name](output, 25).clips == [(50, 25, 0), (88, 62, 25)], name


@pytest.mark.parametrize(
    ("fps", "timecode", "mode", "first", "record"),
    [
        (Fraction(30000, 1001), "", "DROP FRAME", "00:00:01;00", "00:00:00;00"),
        (Fraction(30000, 1001), "00:00:59;28", "DROP FRAME", "00:01:01;00", "00:00:00;00"),
        (Fraction(30000, 1001), "00:00:59:28", "NON-DROP FRAME", "00:01:00:28", "00:00:00:00"),
        (Fraction(60000, 1001), "09:59:59;59", "DROP FRAME", "10:00:00;29", "00:00:00;00"),
        (Fraction(24000, 1001), "", "NON-DROP FRAME", "00:00:01:06", "00:00:00:00"),
        (25, "01:00:00:00", "NON-DROP FRAME", "01:00:01:05", "00:00:00:00"),
    ],
)
def test_timelines_count_by_the_timecode_of_the_source(fps, timecode, mode, first, record, nasty, summary_of, tmp_path):
    path, film = nasty(fps=fps)
    if timecode:
        path = with_timecode(path, timecode)
    summary = summary_of(path, [(film.frame_times[30], film.frame_times[45])])
    otio_path, edl, fcpxml, fcp7 = save(summary, tmp_path / "out", formats=FORMATS)
    text = edl.read_text(encoding="utf-8")
    assert f"FCM: {mode}\n" in text
    (event,) = re.findall(r"^001.*$", text, flags=re.M)
    assert event.split()[1:4] == [reel_name(Path(path).stem), "AA/V", "C"]
    assert event.split()[4] == first
    assert event.split()[6] == record
    rate = Fraction(fps)
    counted = Fraction(round(rate)) if timecode and ":" in timecode[-3:] and rate.denominator > 1 else rate
    edl_start = read_edl(edl, counted).clips[0][0]
    for read in (read_otio(otio_path, rate), read_fcpxml(fcpxml, rate), read_fcp7xml(fcp7, rate)):
        assert read.clips[0][0] == edl_start
    assert read_otio(otio_path, rate).start == edl_start - 30
    root = ET.parse(fcp7).getroot()
    assert {element.text for element in root.iter("displayformat")} == {"DF" if ";" in first else "NDF"}
    assert root.find(".//clipitem/in").text == "30"
    if timecode:
        assert root.find(".//file/timecode/string").text == timecode


def with_timecode(path, timecode):
    """Return a copy of an mp4 with a timecode track."""
    target = Path(path).with_name("timed & <coded>.mp4")
    with av.open(str(path)) as old, av.open(str(target), "w") as new:
        copies = {stream.index: new.add_stream_from_template(stream) for stream in old.streams}
        copies[old.streams.video[0].index].metadata["timecode"] = timecode
        for packet in old.demux():
            if packet.dts is not None:
                packet.stream = copies[packet.stream.index]
                new.mux(packet)
    return target


def test_no_numbers_are_dropped_at_the_tenth_minute(nasty, summary_of, tmp_path):
    """Numbers are dropped at each minute except every tenth."""
    path, film = nasty(fps=Fraction(30000, 1001))
    path = with_timecode(path, "00:09:58;02")
    summary = summary_of(path, [(film.frame_times[57], film.frame_times[60])])
    (edl,) = save(summary, tmp_path / "out", formats=["edl"])
    assert " 00:09:59;29 00:10:00;02 " in edl.read_text(encoding="utf-8")


def test_sound_is_linked_to_its_pictures(nasty, summary_of, tmp_path):
    path, _film = nasty()
    summary = summary_of(path, [(0.4, 1.2), (2.0, 3.0)])
    otio_path, edl, fcpxml, fcp7 = save(summary, tmp_path / "out", formats=FORMATS)
    found = read_otio(otio_path, 25)
    assert found.linked == [found.clips]
    found = read_edl(edl, 25)
    assert found.linked == [found.clips, found.clips]
    found = read_fcp7xml(fcp7, 25)
    assert found.linked == [found.clips, found.clips]

    root = ET.parse(fcp7).getroot()
    tracks = [*root.iterfind(".//media/video/track"), *root.iterfind(".//media/audio/track")]
    clips = {
        clip.get("id"): (number, place)
        for number, track in enumerate(tracks)
        for place, clip in enumerate(track.iter("clipitem"))
    }
    assert len(clips) == 6
    for name, (number, place) in clips.items():
        (clip,) = (clip for clip in root.iter("clipitem") if clip.get("id") == name)
        linked = [link.findtext("linkclipref") for link in clip.findall("link")]
        assert sorted(clips[other] for other in linked) == [(0, place), (1, place), (2, place)]
        for link in clip.findall("link"):
            track, position = clips[link.findtext("linkclipref")]
            assert link.findtext("mediatype") == ("audio" if track else "video")
            assert link.findtext("trackindex") == str(track or 1)
            assert link.findtext("clipindex") == str(position + 1)
        if number:
            assert clip.findtext("sourcetrack/trackindex") == str(number)
        assert clip.findtext("duration") == "100"
        assert len(clip.findall("rate")) == 1
    assert root.findtext(".//file/media/audio/channelcount") == "2"
    assert root.findtext(".//file/media/video/samplecharacteristics/width") == "192"

    asset = ET.parse(fcpxml).getroot().find("resources/asset")
    assert (asset.get("hasAudio"), asset.get("audioChannels"), asset.get("audioRate")) == ("1", "2", "48000")


def test_mono_sound_has_one_channel(nasty, summary_of, tmp_path):
    path, _ = nasty(sound_layout="mono")
    edl, fcp7 = save(summary_of(path, [(1.0, 2.0)]), tmp_path / "out", formats=["edl", "fcp7xml"])
    assert edl.read_text(encoding="utf-8").split("\n")[3].split()[2] == "B"
    for found in (read_edl(edl, 25), read_fcp7xml(fcp7, 25)):
        assert found.linked == [found.clips]


def test_a_video_without_sound_has_none_in_its_timelines(nasty, summary_of, tmp_path):
    path, _ = nasty(sound=False)
    otio_path, edl, fcpxml, fcp7 = save(summary_of(path, [(1.0, 2.0)]), tmp_path / "out", formats=FORMATS)
    assert read_otio(otio_path, 25).linked == read_edl(edl, 25).linked == read_fcp7xml(fcp7, 25).linked == []
    assert "AA/V" not in edl.read_text(encoding="utf-8")
    assert "hasAudio" not in fcpxml.read_text(encoding="utf-8")
    assert ET.parse(fcp7).getroot().find(".//link") is None


def test_rotation_and_pixel_aspect_are_applied_to_the_size(nasty, summary_of, tmp_path):
    path, _ = nasty(rotation=90, size=(108, 192), pixel_aspect=Fraction(4, 3))
    fcpxml, fcp7 = save(summary_of(path, [(1.0, 2.0)]), tmp_path / "out", formats=["fcpxml", "fcp7xml"])
    form = ET.parse(fcpxml).getroot().find("resources/format")
    assert (form.get("width"), form.get("height")) == ("108", "256")
    assert ET.parse(fcp7).getroot().findtext(".//format/samplecharacteristics/height") == "256"


def test_fcpxml_is_read_by_its_adapter(nasty, summary_of, tmp_path):
    """The adapter supports only whole rates."""
    path, _ = nasty()
    (fcpxml,) = save(summary_of(path, [(0.4, 1.2), (2.0, 3.0)]), tmp_path / "out", formats=["fcpxml"])
    found = otio.adapters.read_from_file(str(fcpxml), "fcpx_xml")
    clips = list(found.find_clips())
    ranges = {(int(clip.source_range.start_time.value), int(clip.source_range.duration.value)) for clip in clips}
    assert ranges == {(10, 20), (50, 25)}


@pytest.mark.parametrize(
    ("stem", "name"),
    [("my talk (final)", "MYTALKFI"), ("日本", "AX"), ("a", "A"), ("Ünïcode-7", "NCODE7")],
)
def test_a_reel_has_up_to_eight_capital_letters_and_digits(stem, name):
    assert reel_name(stem) == name


def test_a_thousand_parts_stay_exact(nasty, summary_of, tmp_path):
    """Event numbers go on past 999, and record times do not drift."""
    path, film = nasty(fps=60, scenes=[(34.0, "forest")], size=(32, 32), codec="mpeg4", sound=False)
    chosen = [(film.frame_times[n], film.frame_times[n + 1]) for n in range(0, 2040, 2)]
    outputs = save(summary_of(path, chosen), tmp_path / "out", formats=FORMATS)
    for name, output in zip(FORMATS, outputs, strict=True):
        clips = READERS[name](output, 60).clips
        assert clips == [(2 * n, 1, n) for n in range(len(chosen))], name
        assert all(a[2] + a[1] == b[2] for a, b in pairwise(clips))


@pytest.mark.parametrize(
    ("average", "rate"),
    [
        (30, 30), (29.97, Fraction(30000, 1001)), (30.05, 30), (24, 24), (23.9, Fraction(24000, 1001)), (60, 60),
        (26, Fraction(30000, 1001)), (30.4, 48), (12, Fraction(24000, 1001)), (240, 60),
    ],
)  # fmt: skip
def test_a_variable_rate_becomes_the_nearest_standard_rate_or_the_next_above(average, rate):
    assert _standard_rate(Fraction(average)) == rate
