"""Work of the host while Loihi segments: off-chip layers and the read-out."""

from __future__ import annotations

from spikeseg_core.network import Connection, Network

UPDATE_NS = 0.14
"""Time in which this project's own loop updates a neuron of the host and writes its spikes, with
both cores of a two-core AMD EPYC (measured: 0.94 ms for 55,296 neurons and 60 steps on one). The
multiply-add that an update is counted as takes a twentieth of that."""


def host_operations(network: Network, steps: float, extra_readouts: float = 0.0) -> float:
    """Multiply-adds on the host for one tile.

    The image is constant, so the currents of the host's layers are computed once; their neurons are
    updated in every step, counted as one multiply-add each. The read-out is applied to the mean of
    the spikes, once and ``extra_readouts`` times more.

    """
    layers = [
        _multiply_adds(network, layer.name, c)
        for layer, c in network.connections()
        if not layer.on_chip
    ]
    readouts = _multiply_adds(network, None, network.readout) * (1 + extra_readouts)
    return sum(layers) + readouts + steps * network.neurons_off_chip


def _multiply_adds(network: Network, target: str | None, c: Connection) -> int:
    rows, columns, channels, outputs = network.kernel_shape(target, c)
    side = network.sizes[c.source]
    positions = side if c.kind == "conv_transpose" else side // c.stride
    return positions**2 * rows * columns * channels * outputs
