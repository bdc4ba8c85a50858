import pandas as pd
from PIL import Image

from spikeseg_core.evaluation.accounting import SCORES
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
