"""How an integer network is laid out for fast emulation.

The blocks of an ensemble are put together again, and for every pair of connected populations the
convolution that was cut into blocks is recovered *from the integer synapses themselves*: every
synapse of the pair is looked at, and only if each one is exactly what one kernel over the whole
ensemble gives, and none is missing, the kernel takes their place. Otherwise (blocks of one channel
with different integers, dense connections) the synapses are kept as lists, which give the same
sums, only slower.
"""

# numba takes arguments by position.
# ruff: noqa: PLR0917

from __future__ import annotations

from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any, NamedTuple

import numpy as np
from numba import get_num_threads, njit

from spikeseg_core.errors import DeploymentError
from spikeseg_core.loihi.emulator.kernels import LANES, Links, Rows
from spikeseg_core.loihi.integer_network import IntegerNetwork, Population

FLAT_ROW = 1024
"""Neurons in a row of a population without rows and columns."""

MAX_ROW = 2**16
"""Events hold the position in a row in 16 bits."""

MAX_STRIDE = 8
"""Largest stride that is looked for when convolutions are recovered."""


class Synapses(NamedTuple):
    """Every synapse between two populations, one entry each: neuron, neuron, weight."""

    source: np.ndarray
    target: np.ndarray
    weight: np.ndarray


class Kernel(NamedTuple):
    """A convolution over integer weights.

    Source row ``r`` reaches target row ``t`` if ``d = r * up - t * down`` is one of
    ``row0 ... row0 + len(weight) - 1``; columns likewise. ``weight`` has shape
    ``(rows, columns, source channels, target channels)``.
    """

    up: int
    down: int
    row0: int
    column0: int
    weight: np.ndarray


@dataclass(frozen=True)
class Layer:
    """One ensemble, ready to run.

    Attributes
    ----------
    index : int
        Index of the ensemble.
    rows : Rows
        Where it lies.
    links : Links
        What reaches it.
    constants : tuple of int
        ``(shift, keep_u, keep_v, vmin, vmax, refract)``, see ``kernels.update``.
    bias, vth, voltage : (rows * padded,) int32
        Per compartment: bias, threshold, voltage before the first step; padding never spikes.
    kernels : dict of str to Kernel or None
        For each source, the convolution its synapses are; None where they are kept as lists.
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
    inputs : tuple of Rows
        Where the spikes of each input lie.
    layers : tuple of Layer
        Ensembles in the order in which they are computed, sources first.
    n_positions, n_rows : int
        Size of one step of the event arrays.
    slot : (n_positions,) int32
        Counter of every neuron.
    slot_source : (slots,) int32
        Core whose neurons a counter counts; ``-1 - i`` for input ``i``.
    fan_out_start : (slots + 1,) int64
    fan_out_core, fan_out_synapses : (fan_out_start[-1],) int32
        One entry for each axon of one of these neurons: core it leads to, synapses it has there.
    """

    inputs: tuple[Rows, ...]
    layers: tuple[Layer, ...]
    n_positions: int
    n_rows: int
    slot: np.ndarray
    slot_source: np.ndarray
    fan_out_start: np.ndarray
    fan_out_core: np.ndarray
    fan_out_synapses: np.ndarray


