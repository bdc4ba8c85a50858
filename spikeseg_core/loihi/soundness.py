"""Whether an integer network from somebody else can be run at all.

The emulator's compiled loops follow the indices of a network without looking at them, so a forged
one would read and write memory that is not its own. What a stage of this project wrote is sealed;
what comes from elsewhere (a folder for `spikeseg emulate`, a registered model) is checked here.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from spikeseg_core.errors import DataError
from spikeseg_core.loihi.integer_network import IntegerNetwork

MOST_BYTES = 2**33
"""Largest unpacked file of a network, 8 GiB: that of a board of 32 chips is below 2 GiB."""

_INT64 = ("axon_set",)
_COUNTED = {
    "block_start": ("block_names", ("neuron",)),
    "set_start": ("synapse_block", ()),
    "axon_start": ("synapse_block", ("axon_set", "axon_base")),
    "route_start": ("route_source", ("route_axon", "route_atom")),
}
"""By an array of starts: what has one item each, and the arrays that it divides."""
_ALIKE = {
    "block_names": ("block_ensemble", "block_vmin", "block_vmax"),
    "neuron": ("vth", "bias", "decay_u", "decay_v", "refract", "voltage"),
    "synapse_block": ("synapse_pop_type", "synapse_atoms", "synapse_exponent"),
    "route_source": ("route_synapse",),
}
"""Arrays of the same length."""


def check_sizes(folder: Path) -> None:
    """Refuse a folder whose arrays unpack to more than any board holds.

    Raises
    ------
    DataError
        If they do, or a file is no archive.
    """
    for path in sorted(folder.rglob("*.npz")):
        try:
            with zipfile.ZipFile(path) as archive:
                size = sum(member.file_size for member in archive.infolist())
        except Exception as error:  # whatever a damaged directory leads to
            raise DataError(f"{path} cannot be read as arrays ({error}); copy it again") from error
        if size > MOST_BYTES:
            raise DataError(
                f"{path} unpacks to {size:,} bytes, and at most {MOST_BYTES:,} are read: no board "
                "has room for such a network"
            )


def check_network(network: IntegerNetwork) -> None:
    """Check that every index of the network leads to something that is there.

    Raises
    ------
    DataError
        If one does not; the message names the array.
    """
    if wrong := next(_wrong(network), None):
        raise DataError(
            f"the integer network is not sound: {wrong}; map the model again, or take a network "
            "that `spikeseg map` or the pipeline wrote"
        )


def _wrong(network: IntegerNetwork) -> Iterator[str]:
    """Say what is wrong; each check counts on those before it."""
    yield from _wrong_forms(network)
    yield from _wrong_starts(network)
    yield from _wrong_populations(network)
    yield from _wrong_compartments(network)
    yield from _wrong_synapses(network)
    yield from _wrong_routes(network)


def _wrong_forms(network: IntegerNetwork) -> Iterator[str]:
    for name, array in network.arrays.items():
        dtype = np.int64 if name.endswith("_start") or name in _INT64 else np.int32
        if array.ndim != 1 or array.dtype != dtype:
            yield f"{name} has {array.ndim} axes of {array.dtype}, not one of {np.dtype(dtype)}"
    for name, others in _ALIKE.items():
        for other in others:
            if len(getattr(network, other)) != len(getattr(network, name)):
                yield f"{other} has not as many values as {name}"
    if not isinstance(network.dt, float) or not 0 < network.dt <= 1:
        yield f"a step of {network.dt!r} s is not between 0 and 1"


def _wrong_starts(network: IntegerNetwork) -> Iterator[str]:
    for name, (of, divided) in _COUNTED.items():
        start = getattr(network, name)
        if len(start) != len(getattr(network, of)) + 1 or not _rises(start):
            yield f"{name} does not divide what is {of}"
            continue
        for other in divided:
            if start[-1] != len(getattr(network, other)):
                yield f"{name} ends at {start[-1]}, and {other} has {len(getattr(network, other))}"
    sets = int(network.set_start[-1])
    for name, other in (("target_start", "target"), ("weight_start", "weight")):
        start = getattr(network, name)
        if len(start) != sets + 1 or not _rises(start) or start[-1] != len(getattr(network, other)):
            yield f"{name} does not divide {other} into {sets} sets"


def _rises(start: np.ndarray) -> bool:
    return len(start) > 0 and start[0] == 0 and bool((start[1:] >= start[:-1]).all())


def _wrong_populations(network: IntegerNetwork) -> Iterator[str]:
    names = [population.name for population in (*network.ensembles, *network.inputs)]
    if not all(isinstance(name, str) for name in (*names, *network.block_names)):
        yield "a name is not a text"
    elif len(set(names)) < len(names):
        yield "two ensembles or inputs have the same name"
    for population in (*network.ensembles, *network.inputs):
        sides = population.shape
        if not all(type(side) is int and 0 < side < 2**31 for side in sides):
            yield f"{population.name!r} has the shape {sides}"
        elif population.size >= 2**31:
            yield f"{population.name!r} has {population.size:,} neurons"


def _wrong_compartments(network: IntegerNetwork) -> Iterator[str]:
    ensemble = network.block_ensemble
    if not _within(ensemble, 0, len(network.ensembles)):
        yield "block_ensemble names an ensemble that is not there"
        return
    sizes = np.array([population.size for population in network.ensembles], np.int64)
    of = np.repeat(ensemble, np.diff(network.block_start))
    if not (network.neuron >= 0).all() or not (network.neuron < sizes[of]).all():
        yield "neuron names a position that its ensemble does not have"
        return
    first = np.concatenate([[0], np.cumsum(sizes)])
    if len(of) != first[-1] or len(np.unique(first[of] + network.neuron)) != len(of):
        yield "the blocks do not hold every neuron of every ensemble once"
    for name in ("decay_u", "decay_v"):
        if not _within(getattr(network, name), 0, 4097):
            yield f"{name} is not between 0 and 4096"
    if not _within(network.refract, 1, 64):
        yield "refract is not between 1 and 63"
    if (network.block_vmin > network.block_vmax).any():
        yield "block_vmin is above block_vmax"


def _within(values: np.ndarray, low: int, end: int) -> bool:
    return not values.size or bool(values.min() >= low and values.max() < end)


def _wrong_synapses(network: IntegerNetwork) -> Iterator[str]:
    atoms = network.synapse_atoms
    if not _within(network.synapse_block, 0, network.n_blocks):
        yield "synapse_block names a block that is not there"
        return
    if not _within(atoms, 1, 2**15):
        yield "synapse_atoms is not between 1 and 32,767"
        return
    of_set = np.repeat(atoms, np.diff(network.set_start)).astype(np.int64)
    weights, targets = np.diff(network.weight_start), np.diff(network.target_start)
    rows = weights // of_set
    if (rows * of_set != weights).any() or ((targets != rows) & (targets != weights)).any():
        yield "a set's weights and targets do not fit its atoms"
        return
    if not _within(network.target, 0, 2**31) or not _within(network.axon_set, 0, len(rows)):
        yield "target or axon_set leads nowhere"
        return
    if not _within(network.axon_base, -1, 2**31 - 1):
        yield "axon_base is below -1"
        return
    block = np.repeat(network.synapse_block, np.diff(network.axon_start))
    farthest = _largest(network.target, network.target_start)[network.axon_set]
    reaches = network.axon_base.astype(np.int64) + farthest
    used = (network.axon_base >= 0) & (farthest >= 0)
    if (reaches[used] >= np.diff(network.block_start)[block[used]]).any():
        yield "an axon leads beyond the compartments of its block"
    # Shared sets are of the axon's own group, whose atoms say how long its rows are.
    group = np.repeat(np.arange(len(atoms)), np.diff(network.axon_start))
    own = np.repeat(np.arange(len(atoms)), np.diff(network.set_start))
    if (own[network.axon_set] != group).any():
        yield "an axon uses the weights of another group of synapses"


def _largest(values: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Largest value of each part, -1 of an empty one; int64 ``(parts,)``."""
    found = np.full(len(start) - 1, -1, np.int64)
    there = np.diff(start) > 0
    if there.any():
        found[there] = np.maximum.reduceat(values, start[:-1][there])
    return found


