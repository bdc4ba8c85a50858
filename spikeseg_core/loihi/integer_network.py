"""The integer network: what runs on the chip, as plain arrays.

NengoLoihi's builder splits ensembles into blocks (one per core) and its discretizer turns every
number of a block into an integer. :class:`IntegerNetwork` holds the result and nothing else: no
Nengo objects, no TensorFlow, no pickle. It is saved as one npz and one JSON file, so it can be
logged, compared by digest, loaded and emulated anywhere numpy and numba run.

The layout is by columns. Compartments of all blocks are concatenated in block order, and so are
weights, targets and axons, each with an array of starts (``start[i]:start[i + 1]`` is item ``i``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from spikeseg_core.errors import DataError, DeploymentError
from spikeseg_core.storage import (
    digest_arrays,
    digest_json,
    load_arrays,
    save_arrays,
    write_json,
)

FORMAT = 2
"""Version of the files; raised when they change."""

ARRAYS_FILE = "integer_network.npz"
NAMES_FILE = "integer_network.json"


@dataclass(frozen=True)
class Population:
    """A named group of spike sources in one order: an ensemble on the chip, or an input.

    Attributes
    ----------
    name : str
        Label of the ensemble; for an input, label of the host ensemble whose spikes it carries.
    shape : tuple of int
        ``(rows, columns, channels)`` if the connections tell, else ``(neurons,)``.
    """

    name: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of neurons."""
        return int(np.prod(self.shape))


