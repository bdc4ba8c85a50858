from types import SimpleNamespace
from typing import Any

import pytest

from spikeseg_core.energy.devices.gpu import NvmlMeter, measure_gpu
from spikeseg_core.energy.devices.meter import IdleMeter, Timer
from spikeseg_core.energy.figure import check_parts, find
from spikeseg_core.errors import MeterError
from tests.spikeseg_core.energy.devices.loads import FakeLoad
from tests.spikeseg_core.energy.devices.models import small_model, tiles


class FakeNvmlError(Exception):
    pass


def fake_nvml(**changes: Any) -> SimpleNamespace:
    """NVML with one GPU that has used 100 mJ more at every reading."""
    counter = iter(range(0, 10**9, 100))
    return SimpleNamespace(
        **{
            "NVMLError": FakeNvmlError,
            "nvmlInit": lambda: None,
            "nvmlDeviceGetHandleByIndex": lambda index: index,
            "nvmlDeviceGetName": lambda handle: "Fake GPU",
            "nvmlDeviceGetTotalEnergyConsumption": lambda handle: next(counter),
        }
        | changes
    )


def test_the_counter_is_in_millijoules() -> None:
    meter = NvmlMeter(nvml=fake_nvml())
    assert meter.read_mj() == (100.0,)
    assert meter.read_mj() == (200.0,)
    assert meter.source == "NVML: Fake GPU"


def test_a_missing_driver_is_explained() -> None:
    def fail() -> None:
        raise FakeNvmlError("driver not loaded")

    with pytest.raises(MeterError, match=r"GPU 0 cannot be metered \(driver not loaded\)"):
        NvmlMeter(nvml=fake_nvml(nvmlInit=fail))


def test_the_measured_path_runs_with_a_fake_meter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spikeseg_core.energy.devices.meter.TIMED_SECONDS", 0.0)
    power = IdleMeter(NvmlMeter(nvml=fake_nvml()), idle_watts=0.001)
    figures = measure_gpu(
        small_model(),
        tiles(2),
        tiles_per_section=4,
        batches=(1, 2),
        repeats=4,
        power=power,
        timer=Timer(0.1, FakeLoad(0.0)),
        device="/CPU:0",
    )
    check_parts(figures)
    assert len(figures) == 6
    assert all(f.basis == "measured" and f.family == "gpu" for f in figures)
    assert all(f.passes is None for f in figures)  # the yardstick is of the CPU
    assert find(figures, batch=2, component="total").mj_per_section > 0


def test_a_gpu_that_tensorflow_does_not_see_is_named() -> None:
    power = IdleMeter(NvmlMeter(nvml=fake_nvml()), idle_watts=1.0)
    with pytest.raises(MeterError, match=r"TensorFlow does not see /GPU:7, .*Fake GPU"):
        measure_gpu(
            small_model(),
            tiles(1),
            tiles_per_section=1,
            batches=(1,),
            repeats=1,
            power=power,
            timer=Timer(),
            device="/GPU:7",
        )
