"""What the deploy stage left for the benchmark, as far as its target tells it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

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


def load_events(
    network: Network, inputs: Mapping[str, Path], steps: int, report: Reporter
) -> EventCounts:
    """Return what the deploy stage counted, or what the converted network's rates give.

    Hardware counts no events and tells no rates; then those of the convert stage are taken.

    Raises
    ------
    DataError
        If a file is missing or damaged.
    """
    counted = inputs["deploy"] / files.EVENTS
    if counted.exists():
        return EventCounts.load(counted)
    report.say("the deployment counted no events: taken from the rates of the converted network")
    tiles = CoreMapping.load(inputs["quantize"] / files.MAPPING).tiles
    rates = load_arrays(inputs["convert"] / files.RATES)
    placement = Placement.load(inputs["partition"] / files.PLACEMENT)
    return events_from_rates(network, tiles, rates, steps, placement)


def load_search(folder: Path) -> Search | None:
    """Return every way of presenting tiles that was tried; only the fast engine tries any.

    Raises
    ------
    DataError
        If a file is damaged.
    """
    if not (folder / files.PRESENTATIONS).exists():
        return None
    return Search.load(folder / files.PRESENTATIONS, folder / files.PRESENTED_EVENTS)


def load_board_energy(folder: Path) -> list[BoardEnergy]:
    """Return what the board's energy probe showed, tile by tile; empty where there was none.

    Raises
    ------
    DataError
        If the file holds something else.
    """
    path = folder / files.BOARD_ENERGY
    if not path.exists():
        return []
    return [BoardEnergy.from_json(reading) for reading in json.loads(path.read_text())]
