import sys
import time

import numpy as np
import pytest

from spikeseg_core.ann.unet import build_model, model_from_weights, weights_of
from spikeseg_core.config import BenchmarkConfig
from spikeseg_core.energy.devices import cpu
from spikeseg_core.energy.devices.meter import IdleMeter, StatedPower, Timer
from spikeseg_core.energy.devices.onnx_runtime import OnnxNet
from spikeseg_core.energy.devices.openvino_runtime import OpenVinoNet
from spikeseg_core.energy.devices.tflite import TfliteNet
from spikeseg_core.energy.figure import check_parts, find, select
from spikeseg_core.errors import MeterError
from tests.spikeseg_core.energy.devices.loads import FakeLoad
from tests.spikeseg_core.energy.devices.models import small_ann, tiles
from tests.spikeseg_core.energy.devices.test_meter import FakeMeter
from tests.spikeseg_core.loihi.cost.networks import small_network


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spikeseg_core.energy.devices.meter.TIMED_SECONDS", 0.0)
    monkeypatch.setattr("spikeseg_core.energy.devices.cpu.SECONDS_OF_CHOICE", 0.0)


def test_every_precision_and_batch_is_timed_and_can_be_scored() -> None:
    ann, x = small_ann(), tiles(6)
    found = cpu.measure_cpu(
        [cpu.Feed(*ann, x, 4, (1, 2)), cpu.Feed(*ann, x, None, (1,))],
        repeats=2,
        power=StatedPower(10, 28, "a test"),
        timer=Timer(0.1, FakeLoad(0.0)),
    )
    check_parts(found.figures)
    assert {(f.feed, f.precision, f.batch) for f in found.figures} == {
        ("tiles", "fp32", 1), ("tiles", "fp32", 2), ("tiles", "int8", 1), ("tiles", "int8", 2),
        ("sections", "fp32", 1), ("sections", "int8", 1),
    }  # fmt: skip
    assert not any(f.busy for f in found.figures)
    total = find(found.figures, feed="tiles", precision="int8", batch=2, component="total")
    assert total.mj_per_section == pytest.approx(28e3 * total.seconds_per_section)
    model = model_from_weights(*ann, activation="relu")
    expected = model(x[..., None], training=False).numpy()[..., 0]
    np.testing.assert_allclose(found.segmenters["cpu"]["fp32"](x), expected, atol=1e-5)
    assert found.segmenters[cpu.WHOLE]["int8"](x).shape == x.shape
    fastest = {f.device: f.fastest for f in select(found.figures, precision="int8", batch=1)}
    assert set(fastest) == {"cpu", cpu.WHOLE}
    assert all(fraction is not None and 0 < fraction <= 1 for fraction in fastest.values())
    assert all(f.passes is not None and f.passes > 0 for f in found.figures)
    assert set(found.threads) == {
        "fp32 batch 1", "fp32 batch 2", "int8 batch 1", "int8 batch 2",
        f"{cpu.WHOLE} fp32 batch 1", f"{cpu.WHOLE} int8 batch 1",
    }  # fmt: skip


