"""Loihi emulators and energy models side by side: ``make compare``.

    python -m tests.compare.run [--side 48] [--steps 40] [--compiled]

NengoLoihi's emulator, brian2-loihi, SANA-FE and this project's emulator run the same networks:
the conformance corpus, random dense networks, and a U-Net mapped to one mesh. SANA-FE also models
energy and time of the U-Net and of a dense network; they stand beside those of this project's cost
model. Needs the environment of requirements/compare.txt. Exits with 1 if spikes, counts or energies
differ that should be equal.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import numpy as np

from spikeseg_core import __version__
from spikeseg_core.loihi.cost.constants import SILICON_FITTED
from spikeseg_core.loihi.cost.counted import EventCounter
from spikeseg_core.loihi.cost.events import StepEvents
from spikeseg_core.loihi.emulator import Emulator
from spikeseg_core.loihi.integer_network import IntegerNetwork
from spikeseg_core.testing import cases
from spikeseg_core.testing.engines import stepwise
from tests.compare import brian2_loihi, engines, sana_fe
from tests.compare.energy import busiest, components, side_by_side
from tests.compare.engines import Engine, Given

CACHE = Path(__file__).parents[2] / "build/compare"
DENSE = 5
"""Random dense networks; the first is timed."""

TOLERANCE = 0.01


@dataclass
class Row:
    """What an emulator did; empty where it cannot hold the networks."""

    name: str
    cannot: str
    dense: str = ""
    dense_ms: float | None = None
    mapped: str = ""
    mapped_ms: float | None = None
    corpus: str = ""

    def cells(self) -> list[str]:
        """Cells of the table."""
        timed = [f"{ms:.3g}" if ms is not None else "" for ms in (self.dense_ms, self.mapped_ms)]
        return [self.name, self.dense, timed[0], self.mapped, timed[1], self.corpus, self.cannot]


HEAD = [
    "emulator",
    "dense: spikes equal",
    "ms a step",
    "U-Net: spikes equal",
    "ms a step",
    "corpus: equal of those it can hold",
    "what it cannot do",
]


def table(head: list[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def equal(made: np.ndarray, expected: np.ndarray) -> str:
    """Say whether spikes are equal, else how many are not the same."""
    different = int((made.astype(bool) != expected.astype(bool)).sum())
    return "yes" if not different else f"{different:,} of {int(expected.sum()):,} differ"


@dataclass
class Comparison:
    """Energy and time of one network in both models."""

    rows: list[list[str]] = field(default_factory=list)
    agree: bool = True

    def add(self, name: str, theirs: float, ours: float, must_agree: bool = True) -> None:
        """Put two numbers side by side; those that must agree may differ by a hundredth."""
        ratio = ours / theirs if theirs else float(ours == theirs)
        self.agree &= not must_agree or abs(ratio - 1) <= TOLERANCE
        self.rows.append([name, f"{theirs:,.0f}", f"{ours:,.0f}", f"{ratio:.4f}"])


def compare(
    simple: sana_fe.SanaFeRun, detailed: sana_fe.SanaFeRun, events: StepEvents
) -> Comparison:
    """Compare SANA-FE's energies, counts and times with those of the cost model.

    SANA-FE delivers a spike in the step in which it is sent, this model in the next; so what
    spikes of the last step do at their targets is left out, and its time.
    """
    found, constants = Comparison(), SILICON_FITTED
    n = {name: float(counts.sum()) for name, counts in events.totals.items()}
    counts, pj, energy = simple.counts, simple.pj, components(events, constants)
    operations = n["synaptic_ops"] + n["dense_synaptic_ops"]
    found.add("synaptic operations", counts["reached"][:-1].sum(), operations)
    found.add("neuron updates", counts["updated"].sum(), n["neuron_active"])
    found.add("spikes", counts["fired"].sum(), n["spikes"])
    found.add("messages, with the host's", simple.messages, n["messages_out"] + n["injected"])
    found.add("hops", counts["hops"].sum(), n["hops_ew"] + n["hops_ns"])
    theirs = (pj["synapse"][:-1].sum(), pj["soma"].sum(), pj["network"].sum())
    found.add("synapses, pJ", theirs[0], energy["synapses"])
    found.add("neurons, pJ", theirs[1], energy["neurons"])
    found.add("messages and hops, pJ", theirs[2], energy["messages"] + energy["hops"])
    found.add("all of these, pJ", sum(theirs), sum(energy.values()))
    tiles = events.until(events.steps).mesh_tiles
    barrier = max((n, ns) for n, ns in constants.barrier_ns if n <= tiles)[1]
    work, in_turn = (simple.step_ns - barrier)[:-1].sum(), busiest(events, constants)
    overlapped = side_by_side(events, constants)
    found.add("work of the busiest cores, ns, SANA-FE's rule", work, overlapped[:-1].sum())
    found.add("the same, this model's rule", work, in_turn[1:].sum(), must_agree=False)
    mesh = (detailed.step_ns - barrier)[:-1].sum()
    found.add("the same, SANA-FE with the mesh", mesh, in_turn[1:].sum(), must_agree=False)
    found.add("barrier of a step, ns", barrier, constants.barrier(tiles), must_agree=False)
    return found


def both_models(given: Given, synapse: str) -> tuple[sana_fe.SanaFeRun, bool, Comparison]:
    """Run a network in SANA-FE and here, with its cores at random places.

    Returns
    -------
    tuple
        SANA-FE's run, whether its spikes are ours, and the comparison of the energy models.
    """
    network, inputs, n_steps = given.network, given.inputs, given.n_steps
    placement = engines.scattered(network)
    simple, detailed = (
        sana_fe.run(network, inputs, n_steps, placement, synapse=synapse, timing=timing)
        for timing in ("simple", "detailed")
    )
    ran = Emulator(network).run([x[None] for x in inputs], n_steps)
    events = EventCounter(network, placement, network.ensembles[-1].name).count(ran.events)
    same = bool((simple.spikes == engines.on_this(given)[0].astype(bool)).all())
    return simple, same, compare(simple, detailed, events)


def on_dense(row: Row, run: Engine, given: list[Given], truth: list[np.ndarray]) -> None:
    """Compare an emulator's spikes on the dense networks; time the first."""
    made = [run(each) for each in given]
    same = [equal(spikes, expected) for (spikes, _), expected in zip(made, truth, strict=True)]
    good = sum(text == "yes" for text in same)
    row.dense = f"{good} of {len(same)}" + ("" if good else f": in the first {same[0]}")
    row.dense_ms = made[0][1]


