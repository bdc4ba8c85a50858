"""Back end ``fast``: this project's emulator, whose spikes are exactly NengoLoihi's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spikeseg_core.config import DeployConfig, PresentationConfig
from spikeseg_core.loihi.cost.counted import EventCounter
from spikeseg_core.loihi.cost.events import StepEvents
from spikeseg_core.loihi.emulator import Emulator
from spikeseg_core.loihi.run.base import (
    Deployment,
    MappedNetwork,
    host_currents,
    host_layer,
    no_rates,
    read_out,
    steady_input,
)
from spikeseg_core.network import DT
from spikeseg_core.reporting import SILENT, Reporter

BATCH_TILES = 16
"""Section tiles per batch of the host's currents, which are convolutions."""


def run(
    mapped: MappedNetwork,
    images: np.ndarray,
    presentation: PresentationConfig,
    config: DeployConfig | None = None,
    report: Reporter = SILENT,
) -> Deployment:
    """Run section tiles on this project's emulator, which uses nothing of ``config``.

    Raises
    ------
    DeploymentError
        If a host layer that sends spikes to the chip is not fed by the image alone.
    """
    own = presentation.readout_start, presentation.steps
    found = emulate(mapped, images, presentation.steps, [own], report)
    return Deployment(found.logits[own], found.counts, found.rates, found.events)


@dataclass(frozen=True)
class Emulation:
    """Result of :func:`emulate`.

    Attributes
    ----------
    logits : mapping of (int, int) to ndarray
        Read-out of every pixel by its window, float32 ``(tiles, rows, columns)``.
    counts, rates, events
        As in :class:`Deployment`; counts are for the last window.
    """

    logits: Mapping[tuple[int, int], np.ndarray]
    counts: np.ndarray
    rates: Mapping[str, np.ndarray]
    events: StepEvents


def emulate(
    mapped: MappedNetwork,
    images: np.ndarray,
    steps: int,
    windows: Sequence[tuple[int, int]],
    report: Reporter = SILENT,
    *,
    rate_steps: int | None = None,
) -> Emulation:
    """Run section tiles on this project's emulator, read out over several windows.

    Parameters
    ----------
    steps : int
        Presentation time in steps.
    windows : sequence of (int, int)
        First step, from 0, and step after the last of each read-out; they may overlap.
    rate_steps : int, optional
        Steps over which rates are taken; by default all.

    Raises
    ------
    DeploymentError
        If a host layer that sends spikes to the chip is not fed by the image alone.
    """
    network, weights, integer = mapped.network, mapped.weights, mapped.integer
    last = network.readout.source
    emulator = Emulator(integer)
    counter = EventCounter(integer, mapped.placement, last)
    rate_steps = rate_steps or steps
    shape = (len(images), network.tile, network.tile)
    logits = {window: np.zeros(shape, np.float32) for window in windows}
    # A layer that feeds several has several inputs, whose spikes are the same.
    hosts = {given.name: host_layer(network, given.name) for given in integer.inputs}
    rates = no_rates(network, len(images))
    counts = np.zeros((len(images), *network.shape(last)), np.int32)
    events: list[StepEvents] = []
    for first in range(0, len(images), BATCH_TILES):
        batch = slice(first, first + BATCH_TILES)
        units = {
            name: host_currents(network, weights, name, images[batch])
            for name in set(hosts.values())
        }
        # A run for each tile, because its busiest core sets the time of its steps.
        runs = emulator.each_tile(
            {given: steady_input(network, host, units[host]) for given, host in hosts.items()},
            steps,
            windows=windows,
            count=[last],
            total_steps=rate_steps,
        )
        of_last = []
        for tile, ran in enumerate(runs, start=first):
            events.append(counter.count(ran.events))
            of_last.append(ran.counts[last][0])
            for source, total in ran.totals.items():
                found = rates[hosts.get(source, source)]
                found[tile] = total.reshape(found.shape[1:]) / (rate_steps * DT)
            report.progress(tile + 1, len(images), "section tiles on the emulator")
        for k, (start, end) in enumerate(windows):
            counts[batch] = np.stack([found[k] for found in of_last]).reshape(counts[batch].shape)
            logits[start, end][batch] = read_out(network, weights, counts[batch], end - start)
    return Emulation(logits, counts, rates, StepEvents.join(events))