def build_plan(network: IntegerNetwork) -> Plan:
    """Lay out a network.

    Raises
    ------
    DeploymentError
        If ensembles feed back into themselves, or compartments of one ensemble differ in what the
        engine keeps once per ensemble (decays, refractory steps, voltage bounds).
    """
    populations = (*network.inputs, *network.ensembles)
    n_inputs = len(network.inputs)
    routes = _Routes(network)
    order = _feed_forward_order(network, routes)
    shapes = [_rows_and_length(population) for population in populations]
    first = np.concatenate([[0], np.cumsum([rows * length for rows, length in shapes])])
    first_row = np.concatenate([[0], np.cumsum([rows for rows, _ in shapes])])

    def place(p: int, lead: int = 0, width: int = 0) -> Rows:
        rows, length = shapes[p]
        threads = get_num_threads()
        taken = np.concatenate([np.arange(k, rows, threads) for k in range(threads)])
        padded = _round_up(length)
        return Rows(taken, int(first_row[p]), int(first[p]), length, padded, lead, width)

    layers = []
    for index in order:
        constants, bias, vth, voltage = _compartments(network, index, shapes[n_inputs + index])
        parts = []
        for p, population in enumerate(populations):
            synapses = routes.synapses(p, index)
            if synapses.source.size:
                kernel = find_kernel(synapses, population, network.ensembles[index])
                parts.append((p, synapses, kernel))
        builder = _LinkBuilder(*shapes[n_inputs + index])
        for p, synapses, kernel in parts:
            place_of = (*shapes[p], int(first_row[p]), int(first[p]))
            if kernel is None:
                builder.add_lists(synapses, *place_of)
            else:
                builder.add_kernel(kernel, *place_of)
        shift, dtype = _scale([s for _, s, _ in parts], network.ensembles[index].size)
        links, lead, width = builder.build(shift, dtype)
        layers.append(
            Layer(
                index=index,
                rows=place(n_inputs + index, lead, width),
                links=links,
                constants=(np.int32(shift), *constants),
                bias=bias,
                vth=vth,
                voltage=voltage,
                kernels={populations[p].name: kernel for p, _, kernel in parts},
            )
        )
    return Plan(
        inputs=tuple(place(p) for p in range(n_inputs)),
        layers=tuple(layers),
        n_positions=int(first[-1]),
        n_rows=int(first_row[-1]),
        **_counters(network, routes, shapes, first),
    )


class _Routes:
    """The routes of a network, expanded to neurons."""

    def __init__(self, network: IntegerNetwork) -> None:
        self.network = network
        n_inputs = len(network.inputs)
        source = network.route_source
        self.source_population = np.where(
            source < 0, -1 - source, network.block_ensemble[np.maximum(source, 0)] + n_inputs
        )
        self.target_block = network.synapse_block[network.route_synapse]
        self.target_ensemble = network.block_ensemble[self.target_block]
        # For every compartment of every route: weight set, base and number of synapses.
        axon = network.route_axon
        sizes = np.diff(network.route_start)
        at = np.repeat(network.axon_start[network.route_synapse], sizes) + np.maximum(axon, 0)
        self.base = np.where(axon < 0, -1, network.axon_base[at])
        self.weight_set = network.axon_set[at]
        self.n_synapses = np.where(
            self.base < 0, 0, np.diff(network.target_start)[self.weight_set]
        ).astype(np.int32)

    def neurons(self, route: int) -> np.ndarray:
        """Positions, in their population, of the compartments a route comes from."""
        source = int(self.network.route_source[route])
        if source < 0:
            return np.arange(self.network.inputs[-1 - source].size, dtype=np.int32)
        start = self.network.block_start
        return self.network.neuron[start[source] : start[source + 1]]

    def synapses(self, population: int, ensemble: int) -> Synapses:
        """Every synapse from a population (inputs first) to an ensemble."""
        chosen = np.flatnonzero(
            (self.source_population == population) & (self.target_ensemble == ensemble)
        )
        network = self.network
        start = network.route_start
        n = int(sum(self.n_synapses[start[r] : start[r + 1]].sum() for r in chosen))
        found = Synapses(*(np.empty(n, np.int32) for _ in Synapses._fields))
        filled = 0
        for route in chosen:
            block = self.target_block[route]
            part = slice(start[route], start[route + 1])
            filled = _expand(
                self.neurons(route),
                self.base[part],
                self.weight_set[part],
                network.route_atom[part],
                network.target_start,
                network.target,
                network.weight_start,
                network.weight,
                network.neuron[network.block_start[block] : network.block_start[block + 1]],
                *found,
                filled,
            )
        return found


