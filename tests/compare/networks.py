"""Networks for the comparison: a dense one that all emulators can hold, and a mapped U-Net."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from spikeseg_core.testing.designs import Cells, Design, Wires, some
from spikeseg_core.testing.networks import LayerSpec, Link, NetworkSpec

MANTISSA = 64
"""brian2-loihi has thresholds and weights in multiples of 64."""


def dense(
    seed: int,
    sizes: tuple[int, ...] = (128, 256, 256, 64),
    n_steps: int = 200,
    *,
    memory: bool = True,
) -> Design:
    """Make layers of which each reaches all of the next, with random weights of 8 bits.

    Current and voltage decay, and compartments rest; without ``memory``, they do none of it, and
    have a bias: all are updated in every step.

    Parameters
    ----------
    sizes : tuple of int
        Neurons of the input, and compartments of every layer.
    """
    rng = np.random.default_rng(seed)
    blocks, wires = [], []
    for source, (before, n) in enumerate(pairwise(sizes), start=-1):
        vth = MANTISSA * int(rng.integers(200, 400) * np.sqrt(before))
        decay_u, decay_v = int(rng.integers(300, 2000)), int(rng.integers(50, 600))
        refract = int(rng.integers(1, 4))
        kept = {"decay_u": decay_u, "decay_v": decay_v, "refract": refract}
        blocks.append(
            Cells(n, vth=vth, vmin=-(2**23) + 1, **(kept if memory else {"bias": MANTISSA}))
        )
        # Of mixed sign, so the last of the 8 bits is none.
        weights = 2 * rng.integers(-110, 120, (before, 1, n)) * MANTISSA
        wires.append(Wires(source, source + 1, list(weights)))
    inputs = [some(seed, sizes[0], 0.1, n_steps)]
    return Design(f"dense-{seed}", "", "", blocks, wires, inputs, n_steps)


def u_net(side: int) -> NetworkSpec:
    """Make the layers of ``reference-235k`` (side 96) for any side that 24 divides."""

    def layer(scale: int, channels: int, tile: int, *links: Link) -> LayerSpec:
        rows, step = side // scale, side // 24
        of_a_core = tile * step if step < 3 else tile * 2
        shape = (of_a_core, of_a_core, min(channels, 4) if scale == 1 else channels)
        return LayerSpec((rows, rows, channels), shape, links, None, 2.3, 0.05)

    def down(source: int, stride: int = 1) -> Link:
        return Link(source, (3, 3), stride, "same", up=False, pop_type=16)

    def up(source: int) -> Link:
        return Link(source, (2, 2), 2, "same", up=True, pop_type=16)

    return NetworkSpec(
        (side, side, 4),
        (
            layer(1, 8, 8, down(-1)),
            layer(2, 16, 4, down(0, 2)),
            layer(4, 24, 3, down(1, 2)),
            layer(2, 16, 4, up(2), down(1)),
            layer(1, 8, 8, up(3), down(0)),
        ),
        rate=60.0,
        weights="normal",
        seed=1,
    )
