"""What an integer network needs of every core, and what its cores send each other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy.sparse as sp

from spikeseg_core.loihi.chip import LOIHI_1, Chip
from spikeseg_core.loihi.integer_network import IntegerNetwork
from spikeseg_core.loihi.mapping.synapse_memory import entry_bits
from spikeseg_core.loihi.mapping.traffic import Traffic
from spikeseg_core.network import DT


def core_needs(
    network: IntegerNetwork, weight_bits: int = 8, chip: Chip = LOIHI_1
) -> dict[str, np.ndarray]:
    """Count what every core holds, as ``LoihiBlock.utilization()`` does.

    Returns
    -------
    dict of str to int64 ndarray (cores,)
        By the names of :data:`spikeseg_core.loihi.mapping.fit.RESOURCES`.
    """
    n = network.n_blocks
    input_axons, output_axons, bits = (np.zeros(n, np.int64) for _ in range(3))
    np.add.at(input_axons, network.synapse_block, np.diff(network.axon_start))
    sizes = np.diff(network.weight_start)
    for k, block in enumerate(network.synapse_block):
        sets = slice(network.set_start[k], network.set_start[k + 1])
        first, last = network.target_start[sets.start], network.target_start[sets.stop]
        largest = int(network.target[first:last].max(initial=0))
        needed = int(np.ceil(np.log2(largest + 1)))
        index_bits = next((b for b in chip.index_bits if b >= needed), chip.index_bits[-1])
        bits[block] += entry_bits(sizes[sets], weight_bits, index_bits, chip=chip).sum()
    for k, source in enumerate(network.route_source):
        if source >= 0:
            axons = network.route_axon[network.route_start[k] : network.route_start[k + 1]]
            kind = int(network.synapse_pop_type[network.route_synapse[k]])
            output_axons[source] += np.unique(axons[axons >= 0]).size * chip.axon_slots[kind]
    return {
        "compartments": np.diff(network.block_start),
        "input_axons": input_axons,
        "output_axons": output_axons,
        "synapse_bits": bits,
    }


def traffic_of(network: IntegerNetwork, rates: Mapping[str, np.ndarray]) -> Traffic:
    """Messages between the cores per step at mean rates, counted axon by axon.

    Parameters
    ----------
    rates : mapping of str to ndarray
        Mean spike rate in Hz of every neuron, by ensemble and input.
    """
    n = network.n_blocks
    from_host = np.zeros(n)
    rows, columns, values = [], [], []
    flat = {name: np.ravel(rate) * DT for name, rate in rates.items()}
    for k, source in enumerate(network.route_source):
        sends = network.route_axon[network.route_start[k] : network.route_start[k + 1]] >= 0
        target = network.synapse_block[network.route_synapse[k]]
        if source < 0:
            from_host[target] += flat[network.inputs[-1 - source].name][sends].sum()
            continue
        ensemble = network.ensembles[network.block_ensemble[source]].name
        here = slice(network.block_start[source], network.block_start[source + 1])
        rows.append(int(source))
        columns.append(int(target))
        values.append(float(flat[ensemble][network.neuron[here]][sends].sum()))
    between = sp.csr_array(sp.coo_array((values, (rows, columns)), shape=(n, n)))
    between.eliminate_zeros()
    names = np.array([network.ensembles[e].name for e in network.block_ensemble])
    return Traffic(names, between, from_host, "messages per step")
