import numpy as np
import pytest

from spikeseg_core.frontends.mapped import mean_rates
from spikeseg_core.frontends.scaling import scaled
from spikeseg_core.loihi.emulator import Emulator
from spikeseg_core.loihi.mapping.fit import RESOURCES, fit
from spikeseg_core.loihi.quantization.compiler import compile_graph
from spikeseg_core.loihi.quantization.counts import core_needs, traffic_of
from spikeseg_core.network import DT
from tests.spikeseg_core.frontends.graphs import KINDS, graph_of, items_of, random_tiles


@pytest.mark.parametrize("kind", KINDS)
def test_the_fit_check_counts_what_is_built(kind: str) -> None:
    graph = scaled(graph_of(kind), items_of(graph_of(kind)))
    tiles = random_tiles(graph, seed=3)
    needs = core_needs(compile_graph(graph, tiles))
    foreseen = fit(graph, tiles, 32)
    for name in RESOURCES:
        expected = np.concatenate([getattr(part, name) for part in foreseen])
        whole = np.concatenate([np.full(part.cores, part.cores == 1) for part in foreseen])
        if (
            name == "input_axons"
        ):  # NengoLoihi keeps axons that reach nothing in a layer of one core
            assert (needs[name] <= expected).all()
            np.testing.assert_array_equal(needs[name][~whole], expected[~whole])
        elif name == "synapse_bits" and kind in {"grouped", "depthwise"}:
            assert (needs[name] <= expected).all()  # the largest index is foreseen for all groups
        elif name == "output_axons":
            assert (needs[name] <= expected).all()
        else:
            np.testing.assert_array_equal(needs[name], expected, name)


def test_messages_are_those_that_the_emulator_counts() -> None:
    graph = scaled(graph_of("concatenation"), items_of(graph_of("concatenation")))
    integer = compile_graph(graph, random_tiles(graph, seed=5))
    steps = 50
    rng = np.random.default_rng(0)
    spikes = rng.random((1, steps, integer.inputs[0].size)) < 0.1
    run = Emulator(integer).run([spikes], steps)
    rates = {name: total / (steps * DT) for name, total in run.totals.items()}
    messages = traffic_of(integer, rates)
    assert messages.total * steps == pytest.approx(run.events.messages_out.sum())
    # What the cores receive beside each other's messages.
    events = Emulator(integer).run([spikes[:, :2]], 2).events
    first = events.messages_in[1].sum() - events.messages_out[0].sum()
    sent = {name: np.zeros_like(rate) for name, rate in rates.items()}
    sent[integer.inputs[0].name] = spikes[0, 0].reshape(integer.inputs[0].shape) / DT
    assert traffic_of(integer, sent).from_host.sum() == pytest.approx(first)
    assert set(mean_rates(graph, items_of(graph))) >= set(rates)
