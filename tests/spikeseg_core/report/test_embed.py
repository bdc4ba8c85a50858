import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image

from spikeseg_core.report.embed import LARGEST_PNG, LARGEST_SVG, WIDTH, data_uri


def decoded(uri: str) -> tuple[str, Image.Image]:
    kind, _, content = uri.partition(";base64,")
    return kind, Image.open(io.BytesIO(base64.b64decode(content)))


def save(pixels: np.ndarray, path: Path) -> Path:
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path


def test_a_chart_stays_a_png_and_is_no_wider_than_a_page(tmp_path: Path) -> None:
    chart = np.full((900, 2400, 3), 255)
    chart[100:800, 200:600] = (0, 114, 178)
    kind, image = decoded(data_uri(save(chart, tmp_path / "chart.png")))
    assert kind == "data:image/png"
    assert image.size == (WIDTH, 450)
    assert image.convert("RGB").getpixel((200, 200)) == (0, 114, 178)


def test_a_photograph_becomes_a_jpeg_and_small(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (600, 1800, 3))
    path = save(noise, tmp_path / "section.png")
    kind, image = decoded(data_uri(path))
    assert kind == "data:image/jpeg"
    assert image.width == WIDTH
    assert len(data_uri(path)) < path.stat().st_size / 3
    assert path.stat().st_size > LARGEST_PNG


def test_what_is_transparent_becomes_white(tmp_path: Path) -> None:
    _, image = decoded(data_uri(save(np.zeros((4, 4, 4)), tmp_path / "clear.png")))
    assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_a_small_vector_beside_it_is_taken_and_a_large_one_is_not(tmp_path: Path) -> None:
    chart = save(np.full((10, 10, 3), 255), tmp_path / "chart.png")
    vector = tmp_path / "chart.svg"
    vector.write_text("<svg/>")
    assert data_uri(chart) == "data:image/svg+xml;base64," + base64.b64encode(b"<svg/>").decode()
    vector.write_bytes(b"x" * (LARGEST_SVG + 1))
    assert data_uri(chart).startswith("data:image/png")


def test_every_colour_of_a_chart_is_kept(tmp_path: Path) -> None:
    ramp = np.zeros((30, 256, 3))
    ramp[..., 0] = np.arange(256)
    ramp[..., 2] = 255 - np.arange(256)
    _, image = decoded(data_uri(save(ramp, tmp_path / "ramp.png")))
    assert len(np.unique(np.asarray(image.convert("RGB"))[0], axis=0)) == 256
