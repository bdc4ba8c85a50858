"""How an integer network is laid out for fast emulation.

The blocks of an ensemble are reassembled, and for every pair of connected populations the
convolution that was cut into blocks is recovered (:mod:`spikeseg_core.loihi.emulator.synapses`).
If there is none (blocks of one channel with different integers, dense connections), the synapses
are kept as lists, which give the same sums more slowly.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Any

import numpy as np
from numba import get_num_threads

from spikeseg_core.errors import DeploymentError
from spikeseg_core.loihi.emulator.kernels import Links, Rows
from spikeseg_core.loihi.emulator.links import LinkBuilder, joined, round_up, scale
from spikeseg_core.loihi.emulator.synapses import MAX_ROW, Kernel, Routes, find_kernel
from spikeseg_core.loihi.integer_network import IntegerNetwork, Population

FLAT_ROW = 1024
"""Neurons in a row of a population without rows and columns."""


@dataclass(frozen=True)
class PlannedLayer:
    """One ensemble, ready to run.

    Attributes
    ----------
    index : int
        Index of the ensemble.
    rows : Rows
        Position of its rows.
    links : Links
        Links into it.
    constants : tuple of int
        ``(shift, keep_u, keep_v, vmin, vmax, refract)``; see ``kernels.update``.
    bias, vth, voltage : (rows * padded,) int32
        Per compartment: bias, threshold, voltage before the first step; padding never spikes.
    kernels : dict of str to Kernel or None
        The convolution from each source; None if its synapses are kept as lists.
    """

    index: int
    rows: Rows
    links: Links
    constants: tuple[Any, ...]
    bias: np.ndarray
    vth: np.ndarray
    voltage: np.ndarray
    kernels: dict[str, Kernel | None]


@dataclass(frozen=True)
class Plan:
    """A network laid out for emulation.

    Attributes
    ----------
    sources, ensembles : tuple of Population
        Inputs from the host, and ensembles on the chip.
    n_cores : int
        Cores of the chip.
    inputs : tuple of Rows
        Position of the spikes of each input.
    layers : tuple of PlannedLayer
        Ensembles in the order of computation, sources first.
    n_positions, n_rows : int
        Size of one step of the event arrays.
    slot : (n_positions,) int32
        Counter of every neuron.
    slot_source : (slots,) int32
        Core of the neurons of a counter; ``-1 - i`` for input ``i``.
    fan_out_start : (slots + 1,) int64
    fan_out_core, fan_out_synapses : (fan_out_start[-1],) int32
        One entry per axon of such a neuron: target core, and synapses there.
    """

    sources: tuple[Population, ...]
    ensembles: tuple[Population, ...]
    n_cores: int
    inputs: tuple[Rows, ...]
    layers: tuple[PlannedLayer, ...]
    n_positions: int
    n_rows: int
    slot: np.ndarray
    slot_source: np.ndarray
    fan_out_start: np.ndarray
    fan_out_core: np.ndarray
    fan_out_synapses: np.ndarray

    @cached_property
    def rows(self) -> dict[str, Rows]:
        """Position of every input and ensemble by its name."""
        inputs = {p.name: rows for p, rows in zip(self.sources, self.inputs, strict=True)}
        return inputs | {self.ensembles[x.index].name: x.rows for x in self.layers}


def build_plan(network: IntegerNetwork) -> Plan:
    """Lay out a network.

    Raises
    ------
    DeploymentError
        If ensembles have feedback loops, or compartments of one ensemble differ in decays,
        refractory steps or voltage bounds, which the engine stores once per ensemble.
    """
    populations = (*network.inputs, *network.ensembles)
    n_inputs = len(network.inputs)
    routes = Routes(network)
    order = _feed_forward_order(network, routes)
    shapes = [rows_and_length(population) for population in populations]
    first = np.concatenate([[0], np.cumsum([rows * length for rows, length in shapes])])
    first_row = np.concatenate([[0], np.cumsum([rows for rows, _ in shapes])])

    at = [(*shape, int(first_row[p]), int(first[p])) for p, shape in enumerate(shapes)]
    layers = []
    for index in order:
        constants, bias, vth, voltage = _compartments(network, index, shapes[n_inputs + index])
        parts = []
        for p, population in enumerate(populations):
            synapses = routes.synapses(p, index)
            if synapses.source.size:
                kernel = find_kernel(synapses, population, network.ensembles[index])
                parts.append((p, synapses, kernel))
        builder = LinkBuilder(*shapes[n_inputs + index])
        for p, synapses, kernel in parts:
            if kernel is None:
                builder.add_lists(synapses, *at[p])
            else:
                builder.add_kernel(kernel, *at[p])
        shift, dtype = scale([s for _, s, _ in parts], network.ensembles[index].size)
        links, lead, width = builder.build(shift, dtype)
        layers.append(
            PlannedLayer(
                index=index,
                rows=place(*at[n_inputs + index], lead=lead, width=width),
                links=links,
                constants=(np.int32(shift), *constants),
                bias=bias,
                vth=vth,
                voltage=voltage,
                kernels={populations[p].name: kernel for p, _, kernel in parts},
            )
        )
    return Plan(
        sources=network.inputs,
        ensembles=network.ensembles,
        n_cores=network.n_blocks,
        inputs=tuple(place(*at[p]) for p in range(n_inputs)),
        layers=tuple(layers),
        n_positions=int(first[-1]),
        n_rows=int(first_row[-1]),
        **_counters(network, routes, shapes, first),
    )


def _compartments(
    network: IntegerNetwork, index: int, shape: tuple[int, int]
) -> tuple[tuple[np.int32, ...], np.ndarray, np.ndarray, np.ndarray]:
    """Constants, biases, thresholds and initial voltages of an ensemble, arrays in padded rows."""
    blocks = network.ensemble_blocks(index)
    members = np.concatenate(
        [np.arange(network.block_start[b], network.block_start[b + 1]) for b in blocks]
    )
    constants = []
    for name, values in (
        ("decay_u", network.decay_u[members]),
        ("decay_v", network.decay_v[members]),
        ("vmin", network.block_vmin[blocks]),
        ("vmax", network.block_vmax[blocks]),
        ("refract", network.refract[members]),
    ):
        if np.unique(values).size > 1:
            raise DeploymentError(
                f"compartments of ensemble {network.ensembles[index].name!r} differ in {name} "
                f'({values.min()} to {values.max()}); use engine="nengo-loihi" for this network'
            )
        constants.append(int(values[0]))
    decay_u, decay_v, vmin, vmax, refract = constants
    rows, length = shape
    bias = np.zeros((rows, round_up(length)), np.int32)
    vth = np.full(bias.shape, np.iinfo(np.int32).max, np.int32)
    voltage = np.zeros_like(bias)
    at = np.unravel_index(network.neuron[members], (rows, length))
    bias[at], vth[at] = network.bias[members], network.vth[members]
    voltage[at] = network.voltage[members]
    kept = (4095 - decay_u, 4096 - decay_v, vmin, vmax, refract)
    constants_kept = tuple(np.int32(value) for value in kept)
    return constants_kept, bias.ravel(), vth.ravel(), voltage.ravel()


def _counters(
    network: IntegerNetwork, routes: Routes, shapes: list[tuple[int, int]], first: np.ndarray
) -> dict[str, np.ndarray]:
    """Assign a common counter to neurons of one row and core with the same targets."""
    n_inputs = len(network.inputs)
    group = np.full(int(first[-1]), -1, np.int64)  # of neurons that share a fan-out
    fan_out: list[tuple[int, np.ndarray, np.ndarray]] = []  # source, cores, synapses
    for source in range(-n_inputs, network.n_blocks):
        chosen = np.flatnonzero(network.route_source == source)
        if source < 0:
            population, neurons = -1 - source, np.arange(network.inputs[-1 - source].size)
        else:
            population = int(network.block_ensemble[source]) + n_inputs
            neurons = network.neuron[network.block_start[source] : network.block_start[source + 1]]
        parts = [slice(network.route_start[r], network.route_start[r + 1]) for r in chosen]
        reached = np.stack(
            [np.where(network.route_axon[p] < 0, -1, routes.n_synapses[p]) for p in parts]
            or [np.zeros(neurons.size, np.int32)],
            axis=1,
        )
        kinds, member = _unique_rows(reached)
        group[first[population] + neurons] = len(fan_out) + member
        for kind in kinds:
            has = np.flatnonzero(kind >= 0) if chosen.size else np.zeros(0, np.int64)
            fan_out.append((source, routes.target_block[chosen[has]], kind[has]))
    row = np.concatenate(
        [first[p] + np.repeat(np.arange(r) * n, n) for p, (r, n) in enumerate(shapes)]
    )
    used = group >= 0  # the last row of a flat population may be longer than the population
    kinds, slot = np.unique((row * len(fan_out) + group)[used], return_inverse=True)
    chosen = kinds % len(fan_out)
    slots = np.zeros(group.size, np.int32)
    slots[used] = slot
    return {
        "slot": slots,
        "slot_source": np.array([fan_out[k][0] for k in chosen], np.int32),
        "fan_out_start": np.concatenate([[0], np.cumsum([fan_out[k][1].size for k in chosen])]),
        "fan_out_core": joined([fan_out[k][1] for k in chosen], np.int32),
        "fan_out_synapses": joined([fan_out[k][2] for k in chosen], np.int32),
    }


def _unique_rows(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct rows of a table, and the index of each row among them."""
    _, first, member = np.unique(
        np.ascontiguousarray(table).view(f"V{table.shape[1] * table.itemsize}").ravel(),
        return_index=True,
        return_inverse=True,
    )
    return table[first], member


