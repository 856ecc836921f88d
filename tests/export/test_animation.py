"""The moving previews, read by Pillow."""

from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from summdiff.export import animation, save


@pytest.mark.parametrize("form", ["gif", "webp"])
def test_previews_move(form, film, tmp_path):
    (path,) = save(film, tmp_path, formats=[form])
    with Image.open(path) as image:
        assert (image.format, image.size) == (form.upper(), (320, 180))
        assert image.info["loop"] == 0
        assert 1.6 <= image.n_frames / 8 <= 1.8


def test_previews_of_noise_stay_under_their_limit(tmp_path, summary_of, monkeypatch):
    """With a tenth of the limit, and pictures in proportion."""
    monkeypatch.setattr(animation, "_MAX_BYTES", 500_000)
    monkeypatch.setattr(animation, "_SHORT_SIDE", 58)
    rng = np.random.default_rng(0)
    source = tmp_path / "noise.mkv"
    with av.open(str(source), "w") as output:
        stream = output.add_stream("ffv1", rate=8)
        stream.width, stream.height, stream.pix_fmt = 104, 58, "yuv420p"
        for n in range(8 * 14):
            grey = rng.integers(0, 256, (58, 104, 1), dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(np.repeat(grey, 3, axis=2))
            frame.pts, frame.time_base = n, Fraction(1, 8)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    for path in save(summary_of(source, [(0.0, 13.0)]), tmp_path / "out", formats=["gif", "webp"]):
        assert 50_000 < path.stat().st_size < 500_000, path.suffix
        with Image.open(path) as image:
            assert image.n_frames >= 85  # ten excerpts


def test_a_gif_shows_smooth_areas_without_bands(tmp_path, summary_of):
    """Averages over 8 × 8 pixels stay near those of the source, also where two scenes share no color."""
    across = np.linspace(0, 1, 320)[None, :, None]
    down = np.linspace(0, 1, 180)[:, None, None]
    scenes = [
        (np.array(a) * across + np.array(b) * down + 30).astype(np.uint8)
        for a, b in (((120, 60, 20), (20, 80, 90)), ((20, 90, 140), (100, 60, 20)))
    ]
    source = tmp_path / "scenes.mkv"
    with av.open(str(source), "w") as output:
        stream = output.add_stream("ffv1", rate=8)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv444p"
        for n in range(16):
            frame = av.VideoFrame.from_ndarray(scenes[n // 8])
            frame.pts, frame.time_base = n, Fraction(1, 8)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    (path,) = save(summary_of(source, [(0.0, 2.0)]), tmp_path / "out", formats=["gif"])
    with Image.open(path) as image:
        for n, scene in ((0, scenes[0]), (image.n_frames - 1, scenes[1])):
            image.seek(n)
            difference = np.asarray(image.convert("RGB")).astype(float) - scene
            blocks = difference[:176].reshape(22, 8, 40, 8, 3).mean(axis=(1, 3))
            assert np.sqrt((blocks**2).mean()) < 1.5
