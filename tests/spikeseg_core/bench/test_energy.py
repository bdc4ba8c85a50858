from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from spikeseg_core.bench import energy
from spikeseg_core.config import PipelineConfig
from spikeseg_core.stages.base import StageResult


def test_the_benchmark_stage_runs_over_many_batches_and_keeps_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[Path] = []

    def benchmark(
        config: PipelineConfig, inputs: Any, batches: Sequence[int], folder: Path, report: Any
    ) -> StageResult:
        written.append(folder / "energy.json")
        written[0].write_text("{}")
        return StageResult(facts={"batches": list(batches)})

    monkeypatch.setattr(energy, "run_benchmark", benchmark)
    assert energy.bench_energy(PipelineConfig(), {}) == {"batches": [1, 2, 4, 8, 16, 32, 64]}
    assert not written[0].exists()
