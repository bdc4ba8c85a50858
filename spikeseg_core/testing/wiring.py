"""Designs for the wires: travel times, fan-out, axon formats, weights, loops."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from spikeseg_core.testing.designs import (
    Cells,
    Design,
    Wires,
    always,
    random_weights,
    some,
    to_all,
    train,
)

RELAY = Cells(1, vth=500)
"""Spikes once for every spike that reaches it with a weight of 600."""

PASS_ON = to_all(1, 1, 600)


def travel() -> Iterator[Design]:
    """When spikes arrive."""
    rule = "travel time"
    yield Design(
        "input-takes-a-step", rule, "A spike that the host sends in step t arrives in step t + 1.",
        [RELAY], [Wires(-1, 0, PASS_ON)], [train(0, 1, 5, 23)],
    )  # fmt: skip
    yield Design(
        "chain-of-5", rule, "Every block adds a step; blocks are listed in order.",
        [RELAY] * 5, [Wires(k - 1, k, PASS_ON) for k in range(5)], [train(0, 4, 5)],
    )  # fmt: skip
    yield Design(
        "chain-against-the-order", rule, "Every block adds a step, whatever their order.",
        [RELAY] * 5,
        [Wires(-1, 4, PASS_ON), *(Wires(k, k - 1, PASS_ON) for k in range(4, 0, -1))],
        [train(0, 4, 5)],
    )  # fmt: skip
    yield Design(
        "ways-of-different-length", rule, "Only spikes that arrive in the same step add up.",
        [RELAY, RELAY, Cells(2, vth=[700, 1100], decay_v=4095)],
        [Wires(-1, 0, PASS_ON), Wires(0, 1, PASS_ON), Wires(0, 2, to_all(1, 2, 600)),
         Wires(1, 2, to_all(1, 2, 600))],
        [train(0, 1, 6, 10, 12)],
    )  # fmt: skip


def fans() -> Iterator[Design]:
    """Several sources, several targets."""
    rule = "fan-in and fan-out"
    yield Design(
        "two-inputs", rule, "Spikes of two inputs reach one block.",
        [Cells(3, vth=[700, 1000, 1300], decay_v=600)],
        [Wires(-1, 0, to_all(2, 3, 400)), Wires(-2, 0, to_all(3, 3, 250))],
        [some(1, 2, 0.3), some(2, 3, 0.3)],
    )  # fmt: skip
    yield Design(
        "three-targets", rule, "One block reaches three, with different weights.",
        [RELAY, *(Cells(2, vth=v) for v in (900, 1300, 2100))],
        [Wires(-1, 0, PASS_ON), *(Wires(0, b, to_all(1, 2, 300 * b)) for b in (1, 2, 3))],
        [some(5, 1, 0.6)],
    )  # fmt: skip
    yield Design(
        "two-groups-of-synapses", rule, "Two groups of synapses of one block add up.",
        [Cells(4, vth=1500)],
        [Wires(-1, 0, random_weights(1, 6, 4, 900)), Wires(-1, 0, random_weights(2, 6, 4, 900))],
        [some(8, 6, 0.3, 48)], 48,
    )  # fmt: skip
    yield Design(
        "no-input", rule, "A network that nobody sends spikes to.",
        [Cells(3, vth=1000, bias=[300, 400, 500]), Cells(2, vth=2000)],
        [Wires(0, 1, to_all(3, 2, 700))],
    )  # fmt: skip


def formats() -> Iterator[Design]:
    """Axons of the three formats."""
    rng = np.random.default_rng(12)
    rule = "axon format 0"
    yield Design(
        "dense", rule, "Every axon reaches every compartment.",
        [Cells(7, vth=4000, vmin=-9000, decay_v=100)],
        [Wires(-1, 0, random_weights(4, 9, 7, 3000))], [some(4, 9, 0.3, 48)], 48,
    )  # fmt: skip
    yield Design(
        "sparse", rule, "Axons reach compartments of their own, in any order; one reaches none.",
        [Cells(6, vth=1000)],
        [Wires(-1, 0, [np.array([[500, 700]]), np.array([[900]]), np.zeros((1, 0), int),
                       np.array([[300, -200, 800]])], targets=[[5, 0], [3], [], [4, 2, 1]])],
        [some(9, 4, 0.5, 40)], 40,
    )  # fmt: skip
    yield Design(
        "axon-of-none", rule, "A source compartment without an axon sends nothing.",
        [Cells(3, vth=1000)],
        [Wires(-1, 0, to_all(2, 3, 600), axons=[1, -1, 0, -1, 1])], [some(2, 5, 0.3, 40)], 40,
    )  # fmt: skip
    for pop_type in (16, 32):
        rule = f"axon format {pop_type}"
        shared = [2 * rng.integers(-300, 700, (3, 4)), 2 * rng.integers(-300, 700, (3, 2))]
        yield Design(
            f"atoms-{pop_type}", rule, "The atom of a spike chooses the row of weights.",
            [Cells(4, vth=2000, vmin=-2000)],
            [Wires(-1, 0, shared[:1], rows=[0], bases=[0], axons=[0, 0, 0], atoms=[0, 1, 2],
                   pop_type=pop_type)],
            [some(pop_type, 3, 0.4, 40)], 40,
        )  # fmt: skip
        yield Design(
            f"bases-{pop_type}", rule, "Axons share weights and reach them from different bases.",
            [Cells(8, vth=1500, vmin=-2000)],
            [Wires(-1, 0, shared, targets=[[0, 1, 2, 3], [1, 3]], rows=[0, 0, 1, 1],
                   bases=[0, 4, 0, 3], axons=[0, 1, 2, 3, 3, 0], atoms=[0, 1, 2, 0, 2, 2],
                   pop_type=pop_type)],
            [some(pop_type + 1, 6, 0.4, 40)], 40,
        )  # fmt: skip
        yield Design(
            f"own-targets-{pop_type}", rule, "Every atom has targets of its own, equally many.",
            [Cells(8, vth=1500, vmin=-2000)],
            [Wires(-1, 0, shared, targets=[[[0, 3, 1, 5], [5, 4, 2, 0], [1, 2, 3, 4]],
                                           [[0, 1], [3, 0], [2, 3]]],
                   rows=[0, 0, 1, 1], bases=[0, 2, 0, 3], axons=[0, 1, 2, 3, 3, 0],
                   atoms=[0, 1, 2, 0, 2, 2], pop_type=pop_type)],
            [some(pop_type + 3, 6, 0.4, 40)], 40,
        )  # fmt: skip
        yield Design(
            f"unused-axon-{pop_type}", rule, "An axon with base -1 is not used.",
            [Cells(6, vth=700)],
            [Wires(-1, 0, [np.full((1, 3), 400)], rows=[0, 0, 0], bases=[0, -1, 3],
                   axons=[0, 1, 2], atoms=[0, 0, 0], pop_type=pop_type)],
            [some(pop_type + 2, 3, 0.5, 40)], 40,
        )  # fmt: skip


def weights() -> Iterator[Design]:
    """Weights of all exponents."""
    rule = "exponents of weights"
    yield Design(
        "exponents", rule, "Groups of synapses with exponents -6, -3, 0, 3 and 7 add up.",
        [Cells(3, vth=40_000, vmin=-(2**20))],
        [Wires(-1 - k, 0, [np.array([[w, -w, w // 2]]) * 2 ** (6 + e)], exponent=e)
         for k, (e, w) in enumerate([(-6, 254), (-3, 102), (0, 34), (3, 18), (7, 6)])],
        [some(30 + k, 1, 0.5, 64) for k in range(5)], 64,
    )  # fmt: skip
    yield Design(
        "largest-weights", rule, "Mantissas of -256 and 254 at the largest exponent.",
        [Cells(4, vth=2**20, vmin=-(2**22), decay_v=300)],
        [Wires(-1, 0, [np.array([[254, -256, 254, 2]]) * 2**13], exponent=7),
         Wires(-2, 0, [np.array([[-256, 254, 2, 254]]) * 2**13], exponent=7)],
        [some(3, 1, 0.8, 48), some(4, 1, 0.5, 48)], 48,
    )  # fmt: skip
    yield Design(
        "smallest-weights", rule, "Weights of 1, 2 and 3 at the smallest exponent count in full.",
        [Cells(4, vth=[64, 65, 66, 67])],
        [Wires(-1, 0, [np.array([[1, 2, 3, 2]])], exponent=-6)], [always(n_steps=80)], 80,
    )  # fmt: skip
    yield Design(
        "weight-of-0", rule, "A weight of 0 is a synapse that changes nothing.",
        [Cells(3, vth=1000, bias=100)],
        [Wires(-1, 0, [np.array([[0, 500, 0]])])], [always()],
    )  # fmt: skip


def loops() -> Iterator[Design]:
    """Blocks that reach themselves."""
    rule = "loops"
    yield Design(
        "self-loop", rule, "A compartment that excites itself spikes in every step, once begun.",
        [RELAY], [Wires(-1, 0, PASS_ON), Wires(0, 0, PASS_ON)], [train(3)],
    )  # fmt: skip
    yield Design(
        "ring-of-3", rule, "A spike goes round three blocks.",
        [RELAY] * 3, [Wires(-1, 0, PASS_ON), *(Wires(k, (k + 1) % 3, PASS_ON) for k in range(3))],
        [train(0, 5)],
    )  # fmt: skip
    yield Design(
        "inhibition-across", rule, "Two blocks silence each other in turn.",
        [Cells(3, vth=3000, bias=[700, 800, 900], decay_u=600, vmin=-6000)] * 2,
        [Wires(0, 1, to_all(3, 3, -900)), Wires(1, 0, to_all(3, 3, -900)),
         Wires(-1, 0, to_all(1, 3, 500))],
        [some(6, 1, 0.4, 80)], 80,
    )  # fmt: skip
    yield Design(
        "loop-between-layers", rule, "A loop with layers before and after it, and a way around it.",
        [Cells(4, vth=900), Cells(5, vth=3000, decay_u=900, vmin=-3000),
         Cells(5, vth=2500, decay_v=200, vmin=-3000), Cells(3, vth=2500, vmin=-3000)],
        [Wires(-1, 0, random_weights(1, 6, 4, 1600)), Wires(0, 1, random_weights(2, 4, 5, 2400)),
         Wires(1, 2, random_weights(3, 5, 5, 2400)), Wires(2, 1, random_weights(4, 5, 5, 2400)),
         Wires(2, 3, random_weights(5, 5, 3, 2600)), Wires(0, 3, random_weights(6, 4, 3, 1200))],
        [some(11, 6, 0.5, 80)], 80,
    )  # fmt: skip
    yield Design(
        "recurrent-random", rule, "A random block that drives itself, for 120 steps.",
        [Cells(12, vth=4000, decay_u=700, decay_v=120, refract=2, vmin=-6000)],
        [Wires(-1, 0, random_weights(21, 4, 12, 4000)),
         Wires(0, 0, random_weights(22, 12, 12, 1800))],
        [some(23, 4, 0.3, 120)], 120,
    )  # fmt: skip


DESIGNS = (travel, fans, formats, weights, loops)
"""Functions that yield designs, in the order of the corpus."""
