"""Expected events from mean firing rates, exact at the borders of layers and tiles.

The usual shortcut, spikes times kernel size times channels, counts synapses that do not exist:
a pixel at the border of a layer reaches fewer targets than one inside, and with strides the number
differs from pixel to pixel. Here every spike counts the synapses its own neuron has.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spikeseg_core.energy.constants import CORES_PER_CHIP
from spikeseg_core.energy.events import EventCounts, count_hops
from spikeseg_core.errors import ConfigError, DataError
from spikeseg_core.loihi.fit import Tile, axis_of, tile_boxes
from spikeseg_core.network import DT, Connection, Network

Box = tuple[tuple[int, int], ...]
"""Row, column and channel range of one core's part of a layer."""


def events_from_rates(
    network: Network,
    tiles: Mapping[str, Tile],
    rates: Mapping[str, np.ndarray],
    steps: int,
    chip_of_core: np.ndarray | None = None,
) -> EventCounts:
    """Return the expected events of one presentation of one tile.

    Parameters
    ----------
    network : Network
        Ensembles and connections.
    tiles : mapping of layer name to (rows, columns, channels)
        The part of each on-chip layer that one core holds.
    rates : mapping of layer name to ndarray
        Mean firing rate of every neuron in Hz, each ``(rows, columns, channels)``; one for every
        layer, on the host or on the chip.
    steps : int
        Time steps of one presentation.
    chip_of_core : ndarray, optional
        Chip of each core, int ``(cores,)``: layers in network order, and within a layer the cores
        in the order of nengo-loihi's blocks. By default they fill one chip after the other.

    Returns
    -------
    EventCounts
        With one row. Every compartment update is taken as active: an upper bound, as rates do not
        tell in which steps a neuron has input.

    Raises
    ------
    ConfigError
        If an on-chip layer takes its input from the image, which has no spikes.
    DataError
        If rates are missing or have another shape, or ``chip_of_core`` another length.
    """
    spikes = {name: rate * DT * steps for name, rate in _checked(network, rates).items()}
    boxes: list[tuple[str, Box]] = [
        (layer.name, box)
        for layer in network.chip_layers()
        for box in tile_boxes(network.shape(layer.name), tiles[layer.name])
    ]
    cores = len(boxes)
    chips = np.arange(cores) // CORES_PER_CHIP if chip_of_core is None else np.asarray(chip_of_core)
    if chips.shape != (cores,):
        raise DataError(f"chip_of_core has shape {chips.shape}; these tiles make {cores} cores")

    members: dict[str, list[int]] = {}
    for index, (name, _) in enumerate(boxes):
        members.setdefault(name, []).append(index)
    ops = np.zeros(cores)
    between = np.zeros((cores, cores))
    from_host = np.zeros(cores)
    by_connection: dict[str, float] = {}
    for target, c in network.connections():
        if not target.on_chip:
            continue
        if c.source not in spikes:
            raise ConfigError(
                f"layer {target.name!r} is on the chip and takes the image itself, which has no "
                "spikes to count; put a layer on the host before it"
            )
        total = 0.0
        for core in members[target.name]:
            taps_r, taps_c, depth = _taps(network, target.name, c, boxes[core][1])
            fan_in = float(taps_r @ spikes[c.source].sum(axis=2) @ taps_c) * depth
            ops[core] += fan_in
            total += fan_in
            reached = spikes[c.source] * ((taps_r > 0)[:, None, None] * (taps_c > 0)[None, :, None])
            if c.source in members:
                for sender in members[c.source]:
                    between[sender, core] += reached[_slices(boxes[sender][1])].sum()
            else:
                from_host[core] += reached.sum()
        by_connection[f"{target.name}/{c.source}"] = total

    neurons = np.array([np.prod([b - a for a, b in box]) for _, box in boxes], dtype=float)
    hops_ew, hops_ns = count_hops(between, chips)
    return EventCounts(
        steps=steps,
        presentations=1,
        basis="from rates",
        chip_of_core=chips,
        synaptic_ops=ops[None],
        neuron_active=(neurons * steps)[None],
        neuron_idle=np.zeros((1, cores)),
        spikes=np.array([[spikes[name][_slices(box)].sum() for name, box in boxes]]),
        messages_in=(between.sum(axis=0) + from_host)[None],
        messages_out=between.sum(axis=1)[None],
        messages_interchip=(between * (chips[:, None] != chips[None, :])).sum(axis=1)[None],
        hops_ew=hops_ew,
        hops_ns=hops_ns,
        injected=float(from_host.sum()),
        readout=float(spikes[network.readout.source].sum()),
        synaptic_ops_by_connection=by_connection,
    )


def _checked(network: Network, rates: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    found = {}
    for layer in network.layers:
        if layer.name not in rates:
            raise DataError(f"no firing rates for layer {layer.name!r}; there are {sorted(rates)}")
        rate = np.asarray(rates[layer.name], dtype=np.float64)
        if rate.shape != network.shape(layer.name):
            raise DataError(
                f"firing rates of layer {layer.name!r} have shape {rate.shape}, the layer has "
                f"{network.shape(layer.name)}"
            )
        found[layer.name] = rate
    return found


def _taps(
    network: Network, target: str, c: Connection, box: Box
) -> tuple[np.ndarray, np.ndarray, int]:
    """Targets in ``box`` that each source row and column reaches, and the channels of the box."""
    first, last = axis_of(network, target, c).reach()
    rows, columns, channels = box

    def overlap(start: int, stop: int) -> np.ndarray:
        return np.maximum(np.minimum(last, stop) - np.maximum(first, start), 0)

    return overlap(*rows), overlap(*columns), channels[1] - channels[0]


def _slices(box: Box) -> tuple[slice, ...]:
    return tuple(slice(a, b) for a, b in box)
