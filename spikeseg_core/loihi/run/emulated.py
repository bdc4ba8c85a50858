"""Back end ``fast``: this project's emulator, whose spikes are exactly NengoLoihi's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from spikeseg_core.config import DeployConfig, PresentationConfig
from spikeseg_core.loihi.cost.counted import EventCounter
from spikeseg_core.loihi.cost.events import StepEvents
from spikeseg_core.loihi.emulator import Emulator
from spikeseg_core.loihi.run.base import (
    Deployment,
    MappedNetwork,
    host_layer,
    host_spikes,
    no_rates,
    read_out,
)
from spikeseg_core.network import DT
from spikeseg_core.reporting import SILENT, Reporter

BATCH_TILES = 16
"""Section tiles per batch of host spikes: one byte per tile, host neuron and step."""


def run(
    mapped: MappedNetwork,
    images: np.ndarray,
    presentation: PresentationConfig,
    config: DeployConfig,
    report: Reporter = SILENT,
) -> Deployment:
    """Run section tiles on the emulator, which uses nothing of ``config``."""
    return run_fast(mapped, images, presentation, report)


def run_fast(
    mapped: MappedNetwork,
    images: np.ndarray,
    presentation: PresentationConfig,
    report: Reporter = SILENT,
) -> Deployment:
    """Run section tiles on this project's emulator.

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
    edges = sorted({0, steps, rate_steps, *(edge for window in windows for edge in window)})
    shape = (len(images), network.tile, network.tile)
    logits = {window: np.zeros(shape, np.float32) for window in windows}
    hosts = [layer.name for layer in network.layers if not layer.on_chip]
    rates = no_rates(network, len(images))
    counts = np.zeros((len(images), *network.shape(last)), np.int32)
    events: list[StepEvents] = []
    for first in range(0, len(images), BATCH_TILES):
        batch = slice(first, first + BATCH_TILES)
        sent = {name: host_spikes(network, weights, name, images[batch], steps) for name in hosts}
        of_last = []  # spikes of the last layer between the edges
        for tile in range(len(images[batch])):
            shown = {name: spikes[[tile]] for name, spikes in sent.items()}
            # One tile at a time, because its busiest core sets the time of its steps.
            run = emulator.run(
                [shown[host_layer(network, given.name)] for given in integer.inputs],
                steps,
                windows=list(pairwise(edges)),
                count=[layer.name for layer in network.chip_layers()],
            )
            events.append(counter.count(run.events))
            of_last.append(run.counts[last][0])
            for name, found in rates.items():
                if name in shown:
                    spikes = shown[name][0, :rate_steps]
                else:
                    spikes = run.counts[name][0, : edges.index(rate_steps)]
                total = spikes.sum(axis=0)
                found[first + tile] = total.reshape(found.shape[1:]) / (rate_steps * DT)
            report.progress(first + tile + 1, len(images), "section tiles on the emulator")
        between = np.stack(of_last)
        for start, end in windows:
            inside = slice(edges.index(start), edges.index(end))
            counts[batch] = between[:, inside].sum(axis=1).reshape(counts[batch].shape)
            logits[start, end][batch] = read_out(network, weights, counts[batch], end - start)
    return Emulation(logits, counts, rates, StepEvents.join(events))
