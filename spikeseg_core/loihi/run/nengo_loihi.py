"""Back end ``nengo-loihi``: NengoLoihi's own emulator; its simulator also drives hardware.

The target is always given explicitly, because by default NengoLoihi uses any hardware it finds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any, Literal

import nengo
import numpy as np

from spikeseg_core.config import DeployConfig, PresentationConfig
from spikeseg_core.loihi.quantization.build import BuiltNetwork, DiscretizedNetwork
from spikeseg_core.loihi.quantization.extract import initial_voltages
from spikeseg_core.loihi.run.allocator import PlacementAllocator
from spikeseg_core.loihi.run.base import (
    Deployment,
    MappedNetwork,
    delay,
    host_spikes,
    no_rates,
    read_out,
    steps_of_tiles,
)
from spikeseg_core.network import DT
from spikeseg_core.network.initial_state import initial_potentials
from spikeseg_core.reporting import SILENT, Reporter
from spikeseg_core.stack import nengo_loihi

Shown = Callable[[int], None]
"""Called with the number of a tile after the steps that it was shown for."""

Watch = Callable[[np.ndarray, DiscretizedNetwork, Any], AbstractContextManager[Shown]]
"""``watch(steps, blocks, simulator)``, with the steps of every tile that the simulator runs, is
entered before it starts, left after it stops."""


def run(
    mapped: MappedNetwork,
    images: np.ndarray,
    presentation: PresentationConfig,
    config: DeployConfig,
    report: Reporter = SILENT,
    *,
    in_a_row: int | None = None,
) -> Deployment:
    """Run tiles on NengoLoihi's emulator.

    Raises
    ------
    DeploymentError
        If the tiles of a row are shown for less time than a spike needs through the network.
    """
    network, steps = mapped.network, presentation.steps
    rates = no_rates(network, len(images))
    hosts = [layer.name for layer in network.layers if not layer.on_chip]

    @contextmanager
    def watch(ran: np.ndarray, blocks: DiscretizedNetwork, simulator: Any) -> Iterator[Shown]:
        emulator = simulator.sims["emulator"]
        compartment, where = emulator.compartment, emulator.block_info.slices
        compartment.voltage[:] = initial_voltages(blocks.model)
        before = compartment.spike_count.copy()

        def shown(tile: int) -> None:
            spikes = compartment.spike_count - before
            before[:] = compartment.spike_count
            for layer in network.chip_layers():
                flat = rates[layer.name][tile].reshape(-1)
                for block in blocks.blocks(layer.name):
                    neurons = list(blocks.model.block_comp_map[block])
                    flat[neurons] = spikes[where[block]] / (steps * DT)
            for name in hosts:
                sent = host_spikes(network, mapped.weights, name, images[[tile]], steps)
                rates[name][tile] = sent[0].sum(axis=0) / (steps * DT)

        yield shown

    found = simulate(
        mapped,
        images,
        presentation,
        in_a_row=in_a_row,
        target="sim",
        watch=watch,
        report=report,
    )
    return replace(found, rates=rates)


def simulate(
    mapped: MappedNetwork,
    images: np.ndarray,
    presentation: PresentationConfig,
    *,
    in_a_row: int | None,
    target: Literal["sim", "loihi"],
    watch: Watch,
    report: Reporter = SILENT,
) -> Deployment:
    """Run tiles on ``nengo_loihi.Simulator``.

    The blocks are built once. A new simulator is the reset: every tile gets one, or every row of
    tiles, whose host starts its neurons anew with every tile.

    Parameters
    ----------
    watch : Watch
        Entered before each simulator's run, left after it.

    Returns
    -------
    Deployment
        Without rates, events and energy.

    Raises
    ------
    DeploymentError
        If the tiles of a row are shown for less time than a spike needs through the network.
    """
    network, placement = mapped.network, mapped.placement
    steps, start = presentation.steps, presentation.readout_start
    late = 0 if in_a_row is None else delay(network, steps)
    blocks = mapped.blocks(presentation.synapse_ms)
    built = blocks.built
    options = {"allocator": PlacementAllocator(placement), "n_chips": placement.chip_count}
    counts = np.zeros((len(images), *network.shape(network.readout.source)), np.int32)
    ran = steps_of_tiles(network, len(images), steps, in_a_row)
    alone = in_a_row or 1
    for first in range(0, len(images), alone):
        row = range(first, first + alone)
        simulator = nengo_loihi.Simulator(
            built.nengo, dt=DT, model=blocks.model, target=target, hardware_options=options
        )
        with watch(ran[row], blocks, simulator) as shown, simulator:
            simulator.clear_probes()
            for tile in row:
                built.source.image = images[tile]
                _start_host(built, simulator)
                simulator.run_steps(steps)
                shown(tile)
                report.progress(tile + 1, len(images), f"section tiles on NengoLoihi ({target})")
            if late:
                _start_host(built, simulator)
                simulator.run_steps(late)
            spikes = np.asarray(simulator.data[built.probe]) > 0
            for n, tile in enumerate(row):
                window = slice(n * steps + start + late, (n + 1) * steps + late)
                counts[tile] = spikes[window].sum(axis=0).reshape(counts.shape[1:])
    logits = read_out(network, mapped.weights, counts, steps - start)
    return Deployment(logits, counts, rates={}, events=None, steps=ran)


def _start_host(built: BuiltNetwork, simulator: Any) -> None:
    """Give the neurons on the host their potentials of the first step."""
    for layer in built.network.layers:
        if layer.on_chip:
            continue
        neurons = built.ensembles[layer.name].neurons
        for part in simulator.sims.values():
            if isinstance(part, nengo.Simulator) and neurons in part.model.sig:
                potentials = part.signals[part.model.sig[neurons]["voltage"]]
                potentials[...] = initial_potentials(built.network, layer.name).ravel()
