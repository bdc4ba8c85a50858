"""Small networks to count on."""

from collections.abc import Mapping

import numpy as np

from spikeseg_core.loihi.cost.events import EventCounts
from spikeseg_core.loihi.mapping.fit import Tile, grid_of
from spikeseg_core.loihi.mapping.placement import Placement
from spikeseg_core.network import IMAGE, Connection, Layer, Network


def small_network(
    size: int = 8,
    channels: tuple[int, ...] = (2, 3, 4, 3),
    down: int = 3,
    up: int = 4,
    skip: int = 3,
) -> Network:
    """A host stem, one step down, one up with a skip; kernels of any side."""
    a, b, c, d = channels
    return Network(
        name="small",
        tile=2 * size,
        layers=(
            Layer("stem", a, (Connection(IMAGE, kernel=2, stride=2),), on_chip=False),
            Layer("same", b, (Connection("stem", kernel=skip),)),
            Layer("down", c, (Connection("same", kernel=down, stride=2),)),
            Layer(
                "up",
                d,
                (
                    Connection("down", kind="conv_transpose", kernel=up, stride=2),
                    Connection("same", kernel=skip),
                ),
            ),
        ),
        readout=Connection("up", kind="conv_transpose", kernel=2, stride=2),
    )


def in_order(network: Network, tiles: Mapping[str, Tile], chips: int = 1) -> Placement:
    """Cores dealt out to the chips one by one."""
    cores = sum(
        int(np.prod(grid_of(network.shape(layer.name), tiles[layer.name])))
        for layer in network.chip_layers()
    )
    chip, position = np.arange(cores) % chips, np.arange(cores) // chips
    return Placement("in order", chip, position)


def random_rates(network: Network, seed: int = 0) -> dict[str, np.ndarray]:
    """Mean rates of every neuron in Hz."""
    rng = np.random.default_rng(seed)
    return {layer.name: rng.uniform(0, 200, network.shape(layer.name)) for layer in network.layers}


def events_of(
    cores: int = 3,
    rows: int = 1,
    chips: int = 1,
    busy: Mapping[str, np.ndarray] | None = None,
    totals: Mapping[str, float] | None = None,
    **changes: object,
) -> EventCounts:
    """Counts of one presentation of 10 steps in which every core does the same.

    ``busy`` replaces events of single cores, and with them their totals.
    """
    one = np.ones((rows, cores))
    of_cores = {
        "synaptic_ops": 1000 * one,
        "dense_synaptic_ops": 0 * one,
        "neuron_active": 500 * one,
        "neuron_idle": 200 * one,
        "spikes": 50 * one,
        "messages_out": 60 * one,
        "messages_in": 80 * one,
    } | dict(busy or {})
    sums: dict[str, float] = {name: float(n.sum()) for name, n in of_cores.items()} | {
        "messages_interchip": 10.0 * rows * cores * (chips > 1),
        "hops_ew": 40.0,
        "hops_ns": 20.0,
        "injected": 30.0,
        "readout": 15.0,
    }
    fields: dict[str, object] = {
        "steps": 10,
        "presentations": 1,
        "basis": "counted",
        "chip_of_core": np.arange(cores) % chips,
        "totals": sums | dict(totals or {}),
        "busy": of_cores,
        "synaptic_ops_by_connection": {
            "up/down": sums["synaptic_ops"] + sums["dense_synaptic_ops"]
        },
    }
    return EventCounts(**(fields | changes))  # type: ignore[arg-type]
