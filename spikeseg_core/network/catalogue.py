"""All architectures by name, as data: widths and depths of a U-Net.

All have a stem of 8 x 8 at stride 4 on the host, and the same kernels on the chip; they differ in
how many ensembles there are at each size, how wide those are, and in what the host computes. The
sweep ``architecture`` trains the candidates that fit the board.
"""

from __future__ import annotations

from itertools import pairwise

from spikeseg_core.errors import ConfigError
from spikeseg_core.network.description import IMAGE, Connection, Layer, Network
from spikeseg_core.network.varied import split, varied

TILE = 192

Widths = tuple[tuple[int, ...], ...]
"""Channels of the ensembles by level, from the finest (48 x 48)."""


def u_net(
    name: str, stem: int, encoder: Widths, decoder: Widths, readout_kernel: int = 8
) -> Network:
    """Build a U-Net from the widths of its ensembles; ``stem`` counts the host's channels.

    Parameters
    ----------
    encoder : tuple of tuple of int
        Channels of every ensemble on the way down, by level; each level halves the size. If the
        first level has no ensembles, its skip comes from the stem.
    decoder : tuple of tuple of int
        The same on the way up, for all levels but the coarsest, finest first as well.
    readout_kernel : int
        Side of the read-out's kernel, px; with 4 the blocks that a position writes do not overlap.

    Returns
    -------
    Network
        Its ensembles are called ``enc0``, ``enc0b``, ... and ``dec0``, ``dec0b``, ...
    """
    layers = [Layer("stem", stem, (Connection(IMAGE, kernel=8, stride=4),), on_chip=False)]
    skips = []
    for level, widths in enumerate(encoder):
        down = Connection(layers[-1].name, stride=2 if level else 1)
        layers += _chain(f"enc{level}", widths, (down,))
        skips.append(layers[-1].name)
    for level in reversed(range(len(decoder))):
        up = Connection(layers[-1].name, kind="conv_transpose", kernel=4, stride=2)
        layers += _chain(f"dec{level}", decoder[level], (up, Connection(skips[level])))
    readout = Connection(layers[-1].name, "conv_transpose", readout_kernel, stride=4)
    return Network(name, TILE, tuple(layers), readout)


def _chain(name: str, widths: tuple[int, ...], inputs: tuple[Connection, ...]) -> list[Layer]:
    """Return ensembles of one size, the first fed by ``inputs``, the others in a chain."""
    names = [name + ("bcdefgh"[i - 1] if i else "") for i in range(len(widths))]
    sources = [inputs, *((Connection(before),) for before, _ in pairwise(names))][: len(names)]
    return [Layer(*each) for each in zip(names, widths, sources, strict=True)]


CANDIDATES: tuple[Network, ...] = (
    u_net("deep-48", 20, ((16, 16), (32,), (48, 48), (64, 64)), ((20, 20), (24, 24), (32,))),
    u_net("wide-skip", 24, ((28,), (32,), (48, 48), (64, 64)), ((28, 16), (24, 24), (32,))),
    u_net("wide-24", 24, ((20,), (48, 48), (48,), (64,)), ((24, 12), (40, 40), (32,))),
    u_net("wide-12", 28, ((28,), (48, 48), (48, 48), (96, 96)), ((28,), (24, 24), (24, 24))),
    u_net(
        "five-levels",
        24,
        ((24,), (32,), (48, 48), (64, 64), (96,)),
        ((28, 20), (24, 24), (32,), (48,)),
    ),
)
"""Networks of 238K +- 3 % neurons on chip, as in the preset ``paper``; not all fit on two chips."""

# 235,008 neurons on chip, in at least 243 cores: 13 are left for mapping.
# The three ensembles of 48 x 48 hold 72 % of the neurons in full cores of 1,024 compartments, which
# pays for the narrow middle, where synapse memory runs out before compartments do.
_ON_CHIP: tuple[Widths, Widths] = (
    ((24,), (32,), (48, 48), (64, 64)),
    ((28, 20), (24, 24), (32,)),
)

# The host of `lean` has a third of the neurons of that of `paper`, and a quarter of its read-out.
NETWORKS: dict[str, Network] = {
    network.name: network
    for network in (
        u_net("quick", 16, ((), (24,), (32,)), ((16,), (24,))),
        u_net("paper", 24, *_ON_CHIP),
        u_net("lean", 8, *_ON_CHIP, readout_kernel=4),
    )
}
"""Networks of the presets; the setting may also name a candidate."""


def network(name: str) -> Network:
    """Return the architecture of that name, which may vary another one: ``lean(fine=0.75)``.

    Raises
    ------
    ConfigError
        If there is none, or it cannot be varied so (:mod:`spikeseg_core.network.varied`).
    """
    known = NETWORKS | {candidate.name: candidate for candidate in CANDIDATES}
    base, parts = split(name)
    if base not in known:
        raise ConfigError(f"unknown network {base!r}; there are {', '.join(known)}")
    return varied(known[base], parts) if parts else known[base]
