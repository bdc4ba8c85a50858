from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from spikeseg_core.ann import calibration
from spikeseg_core.ann.calibration import LeastSquares, calibrate
from spikeseg_core.ann.forward import convolutions, forward
from spikeseg_core.ann.tuning_losses import TuningLosses
from spikeseg_core.ann.unet import build_model, weights_of
from spikeseg_core.config import TuneConfig
from spikeseg_core.network import Weights
from spikeseg_core.network.sparsity import masks, sparse
from spikeseg_core.reporting import SILENT, Silent
from spikeseg_core.stack import tf
from tests.spikeseg_core.ann.networks import TINY

NETWORK = replace(TINY, initial_potential="spread")
CONFIG = TuneConfig(spiking_steps=(20, 40), batch_size=16)


def weights(seed: int) -> Weights:
    return weights_of(NETWORK, build_model(NETWORK, seed=seed))


def tiles(count: int, seed: int = 0) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(size=(count, 16, 16, 1))
    return drawn.astype(np.float32)


def inputs(found: Any) -> dict[str, np.ndarray]:
    """Currents of the layers on the chip, and the read-out's logits."""
    logits, currents, _ = found
    return {name: np.asarray(currents[name]) for name in ("down", "up")} | {
        "readout": np.asarray(logits)
    }


class Messages(Silent):
    def __init__(self) -> None:
        self.found: list[tuple[float, float, str]] = []

    def progress(self, done: float, total: float, message: str) -> None:
        self.found.append((done, total, message))


@pytest.mark.parametrize("bits", [8, None], ids=["events", "float spikes"])
@pytest.mark.parametrize("kept", [8, 3], ids=["dense", "sparse"])
def test_spikes_drive_every_layer_more_as_in_the_trained_network(
    bits: int | None, kept: int
) -> None:
    """On tiles that it was not calibrated on."""
    config = CONFIG.model_copy(update={"weight_bits": bits})
    losses = TuningLosses(sparse(NETWORK, kept), weights(1), config)
    shown = tf.constant(tiles(8, seed=1))
    trained = convolutions(NETWORK, losses.teacher)
    wanted = inputs(forward(NETWORK, trained, shown, lambda _, current: tf.nn.relu(current)))
    before = inputs(losses.under_spikes(shown))
    calibrate(losses, tiles(64), SILENT)
    after = inputs(losses.under_spikes(shown))
    for name, most in {"down": 0.99, "up": 0.96, "readout": 0.9}.items():
        aim = np.tile(wanted[name], (len(losses.windows), 1, 1, 1))
        assert np.square(after[name] - aim).mean() < most * np.square(before[name] - aim).mean()


def test_synapses_that_are_left_out_stay_out_and_the_host_stays_as_it_is() -> None:
    network = sparse(NETWORK, 3)
    losses = TuningLosses(network, weights(1), CONFIG)
    before = weights_of(network, losses.model)
    calibrate(losses, tiles(4), SILENT)
    after = weights_of(network, losses.model)
    expected = masks(network, weights(1))
    assert set(expected) == {"down/stem", "up/down", "up/stem"}
    for key, mask in expected.items():
        np.testing.assert_array_equal(after.kernels[key] != 0, mask)
    for key, kernel in before.kernels.items():
        assert np.array_equal(kernel, after.kernels[key]) == (key == "stem/image"), key
    for name, bias in before.biases.items():
        assert np.array_equal(bias, after.biases[name]) == (name == "stem"), name


def test_it_says_what_was_gained_layer_by_layer() -> None:
    messages = Messages()
    calibrate(TuningLosses(NETWORK, weights(1), CONFIG), tiles(4), messages)
    assert [found[:2] for found in messages.found] == [(1, 3), (2, 3), (3, 3)]
    for name, (*_, message) in zip(["down", "up", "the read-out"], messages.found, strict=True):
        assert message.startswith(f"calibrated {name}: its input under spikes was off by 0.")


@pytest.mark.parametrize("target", ["down", "up", None])
@pytest.mark.parametrize("kept", [8, 3], ids=["dense", "sparse"])
def test_least_squares_find_the_weights_that_made_the_currents(
    target: str | None, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The design matrix is TensorFlow's convolution, at the edges as well."""
    monkeypatch.setattr(calibration, "RIDGE", 1e-9)
    network = sparse(NETWORK, kept)
    model, rng = TuningLosses(network, weights(1), CONFIG).model, np.random.default_rng(0)
    true = weights_of(network, model)
    present = replace(true, kernels={k: v * 0.9 for k, v in true.kernels.items()})
    present = replace(present, biases={k: v - 0.2 for k, v in true.biases.items()})
    rates = {
        layer.name: rng.random((3, *network.shape(layer.name)), np.float32)
        for layer in network.layers
    }
    connections = network.layer(target).inputs if target else (network.readout,)
    convolve = convolutions(network, model)
    wanted = sum(np.asarray(convolve(target, c, tf.constant(rates[c.source]))) for c in connections)
    fit = LeastSquares(network, present, target, connections)
    for tile in range(3):
        fit.add({k: v[tile : tile + 1] for k, v in rates.items()}, wanted[tile : tile + 1])
    found, before, after = fit.solve()
    assert after < 1e-3 < before
    for c in connections:
        np.testing.assert_allclose(
            found.kernel(target, c.source), true.kernel(target, c.source), atol=1e-4
        )
    name = target or "readout"
    np.testing.assert_allclose(found.biases[name], true.biases[name], atol=1e-4)


def test_what_a_silent_source_reaches_stays_as_it_is() -> None:
    network = NETWORK
    rates = {"stem": np.zeros((1, 8, 8, 4), np.float32)}
    fit = LeastSquares(network, weights(1), "down", network.layer("down").inputs)
    fit.add(rates, np.ones((1, 4, 4, 8), np.float32))
    found, _, after = fit.solve()
    np.testing.assert_array_equal(found.kernel("down", "stem"), weights(1).kernel("down", "stem"))
    np.testing.assert_allclose(found.biases["down"], 1, atol=0.02)
    assert after < 0.02
