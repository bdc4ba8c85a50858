"""A network laid out block by block, for :mod:`spikeseg_core.loihi.emulator.stepwise`."""

from __future__ import annotations

from graphlib import TopologicalSorter
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from spikeseg_core.loihi.emulator.links import round_up
from spikeseg_core.loihi.emulator.vectors import DECAY_BITS
from spikeseg_core.loihi.integer_network import IntegerNetwork


class Wiring(NamedTuple):
    """Routes into each block, and for each of their source compartments the row of weights.

    Routes ``start[b]:start[b + 1]`` lead into block ``b``; ``source`` is a block or ``-1 - i`` for
    input ``i``; its compartment ``c`` uses entry ``first + c`` of ``base`` (-1 for no axon),
    ``kind`` (a row of targets) and ``weight`` (the first of its weights). The targets of a row are
    runs of neighbours: ``run[k]:run[k + 1]`` of ``run_to`` and ``run_length``.
    """

    start: np.ndarray
    source: np.ndarray
    first: np.ndarray
    base: np.ndarray
    kind: np.ndarray
    weight: np.ndarray
    run: np.ndarray
    run_to: np.ndarray
    run_length: np.ndarray
    weights: np.ndarray


class Cells(NamedTuple):
    """Constants of every compartment.

    ``start`` are the first compartments of the blocks in the network's order, ``place`` in these
    arrays and those of the state, where blocks are padded to whole vectors.
    """

    start: np.ndarray
    place: np.ndarray
    bias: np.ndarray
    vth: np.ndarray
    keep_u: np.ndarray
    keep_v: np.ndarray
    vmin: np.ndarray
    vmax: np.ndarray
    refract: np.ndarray


class Order(NamedTuple):
    """Components in levels: those of a level depend on earlier levels only."""

    level: np.ndarray
    component: np.ndarray
    block: np.ndarray


def component_order(network: IntegerNetwork) -> Order:
    """Find the strongly connected components of the blocks, and sort them into levels."""
    n = network.n_blocks
    internal = network.route_source >= 0
    source = network.route_source[internal]
    target = network.synapse_block[network.route_synapse[internal]]
    graph = coo_array((np.ones(source.size), (source, target)), shape=(n, n))
    _, label = connected_components(graph, connection="strong")
    sorter: TopologicalSorter[int] = TopologicalSorter({int(k): () for k in label})
    for before, after in {*zip(label[source].tolist(), label[target].tolist(), strict=True)}:
        if before != after:
            sorter.add(after, before)
    sorter.prepare()
    members: list[np.ndarray] = []
    levels = [0]
    by_label = np.split(np.argsort(label, kind="stable"), np.cumsum(np.bincount(label))[:-1])
    while sorter.is_active():
        ready = sorter.get_ready()
        members += [by_label[k] for k in sorted(ready)]
        levels.append(len(members))
        sorter.done(*ready)
    return Order(
        level=np.array(levels, np.int64),
        component=np.concatenate([[0], np.cumsum([m.size for m in members])]).astype(np.int64),
        block=np.concatenate(members or [np.zeros(0, np.int64)]).astype(np.int64),
    )


def lay_wires(network: IntegerNetwork) -> Wiring:
    """Sort the routes by their target block."""
    into = network.synapse_block[network.route_synapse]
    order = np.argsort(into, kind="stable")
    sizes = np.diff(network.route_start)
    axon = network.route_axon
    at = np.repeat(network.axon_start[network.route_synapse], sizes) + np.maximum(axon, 0)
    kind = network.axon_set[at]
    rows, run, run_to, run_length = _runs(network)
    return Wiring(
        start=np.searchsorted(into[order], np.arange(network.n_blocks + 1)),
        source=network.route_source[order],
        first=network.route_start[order],
        base=np.where(axon < 0, -1, network.axon_base[at]),
        kind=rows[kind] + np.where(network.row_step[kind] > 0, network.route_atom, 0),
        weight=network.weight_start[kind] + network.route_atom * network.row_length[kind],
        run=run,
        run_to=run_to,
        run_length=run_length,
        weights=network.weight,
    )


def _runs(network: IntegerNetwork) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Cut every row of targets into runs of neighbours; see :class:`Wiring`.

    The first array has the first row of every set.
    """
    target, counts = network.target, np.diff(network.target_start)
    n_rows = np.where(network.row_step > 0, counts // np.maximum(network.row_step, 1), 1)
    rows = np.concatenate([[0], np.cumsum(n_rows)]).astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(np.repeat(counts // n_rows, n_rows))])
    begins = np.ones(target.size, bool)
    begins[1:] = np.diff(target) != 1
    begins[starts[:-1][np.diff(starts) > 0]] = True
    at = np.flatnonzero(begins)
    length = np.diff(np.append(at, target.size))
    return rows, np.searchsorted(at, starts), target[at], length


def lay_cells(network: IntegerNetwork) -> Cells:
    """Pad the compartments of every block to whole vectors."""
    sizes = np.diff(network.block_start)
    place = np.concatenate([[0], np.cumsum([round_up(int(n)) for n in sizes])]).astype(np.int64)

    def padded(values: np.ndarray, fill: int = 0) -> np.ndarray:
        return spread(network, place, values, fill)

    return Cells(
        start=network.block_start,
        place=place,
        bias=padded(network.bias),
        vth=padded(network.vth, fill=np.iinfo(np.int32).max),  # padding never spikes
        keep_u=padded(2**DECAY_BITS - 1 - network.decay_u),
        keep_v=padded(2**DECAY_BITS - network.decay_v),
        vmin=padded(np.repeat(network.block_vmin, sizes)),
        vmax=padded(np.repeat(network.block_vmax, sizes)),
        refract=padded(network.refract),
    )


def spread(
    network: IntegerNetwork, place: np.ndarray, values: np.ndarray, fill: int = 0
) -> np.ndarray:
    """Spread values of all compartments over blocks of whole vectors."""
    sizes = np.diff(network.block_start)
    spread = np.full(int(place[-1]), fill, np.int32)
    spread[np.arange(values.size) + np.repeat(place[:-1] - network.block_start[:-1], sizes)] = (
        values
    )
    return spread
