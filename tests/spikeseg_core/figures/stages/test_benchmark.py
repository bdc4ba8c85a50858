from pathlib import Path

from spikeseg_core.config import PipelineConfig
from spikeseg_core.energy.devices.loihi import Presented
from spikeseg_core.figures.stages import draw
from spikeseg_core.stages.artifacts import ENERGY
from spikeseg_core.storage import write_json
from tests.spikeseg_core.energy.test_comparison import compare, cpu_figures
from tests.spikeseg_core.loihi.cost.networks import events_of, small_network


def test_energies_are_drawn_without_operating_points(tmp_path: Path) -> None:
    found = compare(small_network(), {"deployed": Presented(events_of(), 4)}, cpu_figures())
    write_json(tmp_path / ENERGY, {"network": "small", **found.to_json()})
    drawn = draw("benchmark", PipelineConfig(), {}, tmp_path)
    assert [path.name for path in drawn] == [
        *("energy.png", "energy_narrow.png", "tornado.png", "tornado_narrow.png")
    ]
    assert all(path.exists() for path in drawn)
