from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from spikeseg_core.energy.devices.loihi import Presented
from spikeseg_core.figures.energy import (
    draw_anytime,
    draw_energy,
    draw_operating_points,
    draw_tornado,
)
from tests.spikeseg_core.energy.test_comparison import compare, cpu_figures
from tests.spikeseg_core.loihi.cost.networks import events_of, small_network


def test_pictures_are_drawn(tmp_path: Path) -> None:
    network, events = small_network(), Presented(events_of(chips=2), 4)
    found = compare(network, {"deployed": events}, cpu_figures())
    draw_energy(found.figures, tmp_path / "energy.png")
    draw_tornado(found.sensitivity, tmp_path / "tornado.png")
    points = pd.DataFrame(
        {
            "tiles": [16, 16, 9, 9],
            "early_exit": [np.nan, np.nan, 0.02, np.nan],
            "continuous": [False, False, False, True],
            "validation/loihi_with_host_mj": [100, 50, 40, 45],
            "validation/v_rand": [0.96, 0.95, 0.95, 0.94],
            "test/loihi_with_host_mj": [101, 50, 41, 46],
            "test/v_rand": [0.97, 0.96, 0.96, 0.95],
            "front": [True, False, True, False],
            "start": [True, False, False, False],
            "chosen": [False, False, True, False],
            "equal_accuracy": [False, False, True, False],
            "as_good_as_start": [False, True, False, False],
        }
    )
    draw_operating_points(points, tmp_path / "points.png")
    for name in ("energy", "tornado", "points"):
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert picture.width > 800


def test_every_score_has_a_panel_and_energy_another(tmp_path: Path) -> None:
    scores = {f"{split}/v_rand": [0.9, 0.95] for split in ("validation", "test")}
    energy = {"loihi_dynamic_mj": [1.0, 2.0], "loihi_total_mj": [2.0, 4.0]}
    table = pd.DataFrame({"steps": [50, 100], **scores, **energy})
    more = table.assign(**{"validation/v_info": 0.9, "test/v_info": 0.9})
    widths = []
    for name, one in (("one", table), ("two", more)):
        with Image.open(draw_anytime(one, tmp_path / f"{name}.png")) as picture:
            widths.append(picture.width)
    assert widths[1] > 1.4 * widths[0]