@dataclass(frozen=True, eq=False)
class IntegerNetwork:
    """Blocks of integer compartments, synapses and axons, as NengoLoihi's emulator uses them.

    Attributes
    ----------
    dt : float
        Length of a time step, in seconds.
    ensembles, inputs : tuple of Population
        Ensembles on the chip, and spike inputs from the host.
    block_names : tuple of str
        NengoLoihi's label of every block. A block is one core.
    block_ensemble : (blocks,) int32
        Index of the ensemble a block is a part of.
    block_vmin, block_vmax : (blocks,) int32
        Bounds of the voltage.
    block_start : (blocks + 1,) int64
        Where the compartments of each block start.
    neuron : (compartments,) int32
        Position of the compartment in its ensemble, in ensemble order (C order of the shape).
    vth, bias, decay_u, decay_v, refract : (compartments,) int32
        Threshold, bias current, 12-bit decays of current and voltage, refractory steps.
    voltage : (compartments,) int32
        Voltage before the first step; 0 at rest.
    synapse_block : (synapses,) int32
        Block that a group of synapses belongs to.
    synapse_pop_type, synapse_atoms, synapse_exponent : (synapses,) int32
        Axon format (0, 16, 32), weight rows per axon, weight exponent. The weights below are
        already shifted by it.
    set_start : (synapses + 1,) int64
        Weight sets of each group. Axons share sets.
    target_start : (sets + 1,) int64
        Targets of each set.
    target : (targets,) int32
        Compartment in the block, to be added to the base of the axon.
    weight_start : (sets + 1,) int64
    weight : (weights,) int32
        Rows of a set, one per atom, each as long as the set's targets.
    axon_start : (synapses + 1,) int64
        Input axons of each group of synapses.
    axon_set : (axons,) int64
        Weight set the axon uses, counted over all groups.
    axon_base : (axons,) int32
        First compartment the axon reaches; -1 if it reaches none.
    route_source : (routes,) int32
        Block that spikes come from; ``-1 - i`` for input ``i``. A route is what NengoLoihi calls
        an ``Axon``: the way from one block to one group of synapses.
    route_synapse : (routes,) int32
        Group of synapses the route leads to.
    route_start : (routes + 1,) int64
    route_axon, route_atom : (route_start[-1],) int32
        For every compartment of the source: input axon of the group (-1 for none) and weight row.
    """

    dt: float
    ensembles: tuple[Population, ...]
    inputs: tuple[Population, ...]
    block_names: tuple[str, ...]
    block_ensemble: np.ndarray
    block_vmin: np.ndarray
    block_vmax: np.ndarray
    block_start: np.ndarray
    neuron: np.ndarray
    vth: np.ndarray
    bias: np.ndarray
    decay_u: np.ndarray
    decay_v: np.ndarray
    refract: np.ndarray
    voltage: np.ndarray
    synapse_block: np.ndarray
    synapse_pop_type: np.ndarray
    synapse_atoms: np.ndarray
    synapse_exponent: np.ndarray
    set_start: np.ndarray
    target_start: np.ndarray
    target: np.ndarray
    weight_start: np.ndarray
    weight: np.ndarray
    axon_start: np.ndarray
    axon_set: np.ndarray
    axon_base: np.ndarray
    route_source: np.ndarray
    route_synapse: np.ndarray
    route_start: np.ndarray
    route_axon: np.ndarray
    route_atom: np.ndarray

    @property
    def n_blocks(self) -> int:
        """Number of blocks (cores)."""
        return len(self.block_names)

    @property
    def n_neurons(self) -> int:
        """Number of neurons on the chip."""
        return int(self.block_start[-1])

    @cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        """Every array by its name."""
        return {name: getattr(self, name) for name in _ARRAY_NAMES}

    @cached_property
    def digest(self) -> str:
        """sha256 over everything the network holds."""
        return digest_json([self._names(), digest_arrays(self.arrays)])

    def ensemble_index(self, name: str) -> int:
        """Index of an ensemble by its name.

        Raises
        ------
        DeploymentError
            If there is no such ensemble.
        """
        names = [ensemble.name for ensemble in self.ensembles]
        if name not in names:
            raise DeploymentError(f"no ensemble {name!r} on the chip; there are {names}")
        return names.index(name)

    def ensemble_blocks(self, index: int) -> np.ndarray:
        """Blocks of an ensemble, as int64 indices."""
        return np.flatnonzero(self.block_ensemble == index)

    def _names(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "dt": self.dt,
            "ensembles": [[p.name, list(p.shape)] for p in self.ensembles],
            "inputs": [[p.name, list(p.shape)] for p in self.inputs],
            "block_names": list(self.block_names),
        }

    def save(self, folder: Path) -> None:
        """Write the network as npz (no pickle) and JSON into ``folder``."""
        save_arrays(folder / ARRAYS_FILE, self.arrays)
        write_json(folder / NAMES_FILE, {**self._names(), "sha256": self.digest})

    @staticmethod
    def load(folder: Path) -> IntegerNetwork:
        """Read what :meth:`save` wrote.

        Raises
        ------
        DataError
            If a file is missing, damaged, of another format or not the one that was saved.
        """
        names = _read_names(folder / NAMES_FILE)
        if names.get("format") != FORMAT:
            raise DataError(
                f"{folder / NAMES_FILE} has format {names.get('format')!r}, this version reads "
                f"{FORMAT}; run the quantize stage again"
            )
        network = IntegerNetwork(
            dt=names["dt"],
            ensembles=tuple(Population(n, tuple(s)) for n, s in names["ensembles"]),
            inputs=tuple(Population(n, tuple(s)) for n, s in names["inputs"]),
            block_names=tuple(names["block_names"]),
            **load_arrays(folder / ARRAYS_FILE),
        )
        if network.digest != names["sha256"]:
            raise DataError(f"the digest of {folder} does not match; run the quantize stage again")
        return network

    @staticmethod
    def from_model(model: Any) -> IntegerNetwork:
        """Extract the integer network from a built and discretized NengoLoihi model.

        Parameters
        ----------
        model : nengo_loihi.builder.Model
            ``nengo_loihi.Simulator(network, target="sim").model``.

        Raises
        ------
        DeploymentError
            If the model is not discretized, or has something that is not emulated: learning,
            noise, spikes placed on the chip by a process, several atoms with different targets.
            The message names it.
        """
        _refuse_unsupported(model)
        blocks = list(model.blocks)
        block_index = {block: i for i, block in enumerate(blocks)}
        ensembles, block_ensemble = _ensembles(model, block_index)
        compartments = [block.compartment for block in blocks]
        synapses = [(i, s) for i, block in enumerate(blocks) for s in block.synapses]
        synapse_index = {s: k for k, (_, s) in enumerate(synapses)}
        sets = [pair for _, s in synapses for pair in zip(s.weights, s.indices, strict=True)]
        set_start = _starts(len(s.weights) for _, s in synapses)
        routes = [(i, a) for i, block in enumerate(blocks) for a in block.axons]
        routes += [(-1 - i, a) for i, spikes in enumerate(model.inputs) for a in spikes.axons]
        maps = [_route(axon) for _, axon in routes]
        return IntegerNetwork(
            dt=float(model.dt),
            ensembles=ensembles,
            inputs=_inputs(model),
            block_names=tuple(str(block.label) for block in blocks),
            block_ensemble=block_ensemble,
            block_vmin=_int32(c.vmin for c in compartments),
            block_vmax=_int32(c.vmax for c in compartments),
            block_start=_starts(c.n_compartments for c in compartments),
            neuron=_concatenate([list(model.block_comp_map[block]) for block in blocks]),
            vth=_concatenate([c.vth for c in compartments]),
            bias=_concatenate([c.bias for c in compartments]),
            decay_u=_concatenate([c.decay_u for c in compartments]),
            decay_v=_concatenate([c.decay_v for c in compartments]),
            refract=_concatenate([c.refract_delay for c in compartments]),
            voltage=first_voltages(model),
            synapse_block=_int32(i for i, _ in synapses),
            synapse_pop_type=_int32(s.pop_type for _, s in synapses),
            synapse_atoms=_int32(s.weights[0].shape[0] for _, s in synapses),
            synapse_exponent=_int32(s.synapse_cfg.weight_exp for _, s in synapses),
            set_start=set_start,
            target_start=_starts(indices.shape[1] for _, indices in sets),
            target=_concatenate([indices[0] for _, indices in sets]),
            weight_start=_starts(weights.size for weights, _ in sets),
            weight=_concatenate([weights.ravel() for weights, _ in sets]),
            axon_start=_starts(s.n_axons for _, s in synapses),
            axon_set=np.concatenate(
                [set_start[k] + _axon_sets(s) for k, (_, s) in enumerate(synapses)]
                or [np.empty(0, np.int64)]
            ),
            axon_base=_concatenate([_axon_bases(s) for _, s in synapses]),
            route_source=_int32(source for source, _ in routes),
            route_synapse=_int32(synapse_index[axon.target] for _, axon in routes),
            route_start=_starts(len(axons) for axons, _ in maps),
            route_axon=_concatenate([axons for axons, _ in maps]),
            route_atom=_concatenate([atoms for _, atoms in maps]),
        )