@njit(cache=True)
def _expand(  # type: ignore[no-untyped-def]
    neurons, base, weight_set, atom, target_start, targets, weight_start, weights, block_neurons,
    source, target, weight, filled,
):  # fmt: skip
    """Append the synapses of one route to ``source``, ``target`` and ``weight``."""
    for i in range(neurons.shape[0]):
        if base[i] < 0:
            continue
        k = weight_set[i]
        first, n = target_start[k], target_start[k + 1] - target_start[k]
        row = weight_start[k] + atom[i] * n
        for j in range(n):
            source[filled] = neurons[i]
            target[filled] = block_neurons[base[i] + targets[first + j]]
            weight[filled] = weights[row + j]
            filled += 1
    return filled


def find_kernel(synapses: Synapses, source: Population, target: Population) -> Kernel | None:
    """Recover the convolution that is exactly these synapses, or None if there is none."""
    if len(source.shape) != 3 or len(target.shape) != 3:
        return None
    if max(np.prod(source.shape[1:]), np.prod(target.shape[1:])) > MAX_ROW:
        return None
    ratio = source.shape[0] / target.shape[0]
    strides = [(1, s) if ratio >= 1 else (s, 1) for s in range(1, MAX_STRIDE + 1)]
    likely = max(ratio, 1 / ratio)
    for up, down in sorted(strides, key=lambda pair: abs(max(pair) - likely)):
        shape = (*source.shape, *target.shape)
        row0, row1, column0, column1 = _reach(synapses.source, synapses.target, shape, up, down)
        taps = (row1 - row0 + 1, column1 - column0 + 1)
        if np.prod(taps) * source.shape[2] * target.shape[2] > synapses.source.size:
            continue  # more weights than synapses: not this stride
        weight = np.zeros((*taps, source.shape[2], target.shape[2]), np.int32)
        if (
            _fill(*synapses, shape, up, down, row0, column0, weight)
            and _size(shape, up, down, row0, column0, weight.shape) == synapses.source.size
        ):
            return Kernel(up, down, row0, column0, weight)
    return None


@njit(cache=True)
def _reach(source, target, shape, up, down):  # type: ignore[no-untyped-def]
    """Smallest and largest distance of rows, and of columns, that synapses bridge."""
    _, columns, channels, _, target_columns, target_channels = shape
    row0 = column0 = 2**30
    row1 = column1 = -(2**30)
    for k in range(source.shape[0]):
        s, t = source[k] // channels, target[k] // target_channels
        row = s // columns * up - t // target_columns * down
        column = s % columns * up - t % target_columns * down
        row0, row1 = min(row0, row), max(row1, row)
        column0, column1 = min(column0, column), max(column1, column)
    return row0, row1, column0, column1


@njit(cache=True)
def _fill(source, target, weight, shape, up, down, row0, column0, kernel):  # type: ignore[no-untyped-def]
    """Fill the kernel; False if two synapses disagree on one of its weights."""
    _, columns, channels, _, target_columns, target_channels = shape
    seen = np.zeros(kernel.shape, np.bool_)
    for k in range(source.shape[0]):
        s, t = source[k] // channels, target[k] // target_channels
        row = s // columns * up - t // target_columns * down - row0
        column = s % columns * up - t % target_columns * down - column0
        tap = (row, column, source[k] % channels, target[k] % target_channels)
        if seen[tap] and kernel[tap] != weight[k]:
            return False
        seen[tap] = True
        kernel[tap] = weight[k]
    return True


def _size(
    shape: tuple[int, ...], up: int, down: int, row0: int, column0: int, kernel: tuple[int, ...]
) -> int:
    """Count the synapses of a full convolution (one of a pair may not be there twice or not)."""
    rows = _distance(shape[0], shape[3], up, down, row0, kernel[0])
    columns = _distance(shape[1], shape[4], up, down, column0, kernel[1])
    return int(rows.sum() * columns.sum() * shape[2] * shape[5])


def _distance(n: int, n_target: int, up: int, down: int, first: int, taps: int) -> np.ndarray:
    """Tell which of ``n`` rows (or columns) reach which of ``n_target``: ``(n, n_target)``."""
    tap = np.arange(n)[:, None] * up - np.arange(n_target) * down - first
    return (tap >= 0) & (tap < taps)


