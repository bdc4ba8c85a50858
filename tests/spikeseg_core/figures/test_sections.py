from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar
from PIL import Image

from spikeseg_core.figures import sections as figures
from spikeseg_core.figures.sections import (
    overview_figure,
    scale_bar,
    sections_figure,
    segmented_figure,
)

TRUTH = (np.random.default_rng(0).random((40, 50)) < 0.2).astype(np.uint8)


def test_a_section_is_drawn_with_its_truth(tmp_path):
    path = sections_figure(TRUTH * 1.0, TRUTH, TRUTH * 0.7 + 0.1, tmp_path / "a.png")
    with Image.open(path) as image:
        assert np.asarray(image.convert("L")).std() > 5


def test_a_flat_section_is_drawn(tmp_path):
    flat = np.zeros((20, 20))
    assert sections_figure(flat, flat, flat, tmp_path / "flat.png").exists()


def test_sections_without_a_truth_have_a_row_each(tmp_path):
    one = ("one", TRUTH * 1.0, TRUTH * 0.7)
    heights = []
    for sections in ([one], [one, one]):
        path = segmented_figure(sections, 0.5, tmp_path / "a.png", "")
        with Image.open(path) as image:
            heights.append(image.height)
    assert heights[1] > 1.5 * heights[0]


def test_large_sections_are_drawn_with_fewer_pixels(tmp_path, monkeypatch):
    drawn = []

    def white(image):
        drawn.append(image.shape)
        return np.ones((*image.shape, 3))

    monkeypatch.setattr(figures, "grey_picture", white)
    image = np.zeros((1500, 2049), np.uint8)
    segmented_figure([("a", image, image / 255.0)], 0.5, tmp_path / "a.png", "")
    assert drawn == [(500, 683)]


def test_what_came_out_is_four_panels_in_a_row_or_in_a_square(tmp_path):
    found = {"ANN": TRUTH * 0.9, "chip": TRUTH * 0.8}
    shapes = []
    for columns in (4, 2):
        path = overview_figure(TRUTH * 1.0, TRUTH, found, tmp_path / "a.png", columns=columns)
        with Image.open(path) as image:
            shapes.append(image.size)
    assert shapes[0][0] > 3 * shapes[0][1]
    assert shapes[1][0] < 1.2 * shapes[1][1]


@pytest.mark.parametrize(("networks", "rows"), [(2, 1), (5, 2)])
def test_every_network_has_its_panel_below_the_title(
    networks: int, rows: int, tmp_path: Path
) -> None:
    found = {f"network {i}": TRUTH * 0.5 for i in range(networks)}
    path = overview_figure(TRUTH * 1.0, TRUTH, found, tmp_path / "all.png", title="a section")
    with Image.open(path) as picture:
        width, height = picture.size
    assert width == 1488
    assert height == pytest.approx(120 * (0.5 + 3.3 * rows), abs=1)


@pytest.mark.parametrize(
    ("width", "nm", "told", "px"),
    [(512, 4.0, "500 nm", 125), (1024, 8.0, "2 µm", 250), (100, 0.5, "10 nm", 20)],
)
def test_a_scale_bar_has_a_round_length(width: int, nm: float, told: str, px: float) -> None:
    panel = Figure().add_subplot()
    scale_bar(panel, width, (nm, nm))
    (bar,) = panel.artists
    assert isinstance(bar, AnchoredSizeBar)
    assert bar.txt_label.get_text() == told
    assert bar.size_bar.get_children()[0].get_width() == px


def test_a_section_of_unknown_pixel_size_has_no_scale_bar() -> None:
    panel = Figure().add_subplot()
    scale_bar(panel, 512, None)
    assert not panel.artists
