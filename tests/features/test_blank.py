"""Which pictures show nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from summdiff.features._blank import is_blank

SMPTE = [(191, 191, 191), (191, 191, 0), (0, 191, 191), (0, 191, 0), (191, 0, 191), (191, 0, 0), (0, 0, 191)]
EBU = [(255, 255, 255), (255, 255, 0), (0, 255, 255), (0, 255, 0), (255, 0, 255), (255, 0, 0), (0, 0, 255), (0, 0, 0)]


def bars(colors, height=256, width=455):
    return np.repeat(np.array(colors, np.uint8)[np.arange(width) * len(colors) // width][None], height, axis=0)


@given(
    st.tuples(*[st.integers(0, 255)] * 3),
    st.sampled_from([(256, 455), (256, 256), (455, 256), (256, 342)]),
    st.floats(0, 8),
    st.integers(0, 99),
)
def test_one_color_is_blank_under_noise_too(color, size, noise, seed):
    grain = np.random.default_rng(seed).normal(0, noise, (*size, 3))
    assert is_blank(np.clip(np.array(color) + grain, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("colors", [SMPTE, EBU])
@pytest.mark.parametrize("size", [(256, 455), (256, 342)])
def test_color_bars_are_blank_whatever_lies_below_them(colors, size):
    card = bars(colors, *size)
    assert is_blank(card)
    card[size[0] * 2 // 3 : size[0] * 3 // 4] = card[size[0] * 2 // 3 : size[0] * 3 // 4, ::-1]
    card[size[0] * 3 // 4 :, : size[1] // 2] = 16
    assert is_blank(card)


def sky():
    """A clear sky over ground."""
    picture = np.full((256, 455, 3), (120, 180, 250), np.uint8)
    picture[150:] = np.random.default_rng(0).integers(0, 255, (106, 455, 3))
    return picture


def title(background, color):
    image = Image.new("RGB", (455, 256), background)
    ImageDraw.Draw(image).text((60, 110), "Chapter one", fill=color, font_size=36)
    return np.asarray(image)


@pytest.mark.parametrize(
    "picture",
    [
        sky(),
        title("black", "white"),
        title("white", "black"),
        np.rot90(bars(SMPTE, 455, 256)),
        255 * np.eye(256)[..., None].repeat(3, axis=2),
    ],
    ids=["sky", "title", "slide", "stripes", "line"],
)
def test_what_shows_something_is_not_blank(picture):
    assert not is_blank(np.ascontiguousarray(picture, np.uint8))
