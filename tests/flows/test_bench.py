from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows import bench
from flows.cli import Benchmark
from spikeseg_core.errors import ConfigError


def test_every_choice_of_the_command_line_is_there() -> None:
    assert set(bench.BENCHMARKS) == {choice.value for choice in Benchmark}


def test_energy_needs_a_deployment_of_the_preset(home: Path) -> None:
    with pytest.raises(ConfigError, match="no finished deployment of the preset 'paper'"):
        bench.bench("energy", "paper", "auto", [])


def test_the_pipeline_is_timed_twice(
    monkeypatch: pytest.MonkeyPatch, summary: dict[str, Any]
) -> None:
    asked: list[Any] = []

    def pipeline(config: Any) -> dict[str, Any]:
        asked.append(config)
        return summary

    monkeypatch.setattr(bench, "pipeline", pipeline)
    monkeypatch.setattr(bench, "set_up_for_prefect", lambda: None)
    found = bench.bench("pipeline", "quick", "synthetic", ["train.epochs=2"])
    assert len(asked) == 2
    assert asked[0].train.epochs == 2
    assert found["first"]["stages"] == summary["minutes"]
    assert found["again"]["minutes"] >= 0
    assert found["dataset"] == "synthetic"
