from dataclasses import replace

import numpy as np
import pytest

from spikeseg_core.loihi.emulator.layout import LayerIntegers, Layout
from spikeseg_core.loihi.emulator.plan import Plan, build_plan
from spikeseg_core.loihi.quantization.build import build_network, discretize
from spikeseg_core.loihi.quantization.extract import extract_network
from spikeseg_core.network import IMAGE, Connection, Layer, Network
from tests.spikeseg_core.loihi.networks import random_weights

NETWORK = Network(
    "all kinds",
    12,
    (
        Layer("stem", 4, (Connection(IMAGE, kernel=3),), on_chip=False),
        Layer("a", 8, (Connection("stem", kernel=3),)),
        Layer("b", 4, (Connection("a", kernel=5, stride=2),)),
        Layer("d", 8, (Connection("b", "conv_transpose", 4, 2), Connection("stem"))),
    ),
    Connection("d"),
    "spread",
)


@pytest.fixture(scope="module")
def planned() -> Plan:
    """Plan that is recovered from the synapses of NengoLoihi's blocks."""
    weights = random_weights(np.random.default_rng(0), NETWORK)
    tiles = {"a": (6, 6, 8), "b": (3, 6, 4), "d": (6, 6, 8)}
    return build_plan(extract_network(discretize(build_network(NETWORK, weights, tiles)).model))


def integers_of(plan: Plan) -> dict[str, LayerIntegers]:
    """Integers of a plan's layers, as tuning gives them."""
    found = {}
    for layer, network_layer in zip(plan.layers, NETWORK.chip_layers(), strict=True):
        channels = network_layer.channels
        kernels = {}
        for c in network_layer.inputs:
            name = next(n for n in layer.kernels if n.partition("-")[0] == c.source)
            weight = layer.kernels[name].weight
            kernels[c.source] = weight[::-1, ::-1] if c.kind != "conv" else weight
        found[network_layer.name] = LayerIntegers(
            kernels, layer.bias[:channels], layer.vth[:channels]
        )
    return found


def test_the_plan_is_that_of_the_cores(planned: Plan) -> None:
    found = Layout(NETWORK).plan(integers_of(planned))
    for ours, theirs in zip(found.layers, planned.layers, strict=True):
        assert ours.constants == theirs.constants
        assert ours.links.weights.dtype == theirs.links.weights.dtype
        for name in ("bias", "vth", "voltage"):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), err_msg=name)
        for name, kernel in theirs.kernels.items():
            mine = ours.kernels[name.partition("-")[0]]
            assert mine[:4] == kernel[:4]
            np.testing.assert_array_equal(mine.weight, kernel.weight)


def test_a_layout_is_filled_again_with_other_integers(planned: Plan) -> None:
    layout, integers = Layout(NETWORK), integers_of(planned)
    loud = {
        name: replace(layer, thresholds=layer.thresholds // 128 * 64)
        for name, layer in integers.items()
    }
    first, _, again = (layout.plan(given) for given in (integers, loud, integers))
    for one, other in zip(first.layers, again.layers, strict=True):
        np.testing.assert_array_equal(one.vth, other.vth)
        np.testing.assert_array_equal(one.links.weights, other.links.weights)


def test_large_totals_take_32_bits(planned: Plan) -> None:
    integers = integers_of(planned)
    kernels = {source: np.full_like(k, 255 * 64) for source, k in integers["a"].kernels.items()}
    kernels["stem"][0, 0, 0, 0] += 1  # no common power of two
    plan = Layout(NETWORK).plan(integers | {"a": replace(integers["a"], kernels=kernels)})
    assert plan.layers[0].links.weights.dtype == np.int32
    assert plan.layers[1].links.weights.dtype == np.int16