def _scale(parts: list[Synapses], n_targets: int) -> tuple[int, type]:
    """Find the power of two that all weights share, and the type that totals then fit."""
    bits = 0
    high, low = np.zeros(n_targets, np.int64), np.zeros(n_targets, np.int64)
    for synapses in parts:
        bits |= int(np.bitwise_or.reduce(synapses.weight, initial=0))
        _bounds(synapses.target, synapses.weight, high, low)
    shift = (bits & -bits).bit_length() - 1 if bits else 0
    largest = max(high.max(initial=0), -low.min(initial=0)) >> shift
    return shift, np.int16 if largest < 2**15 else np.int32


@njit(cache=True)
def _bounds(target, weight, high, low):  # type: ignore[no-untyped-def]
    """Add to the largest and smallest total that each target can get in one step."""
    for k in range(target.shape[0]):
        if weight[k] > 0:
            high[target[k]] += weight[k]
        else:
            low[target[k]] += weight[k]


def _compartments(
    network: IntegerNetwork, index: int, shape: tuple[int, int]
) -> tuple[tuple[np.int32, ...], np.ndarray, np.ndarray, np.ndarray]:
    """Constants, biases, thresholds and first voltages of an ensemble, arrays in padded rows."""
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
    bias = np.zeros((rows, _round_up(length)), np.int32)
    vth = np.full(bias.shape, np.iinfo(np.int32).max, np.int32)
    voltage = np.zeros_like(bias)
    at = np.unravel_index(network.neuron[members], (rows, length))
    bias[at], vth[at] = network.bias[members], network.vth[members]
    voltage[at] = network.voltage[members]
    kept = (4095 - decay_u, 4096 - decay_v, vmin, vmax, refract)
    constants_kept = tuple(np.int32(value) for value in kept)
    return constants_kept, bias.ravel(), vth.ravel(), voltage.ravel()


