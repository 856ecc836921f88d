"""The moving previews, read by Pillow."""

from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from summdiff.export import save


@pytest.mark.parametrize("form", ["gif", "webp"])
def test_previews_move(form, film, tmp_path):
    (path,) = save(film, tmp_path, formats=[form])
    with Image.open(path) as image:
        assert (image.format, image.size) == (form.upper(), (320, 180))
        assert image.info["loop"] == 0
        assert 1.6 <= image.n_frames / 8 <= 1.8


def test_previews_of_noise_stay_under_their_limit(tmp_path, summary_of):
    rng = np.random.default_rng(0)
    source = tmp_path / "noise.mkv"
    with av.open(str(source), "w") as output:
        stream = output.add_stream("ffv1", rate=8)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for n in range(8 * 14):
            frame = av.VideoFrame.from_ndarray(rng.integers(0, 256, (180, 320, 3), dtype=np.uint8))
            frame.pts, frame.time_base = n, Fraction(1, 8)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    for path in save(summary_of(source, [(0.0, 13.0)]), tmp_path / "out", formats=["gif", "webp"]):
        assert 500_000 < path.stat().st_size < 5_000_000, path.suffix
        with Image.open(path) as image:
            assert image.n_frames >= 85  # ten excerpts