def test_short_calls_are_repeated_until_chance_does_not_choose(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = []

    def disturbed_at_first() -> None:
        calls.append(0.004 if len(calls) < 8 else 0.0005)
        time.sleep(calls[-1])

    def steady() -> None:
        time.sleep(0.002)

    def faster() -> str:
        calls.clear()
        found = cpu.fastest_calls({"steady": steady, "disturbed at first": disturbed_at_first})
        return min(found, key=lambda name: found[name])

    assert faster() == "steady"  # three turns of each, and none to spare
    monkeypatch.setattr(cpu, "SECONDS_OF_CHOICE", 0.04)
    assert faster() == "disturbed at first"


def test_the_fastest_runtime_is_timed_and_what_the_others_took_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def slow(net: cpu.Net, tiles: np.ndarray) -> np.ndarray:
        time.sleep(0.02)
        return np.zeros(tiles.shape, np.float32)

    def timed(*slowed: type) -> cpu.CpuBenchmark:
        with monkeypatch.context() as patch:
            for net in slowed:
                patch.setattr(net, "__call__", slow)
            return cpu.measure_cpu(
                [cpu.Feed(*small_ann(), tiles(3), 4, (1,))],
                repeats=1,
                power=StatedPower(10, 28, "a test"),
                timer=Timer(1.0, FakeLoad(0.0)),
            )

    by_tflite = timed(OnnxNet, OpenVinoNet)
    assert all(figure.note.startswith("TensorFlow Lite") for figure in by_tflite.figures)
    assert all("best of 5 runtimes" in figure.note for figure in by_tflite.figures)
    tried = by_tflite.runtimes["int8 batch 1"]
    assert list(tried) == [cpu.TFLITE, *cpu.OF_ONNX]
    assert min(tried["ONNX Runtime"], tried["OpenVINO"]) > 20 > tried[cpu.TFLITE] > 0
    # Float alone is written sooner.
    monkeypatch.setattr(cpu, "PRECISIONS", ("fp32",))
    for slower, fastest in ((OnnxNet, "OpenVINO"), (OpenVinoNet, "ONNX Runtime")):
        found = timed(TfliteNet, slower)
        assert all(figure.note.startswith(fastest) for figure in found.figures)


def test_where_openvino_does_not_load_the_others_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    nets = cpu.Feed(*small_ann(), tiles(3), 4, (1,)).nets("fp32", 1)
    assert list(nets) == [name for name in (cpu.TFLITE, *cpu.OF_ONNX) if "OpenVINO" not in name]
    assert len(nets) == 1 + len(cpu.OF_ONNX) - 2


def test_a_busy_machine_marks_every_figure() -> None:
    found = cpu.measure_cpu(
        [cpu.Feed(*small_ann(), tiles(2), 4, (1,))],
        repeats=1,
        power=StatedPower(10, 28, "a test"),
        timer=Timer(0.1, FakeLoad(0.9)),
    )
    assert found.figures
    assert all(f.busy for f in found.figures)


def test_thread_counts_are_powers_of_two_and_all() -> None:
    assert cpu.thread_counts(1) == [1]
    assert cpu.thread_counts(2) == [1, 2]
    assert cpu.thread_counts(12) == [1, 2, 4, 8, 12]


def test_a_readable_meter_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "RaplMeter", FakeMeter)
    monkeypatch.setattr("spikeseg_core.energy.devices.meter.IDLE_SECONDS", 0.01)
    power = cpu.cpu_power(BenchmarkConfig())
    assert isinstance(power, IdleMeter)
    assert power.meter.source == "a fake"


def test_without_a_meter_the_stated_power_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise MeterError("no RAPL in this test")

    monkeypatch.setattr(cpu, "RaplMeter", missing)
    power = cpu.cpu_power(BenchmarkConfig(cpu_dynamic_watts=5, cpu_total_watts=15))
    assert power == StatedPower(5, 15, "no RAPL in this test")


def test_whole_sections_are_segmented_by_the_same_network() -> None:
    """Where a tile is a whole section the two ways agree; smaller sections are mirrored to fit."""
    network = small_network(8)  # tiles of 16, sides in the network down to 4
    model = build_model(network)
    weights = weights_of(network, model)
    x = np.random.default_rng(0).normal(size=(2, 16, 16)).astype(np.float32)
    whole, padded = cpu.whole_sections(network, x)
    np.testing.assert_array_equal(padded, x)
    taken = model_from_weights(whole, weights, activation="relu")
    np.testing.assert_allclose(taken(x[..., None]), model(x[..., None]), atol=1e-5)
    whole, padded = cpu.whole_sections(network, x[:, :9, :13])
    assert padded.shape == (2, 16, 16)
    assert whole.tile == 16
    np.testing.assert_array_equal(padded[:, 9], x[:, 8, [*range(13), 12, 11, 10]])
