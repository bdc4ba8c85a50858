"""Designs for the compartment: registers, decays, floor, threshold, rest."""

from __future__ import annotations

from collections.abc import Iterator

from spikeseg_core.testing.designs import (
    LOSSLESS,
    MEMORYLESS,
    Q_LIMIT,
    U_LIMIT,
    Cells,
    Design,
    Wires,
    always,
    some,
    to_all,
    train,
)

HALF = Q_LIMIT // 64
"""64 of these are the first synaptic input that overflows."""


def input_overflow() -> Iterator[Design]:
    """Add up the weights that arrive in a step."""
    rule = "input register, 21 bits"
    floor = -U_LIMIT + 1
    yield Design(
        "input-at-its-largest", rule, "The largest input, one weight unit below overflow, spikes.",
        [Cells(2, vth=[Q_LIMIT - 65, Q_LIMIT - 64], vmin=floor)],
        [Wires(-1, 0, [*to_all(63, 2, HALF), *to_all(1, 2, HALF - 64)])],
        [train(2, 9, n=64)],
    )  # fmt: skip
    yield Design(
        "input-overflows", rule, "64 equal weights add up to 2**21, which becomes -2**21.",
        [Cells(1, vth=1000, vmin=floor, decay_v=64)],
        [Wires(-1, 0, to_all(64, 1, HALF)), Wires(-2, 0, to_all(1, 1, 1024))],
        [train(6, n=64), always()],
    )  # fmt: skip
    yield Design(
        "input-overflows-below", rule, "The sum is -2**21 - 2**15, which becomes positive.",
        [Cells(1, vth=1000, vmin=floor)],
        [Wires(-1, 0, to_all(65, 1, -HALF))],
        [train(2, 12, n=65)],
    )  # fmt: skip
    yield Design(
        "input-wraps-once", rule, "Partial sums exceed the register, the whole sum does not.",
        [Cells(1, vth=1000, vmin=0)],
        [Wires(-1, 0, [*to_all(80, 1, HALF), *to_all(79, 1, -HALF)])],
        [train(2, 5, 6, n=159)],
    )  # fmt: skip
    yield Design(
        "input-wraps-twice", rule, "The sum is 2**22 + 2**15: it wraps to 2**15.",
        [Cells(2, vth=[2**15 - 1, 2**15], vmin=floor)],
        [Wires(-1, 0, to_all(129, 2, HALF))],
        [train(1, 4, n=129)],
    )  # fmt: skip


def current_overflow() -> Iterator[Design]:
    """Let the current, or its sum with the bias, overflow."""
    rule = "current register, 23 bits"
    floor = -U_LIMIT + 1
    big = Wires(-1, 0, to_all(60, 1, HALF))
    yield Design(
        "current-overflows", rule, "A current that decays slowly grows until it turns negative.",
        [Cells(1, vth=U_LIMIT - 2, decay_u=1, vmin=floor)],
        [big], [always(60)],
    )  # fmt: skip
    yield Design(
        "current-overflows-below", rule, "A negative current grows until it turns positive.",
        [Cells(1, vth=2**20, decay_u=1, vmin=floor)],
        [Wires(-1, 0, to_all(60, 1, -HALF))], [always(60)],
    )  # fmt: skip
    yield Design(
        "current-stays-wrapped", rule, "After an overflow the wrapped current decays by itself.",
        [Cells(1, vth=2**22, decay_u=600, vmin=0, decay_v=3000)],
        [Wires(-1, 0, to_all(63, 1, HALF))],
        [train(0, 1, 2, 3, 4, 5, 6, 7, 13, 14, n=63)],
    )  # fmt: skip
    rule = "drive register, 23 bits"
    yield Design(
        "drive-overflows", rule, "Current and bias together exceed 2**23; each alone does not.",
        [Cells(2, vth=2**22, bias=[U_LIMIT - 1000, U_LIMIT - 3000], vmin=floor, decay_v=4095)],
        [Wires(-1, 0, to_all(1, 2, 2000))], [train(3, 4, 8, 15)],
    )  # fmt: skip
    yield Design(
        "drive-is-not-kept", rule, "The wrapped drive does not enter the current of the next step.",
        [Cells(1, vth=2**22, bias=U_LIMIT - 3000, decay_u=400, vmin=floor, decay_v=MEMORYLESS)],
        [Wires(-1, 0, to_all(1, 1, 4096))], [train(2, 3, 12)],
    )  # fmt: skip


