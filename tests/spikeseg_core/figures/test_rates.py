import numpy as np
from PIL import Image

from spikeseg_core.figures.rates import rate_histogram


def test_silent_and_empty_layers_have_a_panel_too(tmp_path):
    rates = {"stem": np.arange(400.0), "silent": np.zeros((2, 3)), "none": np.array([])}
    before = {layer: r * 0.5 for layer, r in rates.items()}
    heights = []
    for shown in (rates, {"stem": rates["stem"]}):
        with Image.open(rate_histogram(shown, tmp_path / "a.png", before=before)) as image:
            heights.append(image.height)
    assert heights[0] > 1.5 * heights[1]


def test_many_layers_stand_in_two_columns_and_are_no_higher_than_wide(tmp_path):
    rates = {f"layer{number}": np.arange(100.0) for number in range(13)}
    with Image.open(rate_histogram(rates, tmp_path / "a.png")) as image:
        assert image.height < image.width
