"""From any feed-forward network and its tiles to the integer network, in plain numpy.

This is what NengoLoihi's builder, splitter and discretizer do, for every geometry that a
:class:`~spikeseg_core.network.Graph` has. Each core holds one tile of a layer. A pixel of the
source has one population axon for each group of channels with the same targets (one if the kernel
is dense, one for each channel if it is depthwise); a kernel is stored once for every way that the
tile's border clips it, and for every 256 compartments that it moves over.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikeseg_core.loihi.chip import LOIHI_1
from spikeseg_core.loihi.integer_network import IntegerNetwork, Population
from spikeseg_core.loihi.mapping.fit import Tile, tile_boxes
from spikeseg_core.loihi.mapping.tiles import check_fit
from spikeseg_core.loihi.quantization import rounding
from spikeseg_core.network import Axis, Ensemble, Graph, Link
from spikeseg_core.network.initial_state import initial_potentials

Box = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class _Core:
    """One tile of a layer."""

    layer: Ensemble
    box: Box

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(b - a for a, b in self.box)

    def part(self, values: np.ndarray) -> np.ndarray:
        """Values of its compartments, of an array with the layer's shape."""
        return np.ascontiguousarray(values[tuple(slice(a, b) for a, b in self.box)]).ravel()


@dataclass(frozen=True)
class _Synapse:
    """A connection into a core, from groups of equally many source channels.

    ``axon`` is that of every source neuron (-1 for none), ``atom`` the row of its weights.
    """

    source: str
    weights: list[np.ndarray]
    targets: list[np.ndarray]
    set_of_axon: np.ndarray
    base_of_axon: np.ndarray
    axon: np.ndarray
    atom: np.ndarray


def compile_graph(
    graph: Graph, tiles: Mapping[str, Tile], population_type: int = 32, weight_bits: int = 8
) -> IntegerNetwork:
    """Cut a network into cores and round their weights.

    Parameters
    ----------
    tiles : mapping of str to Tile
        Rows, columns and channels of a core's part of every on-chip layer.

    Raises
    ------
    MappingError
        If a tile does not fit a core, or a core's numbers cannot be expressed in Loihi's integers.
    """
    check_fit(graph, tiles, population_type, weight_bits)
    layers = graph.chip_layers()
    cores = [
        _Core(layer, box) for layer in layers for box in tile_boxes(layer.shape, tiles[layer.name])
    ]
    built = {
        link: rounding.as_built(link.kernel * np.asarray(x.gain, np.float32))
        for x in layers
        for link in x.inputs
    }
    synapses: list[tuple[int, int, _Synapse]] = []  # core, exponent, with whole weights
    compartments: dict[str, list[np.ndarray]] = {"vth": [], "bias": [], "voltage": []}
    for index, core in enumerate(cores):
        found = [s for link in core.layer.inputs for s in _synapses(core, link, built[link])]
        whole = rounding.round_core(
            core.layer.name,
            [s.weights for s in found],
            core.part(core.layer.bias * np.asarray(core.layer.gain, np.float32)),
            weight_bits,
        )
        for synapse, weights, exponent in zip(found, whole.weights, whole.exponents, strict=True):
            synapse.weights[:] = weights
            synapses.append((index, exponent, synapse))
        start = core.part(initial_potentials(graph, core.layer.name))
        compartments["vth"].append(np.full(whole.biases.shape, whole.threshold))
        compartments["bias"].append(whole.biases)
        compartments["voltage"].append((start * whole.threshold).astype(np.int32))
    return _assembled(graph, cores, synapses, compartments, population_type)


def _synapses(core: _Core, link: Link, kernel: np.ndarray) -> Iterator[_Synapse]:
    """Yield a connection's axons and weights in a core, for each size of its groups."""
    low, high = core.box[2]
    groups = []
    for sources, targets in link.groups:
        inside = targets[(low <= targets) & (targets < high)]
        if inside.size:
            groups.append((sources, inside))
    reached = [_reached(axis, *part) for axis, part in zip(_axes(link), core.box[:2], strict=True)]
    if not groups or not reached[0].sources.size or not reached[1].sources.size:
        return
    for size in sorted({sources.size for sources, _ in groups}):
        chosen = [group for group in groups if group[0].size == size]
        yield _synapse(core, link, kernel, chosen, reached)


def _axes(link: Link) -> tuple[Axis, Axis]:
    return link.rows, link.columns


@dataclass(frozen=True)
class _Reached:
    """Source positions that reach a part of the targets, along an axis.

    ``first`` target of each, and the kernel positions (``taps``) for it and those after it.
    """

    sources: np.ndarray
    first: np.ndarray
    taps: list[tuple[int, ...]]


def _reached(axis: Axis, start: int, stop: int) -> _Reached:
    first, last = axis.reach()
    first, last = np.maximum(first, start), np.minimum(last, stop)
    used = np.flatnonzero(first < last)
    taps = [
        tuple(int(k) for k in axis.kernel_position(i, np.arange(first[i], last[i]))) for i in used
    ]
    return _Reached(used, first[used] - start, taps)


