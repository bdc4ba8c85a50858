"""The synapses between two populations, and the convolution they form.

NengoLoihi cuts a convolution into blocks. It is recovered *from the integer synapses themselves*: a
kernel replaces the synapses of a pair of populations only if it gives exactly these synapses over
the whole ensemble, with none missing.
"""

# numba takes arguments by position.
# ruff: noqa: PLR0917

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from spikeseg_core.loihi.integer_network import IntegerNetwork, Population

MAX_ROW = 2**16
"""Events hold the position in a row in 16 bits."""


MAX_STRIDE = 8
"""Largest stride tried when convolutions are recovered."""


class Synapses(NamedTuple):
    """Every synapse between two populations, one entry each: neuron, neuron, weight."""

    source: np.ndarray
    target: np.ndarray
    weight: np.ndarray


class Kernel(NamedTuple):
    """A convolution over integer weights.

    Source row ``r`` reaches target row ``t`` if ``d = r * up - t * down`` is one of
    ``row0 ... row0 + len(weight) - 1``; columns likewise. ``weight`` has shape
    ``(rows, columns, source channels, target channels)``, 0 where there is no synapse.
    """

    up: int
    down: int
    row0: int
    column0: int
    weight: np.ndarray


class Routes:
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
        self.n_synapses = np.where(self.base < 0, 0, network.row_length[self.weight_set]).astype(
            np.int32
        )

    def neurons(self, route: int) -> np.ndarray:
        """Positions of a route's source compartments in their population."""
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
                network.row_length,
                network.row_step,
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
    neurons, base, weight_set, atom, row_length, row_step, target_start, targets, weight_start,
    weights, block_neurons, source, target, weight, filled,
):  # fmt: skip
    """Append the synapses of one route to ``source``, ``target`` and ``weight``."""
    for i in range(neurons.shape[0]):
        if base[i] < 0:
            continue
        k = weight_set[i]
        n = row_length[k]
        first = target_start[k] + atom[i] * row_step[k]
        row = weight_start[k] + atom[i] * n
        for j in range(n):
            source[filled] = neurons[i]
            target[filled] = block_neurons[base[i] + targets[first + j]]
            weight[filled] = weights[row + j]
            filled += 1
    return filled


def find_kernel(synapses: Synapses, source: Population, target: Population) -> Kernel | None:
    """Recover the convolution that gives exactly these synapses; None if there is none."""
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
        known = np.zeros(weight.shape, np.bool_)
        if (
            _fill(*synapses, shape, up, down, row0, column0, weight, known)
            and _size(shape, up, down, row0, column0, known) == synapses.source.size
        ):
            return Kernel(up, down, row0, column0, weight)
    return None


@njit(cache=True)
def _reach(source, target, shape, up, down):  # type: ignore[no-untyped-def]
    """Smallest and largest distances of rows and of columns over all synapses."""
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
def _fill(source, target, weight, shape, up, down, row0, column0, kernel, known):  # type: ignore[no-untyped-def]
    """Fill the kernel; False if two synapses disagree on one of its weights."""
    _, columns, channels, _, target_columns, target_channels = shape
    for k in range(source.shape[0]):
        s, t = source[k] // channels, target[k] // target_channels
        row = s // columns * up - t // target_columns * down - row0
        column = s % columns * up - t % target_columns * down - column0
        tap = (row, column, source[k] % channels, target[k] % target_channels)
        if known[tap] and kernel[tap] != weight[k]:
            return False
        known[tap] = True
        kernel[tap] = weight[k]
    return True


def _size(
    shape: tuple[int, ...], up: int, down: int, row0: int, column0: int, known: np.ndarray
) -> int:
    """Count the synapses of a convolution with the known weights everywhere."""
    rows = _pairs(shape[0], shape[3], up, down, row0, known.shape[0])
    columns = _pairs(shape[1], shape[4], up, down, column0, known.shape[1])
    return int(rows @ known.sum(axis=(2, 3)) @ columns)


def _pairs(n: int, n_target: int, up: int, down: int, first: int, taps: int) -> np.ndarray:
    """Count the pairs of source and target row (or column) at each distance, ``(taps,)``."""
    tap = np.arange(n)[:, None] * up - np.arange(n_target) * down - first
    return np.bincount(tap[(tap >= 0) & (tap < taps)], minlength=taps)
