"""From NengoLoihi's discretized blocks to the integer network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from spikeseg_core.errors import DeploymentError
from spikeseg_core.loihi.integer_network import IntegerNetwork, Population


def extract_network(model: Any, *, from_outside: bool = False) -> IntegerNetwork:
    """Extract the integer network from a built and discretized NengoLoihi model.

    Parameters
    ----------
    model : nengo_loihi.builder.Model
        ``nengo_loihi.Simulator(network, target="sim").model``.
    from_outside : bool
        Accept noise and spikes that a process places on the chip, which the network does not hold:
        whoever runs it adds them.

    Raises
    ------
    DeploymentError
        If the model is not discretized, or uses a feature that is not emulated: learning, noise,
        spikes placed on the chip by a process. The message names the feature.
    """
    _refuse_unsupported(model, from_outside)
    blocks = list(model.blocks)
    block_index = {block: i for i, block in enumerate(blocks)}
    ensembles, block_ensemble = _ensembles(model, block_index)
    compartments = [block.compartment for block in blocks]
    synapses = [(i, s) for i, block in enumerate(blocks) for s in block.synapses]
    synapse_index = {s: k for k, (_, s) in enumerate(synapses)}
    sets = [pair for _, s in synapses for pair in zip(s.weights, s.indices, strict=True)]
    targets_of_sets = [_targets(indices) for _, indices in sets]
    set_start = _starts(len(s.weights) for _, s in synapses)
    routes = [(i, a) for i, block in enumerate(blocks) for a in block.axons]
    routes += [(-1 - i, a) for i, spikes in enumerate(model.inputs) for a in spikes.axons]
    maps = [_route(axon) for _, axon in routes]
    return IntegerNetwork(
        dt=float(model.dt),
        ensembles=ensembles,
        inputs=_inputs(model, ensembles),
        block_names=tuple(str(block.label) for block in blocks),
        block_ensemble=block_ensemble,
        block_vmin=_int32(c.vmin for c in compartments),
        block_vmax=_int32(c.vmax for c in compartments),
        block_start=_starts(c.n_compartments for c in compartments),
        neuron=_concatenate([_neurons(model, block) for block in blocks]),
        vth=_concatenate([c.vth for c in compartments]),
        bias=_concatenate([c.bias for c in compartments]),
        decay_u=_concatenate([c.decay_u for c in compartments]),
        decay_v=_concatenate([c.decay_v for c in compartments]),
        refract=_concatenate([c.refract_delay for c in compartments]),
        voltage=initial_voltages(model),
        synapse_block=_int32(i for i, _ in synapses),
        synapse_pop_type=_int32(s.pop_type for _, s in synapses),
        synapse_atoms=_int32(s.weights[0].shape[0] for _, s in synapses),
        synapse_exponent=_int32(s.synapse_cfg.weight_exp for _, s in synapses),
        set_start=set_start,
        target_start=_starts(targets.size for targets in targets_of_sets),
        target=_concatenate(targets_of_sets),
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


def initial_voltages(model: Any) -> np.ndarray:
    """Voltages of all compartments before the first step, block by block, int32 ``(n,)``.

    Plain NengoLoihi models start at rest; this project's
    :class:`~spikeseg_core.loihi.quantization.blocks.BlockModel` stores the voltages.
    """
    known = getattr(model, "voltages", {})
    return _concatenate(
        [known.get(b, np.zeros(b.compartment.n_compartments, np.int32)) for b in model.blocks]
    )


def _refuse_unsupported(model: Any, from_outside: bool) -> None:
    for block in model.blocks:
        if block.compartment.vth.dtype != np.int32:
            raise DeploymentError(
                f"{block} is not discretized (thresholds are {block.compartment.vth.dtype}); "
                'build it with nengo_loihi.Simulator(network, target="sim")'
            )
        if np.any(block.compartment.enable_noise) and not from_outside:
            _unsupported(f"noise, which {block} has")
        for synapse in block.synapses:
            if synapse.learning:
                _unsupported(f"learning, which {synapse} of {block} has")
            for indices in synapse.indices:
                if (np.diff(np.sort(indices, axis=1), axis=1) == 0).any():
                    _unsupported(f"two synapses of one axon on a compartment, as in {synapse}")
    for spikes in model.inputs:
        if spikes.permanent and not from_outside:
            _unsupported(f"spikes placed on the chip by a process, as in input {spikes.label!r}")


def _unsupported(what: str) -> None:
    raise DeploymentError(
        f'this emulator does not support {what}; use engine="nengo-loihi" for this network'
    )


def _ensembles(
    model: Any, block_index: Mapping[Any, int]
) -> tuple[tuple[Population, ...], np.ndarray]:
    """Group blocks by the ensemble they were split from; other blocks form their own population."""
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
            size = max(_neurons(model, block)) + 1
            owner[index] = len(populations)
            populations.append(Population(_unique_name(block.label, populations), (size,)))
    return tuple(populations), owner


def _neurons(model: Any, block: Any) -> list[int]:
    """Neurons of the ensemble that a block holds; blocks added by hand stand for themselves."""
    return list(model.block_comp_map.get(block, range(block.compartment.n_compartments)))


def _inputs(model: Any, ensembles: tuple[Population, ...]) -> tuple[Population, ...]:
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
        populations.append(
            Population(_unique_name(label or "input", [*ensembles, *populations]), _plain(shape))
        )
    return tuple(populations)


def _shapes(model: Any) -> dict[Any, tuple[int, ...]]:
    """Shapes of populations, from convolutions whose channels come last."""
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


def _targets(indices: np.ndarray) -> np.ndarray:
    """Targets of a set of weights: one row if all atoms share it, otherwise all rows."""
    return indices[0] if (indices == indices[0]).all() else indices.ravel()


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
