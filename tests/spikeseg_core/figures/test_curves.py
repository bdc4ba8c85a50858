import numpy as np
from PIL import Image

from spikeseg_core.figures.curves import training_curves


def test_each_metric_has_a_panel(tmp_path):
    history = {
        "epoch": [1, 2, 3],
        "train/loss": [3.0, 2.0, 1.0],
        "validation/loss": [3.0, np.nan, 2.0],
    }
    widths = []
    for metrics in (history, {**history, "train/dice": [0.1, 0.2, 0.3]}):
        with Image.open(training_curves(metrics, tmp_path / "a.png")) as image:
            widths.append(image.width)
    assert widths[1] == 2 * widths[0]


def test_a_training_without_epochs_is_drawn(tmp_path):
    assert training_curves({}, tmp_path / "a.png").exists()
    assert training_curves({"loss": []}, tmp_path / "b.png").exists()
