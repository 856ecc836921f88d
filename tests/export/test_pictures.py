"""The curve and the contact sheet, read by ElementTree and Pillow."""

import hashlib
import itertools
from xml.etree import ElementTree as ET

import numpy as np
from PIL import Image

from summdiff.export import save
from summdiff.export.pictures import _FONT, font


def test_svg_keeps_text_and_refers_to_nothing_outside(film, tmp_path):
    (path,) = save(film, tmp_path, formats=["svg"])
    root = ET.parse(path).getroot()
    assert root.tag.endswith("svg")
    assert "日本" in path.read_text(encoding="utf-8")
    assert not [e for e in root.iter() for key, value in e.attrib.items() if key.endswith("href") and value[0] != "#"]


def test_sheet_shows_each_chosen_shot(film, tmp_path):
    (path,) = save(film, tmp_path, formats=["sheet"])
    with Image.open(path) as sheet:
        assert sheet.format == "JPEG"
        pixels = np.asarray(sheet.convert("RGB")).astype(int)
    # Two pictures of 320 × 180 pixels side by side.
    paper = np.abs(pixels - pixels[2, 2]).max(axis=2) < 12
    row = ~paper[44 + 90]
    runs = [len(list(group)) for dark, group in itertools.groupby(row) if dark]
    assert len([length for length in runs if length > 250]) == 2


def test_the_font_of_the_sheet_has_all_letters_of_its_labels():
    letters = font(14)
    missing = bytes(letters.getmask("\uffff"))
    assert [letter for letter in "0:19 –…éßłЖΩ" if bytes(letters.getmask(letter)) == missing] == []


def test_the_notice_of_the_font_names_its_file():
    assert hashlib.sha256(_FONT.read_bytes()).hexdigest() in _FONT.with_name("NOTICE.md").read_text()
