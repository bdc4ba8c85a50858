import numpy as np
import pytest

from spikeseg_core.ann.unet import model_from_weights
from spikeseg_core.energy.devices.onnx_runtime import OnnxNet, to_onnx
from spikeseg_core.errors import ConfigError
from tests.spikeseg_core.energy.devices.models import small_ann, tiles


def expected(x: np.ndarray) -> np.ndarray:
    model = model_from_weights(*small_ann(), activation="relu")
    logits: np.ndarray = model(x[..., None], training=False).numpy()[..., 0]
    return logits


@pytest.mark.parametrize("shuffled", [False, True])
def test_float_equals_keras_for_any_number_of_tiles(shuffled: bool) -> None:
    x = tiles(7)
    net = OnnxNet(to_onnx(*small_ann(), "fp32", x, shuffled=shuffled), threads=2)
    np.testing.assert_allclose(net.segment_tiles(x), expected(x), atol=1e-5)
    np.testing.assert_allclose(net(x), expected(x), atol=1e-5)


@pytest.mark.parametrize("shuffled", [False, True])
def test_int8_is_close_to_keras_and_is_not_float(
    shuffled: bool, recwarn: pytest.WarningsRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    x = tiles(8)
    wanted = expected(x)
    content = to_onnx(*small_ann(), "int8", x, shuffled=shuffled)
    found = OnnxNet(content).segment_tiles(x)
    apart = np.abs(found - wanted)
    assert 0 < apart.max() < 0.1 * np.ptp(wanted)
    assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.999
    assert b"QuantizeLinear" in content
    assert not caplog.records
    assert not recwarn.list


def test_int8_without_tiles_to_calibrate_it_is_refused() -> None:
    with pytest.raises(ConfigError, match="no representative tiles"):
        to_onnx(*small_ann(), "int8", tiles(0), shuffled=False)
