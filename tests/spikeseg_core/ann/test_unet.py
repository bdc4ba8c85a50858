import numpy as np
import pytest

from spikeseg_core.ann.unet import build_model, convolution_name, model_from_weights, weights_of
from spikeseg_core.network.catalogue import NETWORKS
from spikeseg_core.network.varied import varied
from spikeseg_core.stack import keras
from tests.spikeseg_core.ann.networks import TINY


def randomize(model: keras.Model, seed: int = 0) -> None:
    """Give every weight, the statistics of batch normalization too, another value."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        values = [w + 0.1 * rng.normal(size=w.shape) for w in layer.get_weights()]
        if isinstance(layer, keras.layers.BatchNormalization):
            values[3] = rng.uniform(0.3, 3, size=values[3].shape)
        layer.set_weights(values)


def tiles(network: object, batch: int = 2) -> np.ndarray:
    rng = np.random.default_rng(1)
    return rng.normal(size=(batch, network.tile, network.tile, 1)).astype(np.float32)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("network", [TINY, NETWORKS["quick"]], ids=lambda n: n.name)
def test_folded_weights_give_the_same_output(network: object, batch_norm: bool) -> None:
    model = build_model(network, batch_norm=batch_norm, seed=3)
    randomize(model)
    weights = weights_of(network, model)
    again = model_from_weights(network, weights)
    expected = model(tiles(network), training=False).numpy()
    np.testing.assert_allclose(again(tiles(network)).numpy(), expected, atol=2e-5, rtol=1e-4)
    assert weights_of(network, again).sha256 == weights.sha256


@pytest.mark.parametrize("network", NETWORKS.values(), ids=lambda n: n.name)
def test_model_has_the_networks_neurons_and_parameters(network: object) -> None:
    model = model_from_weights(network, weights_of(network, build_model(network)))
    assert model.count_params() == network.parameters
    for layer in network.layers:
        assert model.get_layer(layer.name).output_shape[1:] == network.shape(layer.name)
    assert model.output_shape == (None, network.tile, network.tile, 1)


def test_kernels_keep_the_documented_layout() -> None:
    """Input pixel i contributes kernel[r] to output pixel stride * i + r - pad."""
    model = build_model(TINY)
    layer = model.get_layer(convolution_name("up", "down"))
    kernel = weights_of(TINY, model).kernel("up", "down")
    shape = (1, *TINY.shape("down"))
    pixel = np.zeros(shape, np.float32)
    row, column, channel, stride = 1, 2, 5, 2
    pixel[0, row, column, channel] = 1
    pad = (4 - stride) // 2
    top, left = stride * row - pad, stride * column - pad
    expected = np.zeros((1, *TINY.shape("up")), np.float32)
    expected[0, top : top + 4, left : left + 4] = kernel[:, :, channel, :]
    bias = layer.get_weights()[1]
    np.testing.assert_allclose(layer(pixel).numpy() - bias, expected, atol=1e-6)


def test_a_varied_network_has_a_name_that_keras_takes() -> None:
    model = build_model(varied(TINY, {"fine": 0.5, "stem": 2}))
    assert model.name == f"{TINY.name}-stem-2-fine-0.5"
    assert model(np.zeros((1, TINY.tile, TINY.tile, 1), np.float32)).shape[1] == TINY.tile


def test_the_seed_decides_the_weights() -> None:
    digests = [weights_of(TINY, build_model(TINY, seed=s)).sha256 for s in (0, 0, 1)]
    assert digests[0] == digests[1] != digests[2]


def test_a_saved_model_loads_with_its_activation(tmp_path: object) -> None:
    model = build_model(TINY, "loihi")
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(tiles(TINY)).numpy(), model(tiles(TINY)).numpy())
