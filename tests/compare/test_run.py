import numpy as np
import pytest

from spikeseg_core.loihi.cost.constants import SILICON_FITTED
from spikeseg_core.loihi.cost.counted import EventCounter
from spikeseg_core.loihi.cost.events import StepEvents
from spikeseg_core.loihi.emulator import Emulator
from spikeseg_core.loihi.mapping.placement import place
from spikeseg_core.testing import cases

from . import run
from .energy import side_by_side
from .sana_fe import SanaFeRun


def test_spikes_are_compared_one_by_one() -> None:
    made = np.array([[1, 0], [0, 1]], np.uint8)
    assert run.equal(made, made.astype(bool)) == "yes"
    assert run.equal(made, np.array([[1, 0], [1, 1]])) == "1 of 3 differ"


def test_numbers_a_hundredth_apart_agree() -> None:
    found = run.Comparison()
    found.add("close", 1000.0, 1009.0)
    found.add("of another rule", 1000.0, 2000.0, must_agree=False)
    found.add("none of either", 0.0, 0.0)
    assert found.agree
    found.add("far", 1000.0, 1011.0)
    assert not found.agree
    assert found.rows[0] == ["close", "1,000", "1,009", "1.0090"]


def test_a_row_says_nothing_where_nothing_was_run() -> None:
    row = run.Row("other", "a bias")
    assert row.cells() == ["other", "", "", "", "", "", "a bias"]
    written = run.table(run.HEAD, [row.cells()])
    assert [line.count("|") for line in written.splitlines()] == [len(run.HEAD) + 1] * 3


def test_cases_that_differ_are_named_by_their_rule() -> None:
    row = run.Row("wrong", "nothing")
    known = {case.network.digest: case.spikes for case in cases()}

    def engine(network: object, inputs: object, n: int) -> np.ndarray:
        spikes = known[network.digest]
        return np.zeros_like(spikes) if "refract" in rules[network.digest] else spikes

    rules = {case.network.digest: case.rule for case in cases()}
    run.on_corpus(row, engine, lambda network: network.n_blocks == 1)
    held = [case for case in cases() if case.network.n_blocks == 1]
    wrong = [case for case in held if case.rule == "refractory steps"]
    assert wrong
    assert row.corpus == f"{len(held) - len(wrong)} of {len(held)}"
    assert row.cannot == f"nothing; cases that differ: refractory steps ({len(wrong)})"


def events() -> StepEvents:
    case = next(case for case in cases() if case.name == "convolution-skip")
    n = case.network
    counts = Emulator(n).run([x[None] for x in case.inputs], len(case.spikes)).events
    return EventCounter(n, place(np.zeros(n.n_blocks, int), "in order"), []).count(counts)


def as_sana_fe(events: StepEvents) -> SanaFeRun:
    """What SANA-FE says if it agrees; it delivers a spike in the step in which it is sent."""
    n, costs = {name: counts[0] for name, counts in events.totals.items()}, SILICON_FITTED
    reached = np.append(n["synaptic_ops"][1:], 7.0)
    soma = n["neuron_active"] * costs.neuron_active.pj + n["spikes"] * costs.spike.pj
    hops = n["hops_ew"] * costs.hop_ew.pj + n["hops_ns"] * costs.hop_ns.pj
    return SanaFeRun(
        spikes=np.zeros((0, 0), bool),
        pj={
            "synapse": reached * costs.synaptic_op.pj,
            "soma": soma,
            "network": n["messages_out"] * costs.message_out.pj + hops,
        },
        counts={
            "updated": n["neuron_active"],
            "fired": n["spikes"],
            "reached": reached,
            "hops": n["hops_ew"] + n["hops_ns"],
        },
        messages=int((n["messages_out"] + n["injected"]).sum()),
        step_ns=side_by_side(events, costs) + costs.barrier(1),
        seconds=0.0,
    )


def test_energies_times_and_counts_are_put_side_by_side() -> None:
    ours = events()
    theirs = as_sana_fe(ours)
    found = run.compare(theirs, theirs, ours)
    assert found.agree
    ratios = {name: float(ratio) for name, *_, ratio in found.rows}
    assert ratios["synaptic operations"] == ratios["synapses, pJ"] == 1
    assert ratios["all of these, pJ"] == 1
    assert ratios["the same, this model's rule"] > 1


@pytest.mark.parametrize("part", ["synapse", "soma", "network"])
def test_a_component_that_differs_is_noticed(part: str) -> None:
    ours = events()
    theirs = as_sana_fe(ours)
    theirs.pj[part] *= 1.02
    assert not run.compare(theirs, theirs, ours).agree
