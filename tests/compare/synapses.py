"""Every synapse of an integer network by itself, as simulators want them that know no axons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spikeseg_core.loihi.integer_network import IntegerNetwork


@dataclass(frozen=True, eq=False)
class Synapses:
    """What one block, or input ``-1 - i``, sends to one block.

    Attributes
    ----------
    source, target : int
        Block, or input, and block.
    exponent : int
        Exponent of the weights, which are shifted by it already.
    neuron : (synapses,) int64
        Source compartment in its block, or neuron of the input.
    compartment : (synapses,) int64
        Target compartment in its block.
    weight : (synapses,) int64
        Weight in the units of the voltage.
    """

    source: int
    target: int
    exponent: int
    neuron: np.ndarray
    compartment: np.ndarray
    weight: np.ndarray


def synapses(network: IntegerNetwork) -> list[Synapses]:
    """Follow every route, axon and row of weights; one item for each route that has synapses."""
    found = [_of_route(network, route) for route in range(network.route_source.size)]
    return [each for each in found if each.neuron.size]


def _of_route(network: IntegerNetwork, route: int) -> Synapses:
    group = int(network.route_synapse[route])
    part = slice(network.route_start[route], network.route_start[route + 1])
    axon, atom = network.route_axon[part], network.route_atom[part]
    neuron = np.flatnonzero(axon >= 0)
    used = network.axon_start[group] + axon[neuron]
    reached = network.axon_base[used] >= 0
    neuron, used = neuron[reached], used[reached]
    row, base, kind = atom[neuron], network.axon_base[used], network.axon_set[used]
    length = network.row_length[kind]
    # Positions 0, 1, ... along each row, row after row.
    along = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    weight = np.repeat(network.weight_start[kind] + row * length, length) + along
    target = np.repeat(network.target_start[kind] + row * network.row_step[kind], length) + along
    return Synapses(
        source=int(network.route_source[route]),
        target=int(network.synapse_block[group]),
        exponent=int(network.synapse_exponent[group]),
        neuron=np.repeat(neuron, length),
        compartment=np.repeat(base, length) + network.target[target].astype(np.int64),
        weight=network.weight[weight].astype(np.int64),
    )
