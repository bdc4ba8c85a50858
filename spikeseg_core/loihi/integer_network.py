"""The integer network: what runs on the chip, as plain arrays.

NengoLoihi's builder splits ensembles into blocks (one per core) and its discretizer converts every
number of a block to an integer. :class:`IntegerNetwork` holds the result and nothing else: no
Nengo objects, no TensorFlow, no pickle. It is saved as one npz and one JSON file, so it can be
logged, compared by digest, loaded and emulated anywhere numpy and numba run.

The layout is columnar. Compartments of all blocks are concatenated in block order, as are weights,
targets and axons, each with an array of starts (``start[i]:start[i + 1]`` is item ``i``).
"""

from __future__ import annotations

import json
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
"""Version of the file format."""

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
        ``(rows, columns, channels)`` if known from the connections, otherwise ``(neurons,)``.
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
        Index of each block's ensemble.
    block_vmin, block_vmax : (blocks,) int32
        Bounds of the voltage.
    block_start : (blocks + 1,) int64
        Start of each block's compartments.
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
        Targets of each set: of one row for all atoms, or of a row for each.
    target : (targets,) int32
        Compartment in the block, relative to the base of the axon.
    weight_start : (sets + 1,) int64
    weight : (weights,) int32
        Rows of a set, one per atom, equally long.
    axon_start : (synapses + 1,) int64
        Input axons of each group of synapses.
    axon_set : (axons,) int64
        Weight set of the axon, numbered over all groups.
    axon_base : (axons,) int32
        First compartment reached by the axon; -1 if none.
    route_source : (routes,) int32
        Source block; ``-1 - i`` for input ``i``. A route, which NengoLoihi calls an ``Axon``, leads
        from one block to one group of synapses.
    route_synapse : (routes,) int32
        Target group of synapses.
    route_start : (routes + 1,) int64
    route_axon, route_atom : (route_start[-1],) int32
        Input axon of the group (-1 for none) and weight row, for every source compartment.
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
    def row_length(self) -> np.ndarray:
        """Synapses in each row of a set, int64 ``(sets,)``."""
        atoms = np.repeat(self.synapse_atoms, np.diff(self.set_start))
        return np.diff(self.weight_start) // np.maximum(atoms, 1)

    @cached_property
    def row_step(self) -> np.ndarray:
        """Targets between the rows of a set, int64 ``(sets,)``; 0 if all atoms share one row."""
        return np.where(np.diff(self.target_start) > self.row_length, self.row_length, 0)

    @cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        """Every array by its name."""
        return {name: getattr(self, name) for name in _ARRAY_NAMES}

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the whole network."""
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
            If a file is missing, damaged, of another format, or fails the digest check.
        """
        names = _read_names(folder / NAMES_FILE)
        if names.get("format") != FORMAT:
            raise DataError(
                f"{folder / NAMES_FILE} has format {names.get('format')!r}, this version reads "
                f"{FORMAT}; run the quantize stage again"
            )
        arrays = load_arrays(folder / ARRAYS_FILE)
        try:
            network = IntegerNetwork(
                dt=names["dt"],
                ensembles=tuple(Population(n, tuple(s)) for n, s in names["ensembles"]),
                inputs=tuple(Population(n, tuple(s)) for n, s in names["inputs"]),
                block_names=tuple(names["block_names"]),
                **arrays,
            )
            expected = names["sha256"]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{folder / NAMES_FILE} is damaged ({type(error).__name__}: {error}); run the "
                f"quantize stage again"
            ) from error
        if network.digest != expected:
            raise DataError(f"the digest of {folder} does not match; run the quantize stage again")
        return network


_ARRAY_NAMES = tuple(f.name for f in fields(IntegerNetwork) if f.type == "np.ndarray")


def _read_names(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise DataError(f"{path} cannot be read ({error}); run the quantize stage again") from error
