"""Exact events from the emulator's counters and the chip map."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from spikeseg_core.energy.events import EventCounts
from spikeseg_core.errors import DataError
from spikeseg_core.loihi.emulator import EventCounts as CoreCounts
from spikeseg_core.loihi.integer_network import IntegerNetwork
from spikeseg_core.loihi.mesh import hops
from spikeseg_core.loihi.messages import Traffic
from spikeseg_core.loihi.partition import Placement


def events_from_emulator(
    counts: CoreCounts, network: IntegerNetwork, placement: Placement, readout: str
) -> EventCounts:
    """Return what the emulator counted in the form that the energy model takes.

    Parameters
    ----------
    counts : spikeseg_core.loihi.emulator.EventCounts
        From a run of ``network``.
    network : IntegerNetwork
        What was run.
    placement : Placement
        Chip and place of every block.
    readout : str
        Ensemble whose spikes go to the host.

    Returns
    -------
    EventCounts
        One row for each step, summed over the tiles that were presented. Every compartment update
        is taken as active, an upper bound: the emulator does not count idle ones.

    Raises
    ------
    DataError
        If the placement is for another number of blocks.
    DeploymentError
        If there is no ensemble ``readout``.
    """
    chips = placement.chips
    if not len(chips) == network.n_blocks == counts.n_cores:
        raise DataError(
            f"the placement is for {len(chips)} blocks, the network has {network.n_blocks} and the "
            f"run {counts.n_cores}; they must be of the same mapping"
        )
    last = network.ensemble_blocks(network.ensemble_index(readout))
    compartments = np.diff(network.block_start) * counts.n_tiles
    between = counts.messages_between
    passed = hops(
        Traffic(
            layers=network.block_ensemble,
            between=sp.csr_array(between[: counts.n_cores]),
            from_host=between[counts.n_cores :].sum(axis=0),
            unit="messages",
        ),
        placement,
    )
    shape = counts.spikes.shape
    return EventCounts(
        steps=counts.n_steps,
        presentations=counts.n_tiles,
        basis="counted",
        chip_of_core=chips,
        synaptic_ops=counts.synaptic_operations.astype(np.float64),
        neuron_active=np.broadcast_to(compartments, shape).astype(np.float64),
        neuron_idle=np.zeros(shape),
        spikes=counts.spikes.astype(np.float64),
        messages_in=counts.messages_in.astype(np.float64),
        messages_out=counts.messages_out.astype(np.float64),
        messages_interchip=_interchip(counts, chips),
        hops_ew=passed.east_west,
        hops_ns=passed.north_south,
        injected=float(between[counts.n_cores :].sum()),
        readout=float(counts.spikes[:, last].sum()),
        synaptic_ops_by_connection=_by_connection(counts, network),
    )


def _fan_out(counts: CoreCounts) -> tuple[np.ndarray, np.ndarray]:
    """Counter and source (core, or ``-1 - input``) of every axon."""
    counter = np.repeat(np.arange(counts.source.size), np.diff(counts.fan_out_start))
    return counter, counts.source[counter]


def _interchip(counts: CoreCounts, chips: np.ndarray) -> np.ndarray:
    """Messages that leave their chip, by step and sending core."""
    counter, source = _fan_out(counts)
    leaves = (source >= 0) & (chips[source] != chips[counts.fan_out_core])
    axons = np.bincount(counter[leaves], minlength=counts.source.size)
    sent = np.zeros((counts.n_steps, counts.n_cores))
    on_chip = np.flatnonzero(counts.source >= 0)
    np.add.at(sent.T, counts.source[on_chip], (counts.spikes_of * axons).T[on_chip])
    return sent


def _by_connection(counts: CoreCounts, network: IntegerNetwork) -> dict[str, float]:
    """Synaptic operations by ``"target/source"``; spikes of the last step are not delivered."""
    counter, source = _fan_out(counts)
    operations = counts.spikes_of[:-1].sum(axis=0)[counter] * counts.fan_out_synapses
    targets = [e.name for e in network.ensembles]
    sources = targets + [i.name for i in network.inputs]
    source_index = np.where(source >= 0, network.block_ensemble[source], len(targets) - 1 - source)
    totals = np.zeros((len(targets), len(sources)))
    np.add.at(totals, (network.block_ensemble[counts.fan_out_core], source_index), operations)
    return {
        f"{targets[i]}/{sources[j]}": float(totals[i, j]) for i, j in np.argwhere(totals).tolist()
    }