def first_voltages(model: Any) -> np.ndarray:
    """Voltages of all compartments before the first step, block by block, int32 ``(n,)``.

    NengoLoihi knows none, so a model of its own starts at rest; this project's
    :class:`~spikeseg_core.loihi.quantization.build.LoihiModel` keeps them.
    """
    known = getattr(model, "voltages", {})
    return _concatenate(
        [known.get(b, np.zeros(b.compartment.n_compartments, np.int32)) for b in model.blocks]
    )


_ARRAY_NAMES = tuple(f.name for f in fields(IntegerNetwork) if f.type == "np.ndarray")


def _read_names(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}); run the quantize stage again") from error


def _refuse_unsupported(model: Any) -> None:
    for block in model.blocks:
        if block.compartment.vth.dtype != np.int32:
            raise DeploymentError(
                f"{block} is not discretized (thresholds are {block.compartment.vth.dtype}); "
                'build it with nengo_loihi.Simulator(network, target="sim")'
            )
        if np.any(block.compartment.enable_noise):
            _unsupported(f"noise, which {block} has")
        for synapse in block.synapses:
            if synapse.learning:
                _unsupported(f"learning, which {synapse} of {block} has")
            for indices in synapse.indices:
                if (indices != indices[0]).any():
                    _unsupported(f"atoms with different targets, as in {synapse} of {block}")
                if np.unique(indices[0]).size != indices.shape[1]:
                    _unsupported(f"two synapses of one axon on a compartment, as in {synapse}")
    for spikes in model.inputs:
        if spikes.permanent:
            _unsupported(f"spikes placed on the chip by a process, as in input {spikes.label!r}")


def _unsupported(what: str) -> None:
    raise DeploymentError(
        f'this emulator does not support {what}; use engine="nengo-loihi" for this network'
    )