class _LinkBuilder:
    """Collects what reaches the rows of one population, see ``kernels.Links``."""

    def __init__(self, n_rows: int, length: int) -> None:
        self.n_rows, self.length = n_rows, length
        self.entries: list[tuple[int, ...]] = []  # target row, then as in Links
        self.tables = 0
        self.to: list[np.ndarray] = []
        self.run: list[np.ndarray] = []
        self.weights: list[np.ndarray] = []
        self.list_start: list[np.ndarray] = []
        self.list_target: list[np.ndarray] = []
        self.list_weight: list[np.ndarray] = []
        self.n_weights = self.n_listed = 0

    def _add_table(self, to: np.ndarray, run: np.ndarray, list_start: np.ndarray) -> int:
        at = self.tables
        self.to.append(to)
        self.run.append(run)
        self.list_start.append(list_start)
        self.tables += to.size
        return at

    def add_kernel(self, kernel: Kernel, rows: int, length: int, row: int, first: int) -> None:
        """Link a source of ``rows`` rows, beginning at ``row`` and ``first``, by a kernel."""
        n_taps, n_columns, channels, target_channels = kernel.weight.shape
        up, down = kernel.up, kernel.down
        last = kernel.column0 + n_columns - 1
        reach = np.arange(length // channels) * up
        low = -((last - reach) // down)  # first target column of each source column
        phase = reach - low * down - (last - down + 1)
        n_run = -(-n_columns // down)
        run = np.zeros((n_taps, down, channels, _round_up(n_run * target_channels)), np.int32)
        for p in range(down):
            for m in range(n_run):
                column = n_columns - down + p - m * down
                if column >= 0:
                    part = slice(m * target_channels, (m + 1) * target_channels)
                    run[:, p, :, part] = kernel.weight[:, column]
        entry = phase[:, None] * channels + np.arange(channels)
        to = np.repeat(low * target_channels, channels)
        table = self._add_table(to, entry.ravel() * run.shape[3], np.zeros(length, np.int64))
        tap = np.arange(rows) * up - np.arange(self.n_rows)[:, None] * down - kernel.row0
        for target, source in np.argwhere((tap >= 0) & (tap < n_taps)):
            weight = self.n_weights + int(tap[target, source]) * run[0].size
            vectors = run.shape[3] // LANES
            self.entries.append(
                (target, row + source, first + source * length, length, table, weight, vectors)
            )
        self.weights.append(run.ravel())
        self.n_weights += run.size

    def add_lists(self, synapses: Synapses, rows: int, length: int, row: int, first: int) -> None:
        """Link a source by lists of synapses."""
        target_row, target = np.divmod(synapses.target.astype(np.int64), self.length)
        pair = target_row * rows + synapses.source // length
        key = pair * length + synapses.source % length
        order = np.argsort(key, kind="stable")
        key = key[order]
        for p in np.unique(pair):
            start = np.searchsorted(key, p * length + np.arange(length + 1)) + self.n_listed
            unused = np.zeros(start.size, np.int64)
            table = self._add_table(unused, unused, start)
            source = p % rows
            self.entries.append(
                (p // rows, row + source, first + source * length, length, table, 0, 0)
            )
        self.list_target.append(target[order])
        self.list_weight.append(synapses.weight[order])
        self.n_listed += key.size

    def build(self, shift: int, dtype: type) -> tuple[Links, int, int]:
        """Give the links, and lead and width of the totals of a row."""
        entries = np.array(sorted(self.entries), np.int64).reshape(-1, 7)
        to = _joined(self.to, np.int64)
        vectors = int(entries[:, 6].max(initial=0))
        lead = _round_up(max(0, -int(to.min(initial=0))))
        width = lead + _round_up(max(self.length, int(to.max(initial=0)) + vectors * LANES))
        links = Links(
            start=np.searchsorted(entries[:, 0], np.arange(self.n_rows + 1)),
            row=entries[:, 1].copy(),
            first=entries[:, 2].copy(),
            length=entries[:, 3].copy(),
            table=entries[:, 4].copy(),
            weight=entries[:, 5].copy(),
            vectors=entries[:, 6].copy(),
            to=(to + lead).astype(np.int32),
            run=_joined(self.run, np.int32),
            weights=(_joined(self.weights, np.int32) >> shift).astype(dtype),
            list_start=_joined(self.list_start, np.int64),
            list_target=(_joined(self.list_target, np.int32) + lead).astype(np.int32),
            list_weight=(_joined(self.list_weight, np.int32) >> shift).astype(dtype),
        )
        return links, lead, width


def _joined(parts: list[np.ndarray], dtype: type) -> np.ndarray:
    return np.concatenate(parts).astype(dtype) if parts else np.zeros(0, dtype)


def _counters(
    network: IntegerNetwork, routes: _Routes, shapes: list[tuple[int, int]], first: np.ndarray
) -> dict[str, np.ndarray]:
    """Give neurons of one row that come from one core and reach the same a common counter."""
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
        "fan_out_core": _joined([fan_out[k][1] for k in chosen], np.int32),
        "fan_out_synapses": _joined([fan_out[k][2] for k in chosen], np.int32),
    }


def _unique_rows(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Different rows of a table, and for every row which of them it is."""
    _, first, member = np.unique(
        np.ascontiguousarray(table).view(f"V{table.shape[1] * table.itemsize}").ravel(),
        return_index=True,
        return_inverse=True,
    )
    return table[first], member


def _feed_forward_order(network: IntegerNetwork, routes: _Routes) -> list[int]:
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
            f"this emulator runs networks that only flow forward, but spikes come back: {loop}; "
            'use engine="nengo-loihi" for this network'
        ) from None


def _rows_and_length(population: Population) -> tuple[int, int]:
    """Rows of a population and the neurons in each."""
    if len(population.shape) == 3 and np.prod(population.shape[1:]) <= MAX_ROW:
        rows, columns, channels = population.shape
        return rows, columns * channels
    return -(-population.size // FLAT_ROW), FLAT_ROW


def _round_up(n: int) -> int:
    return -(-n // LANES) * LANES
