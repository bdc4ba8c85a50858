"""``spikeseg bench mapping``: every way to map, on the same networks."""

from __future__ import annotations

from spikeseg_core.network import IMAGE, Connection, Layer, Network

REFERENCE_235K = Network(
    name="reference-235k",
    tile=96,
    layers=(
        Layer("stem", 4, (Connection(IMAGE, kernel=1),), on_chip=False),
        Layer("e0", 8, (Connection("stem"),)),
        Layer("e1", 16, (Connection("e0", stride=2),)),
        Layer("e2", 24, (Connection("e1", stride=2),)),
        Layer("d1", 16, (Connection("e2", "conv_transpose", 2, 2), Connection("e1"))),
        Layer("d0", 8, (Connection("d1", "conv_transpose", 2, 2), Connection("e0"))),
    ),
    readout=Connection("d0", kernel=1),
)
"""The shapes of :mod:`spikeseg_core.loihi.reference`, for traffic without building it."""