def _ensembles(
    model: Any, block_index: Mapping[Any, int]
) -> tuple[tuple[Population, ...], np.ndarray]:
    """Group blocks by the ensemble they were split from; other blocks stand for themselves."""
    shapes = _shapes(model)
    owner = np.full(len(block_index), -1, np.int32)
    populations: list[Population] = []
    for obj, parts in model.objs.items():
        blocks = parts.get("out")
        if not (hasattr(obj, "neurons") and isinstance(blocks, list)):
            continue  # only ensembles have neurons
        owner[[block_index[block] for block in blocks]] = len(populations)
        shape = shapes.get(obj.neurons, ())
        if np.prod(shape) != obj.n_neurons:
            shape = (obj.n_neurons,)
        populations.append(Population(_unique_name(obj.label, populations), _plain(shape)))
    for block, index in block_index.items():
        if owner[index] < 0:
            size = max(model.block_comp_map[block]) + 1
            owner[index] = len(populations)
            populations.append(Population(_unique_name(block.label, populations), (size,)))
    return tuple(populations), owner


def _inputs(model: Any) -> tuple[Population, ...]:
    shapes = _shapes(model)
    senders = {receive: send for send, receive in model.host2chip_senders.items()}
    found: dict[Any, tuple[str | None, tuple[int, ...]]] = {}
    for receive, spikes in model.spike_targets.items():
        send = senders.get(receive)
        label = next(
            (
                conn.pre_obj.ensemble.label
                for host in (model.host_pre, model.host)
                for conn in host.params
                if send is not None
                and getattr(conn, "post_obj", None) is send
                and hasattr(conn.pre_obj, "ensemble")
            ),
            None,
        )
        found[spikes] = (label, shapes.get(receive, ()))
    populations: list[Population] = []
    for spikes in model.inputs:
        label, shape = found.get(spikes, (spikes.label, ()))
        if np.prod(shape) != spikes.n_neurons:
            shape = (spikes.n_neurons,)
        populations.append(Population(_unique_name(label or "input", populations), _plain(shape)))
    return tuple(populations)


def _shapes(model: Any) -> dict[Any, tuple[int, ...]]:
    """Shapes that convolutions give to what they connect, where channels come last."""
    shapes: dict[Any, tuple[int, ...]] = {}
    for conn in model.params:
        transform = getattr(conn, "transform", None)
        for end, attribute in (("pre_obj", "input_shape"), ("post_obj", "output_shape")):
            shape = getattr(transform, attribute, None)
            if shape is not None and shape.channels_last:
                shapes[getattr(conn, end)] = tuple(shape.shape)
    return shapes


def _plain(shape: Iterable[Any]) -> tuple[int, ...]:
    return tuple(int(n) for n in shape)


def _unique_name(label: Any, populations: list[Population]) -> str:
    base = str(label) if label else "ensemble"
    taken = {population.name for population in populations}
    names = (base if i == 1 else f"{base}-{i}" for i in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def _axon_sets(synapse: Any) -> np.ndarray:
    if synapse.axon_to_weight_map is None:
        return np.arange(synapse.n_axons, dtype=np.int64)
    return np.asarray(synapse.axon_to_weight_map, dtype=np.int64)


def _axon_bases(synapse: Any) -> np.ndarray:
    if synapse.axon_compartment_bases is None:
        return np.zeros(synapse.n_axons, np.int32)
    return np.maximum(np.asarray(synapse.axon_compartment_bases, dtype=np.int32), -1)


def _route(axon: Any) -> tuple[np.ndarray, np.ndarray]:
    if axon.compartment_map is None:
        axons = np.arange(axon.n_axons, dtype=np.int32)
    else:
        axons = np.maximum(np.asarray(axon.compartment_map, dtype=np.int32), -1)
    atoms = axon.compartment_atoms
    return axons, np.zeros_like(axons) if atoms is None else np.asarray(atoms, dtype=np.int32)


def _starts(sizes: Iterable[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(np.fromiter(sizes, np.int64))]).astype(np.int64)


def _int32(values: Iterable[Any]) -> np.ndarray:
    return np.array([int(value) for value in values], np.int32)


def _concatenate(parts: list[Any]) -> np.ndarray:
    return np.concatenate([np.asarray(p, dtype=np.int32) for p in parts] or [np.empty(0, np.int32)])
