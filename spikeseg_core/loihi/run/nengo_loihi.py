"""Back end ``nengo-loihi``: NengoLoihi's own emulator; its simulator also drives hardware.

The target is always given explicitly, because by default NengoLoihi uses any hardware it finds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Literal

import numpy as np

from spikeseg_core.config import DeployConfig, PresentationConfig
from spikeseg_core.loihi.quantization.build import DiscretizedNetwork
from spikeseg_core.loihi.quantization.extract import initial_voltages
from spikeseg_core.loihi.run.allocator import PlacementAllocator
from spikeseg_core.loihi.run.base import Deployment, MappedNetwork, host_spikes, no_rates, read_out
from spikeseg_core.network import DT
from spikeseg_core.reporting import SILENT, Reporter
from spikeseg_core.stack import nengo_loihi

Watch = Callable[[int, DiscretizedNetwork, Any], AbstractContextManager[None]]
"""``watch(tile, blocks, simulator)`` is entered before a simulator starts, left after it stops."""


def run(
    mapped: MappedNetwork,
    images: np.ndarray,
    presentation: PresentationConfig,
    config: DeployConfig,
    report: Reporter = SILENT,
) -> Deployment:
    """Run tiles on NengoLoihi's emulator."""
    network, steps = mapped.network, presentation.steps
    rates = no_rates(network, len(images))
    hosts = [layer.name for layer in network.layers if not layer.on_chip]

    @contextmanager
    def watch(tile: int, blocks: DiscretizedNetwork, simulator: Any) -> Iterator[None]:
        emulator = simulator.sims["emulator"]
        compartment, where = emulator.compartment, emulator.block_info.slices
        compartment.voltage[:] = initial_voltages(blocks.model)
        yield
        for layer in network.chip_layers():
            flat = rates[layer.name][tile].reshape(-1)
            for block in blocks.blocks(layer.name):
                neurons = list(blocks.model.block_comp_map[block])
                flat[neurons] = compartment.spike_count[where[block]] / (steps * DT)
        for name in hosts:
            sent = host_spikes(network, mapped.weights, name, images[[tile]], steps)
            rates[name][tile] = sent[0].sum(axis=0) / (steps * DT)

    logits, counts = simulate(
        mapped, images, presentation, target="sim", watch=watch, report=report
    )
    return Deployment(logits, counts, rates, events=None)


def simulate(
    mapped: MappedNetwork,
    images: np.ndarray,
    presentation: PresentationConfig,
    *,
    target: Literal["sim", "loihi"],
    watch: Watch,
    report: Reporter = SILENT,
) -> tuple[np.ndarray, np.ndarray]:
    """Run tiles on ``nengo_loihi.Simulator``.

    The blocks are built once; every tile gets a new simulator.

    Parameters
    ----------
    watch : Watch
        Entered before each simulator's run, left after it.

    Returns
    -------
    logits, counts : ndarray
        As in :class:`~spikeseg_core.loihi.run.base.Deployment`.
    """
    network, placement = mapped.network, mapped.placement
    blocks = mapped.blocks(presentation.synapse_ms)
    built = blocks.built
    steps, start = presentation.steps, presentation.readout_start
    options = {"allocator": PlacementAllocator(placement), "n_chips": placement.chip_count}
    counts = np.zeros((len(images), *network.shape(network.readout.source)), np.int32)
    for tile, image in enumerate(images):
        built.source.image = image
        simulator = nengo_loihi.Simulator(
            built.nengo, dt=DT, model=blocks.model, target=target, hardware_options=options
        )
        with watch(tile, blocks, simulator), simulator:
            simulator.clear_probes()
            simulator.run_steps(steps)
            spikes = np.asarray(simulator.data[built.probe]) > 0
            counts[tile] = spikes[start:].sum(axis=0).reshape(counts.shape[1:])
        report.progress(tile + 1, len(images), f"section tiles on NengoLoihi ({target})")
    return read_out(network, mapped.weights, counts, steps - start), counts
