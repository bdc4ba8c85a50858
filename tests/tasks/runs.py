"""Stages run one after the other without a flow, and records of stages that never ran."""

from __future__ import annotations

from typing import Any

from mlflow.tracking import MlflowClient

from spikeseg_core.config import PipelineConfig
from spikeseg_core.config.presets import preset
from spikeseg_core.stages import table as registry
from tasks.folder import Outcome, StageRecord
from tasks.local import state
from tasks.references import StageRef
from tasks.run_stage import run_stage

QUICK = preset("quick")


def changed(**sections: dict[str, object]) -> PipelineConfig:
    values = QUICK.model_dump()
    for name, section in sections.items():
        values[name] |= section
    return PipelineConfig.model_validate(values)


def run_up_to(last: str, config: PipelineConfig = QUICK) -> dict[str, StageRef]:
    refs: dict[str, StageRef] = {}
    for name, one in registry.STAGES.items():
        refs[name] = run_stage(name, config, *(refs[u] for u in one.upstream))
        if name == last:
            break
    return refs


def statuses(stage: str) -> list[str]:
    runs = MlflowClient(state.tracking_uri()).search_runs(
        ["1"], f"tags.`spikeseg.stage` = '{stage}'"
    )
    return sorted(run.info.status for run in runs)


def stage_record(stage: str, key: str = "k", **other: Any) -> StageRecord:
    """Record of a finished stage, for tests that need no more of it than they name."""
    known = {"sha256": "", "inputs": {}, "preset": "paper", "settings": {}, "code": "c"}
    known |= {"outcome": Outcome(), "started": 0.0, "seconds": 1.0}
    return StageRecord.model_validate(known | other | {"stage": stage, "key": key})
