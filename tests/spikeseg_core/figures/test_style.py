from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from spikeseg_core.figures import style
from spikeseg_core.figures.style import (
    clean,
    for_both_screens,
    legend_below,
    new_figure,
    save,
    short,
)


def draw(path: Path) -> Path:
    figure = new_figure(6, 3, "a title of $\\frac{$")
    axes = figure.add_subplot()
    axes.plot([1, 2, 3])
    clean(axes)
    return save(figure, path)


def test_equal_figures_are_equal_files_and_nothing_stays_open(tmp_path: Path) -> None:
    open_before = plt.get_fignums()
    first = draw(tmp_path / "figures" / "a.png")
    assert first == tmp_path / "figures" / "a.png"
    assert first.read_bytes() == draw(tmp_path / "b.png").read_bytes()
    with Image.open(first) as image:
        assert image.width > 600
        assert np.asarray(image.convert("L")).std() > 5
    assert plt.get_fignums() == open_before


def test_every_picture_is_a_vector_as_well_without_a_date(tmp_path: Path) -> None:
    first, again = draw(tmp_path / "a.png"), draw(tmp_path / "b.png")
    vectors = [path.with_suffix(".svg").read_bytes() for path in (first, again)]
    assert vectors[0] == vectors[1]
    assert b"<svg" in vectors[0]
    assert b"<dc:date>" not in vectors[0]


def test_the_colours_stay_apart_in_greyscale() -> None:
    palette = (style.BLUE, style.VERMILLION, style.GREEN, style.PURPLE, style.ORANGE, style.SKY)
    light = [Image.new("RGB", (1, 1), colour).convert("L").getpixel((0, 0)) for colour in palette]
    assert min(np.diff(light)) >= 25
    assert max(light) < 215  # on white paper


def test_a_legend_names_each_series_once_and_covers_no_point() -> None:
    figure = new_figure(6, 3)
    for axes in figure.subplots(1, 2):
        axes.plot([1, 2], label="test")
    legend_below(figure)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["test"]
    assert not any(axes.get_legend() for axes in figure.axes)


def test_a_picture_for_narrow_screens_lies_beside_the_wide_one(tmp_path: Path) -> None:
    def draw_for(path: Path, narrow: bool) -> Path:
        return save(new_figure(2 if narrow else 4, 2), path)

    wide, narrow = for_both_screens(draw_for, tmp_path / "energy.png")
    assert (wide.name, narrow.name) == ("energy.png", "energy_narrow.png")
    with Image.open(wide) as one, Image.open(narrow) as other:
        assert one.width == 2 * other.width


def test_short_numbers_have_no_exponent() -> None:
    values = (0.0, 0.0123, 0.5, 1.64, 9.96, 12.4, 110.0, 12_345.0)
    assert [short(value) for value in values] == [
        *("0", "0.012", "0.50", "1.6", "10.0", "12", "110", "12,345")
    ]
