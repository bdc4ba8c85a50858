from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from spikeseg_core.figures.style import clean, new_figure, save


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
