from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from spikeseg_core.config import PipelineConfig
from spikeseg_core.config.presets import preset
from spikeseg_core.errors import ConfigError
from spikeseg_core.report.evidence import gather
from spikeseg_core.report.folders import FolderRecords
from spikeseg_core.report.render import html, markdown
from spikeseg_core.report.research import build
from spikeseg_core.storage import write_json
from tasks.folder import reference
from tasks.local import state
from tasks.local.machine import FINGERPRINT
from tasks.mlflow import models
from tasks.mlflow import sweep as sweep_tracking
from tasks.mlflow.reader import Reader
from tasks.mlflow.records import records
from tasks.mlflow.store import BENCH_TAG, STAGE_TAG, Run, store
from tasks.mlflow.tracking import PipelineRun
from tests.spikeseg_core.report.recorded import (
    MACHINE,
    SWEEPS,
    mapping_result,
    seeded,
    write_pipeline,
    write_sweep,
)


def record_pipeline(level: float, config: PipelineConfig, **how: Any) -> str:
    """Record a finished pipeline; its MLflow run id."""
    run = PipelineRun(config, f"{config.preset}-test")
    run.start()
    folders = write_pipeline(state.current().stages, level, config, started=run.started, **how)
    run.complete([reference(folder) for folder in folders])
    assert run.run is not None
    run.run.end()
    return run.run.id


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, mlflow_database: Path) -> dict[str, Any]:
    """Two runs of paper, one of quick, a sweep and a benchmark, in MLflow."""
    home = tmp_path_factory.mktemp("recorded")
    shutil.copy(mlflow_database, home / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPIKESEG_HOME", str(home))
        patch.setattr(models, "log", lambda *model: None)
        paper = preset("paper")
        runs = [
            record_pipeline(0.96, seeded(paper, 1), mapped=False),
            record_pipeline(0.97, paper),
            record_pipeline(0.90, preset("quick"), mapped=False),
        ]
        definition, values = SWEEPS["bits"]
        sweep = sweep_tracking.start(definition)
        folder = write_sweep(home / "bits", definition, values)
        sweep_tracking.finish(sweep, sorted(folder.iterdir()), {}, "note", "FINISHED")
        bench = Run.create(
            store(), "bench", {STAGE_TAG: "bench", BENCH_TAG: "mapping", "preset": "paper"}, None
        )
        write_json(home / "result.json", mapping_result())
        bench.artifact(home / "result.json")
        bench.end()
    return {"home": home, "runs": runs, "sweep": sweep, "bench": bench.id}


@pytest.fixture
def known(recorded: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("SPIKESEG_HOME", str(recorded["home"]))
    return recorded


def test_pipelines_sweeps_and_measurements_are_read_back(known: dict[str, Any]) -> None:
    with records() as found:
        assert [run.run.id for run in found.pipelines()] == known["runs"][::-1]
        (sweep,) = found.sweeps()
        run, result = found.measured("paper")["mapping"]
        assert found.measured("quick") == {}
        benchmark = found.pipelines()[0].stages["benchmark"]
        deployment = benchmark.account["inputs"]["deploy"]
        (again,) = found.benchmarks(MACHINE[FINGERPRINT], deployment)
        assert found.benchmarks("another", deployment) == []
    assert sweep.run.id == known["sweep"].id
    assert sweep.title == "Bits (preset paper)"
    assert run.id == known["bench"]
    assert result == mapping_result()
    assert again.run.id == benchmark.run.id


def test_mlflow_and_folders_give_the_same_evidence(known: dict[str, Any]) -> None:
    folders = FolderRecords(state.current().stages)
    with records() as found:
        evidence, same = gather(found, "paper"), gather(folders, "paper")
        assert [run.seeds for run in evidence.runs] == [run.seeds for run in same.runs]
        assert [run.kind for run in evidence.all_runs] == [run.kind for run in same.all_runs]
        assert [run.metrics for run in evidence.all_runs] == [r.metrics for r in same.all_runs]
        assert evidence.facts == same.facts
        ours, theirs = (e.table("benchmark", "operating_points") for e in (evidence, same))
    assert ours is not None
    assert ours.equals(theirs)


def test_without_the_folders_of_the_runs_the_report_is_the_same(
    known: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def written() -> tuple[str, str]:
        with records() as found:
            report, _ = build(found, "paper")
        return html(report), markdown(report)

    before = written()
    for run_id in (*known["runs"], known["sweep"].id, known["bench"]):
        assert f"{run_id[:8]}`" in before[1]
    stages = state.current().stages
    monkeypatch.setenv("SPIKESEG_HOME", str(tmp_path))  # nothing but the store's address is left
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{known['home']}/mlflow.db")
    hidden = stages.rename(tmp_path / "hidden")
    assert written() == before
    hidden.rename(stages)


def test_runs_by_id_and_their_tags(known: dict[str, Any]) -> None:
    reader, run_id = Reader(store()), known["runs"][0]
    assert reader.tags(run_id)["preset"] == "paper"
    assert reader.named(run_id[:8]).info.run_id == run_id
    assert reader.named("quick-test").info.run_id == known["runs"][2]
    assert reader.logged_model(run_id) is None
    with pytest.raises(ConfigError, match=r"there is no run '0{32}'"):
        reader.tags("0" * 32)
