"""Expected events from mean spike rates, exact at the borders of layers and tiles.

The usual shortcut, spikes times kernel size times channels, counts synapses that do not exist: a
pixel at the border of a layer reaches fewer targets than one inside, and with strides the number
varies from pixel to pixel. Here every spike counts the synapses of its own neuron.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spikeseg_core.errors import ConfigError, DataError
from spikeseg_core.loihi.cost.events import EventCounts
from spikeseg_core.loihi.mapping.axis import axis_of
from spikeseg_core.loihi.mapping.fit import Tile, tile_boxes
from spikeseg_core.loihi.mapping.mesh import hops
from spikeseg_core.loihi.mapping.placement import Placement
from spikeseg_core.loihi.mapping.traffic import traffic
from spikeseg_core.network import DT, Connection, Network

Box = tuple[tuple[int, int], ...]
"""Row, column and channel range of one core's part of a layer."""


def events_from_rates(
    network: Network,
    tiles: Mapping[str, Tile],
    rates: Mapping[str, np.ndarray],
    steps: float,
    placement: Placement,
) -> EventCounts:
    """Return the expected events of one presentation of one tile.

    Parameters
    ----------
    tiles : mapping of layer name to (rows, columns, channels)
        The part of each on-chip layer held by one core.
    rates : mapping of layer name to ndarray
        Mean spike rate of every neuron in Hz, ``(rows, columns, channels)``, for every layer on
        the host or on the chip.
    placement : Placement
        Chip and place of every core, in the order of layers and then of nengo-loihi's blocks.

    Returns
    -------
    EventCounts
        One row with all cores. Every compartment update counts as active: exact if every
        compartment has a bias, otherwise an upper bound.

    Raises
    ------
    ConfigError
        If an on-chip layer is fed by the image, which has no spikes.
    DataError
        If rates are missing or have another shape, or the placement is for other cores.
    """
    spikes = {name: rate * DT * steps for name, rate in _checked(network, rates).items()}
    boxes: list[tuple[str, Box]] = [
        (layer.name, box)
        for layer in network.chip_layers()
        for box in tile_boxes(network.shape(layer.name), tiles[layer.name])
    ]
    chips = placement.chips
    if len(chips) != len(boxes):
        raise DataError(
            f"the placement is for {len(chips)} cores; these tiles make {len(boxes)} cores"
        )
    ops = np.zeros(len(boxes))
    by_connection: dict[str, float] = {}
    for target, c in network.connections():
        if not target.on_chip:
            continue
        if c.source not in spikes:
            raise ConfigError(
                f"layer {target.name!r} is on the chip and takes the image itself, which has no "
                "spikes to count; put a layer on the host before it"
            )
        pixels = spikes[c.source].sum(axis=2)
        fan_in = np.array(
            [
                _operations(network, target.name, c, box, pixels) if name == target.name else 0.0
                for name, box in boxes
            ]
        )
        ops += fan_in
        by_connection[f"{target.name}/{c.source}"] = float(fan_in.sum())

    messages = traffic(network, tiles, rates)
    between = messages.between * steps
    crossing = between.multiply(chips[:, None] != chips[None, :])
    passed = hops(messages, placement)
    neurons = np.array([np.prod([b - a for a, b in box]) for _, box in boxes], dtype=float)
    busy = {
        "synaptic_ops": ops[None],
        "dense_synaptic_ops": np.zeros((1, len(boxes))),  # all connections are convolutions
        "neuron_active": (neurons * steps)[None],
        "neuron_idle": np.zeros((1, len(boxes))),
        "spikes": np.array([[spikes[name][_slices(box)].sum() for name, box in boxes]]),
        "messages_out": between.sum(axis=1)[None],
        "messages_in": (between.sum(axis=0) + steps * messages.from_host)[None],
    }
    return EventCounts(
        steps=steps,
        presentations=1,
        basis="from rates",
        chip_of_core=chips,
        totals={name: float(n.sum()) for name, n in busy.items()}
        | {
            "messages_interchip": float(crossing.sum()),
            "hops_ew": passed.east_west * steps,
            "hops_ns": passed.north_south * steps,
            "injected": float(steps * messages.from_host.sum()),
            "readout": float(spikes[network.readout.source].sum()),
        },
        busy=busy,
        synaptic_ops_by_connection=by_connection,
    )


def _checked(network: Network, rates: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    found = {}
    for layer in network.layers:
        if layer.name not in rates:
            raise DataError(f"no spike rates for layer {layer.name!r}; there are {sorted(rates)}")
        rate = np.asarray(rates[layer.name], dtype=np.float64)
        if rate.shape != network.shape(layer.name):
            raise DataError(
                f"spike rates of layer {layer.name!r} have shape {rate.shape}, the layer has "
                f"{network.shape(layer.name)}"
            )
        found[layer.name] = rate
    return found


def _operations(
    network: Network, target: str, c: Connection, box: Box, pixels: np.ndarray
) -> float:
    """Spikes of every pixel times its synapses into ``box`` of ``target``."""
    first, last = axis_of(network, target, c).reach()
    rows, columns, channels = box

    def taps(part: tuple[int, int]) -> np.ndarray:
        """Targets in the part that each source row (or column) reaches."""
        return np.maximum(np.minimum(last, part[1]) - np.maximum(first, part[0]), 0)

    layer = network.layer(target)
    reached = (channels[1] - channels[0]) // layer.group * layer.kept
    return float(taps(rows) @ pixels @ taps(columns)) * reached


def _slices(box: Box) -> tuple[slice, ...]:
    return tuple(slice(a, b) for a, b in box)