def _synapse(
    core: _Core,
    link: Link,
    kernel: np.ndarray,
    groups: list[tuple[np.ndarray, np.ndarray]],
    reached: list[_Reached],
) -> _Synapse:
    """Axons and weights of a connection whose groups have equally many source channels."""
    _, width, depth = core.shape
    low = core.box[2][0]
    rows, columns = reached
    weights: list[np.ndarray] = []
    targets: list[np.ndarray] = []
    known: dict[tuple[Any, ...], int] = {}
    kinds = np.zeros((rows.sources.size, columns.sources.size), np.int64)
    bases = np.zeros_like(kinds)
    for (i, r), (j, c) in itertools.product(enumerate(rows.taps), enumerate(columns.taps)):
        first = (int(rows.first[i]) * width + int(columns.first[j])) * depth
        base = first % LOIHI_1.base_range
        bases[i, j] = base
        key = (r, c, first - base)
        if key not in known:
            known[key] = len(known)
            pixels = (np.arange(len(r))[:, None] * width + np.arange(len(c))) * depth + first - base
            for sources, channels in groups:
                part = kernel[np.ix_(np.array(r), np.array(c), sources, channels)]
                weights.append(part.transpose(2, 0, 1, 3).reshape(sources.size, -1))
                targets.append((pixels[..., None] + channels - low).ravel())
        kinds[i, j] = known[key]
    n = len(groups)
    shape = (link.rows.sources, link.columns.sources, link.kernel.shape[2])
    pixel = np.full(shape[:2], -1, np.int64)
    pixel[np.ix_(rows.sources, columns.sources)] = np.arange(kinds.size).reshape(kinds.shape)
    group, atom = np.full(shape[2], -1), np.zeros(shape[2], np.int64)
    for k, (sources, _) in enumerate(groups):
        group[sources], atom[sources] = k, np.arange(sources.size)
    axon = np.where((pixel[..., None] >= 0) & (group >= 0), pixel[..., None] * n + group, -1)
    return _Synapse(
        link.source,
        weights,
        targets,
        (kinds.ravel()[:, None] * n + np.arange(n)).ravel(),
        np.repeat(bases.ravel(), n),
        axon,
        np.broadcast_to(atom, shape),
    )


def _assembled(
    graph: Graph,
    cores: list[_Core],
    synapses: list[tuple[int, int, _Synapse]],
    compartments: Mapping[str, list[np.ndarray]],
    population_type: int,
) -> IntegerNetwork:
    layers = graph.chip_layers()
    number = {layer.name: k for k, layer in enumerate(layers)}
    hosts = [layer for layer in graph.layers if not layer.on_chip]
    sources: dict[str, list[tuple[int, Any]]] = {
        host.name: [(-1 - k, None)] for k, host in enumerate(hosts)
    }
    for index, core in enumerate(cores):
        sources.setdefault(core.layer.name, []).append((index, core))
    routes = []
    for k, (_, _, synapse) in enumerate(synapses):
        for source, core in sources[synapse.source]:
            axon, atom = (
                np.ravel(x) if core is None else core.part(x) for x in (synapse.axon, synapse.atom)
            )
            if (axon >= 0).any():
                routes.append((source, k, axon, np.where(axon < 0, 0, atom)))
    found = [synapse for _, _, synapse in synapses]
    set_start = _starts(len(s.weights) for s in found)
    n = sum(int(np.prod(core.shape)) for core in cores)
    order = [np.arange(int(np.prod(layer.shape))).reshape(layer.shape) for layer in layers]
    return IntegerNetwork(
        dt=0.001,
        ensembles=tuple(Population(layer.name, layer.shape) for layer in layers),
        inputs=tuple(Population(host.name, host.shape) for host in hosts),
        block_names=tuple(_block_name(core) for core in cores),
        block_ensemble=_int32([number[core.layer.name] for core in cores]),
        block_vmin=np.full(
            len(cores), 0 if graph.floor_at_rest else rounding.VOLTAGE_MIN, np.int32
        ),
        block_vmax=np.full(len(cores), rounding.VOLTAGE_MAX, np.int32),
        block_start=_starts(int(np.prod(core.shape)) for core in cores),
        neuron=_joined([core.part(order[number[core.layer.name]]) for core in cores]),
        **{name: _joined(values) for name, values in compartments.items()},
        decay_u=np.full(n, rounding.DECAY_U, np.int32),
        decay_v=np.full(n, rounding.DECAY_V, np.int32),
        refract=np.full(n, rounding.REFRACTORY_STEPS, np.int32),
        synapse_block=_int32([core for core, _, _ in synapses]),
        synapse_pop_type=np.full(len(found), population_type, np.int32),
        synapse_atoms=_int32([s.weights[0].shape[0] for s in found]),
        synapse_exponent=_int32([exponent for _, exponent, _ in synapses]),
        set_start=set_start,
        target_start=_starts(t.size for s in found for t in s.targets),
        target=_joined([t for s in found for t in s.targets]),
        weight_start=_starts(w.size for s in found for w in s.weights),
        weight=_joined([w.ravel() for s in found for w in s.weights]),
        axon_start=_starts(s.set_of_axon.size for s in found),
        axon_set=np.concatenate(
            [
                np.zeros(0, np.int64),
                *(first + s.set_of_axon for first, s in zip(set_start[:-1], found, strict=True)),
            ]
        ),
        axon_base=_joined([s.base_of_axon for s in found]),
        route_source=_int32([source for source, _, _, _ in routes]),
        route_synapse=_int32([k for _, k, _, _ in routes]),
        route_start=_starts(axon.size for _, _, axon, _ in routes),
        route_axon=_joined([axon for _, _, axon, _ in routes]),
        route_atom=_joined([atom for _, _, _, atom in routes]),
    )


def _block_name(core: _Core) -> str:
    return core.layer.name + "[" + ", ".join(f"{a}:{b}" for a, b in core.box) + "]"


def _starts(sizes: Any) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(np.fromiter(sizes, np.int64))]).astype(np.int64)


def _int32(values: list[int]) -> np.ndarray:
    return np.array(values, np.int32)


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0, np.int32), *parts]).astype(np.int32)
