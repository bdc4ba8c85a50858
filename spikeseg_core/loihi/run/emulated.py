"""Back end ``fast``: this project's emulator, whose spikes are exactly NengoLoihi's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np

from spikeseg_core.config import DeployConfig, PresentationConfig
from spikeseg_core.loihi.cost.counted import EventCounter
from spikeseg_core.loihi.cost.events import StepEvents
from spikeseg_core.loihi.emulator import Emulator, EmulatorRun, SteadyInput
from spikeseg_core.loihi.run.base import (
    Deployment,
    MappedNetwork,
    delay,
    host_currents,
    host_layer,
    no_rates,
    read_out,
    steady_input,
    steps_of_tiles,
)
from spikeseg_core.network import DT
from spikeseg_core.reporting import SILENT, Reporter

BATCH_TILES = 16
"""Section tiles per batch of the host's currents, which are convolutions."""

BATCH_SECTIONS = 4
"""Sections per batch of continuous presentation."""


def run(
    mapped: MappedNetwork,
    images: np.ndarray,
    presentation: PresentationConfig,
    config: DeployConfig | None = None,
    report: Reporter = SILENT,
    *,
    in_a_row: int | None = None,
) -> Deployment:
    """Run section tiles on this project's emulator, which uses nothing of ``config``.

    Raises
    ------
    DeploymentError
        If a host layer that sends spikes to the chip is not fed by the image alone, or the tiles
        of a row are shown for less time than a spike needs through the network.
    """
    start, steps = presentation.readout_start, presentation.steps
    if in_a_row is None:
        found = emulate(mapped, images, steps, [(start, steps)], report)
    else:
        found = emulate_continuously(mapped, images, in_a_row, steps, [start], report=report)
    ran = steps_of_tiles(mapped.network, len(images), steps, in_a_row)
    return Deployment(found.logits[start, steps], found.counts, found.rates, found.events, ran)


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
    hosts = _hosts(mapped)
    rates = no_rates(network, len(images))
    counts = np.zeros((len(images), *network.shape(last)), np.int32)
    events: list[StepEvents] = []
    for first in range(0, len(images), BATCH_TILES):
        batch = slice(first, first + BATCH_TILES)
        # A run for each tile, because its busiest core sets the time of its steps.
        runs = emulator.each_tile(
            _inputs(mapped, hosts, images[batch]),
            steps,
            windows=windows,
            count=[last],
            total_steps=rate_steps,
        )
        of_last = []
        for tile, ran in enumerate(runs, start=first):
            events.append(counter.count(ran.events))
            of_last.append(ran.counts[last][0])
            _note_rates(rates, hosts, tile, ran, rate_steps)
            report.progress(tile + 1, len(images), "section tiles on the emulator")
        for k, (start, end) in enumerate(windows):
            counts[batch] = np.stack([found[k] for found in of_last]).reshape(counts[batch].shape)
            logits[start, end][batch] = read_out(network, weights, counts[batch], end - start)
    return Emulation(logits, counts, rates, StepEvents.join(events))


def emulate_continuously(
    mapped: MappedNetwork,
    images: np.ndarray,
    in_a_row: int,
    steps: int,
    starts: Sequence[int],
    *,
    report: Reporter = SILENT,
) -> Emulation:
    """Run section tiles one after the other, without a reset in between.

    Every read-out is as many steps late as the network is deep, and the last tile of a section is
    shown for as many more.

    Parameters
    ----------
    images : ndarray
        Standardised pixels, float ``(sections * in_a_row, rows, columns)``.
    in_a_row : int
        Tiles of a section; the first of them begins with a reset.
    steps : int
        Presentation time in steps, more than the network is deep.
    starts : sequence of int
        First steps, from 0, of read-outs that go on to the last step, before they are delayed.

    Returns
    -------
    Emulation
        Events are of ``steps`` steps and the delay; those of the delay happen once a section,
        after its last tile.

    Raises
    ------
    DeploymentError
        If the presentation is shorter than the delay, or a host layer that sends spikes to the chip
        is not fed by the image alone.
    """
    network, weights, late = mapped.network, mapped.weights, delay(mapped.network, steps)
    integer, last = mapped.integer, network.readout.source
    emulator, counter = Emulator(integer), EventCounter(integer, mapped.placement, last)
    hosts = _hosts(mapped)
    # A read-out ends while the next tile is shown.
    own = [(start + late, steps) for start in starts if start + late < steps]
    later = [(max(0, start + late - steps), late) for start in starts]
    windows = [*dict.fromkeys((*own, *later))]
    shape = (len(images), network.tile, network.tile)
    logits = {(start, steps): np.zeros(shape, np.float32) for start in starts}
    rates = no_rates(network, len(images))
    counts = np.zeros((len(images), *network.shape(last)), np.int32)
    events: list[StepEvents] = []
    sections = images.reshape(-1, in_a_row, *images.shape[1:])
    for first in range(0, len(sections), BATCH_SECTIONS):
        batch = sections[first : first + BATCH_SECTIONS]
        shown = np.concatenate([batch, batch[:, -1:]], axis=1).reshape(-1, *images.shape[1:])
        runs = emulator.each_tile(
            _inputs(mapped, hosts, shown),
            steps,
            windows=windows,
            count=[last],
            in_a_row=in_a_row + 1,
        )
        for section in range(len(batch)):
            row = [*islice(runs, in_a_row + 1)]
            happened = [run.events for run in row]
            counted = [
                counter.count(now, before)
                for before, now in zip([None, *happened[:-1]], happened, strict=True)
            ]
            events += [now.then(after, late) for now, after in pairwise(counted)]
            tiles = slice((first + section) * in_a_row, (first + section + 1) * in_a_row)
            for tile, run in enumerate(row[:-1], start=tiles.start):
                _note_rates(rates, hosts, tile, run, steps)
            for start in starts:
                begin = start + late
                ends = windows.index((max(0, begin - steps), late))
                found = np.stack([run.counts[last][0][ends] for run in row[1:]])
                if begin < steps:
                    k = windows.index((begin, steps))
                    found += np.stack([run.counts[last][0][k] for run in row[:-1]])
                counts[tiles] = found.reshape(counts[tiles].shape)
                logits[start, steps][tiles] = read_out(
                    network, weights, counts[tiles], steps - start
                )
            report.progress(tiles.stop, len(images), f"tiles of {steps} steps without resets")
    return Emulation(logits, counts, rates, StepEvents.join(events))


def _hosts(mapped: MappedNetwork) -> dict[str, str]:
    """Return the host layer of every input of the integer network.

    A layer that feeds several has several inputs, whose spikes are the same.
    """
    return {given.name: host_layer(mapped.network, given.name) for given in mapped.integer.inputs}


def _note_rates(
    rates: Mapping[str, np.ndarray],
    hosts: Mapping[str, str],
    tile: int,
    ran: EmulatorRun,
    steps: int,
) -> None:
    """Store the spike rates of a tile, whose spikes were counted over ``steps`` steps."""
    for source, total in ran.totals.items():
        found = rates[hosts.get(source, source)]
        found[tile] = total.reshape(found.shape[1:]) / (steps * DT)


def _inputs(
    mapped: MappedNetwork, hosts: Mapping[str, str], images: np.ndarray
) -> dict[str, SteadyInput]:
    """Return what the host sends for tiles, by input; the currents of a layer are made once."""
    network, weights = mapped.network, mapped.weights
    units = {name: host_currents(network, weights, name, images) for name in set(hosts.values())}
    return {given: steady_input(network, host, units[host]) for given, host in hosts.items()}