def decays() -> Iterator[Design]:
    """Let current and voltage decay."""
    rule = "decay of the current"
    yield Design(
        "current-decays", rule, "Every step leaves (4095 - decay) / 4096, rounded toward zero.",
        [Cells(6, vth=[900, 1500, 2500, 4000, 6000, 9000],
               decay_u=[10, 400, 800, 1600, 2400, 3900])],
        [Wires(-1, 0, to_all(1, 6, 1000))], [train(0, 3, 4, 9, 17)],
    )  # fmt: skip
    yield Design(
        "current-decays-from-below", rule, "A negative current rounds toward zero as well.",
        [Cells(4, vth=999, bias=[50, 100, 200, 500], decay_u=[300, 500, 900, 2100],
               vmin=-(2**20))],
        [Wires(-1, 0, to_all(1, 4, -701))], [train(0, 20, n_steps=120)], 120,
    )  # fmt: skip
    yield Design(
        "current-decay-0", rule, "A decay of 0 still takes 1 / 4096 away, and so the last bits.",
        [Cells(3, vth=[1990, 19_990, 11_985], decay_u=0)],
        [Wires(-1, 0, to_all(1, 3, 1000))], [train(0)],
    )  # fmt: skip
    yield Design(
        "current-decay-4095", rule, "A decay of 4095 leaves nothing for the next step.",
        [Cells(2, vth=[999, 1000], decay_u=4095, decay_v=LOSSLESS)],
        [Wires(-1, 0, to_all(1, 2, 1000))], [train(0, 7)],
    )  # fmt: skip
    rule = "decay of the voltage"
    yield Design(
        "voltage-decays", rule, "Every step leaves (4096 - decay) / 4096, rounded toward zero.",
        [Cells(6, vth=[3000, 1200, 610, 700, 300, 260], bias=[310, 301, 303, 290, 210, 255],
               decay_v=[10, 300, 1500, 1100, 2500, 4000])],
        n_steps=48,
    )  # fmt: skip
    yield Design(
        "voltage-decays-from-below", rule, "A negative voltage rounds toward zero as well.",
        [Cells(5, vth=400, bias=[11, 12, 13, 17, 19], decay_v=[20, 90, 60, 100, 45],
               vmin=-(2**20))],
        [Wires(-1, 0, to_all(1, 5, -997))], [train(0, n_steps=160)], 160,
    )  # fmt: skip
    yield Design(
        "voltage-decay-0", rule, "A decay of 0 keeps every bit of the voltage.",
        [Cells(3, vth=[9999, 10_000, 10_001], bias=1000, decay_v=0)],
    )  # fmt: skip
    yield Design(
        "voltage-decay-4095", rule, "A decay of 4095 leaves 1 / 4096.",
        [Cells(3, vth=[8_192_000, 8_193_999, 8_194_000], bias=8_192_000, decay_v=4095)],
    )  # fmt: skip
    yield Design(
        "decays-differ-in-a-block", rule, "Compartments of one block have decays of their own.",
        [Cells(4, vth=3000, bias=400, decay_u=[0, 700, 2000, 4095], decay_v=[4095, 900, 100, 0])],
        [Wires(-1, 0, to_all(1, 4, 2600))], [some(3, 1, 0.4, 40)], 40,
    )  # fmt: skip


