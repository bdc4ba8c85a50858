import numpy as np
import pytest

from spikeseg_core.testing.networks import (
    LayerSpec,
    Link,
    NetworkSpec,
    build,
    conv_size,
    make_transform,
    out_shape,
    run_nengo_loihi,
)

pytestmark = pytest.mark.filterwarnings("ignore:Lost .* extra bits")


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("stride", [1, 2, 4])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
def test_sizes_are_those_of_nengos_convolution(kernel, stride, padding):
    link = Link(-1, (kernel, kernel + 1), stride, padding, up=False, pop_type=16)
    shape = out_shape((9, 8, 2), link, 4)
    spec = NetworkSpec((9, 8, 2), (), rate=100.0, weights="normal", seed=0)
    layer = LayerSpec(shape, shape, (link,), None, 1.0, 0.0)
    made = make_transform(np.random.default_rng(0), spec, layer, link, (9, 8, 2))
    assert made.output_shape.shape == shape
    assert shape[0] == conv_size(9, kernel, stride, padding)


def test_spikes_by_compartment_and_by_ensemble_are_the_same_ones():
    link = Link(-1, (3, 3), 1, "same", up=False, pop_type=16)
    layer = LayerSpec((4, 4, 4), (2, 4, 4), (link,), 0.01, log_gain=3.0, bias=0.3)
    spec = NetworkSpec((4, 4, 2), (layer,), rate=500.0, weights="positive", seed=3)
    network, host = build(spec)
    assert host.n_neurons == 32
    truth = run_nengo_loihi(network, 30)
    assert truth.network.n_blocks == 2
    assert truth.compartments.sum() == truth.spikes["layer0"].sum() > 0
    assert [x.shape for x in truth.inputs] == [(30, 32)]
    assert truth.inputs[0].any()
