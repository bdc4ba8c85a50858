from pathlib import Path

from PIL import Image

from spikeseg_core.figures.intervals import interval_figure

ROWS = {row: dict.fromkeys(("V_Rand", "V_Info"), (0.95, 0.94, 0.96)) for row in ("ANN", "Loihi")}


def test_a_panel_for_every_score_and_a_line_for_every_row(tmp_path: Path) -> None:
    first = interval_figure(ROWS, tmp_path / "a.png", "Six folds")
    assert interval_figure(ROWS, tmp_path / "b.png", "Six folds").read_bytes() == first.read_bytes()
    fewer = {"ANN": {"V_Rand": ROWS["ANN"]["V_Rand"]}}
    with Image.open(first) as four, Image.open(interval_figure(fewer, tmp_path / "c.png")) as one:
        assert four.width > 1.5 * one.width
        assert four.height > one.height
