from __future__ import annotations

from pathlib import Path

from PIL import Image

from spikeseg_core.energy.charts import draw_energy, draw_tornado
from spikeseg_core.energy.report import energy_report
from spikeseg_core.energy.sensitivity import sensitivity
from tests.spikeseg_core.energy.networks import events_of, small_network
from tests.spikeseg_core.energy.test_report import cpu_figures


def test_pictures_are_drawn(tmp_path: Path) -> None:
    network, events = small_network(), events_of(chips=2)
    report = energy_report(network, events, 4, cpu_figures())
    draw_energy(report.figures, "Energy of a test", tmp_path / "energy.png")
    draw_tornado(sensitivity(network, events, 4, cpu_figures()), "A test", tmp_path / "tornado.png")
    for name in ("energy", "tornado"):
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert picture.width > 800