def limits() -> Iterator[Design]:
    """Floor, ceiling, threshold, reset and first value of the voltage."""
    rule = "floor of the voltage"
    push = [Wires(-1, 0, to_all(1, 2, -5000)), Wires(-2, 0, to_all(1, 2, 300))]
    for name, floor, about in (
        ("floor-0", 0, "The voltage never goes below 0, so a push down is forgotten."),
        ("floor-negative", -2500, "The voltage goes down to -2500, and has to come back up."),
        ("floor-far", -U_LIMIT + 1, "The floor is out of reach: a push down counts in full."),
    ):
        yield Design(
            name, rule, about, [Cells(2, vth=[1000, 1500], vmin=floor)], push,
            [train(4, 18, n_steps=60), always(n_steps=60)], 60,
        )  # fmt: skip
    yield Design(
        "floors-differ", rule, "Two blocks of one network have floors of their own.",
        [Cells(2, vth=1000, vmin=0), Cells(2, vth=1000, vmin=-3000)],
        [*push, Wires(-1, 1, to_all(1, 2, -5000)), Wires(-2, 1, to_all(1, 2, 300))],
        [train(4, 18), always()],
    )  # fmt: skip
    rule = "ceiling of the voltage"
    yield Design(
        "ceiling", rule, "The voltage stops at 4095: thresholds from there on are never exceeded.",
        [Cells(3, vth=[4094, 4095, 4096], bias=1500, vmax=4095)],
    )  # fmt: skip
    yield Design(
        "ceiling-then-leak", rule, "From the ceiling the voltage leaks as from any other value.",
        [Cells(2, vth=5000, decay_v=[200, 900], vmax=4095), Cells(1, vth=5000, decay_v=200)],
        [Wires(-1, b, to_all(1, 2 - b, w)) for b in (0, 1) for w in (4900,)], [train(0, 4, 8)],
    )  # fmt: skip
    rule = "threshold"
    yield Design(
        "threshold-exact", rule, "A voltage equal to the threshold does not spike, one above does.",
        [Cells(4, vth=[2999, 3000, 3001, 2990], bias=[300, 300, 300, 299])], n_steps=40,
    )  # fmt: skip
    yield Design(
        "threshold-64", rule, "Thresholds of mantissa times 64, inputs just around them.",
        [Cells(4, vth=[64, 128, 64 * 1000, 64 * 131_071], bias=[64, 65, 32_001, 8_388_607])],
    )  # fmt: skip
    rule = "reset"
    yield Design(
        "reset-to-0", rule, "A spike sets the voltage to 0, however far it is above the threshold.",
        [Cells(3, vth=1000, bias=[1700, 701, 999])], n_steps=30,
    )  # fmt: skip
    yield Design(
        "first-voltage", "first voltage", "Compartments begin at voltages of their own.",
        [Cells(4, vth=1000, bias=90, decay_v=40, start=[0, 350, 900, 1900])],
    )  # fmt: skip


def rests() -> Iterator[Design]:
    """Refractory steps."""
    rule = "refractory steps"
    for n in (1, 2, 3, 7):
        yield Design(
            f"rest-{n}", rule, f"A spike rests for {n} step(s), its own included.",
            [Cells(3, vth=[900, 2000, 3500], bias=1000, refract=n)], n_steps=40,
        )  # fmt: skip
    yield Design(
        "rest-63", rule, "The longest rest, 63 steps.",
        [Cells(1, vth=100, bias=200, refract=63)], n_steps=140,
    )  # fmt: skip
    yield Design(
        "rests-differ", rule, "Compartments of one block rest for times of their own.",
        [Cells(5, vth=900, bias=1000, refract=[1, 2, 4, 5, 9])], n_steps=40,
    )  # fmt: skip
    yield Design(
        "current-does-not-rest", "current during rest",
        "While the voltage rests at 0 the current takes input and decays.",
        [Cells(3, vth=[2000, 4000, 6000], decay_u=[60, 200, 500], refract=6)],
        [Wires(-1, 0, to_all(1, 3, 1500))], [train(0, 1, 2, 3, 4, 5, n_steps=40)], 40,
    )  # fmt: skip
    yield Design(
        "voltage-rests-at-0", rule, "What drives the voltage during a rest is lost.",
        [Cells(2, vth=[1000, 2500], refract=5)],
        [Wires(-1, 0, to_all(1, 2, 1100))], [some(7, 1, 0.6, 48)], 48,
    )  # fmt: skip


def biases() -> Iterator[Design]:
    """Biases of either sign."""
    rule = "bias"
    yield Design(
        "bias-alone", rule, "A bias drives the voltage in every step, from the first on.",
        [Cells(4, vth=1000, bias=[1001, 501, 334, 251])],
    )  # fmt: skip
    yield Design(
        "bias-negative", rule, "A negative bias takes away from every input.",
        [Cells(3, vth=2000, bias=[-100, -500, -1000], vmin=-4000)],
        [Wires(-1, 0, to_all(1, 3, 900))], [some(1, 1, 0.7, 48)], 48,
    )  # fmt: skip
    yield Design(
        "bias-mantissa", rule, "Biases of 13 bits times powers of two, as discretized.",
        [Cells(6, vth=2**20, bias=[4095, 4095 * 2**4, 4095 * 2**7, 2049 * 2**6, 33 * 2**5, 2**12])],
        n_steps=64,
    )  # fmt: skip
    yield Design(
        "bias-does-not-decay", rule, "The bias is added after the current has decayed.",
        [Cells(3, vth=2500, bias=300, decay_u=[2000, 1000, 300])],
        [Wires(-1, 0, to_all(1, 3, 700))], [train(1, 9, 15, n_steps=30)], 30,
    )  # fmt: skip


DESIGNS = (input_overflow, current_overflow, decays, limits, rests, biases)
"""Functions that yield designs, in the order of the corpus."""
