"""Every picture is a readable PNG, the same bytes for the same input, and leaves nothing open."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from spikeseg_core.figures.curves import training_curves
from spikeseg_core.figures.rates import rate_histogram
from spikeseg_core.figures.sections import sections_figure

RNG = np.random.default_rng(0)
TRUTH = (RNG.random((40, 50)) < 0.2).astype(np.uint8)


def draw_sections(path: Path) -> Path:
    image = RNG.normal(size=(40, 50))
    image[:] = TRUTH
    return sections_figure(image, TRUTH, TRUTH * 0.7 + 0.1, path, "test section 24")


def draw_rates(path: Path) -> Path:
    rates = {"stem": np.arange(400.0), "silent": np.zeros((2, 3)), "none": np.array([])}
    return rate_histogram(rates, path, before={layer: r * 0.5 for layer, r in rates.items()})


def draw_curves(path: Path) -> Path:
    history = {"epoch": [1, 2, 3], "loss": [3.0, 2.0, 1.0], "val_loss": [3.0, np.nan, 2.0]}
    return training_curves({**history, "train/dice": [0.1, 0.2, 0.3]}, path)


@pytest.mark.parametrize("draw", [draw_sections, draw_rates, draw_curves])
def test_pictures(draw, tmp_path):
    open_before = plt.get_fignums()
    first = draw(tmp_path / "figures" / "a.png")
    second = draw(tmp_path / "b.png")
    assert first == tmp_path / "figures" / "a.png"
    assert first.read_bytes() == second.read_bytes()
    with Image.open(first) as image:
        assert image.width > 600
        assert np.asarray(image.convert("L")).std() > 5
    assert plt.get_fignums() == open_before


def test_a_training_without_epochs_is_drawn(tmp_path):
    assert training_curves({}, tmp_path / "a.png").exists()
    assert training_curves({"loss": []}, tmp_path / "b.png").exists()


def test_a_flat_section_is_drawn(tmp_path):
    flat = np.zeros((20, 20))
    assert sections_figure(flat, flat, flat, tmp_path / "flat.png", "nothing").exists()
