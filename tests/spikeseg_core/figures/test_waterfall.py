from unittest.mock import patch

import pandas as pd
from PIL import Image

from spikeseg_core.evaluation.accounting import SCORES
from spikeseg_core.figures import waterfall
from spikeseg_core.figures.waterfall import waterfall_figure


def test_equal_changes_give_equal_pictures(tmp_path):
    table = pd.DataFrame(
        {"step": ["tuning", "spikes"], **{score: [0.01, -0.02] for score in SCORES}}
    )
    start = dict.fromkeys(SCORES, 0.9)
    first = waterfall_figure(table, start, {"v_rand": 0.01}, tmp_path / "a.png")
    again = waterfall_figure(table, start, {"v_rand": 0.01}, tmp_path / "b.png")
    assert first.read_bytes() == again.read_bytes()
    with Image.open(first) as picture:
        assert picture.width > 800


def test_the_whole_tolerance_is_inside_its_panel_and_one_panel_stands_below_another(tmp_path):
    table = pd.DataFrame({"step": ["tuning"], **{score: [-0.001] for score in SCORES}})
    drawn = []

    def keep(figure, path):
        drawn.append(figure)
        return path

    start, tolerance = dict.fromkeys(SCORES, 0.9), dict.fromkeys(SCORES, 0.05)
    with patch.object(waterfall, "save", keep):
        for narrow in (False, True):
            waterfall_figure(table, start, tolerance, tmp_path / "a.png", narrow=narrow)
    for figure in drawn:
        for axes in figure.axes:
            low, high = axes.get_xlim()
            assert low < 0.85
            assert high > 0.9
            assert "score, change" in [text.get_text() for text in axes.texts]
    wide, narrow = ({axes.get_position().x0 for axes in figure.axes} for figure in drawn)
    assert (len(wide), len(narrow)) == (4, 1)
