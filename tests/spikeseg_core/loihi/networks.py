"""Small networks and random weights for the tests of this package."""

import numpy as np

from spikeseg_core.loihi.mapping.fit import fit
from spikeseg_core.network import IMAGE, Connection, Layer, Network, Weights, kernel_key


def random_network(rng, channels=lambda rng: int(rng.integers(1, 9)), size=None):
    """A small U with a host layer, both kinds of convolution, a stride and a skip."""
    size = size or int(rng.choice([8, 12, 16, 24]))

    def c():
        return channels(rng)

    def k():
        return int(rng.integers(1, 6))

    up = int(rng.choice([2, 3, 4]))
    return Network(
        "random",
        size,
        (
            Layer("stem", c(), (Connection(IMAGE, kernel=3),), on_chip=False),
            Layer("a", c(), (Connection("stem", kernel=k()),)),
            Layer("b", c(), (Connection("a", kernel=k(), stride=2),)),
            Layer(
                "d",
                c(),
                (
                    Connection("b", kind="conv_transpose", kernel=up, stride=2),
                    Connection("a", kernel=3),
                ),
            ),
        ),
        Connection("d"),
    )


def random_weights(rng, network, scale=1.0):
    """He-normal kernels and small biases."""
    kernels = {}
    for target, c in network.connections():
        shape = network.kernel_shape(target.name, c)
        fan_in = shape[0] * shape[1] * shape[2] / (c.stride**2 if c.kind != "conv" else 1)
        kernels[kernel_key(target.name, c.source)] = (
            rng.normal(size=shape) * scale * np.sqrt(2 / fan_in)
        ).astype(np.float32)
    shape = network.kernel_shape(None, network.readout)
    kernels[kernel_key(None, network.readout.source)] = rng.normal(size=shape).astype(np.float32)
    biases = {
        layer.name: rng.normal(size=layer.channels).astype(np.float32) * 0.1
        for layer in network.layers
    }
    return Weights(kernels, biases | {"readout": np.zeros(1, np.float32)})


def random_tiles(rng, network, step=1):
    """Tiles of any size that fit; channel depths in multiples of ``step``."""

    def tile(shape):
        r, c, k = shape
        return (
            int(rng.integers(max(1, r // 3), r + 1)),
            int(rng.integers(max(1, c // 3), c + 1)),
            int(rng.integers(1, k // step + 1)) * step if rng.random() < 0.7 and k >= step else k,
        )

    while True:
        tiles = {layer.name: tile(network.shape(layer.name)) for layer in network.chip_layers()}
        if not any(part.problems(32) for part in fit(network, tiles, 32)):
            return tiles
