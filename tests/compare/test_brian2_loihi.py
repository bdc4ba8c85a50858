from dataclasses import replace

import numpy as np
import pytest

from spikeseg_core.loihi.integer_network import IntegerNetwork
from spikeseg_core.loihi.quantization.extract import extract_network
from spikeseg_core.testing import cases
from spikeseg_core.testing.generate import nengo_loihi_model

from . import networks
from .brian2_loihi import _mantissas, reasons
from .synapses import synapses


@pytest.fixture(scope="module")
def dense() -> IntegerNetwork:
    return extract_network(nengo_loihi_model(networks.dense(0, (6, 8, 4), n_steps=4)))


def test_a_dense_network_can_be_written(dense: IntegerNetwork) -> None:
    assert reasons(dense) == []
    for each in synapses(dense):
        mantissa = _mantissas(each)
        assert mantissa is not None
        np.testing.assert_array_equal(mantissa * 64, each.weight)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"bias": 1}, "bias"),
        ({"voltage": 1}, "first voltage"),
        ({"block_vmin": 0}, "floor"),
        ({"block_vmax": 4095}, "ceiling"),
        ({"vth": 65}, "threshold"),
        ({"vth": 131_072 * 64}, "threshold"),
        ({"refract": 65}, "rest"),
        ({"decay_v": [1] * 11 + [2]}, "compartments of a block differ"),
        ({"weight": 64}, "weights"),  # odd mantissa
        ({"weight": 256 * 64}, "weights"),
        ({"weight": 100}, "weights"),
    ],
)
def test_what_it_lacks_is_named(
    dense: IntegerNetwork, changed: dict[str, object], reason: str
) -> None:
    arrays = {
        name: np.broadcast_to(np.asarray(value, np.int32), getattr(dense, name).shape)
        for name, value in changed.items()
    }
    assert reasons(replace(dense, **arrays)) == [reason]


def test_most_of_the_corpus_has_something_that_it_lacks() -> None:
    found = {case.name: reasons(case.network) for case in cases()}
    assert "bias" in found["bias-alone"]
    assert "ceiling" in found["ceiling"]
    assert "floor" in found["floor-0"]
    assert "weights" in found["smallest-weights"]
