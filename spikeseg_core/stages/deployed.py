"""What is deployed, and files of the deploy stage for the benchmark."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from spikeseg_core.config import PipelineConfig
from spikeseg_core.data.dataset import Dataset, load_dataset
from spikeseg_core.loihi.cost.events import EventCounts
from spikeseg_core.loihi.cost.expected import events_from_rates
from spikeseg_core.loihi.mapping.core_mapping import CoreMapping
from spikeseg_core.loihi.mapping.placement import Placement
from spikeseg_core.loihi.run.energy_probe import BoardEnergy
from spikeseg_core.network import Network
from spikeseg_core.presentation.search import Search
from spikeseg_core.reporting import Reporter
from spikeseg_core.stages import artifacts as files
from spikeseg_core.storage import load_arrays


def load_sections(config: PipelineConfig, inputs: Mapping[str, Path]) -> Dataset:
    """Return the sections that are deployed, cut into the tiles that are deployed.

    Raises
    ------
    DataError
        If a file is missing or damaged.
    """
    dataset = load_dataset(inputs["prepare"]).first(config.deploy.sections)
    return replace(dataset, tiles_per_axis=config.deploy.grid or dataset.tiles_per_axis)


def load_events(
    network: Network, inputs: Mapping[str, Path], steps: int, report: Reporter
) -> EventCounts:
    """Return the events that the deploy stage counted, or those expected from rates.

    Hardware gives neither events nor rates; then the rates of the convert stage are used.

    Raises
    ------
    DataError
        If a file is missing or damaged.
    """
    counted = inputs["deploy"] / files.EVENTS
    if counted.exists():
        return EventCounts.load(counted)
    report.say("the deployment counted no events: expected from the converted network's rates")
    tiles = CoreMapping.load(inputs["quantize"] / files.MAPPING).tiles
    rates = load_arrays(inputs["convert"] / files.RATES)
    placement = Placement.load(inputs["partition"] / files.PLACEMENT)
    return events_from_rates(network, tiles, rates, steps, placement)


def load_search(folder: Path) -> Search | None:
    """Return the search for the presentation; only the fast engine does one.

    Raises
    ------
    DataError
        If a file is damaged.
    """
    if not (folder / files.PRESENTATIONS).exists():
        return None
    names = (files.PRESENTATIONS, files.PRESENTED_EVENTS, files.PRESENTED_SECTIONS)
    return Search.load(*(folder / name for name in names))


def load_board_energy(folder: Path) -> list[BoardEnergy]:
    """Return the readings of the board's energy probe, tile by tile; empty without a probe.

    Raises
    ------
    DataError
        If the file is damaged.
    """
    path = folder / files.BOARD_ENERGY
    if not path.exists():
        return []
    return [BoardEnergy.from_json(reading) for reading in json.loads(path.read_text())]
