from __future__ import annotations

from pathlib import Path

from PIL import Image

from spikeseg_core.figures.levers import lever_figure

BARS = [("as deployed", 110.0, 150.0), ("steps", 70.0, 95.0), ("read-out", 71.0, 96.0)]


def test_a_bar_for_every_lever_and_equal_figures_give_equal_files(tmp_path: Path) -> None:
    first = lever_figure(BARS, tmp_path / "a.png", "Six folds")
    assert lever_figure(BARS, tmp_path / "b.png", "Six folds").read_bytes() == first.read_bytes()
    with Image.open(first) as three, Image.open(lever_figure(BARS[:1], tmp_path / "c.png")) as one:
        assert three.height > one.height