def on_corpus(
    row: Row,
    spikes: Callable[..., np.ndarray],
    holds: Callable[[IntegerNetwork], bool] = lambda network: True,
) -> None:
    """Run an engine on the cases of the corpus that it can hold; name the rules that fail."""
    held = [case for case in cases() if holds(case.network)]
    wrong = Counter(
        case.rule
        for case in held
        if (spikes(case.network, case.inputs, len(case.spikes)) != case.spikes).any()
    )
    row.corpus = f"{len(held) - wrong.total()} of {len(held)}"
    if wrong:
        row.cannot += "; cases that differ: " + ", ".join(f"{k} ({n})" for k, n in wrong.items())


def emulators(u_net: Given, theirs: sana_fe.SanaFeRun, *, compiled: bool) -> list[Row]:
    """Run every emulator on everything that it can hold; ``theirs`` is SANA-FE's U-Net."""
    given = [engines.dense(seed) for seed in range(DENSE)]
    truth = [engines.on_nengo_loihi(each)[0] for each in given]
    spikes, ms = engines.on_nengo_loihi(u_net)
    size = len(cases())

    nengo = Row(f"NengoLoihi {version('nengo-loihi')}", "energy, time", corpus=f"{size} of {size}")
    on_dense(nengo, engines.on_nengo_loihi, given, truth)
    nengo.mapped, nengo.mapped_ms = "yes", ms

    brian = Row(f"brian2-loihi {version('brian2-loihi')}", "energy, time, registers that wrap")
    brian2_loihi.prepare(CACHE, compiled=False)
    on_dense(brian, engines.on_brian2_loihi, given, truth)
    brian.mapped = "cannot hold it: " + ", ".join(brian2_loihi.reasons(u_net.network))
    lacks = Counter(reason for case in cases() for reason in brian2_loihi.reasons(case.network))
    listed = ", ".join(f"{name} ({n})" for name, n in lacks.most_common())
    brian.cannot += f"; cases by what it lacks: {listed}"
    on_corpus(brian, _spikes(engines.on_brian2_loihi), lambda net: not brian2_loihi.reasons(net))
    if compiled:
        brian2_loihi.prepare(CACHE, compiled=True)
        brian.dense_ms = engines.on_brian2_loihi(given[0])[1]

    sana = Row(
        f"SANA-FE {version('sanafe')}",
        "registers that wrap, currents that round, input during rest; several chips, a host",
    )
    on_dense(sana, engines.on_sana_fe, given, truth)
    sana.mapped, sana.mapped_ms = equal(theirs.spikes, spikes), 1e3 * theirs.seconds / len(spikes)
    on_corpus(sana, _spikes(engines.on_sana_fe))

    this = Row(f"SpikeSeg {__version__}", "learning, noise")
    on_dense(this, engines.on_this, given, truth)
    made, this.mapped_ms = engines.on_this(u_net)
    this.mapped = equal(made, spikes)
    on_corpus(this, stepwise)
    return [nengo, brian, sana, this]


