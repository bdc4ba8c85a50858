import pandas as pd
from PIL import Image

from spikeseg_core.figures.research import (
    strategies_figure,
    tradeoff_figure,
    weight_error_figure,
)


def test_equal_tables_give_equal_pictures(tmp_path):
    points = pd.DataFrame(
        {
            "series": ["runs", "presentation time, steps", "presentation time, steps"],
            "label": ["paper", "50", "100"],
            "energy_mj": [100.0, 48.0, 100.0],
            "v_rand": [0.95, 0.93, 0.95],
            "front": [True, True, False],
        }
    )
    steps = pd.DataFrame(
        {
            "strategy": ["greedy", "optimized"],
            "interchip_messages_per_step": [900.0, 100.0],
            "messages_per_step": [2000.0, 2000.0],
            "time_us": [70.0, 30.0],
            "dynamic_uj": [55.0, 50.0],
            "static_uj": [25.0, 11.0],
        }
    )
    weights = pd.DataFrame(
        {
            "layer": ["a", "b"],
            "weight_error": [0.01, 0.02],
            "synapse_bits_used": [0.9, 0.5],
            "compartments_used": [1.0, 0.4],
        }
    )
    for draw, table in (
        (tradeoff_figure, points),
        (strategies_figure, steps),
        (weight_error_figure, weights),
    ):
        first = draw(table, tmp_path / "first.png").read_bytes()
        assert draw(table, tmp_path / "again.png").read_bytes() == first
        with Image.open(tmp_path / "first.png") as picture:
            assert picture.width > 800
