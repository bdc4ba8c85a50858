from __future__ import annotations

from pathlib import Path

import pytest

from flows import bench
from flows.options import Benchmark
from spikeseg_core.config import PipelineConfig
from spikeseg_core.errors import ConfigError, SpikeSegError


def test_every_choice_of_the_command_line_is_there() -> None:
    assert set(bench.BENCHMARKS) == {choice.value for choice in Benchmark}


def test_energy_needs_a_deployment_of_the_preset(home: Path) -> None:
    with pytest.raises(ConfigError, match="no finished deployment of the preset 'paper'"):
        bench.bench("energy", "paper", "auto", [])


def test_orchestration_is_timed_against_the_bare_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def seconds(module: list[str], settings: str, home: Path) -> float:
        assert PipelineConfig.model_validate_json(settings).train.epochs == 2
        asked.append(module[0])
        return [100.0, 105.0, 15.0][len(asked) - 1]

    monkeypatch.setattr(bench, "_seconds", seconds)
    found = bench.bench("pipeline", "quick", "synthetic", ["train.epochs=2"])
    assert asked == ["tasks.bare", "flows.start", "flows.start"]
    assert found["overhead"] == pytest.approx(0.05)
    assert (found["bare_s"], found["orchestrated_s"], found["cached_rerun_s"]) == (100, 105, 15)


def test_a_run_that_fails_is_not_timed(tmp_path: Path) -> None:
    with pytest.raises(SpikeSegError, match=r"python -m tasks\.bare"):
        bench._seconds(["tasks.bare", str(tmp_path)], "{", tmp_path)


def test_a_module_of_the_working_directory_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "bare.py").write_text("open('executed', 'w')")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpikeSegError):
        bench._seconds(["tasks.bare", str(tmp_path)], "{", tmp_path)
    assert not (tmp_path / "executed").exists()