def _spikes(run: Engine) -> Callable[..., np.ndarray]:
    return lambda network, inputs, n_steps: run(Given(network, inputs, n_steps))[0]


def main() -> int:
    """Print the table of emulators, and that of the two energy models."""
    parser = argparse.ArgumentParser(description="Loihi emulators and energy models side by side")
    parser.add_argument("--side", type=int, default=24, help="of the U-Net, in pixels: 24 or 48")
    parser.add_argument("--steps", type=int, default=40, help="of the U-Net")
    parser.add_argument(
        "--compiled", action="store_true", help="time brian2-loihi compiled: minutes more"
    )
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    u_net = engines.u_net(options.side, options.steps)
    dense = engines.dense(0, memory=False)
    simple, _, found = both_models(u_net, sana_fe.CONVOLUTION)
    _, same_dense, found_dense = both_models(dense, sana_fe.DENSE)
    rows = emulators(u_net, simple, compiled=options.compiled)
    network = u_net.network
    ours = sana_fe.architecture(np.zeros((1, 2), int), {})
    others = sana_fe.differences(sana_fe.shipped(), ours)
    print(f"U-Net: {network.n_neurons:,} neurons on {network.n_blocks} cores. Times are measured.")
    print("\n" + table(HEAD, [row.cells() for row in rows]))
    for name, n_steps, each in (
        ("U-Net", options.steps, found),
        ("first dense network, without decays and rests,", dense.n_steps, found_dense),
    ):
        print(f"\nThe {name} in {n_steps} steps, modelled, {SILICON_FITTED.name} constants.\n")
        print(table(["", "SANA-FE", "this model", "ratio"], each.rows))
    same = "has the same constants" if not others else "differs: " + "; ".join(others)
    print(f"\nThe description of Loihi that comes with SANA-FE {same}.")
    _, brian, sana, this = rows
    exact = brian.dense == this.dense == f"{DENSE} of {DENSE}" and this.corpus == rows[0].corpus
    agree = found.agree and found_dense.agree and same_dense and not others
    return 0 if agree and exact and sana.mapped == this.mapped == "yes" else 1


if __name__ == "__main__":
    sys.exit(main())
