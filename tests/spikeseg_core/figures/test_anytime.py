from __future__ import annotations

from pathlib import Path

import pandas as pd
from PIL import Image

from spikeseg_core.figures.anytime import anytime_figure


def test_every_score_has_a_panel_and_energy_another(tmp_path: Path) -> None:
    scores = {f"{split}/v_rand": [0.9, 0.95] for split in ("validation", "test")}
    energy = {"loihi_dynamic_mj": [1.0, 2.0], "loihi_total_mj": [2.0, 4.0]}
    table = pd.DataFrame({"steps": [50, 100], **scores, **energy})
    more = table.assign(**{"validation/v_info": 0.9, "test/v_info": 0.9})
    widths = []
    for name, one in (("one", table), ("two", more)):
        with Image.open(anytime_figure(one, tmp_path / f"{name}.png")) as picture:
            widths.append(picture.width)
    assert widths[1] > 1.4 * widths[0]
