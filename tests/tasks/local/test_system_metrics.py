from __future__ import annotations

import time
from pathlib import Path

import pytest

from tasks.local import system_metrics
from tasks.local.system_metrics import monitored
from tasks.mlflow.curve import Curve, read_curve
from tasks.mlflow.store import Run, store


@pytest.fixture
def curve(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Curve:
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.02")
    found = Curve(tmp_path)
    found.run = Run.create(store(), "train", {}, None)
    return found


def sampled(curve: Curve) -> list[int]:
    """Steps at which the load of the processor was sampled."""
    name = "system/cpu_utilization_percentage"
    return [step for found, _, step, _ in read_curve(curve.path.parent) if found == name]


def run_for_a_while(curve: Curve) -> None:
    before = len(sampled(curve))
    with monitored(curve):
        deadline = time.monotonic() + 20
        while len(sampled(curve)) < before + 2 and time.monotonic() < deadline:
            time.sleep(0.01)


def test_the_load_is_a_curve_like_the_others(curve: Curve) -> None:
    run_for_a_while(curve)
    curve.send()
    assert curve.run is not None
    data = curve.run.store.client.get_run(curve.run.id).data
    assert data.metrics["system/system_memory_usage_megabytes"] > 0
    assert any(name.startswith("system/network") for name in data.metrics)
    kept = len(sampled(curve))
    time.sleep(0.1)
    assert len(sampled(curve)) == kept  # sampling has stopped


def test_a_stage_that_goes_on_continues_its_steps(curve: Curve) -> None:
    run_for_a_while(curve)
    before = sampled(curve)
    run_for_a_while(curve)
    assert sampled(curve) == list(range(len(sampled(curve))))
    assert len(sampled(curve)) > len(before)


@pytest.mark.parametrize("how", ["switched off", "MLflow is away", "it fails"])
def test_no_load_no_matter(curve: Curve, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if how == "switched off":
        monkeypatch.setenv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "false")
    elif how == "MLflow is away":
        curve.run = None
    else:
        monkeypatch.setattr(system_metrics, "_collectors", lambda: 1 / 0)
    with monitored(curve):
        time.sleep(0.1)
    assert not sampled(curve)