def _feed_forward_order(network: IntegerNetwork, routes: Routes) -> list[int]:
    """Order ensembles so that sources come first."""
    n_inputs = len(network.inputs)
    sources: dict[int, set[int]] = {e: set() for e in range(len(network.ensembles))}
    for population, ensemble in zip(routes.source_population, routes.target_ensemble, strict=True):
        if population >= n_inputs:
            sources[int(ensemble)].add(int(population) - n_inputs)
    try:
        return list(TopologicalSorter(sources).static_order())
    except CycleError as error:
        loop = " -> ".join(network.ensembles[e].name for e in error.args[1])
        raise DeploymentError(
            f"this emulator runs feed-forward networks only, but there is a loop: {loop}; "
            'use engine="nengo-loihi" for this network'
        ) from None


def place(
    rows: int, length: int, first_row: int, first: int, *, lead: int = 0, width: int = 0
) -> Rows:
    """Give a population its place, its rows in the order in which threads take them."""
    threads = get_num_threads()
    taken = np.concatenate([np.arange(k, rows, threads) for k in range(threads)])
    return Rows(taken, first_row, first, length, round_up(length), lead, width)


def rows_and_length(population: Population) -> tuple[int, int]:
    """Rows of a population and the neurons in each."""
    if len(population.shape) == 3 and np.prod(population.shape[1:]) <= MAX_ROW:
        rows, columns, channels = population.shape
        return rows, columns * channels
    return -(-population.size // FLAT_ROW), FLAT_ROW
