import numpy as np
import pytest

from spikeseg_core.energy.devices.tflite import PRECISIONS, Precision, TfliteNet, to_tflite
from spikeseg_core.errors import ConfigError
from tests.spikeseg_core.energy.devices.models import small_model, tiles


def test_float_equals_keras_for_any_number_of_tiles() -> None:
    model, x = small_model(), tiles(7)
    net = TfliteNet(to_tflite(model, "fp32", 3, x), threads=2)
    expected = model(x[..., None], training=False).numpy()[..., 0]
    np.testing.assert_allclose(net.segment_tiles(x), expected, atol=1e-5)


def test_int8_is_near_and_smaller() -> None:
    model, x = small_model(), tiles(8)
    content = to_tflite(model, "int8", 1, x)
    got = TfliteNet(content).segment_tiles(x)
    expected = model(x[..., None], training=False).numpy()[..., 0]
    assert 0 < np.abs(got - expected).max() < 0.05 * np.abs(expected).max()


def test_int8_needs_tiles_to_take_ranges_from() -> None:
    with pytest.raises(ConfigError, match="no representative tiles"):
        to_tflite(small_model(), "int8", 1, tiles(0))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_nothing_is_printed(precision: Precision, capfd: pytest.CaptureFixture[str]) -> None:
    TfliteNet(to_tflite(small_model(), precision, 2, tiles(4))).segment_tiles(tiles(4))
    assert capfd.readouterr() == ("", "")
