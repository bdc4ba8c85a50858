from __future__ import annotations

from pathlib import Path

from spikeseg_core.config import DeployConfig
from spikeseg_core.loihi.cost.events import EventCounts
from spikeseg_core.loihi.cost.expected import events_from_rates
from spikeseg_core.loihi.mapping.core_mapping import CoreMapping
from spikeseg_core.loihi.run.energy_probe import BoardEnergy
from spikeseg_core.reporting import SILENT
from spikeseg_core.stages.artifacts import BOARD_ENERGY, EVENTS, MAPPING, PLACEMENT, RATES
from spikeseg_core.stages.deployed import (
    load_board_energy,
    load_events,
    load_search,
    load_sections,
)
from spikeseg_core.storage import save_arrays, write_json
from tests.spikeseg_core.loihi.cost.networks import (
    events_of,
    in_order,
    random_rates,
    small_network,
)
from tests.spikeseg_core.stages.conftest import CONFIG

NETWORK = small_network(16)


def test_counted_events_are_taken(tmp_path: Path) -> None:
    events_of().save(tmp_path / EVENTS)
    found = load_events(NETWORK, {"deploy": tmp_path}, 20, SILENT)
    assert isinstance(found, EventCounts)
    assert found.per_presentation() == events_of().per_presentation()


def test_sections_are_cut_as_they_are_deployed(mapped_stages: dict[str, Path]) -> None:
    asked = (DeployConfig(), DeployConfig(grid=9), DeployConfig(sections=1))
    found = [
        load_sections(CONFIG.model_copy(update={"deploy": deploy}), mapped_stages)
        for deploy in asked
    ]
    assert [each.grid.tiles for each in found] == [64, 81, 64]
    assert [len(each.splits["test"]) for each in found] == [2, 2, 1]


def test_what_a_board_does_not_tell_is_absent(tmp_path: Path) -> None:
    assert load_search(tmp_path) is None
    assert load_board_energy(tmp_path) == []
    readings = [BoardEnergy(1.0, 2.0, 0.5, 20)]
    write_json(tmp_path / BOARD_ENERGY, [reading.to_json() for reading in readings])
    assert load_board_energy(tmp_path) == readings


def test_a_deployment_that_counts_nothing_is_estimated_from_rates(tmp_path: Path) -> None:
    tiles = {layer.name: (8, 8, 4) for layer in NETWORK.chip_layers()}
    placement, rates = in_order(NETWORK, tiles), random_rates(NETWORK)
    inputs = dict.fromkeys(("deploy", "convert", "quantize", "partition"), tmp_path)
    save_arrays(tmp_path / RATES, rates)
    placement.save(tmp_path / PLACEMENT)
    CoreMapping(tiles, placement.chips).save(tmp_path / MAPPING)
    events = load_events(NETWORK, inputs, 20, SILENT)
    assert events.basis == "from rates"
    expected = events_from_rates(NETWORK, tiles, rates, 20, placement)
    assert events.per_presentation() == expected.per_presentation()
