"""The networks of the conformance corpus: by hand, in integers, each for one rule of the chip.

:mod:`spikeseg_core.testing.generate` builds them from NengoLoihi's blocks and runs them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

Q_LIMIT, U_LIMIT = 2**21, 2**23
"""The synaptic input, the current and the drive have to stay below these."""

MEMORYLESS, LOSSLESS = 4095, 0
"""Decays: of a current that lasts for one step, of a voltage that does not leak."""


@dataclass
class Cells:
    """A block of compartments; single numbers hold for all of them."""

    n: int
    vth: int | Sequence[int] = 1000
    bias: int | Sequence[int] = 0
    decay_u: int | Sequence[int] = MEMORYLESS
    decay_v: int | Sequence[int] = LOSSLESS
    refract: int | Sequence[int] = 1
    vmin: int = 0
    vmax: int = U_LIMIT - 1
    start: int | Sequence[int] = 0


@dataclass
class Wires:
    """Synapses from a block, or input ``-1 - i``, to a block.

    ``weights`` has one array ``(atoms, targets)`` for every row of weights, ``targets`` the
    compartments they reach (by default the first ones), for all atoms or for each.
    ``rows`` and ``bases`` say what each axon uses, ``axons`` and ``atoms`` what
    each source compartment uses.
    """

    source: int
    target: int
    weights: Sequence[object]
    targets: Sequence[object] | None = None
    rows: Sequence[int] | None = None
    bases: Sequence[int] | None = None
    axons: Sequence[int] | None = None
    atoms: Sequence[int] | None = None
    pop_type: int = 0
    exponent: int = 0


@dataclass
class Design:
    """A network by hand: its blocks and wires, and the spikes sent to it."""

    name: str
    rule: str
    about: str
    blocks: list[Cells]
    wires: list[Wires] = field(default_factory=list)
    inputs: list[np.ndarray] = field(default_factory=list)
    n_steps: int = 24


def train(*steps: int, n: int = 1, n_steps: int = 24) -> np.ndarray:
    """All of ``n`` neurons spike in the given steps."""
    spikes = np.zeros((n_steps, n), np.uint8)
    spikes[list(steps)] = 1
    return spikes


def always(n: int = 1, n_steps: int = 24) -> np.ndarray:
    """All of ``n`` neurons spike in every step."""
    return np.ones((n_steps, n), np.uint8)


def some(seed: int, n: int, rate: float, n_steps: int = 24) -> np.ndarray:
    """Random spikes with a probability per neuron and step."""
    return (np.random.default_rng(seed).random((n_steps, n)) < rate).astype(np.uint8)


def to_all(n: int, n_targets: int, weight: int) -> list[np.ndarray]:
    """Each of ``n`` axons reaches every target with the same weight."""
    return [np.full((1, n_targets), weight) for _ in range(n)]


def random_weights(seed: int, n: int, n_targets: int, size: int) -> list[np.ndarray]:
    """Random weights of either sign, even as the chip's mixed-sign weights are."""
    rng = np.random.default_rng(seed)
    return [2 * rng.integers(-size // 2, size // 2, (1, n_targets)) for _ in range(n)]
