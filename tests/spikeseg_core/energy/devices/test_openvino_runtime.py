import sys

import numpy as np
import pytest
from scipy.special import expit

from spikeseg_core.energy.devices import openvino_runtime
from spikeseg_core.energy.devices.onnx_runtime import OnnxNet, to_onnx
from spikeseg_core.energy.devices.openvino_runtime import OpenVinoNet
from tests.spikeseg_core.energy.devices.models import small_ann, tiles
from tests.spikeseg_core.energy.devices.test_onnx_runtime import expected


@pytest.mark.parametrize("shuffled", [False, True])
def test_float_is_float32_for_any_number_of_tiles(shuffled: bool) -> None:
    """Not bfloat16, which has three decimals."""
    x = tiles(7)
    net = OpenVinoNet(to_onnx(*small_ann(), "fp32", x, shuffled=shuffled), batch=3, threads=2)
    np.testing.assert_allclose(net.segment_tiles(x), expected(x), atol=1e-5)
    np.testing.assert_allclose(net(x[:3]), expected(x[:3]), atol=1e-5)


def test_what_a_call_returned_outlives_the_next_one() -> None:
    x = tiles(2)
    net = OpenVinoNet(to_onnx(*small_ann(), "fp32", x, shuffled=False))
    first = net(x[:1])
    net(x[1:])
    np.testing.assert_allclose(first, expected(x[:1]), atol=1e-5)


@pytest.mark.parametrize("shuffled", [False, True])
def test_int8_scores_as_in_onnx_runtime_and_is_not_float(shuffled: bool) -> None:
    x = tiles(8)
    content = to_onnx(*small_ann(), "int8", x, shuffled=shuffled)
    found, other = (net.segment_tiles(x) for net in (OpenVinoNet(content), OnnxNet(content)))
    assert np.abs(expit(found) - expit(other)).mean() < 0.005
    apart = np.abs(found - expected(x))
    assert 0.001 < apart.max() < 0.1 * np.ptp(expected(x))


def test_nothing_is_reported_to_its_makers() -> None:
    assert openvino_runtime.can_load()
    assert sys.modules["openvino_telemetry"] is None
    assert "telemetry_stub" in sys.modules["openvino.tools.ovc.telemetry_utils"].tm.__name__


def test_where_it_is_not_installed_it_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert not openvino_runtime.can_load()