def _wrong_routes(network: IntegerNetwork) -> Iterator[str]:
    source, synapse = network.route_source, network.route_synapse
    if not _within(source, -len(network.inputs), network.n_blocks):
        yield "route_source names a block or input that is not there"
        return
    if not _within(synapse, 0, len(network.synapse_block)):
        yield "route_synapse names synapses that are not there"
        return
    inputs = np.array([population.size for population in network.inputs], np.int64)
    blocks = np.diff(network.block_start)
    from_host = source < 0
    sizes = np.zeros(len(source), np.int64)
    sizes[from_host] = inputs[-1 - source[from_host]]
    sizes[~from_host] = blocks[source[~from_host]]
    lengths = np.diff(network.route_start)
    if (lengths != sizes).any():
        yield "a route has not as many entries as its source has neurons"
    axons = np.repeat(np.diff(network.axon_start)[synapse], lengths)
    if not _within(network.route_axon, -1, 2**31) or (network.route_axon >= axons).any():
        yield "route_axon names an axon that is not there"
    elif (axons == 0).any():
        yield "a route leads to synapses without axons"
    atoms = np.repeat(network.synapse_atoms[synapse], lengths)
    if not _within(network.route_atom, 0, 2**31) or (network.route_atom >= atoms).any():
        yield "route_atom names a row that is not there"
