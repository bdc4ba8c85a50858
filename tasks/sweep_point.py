"""A point of a sweep as a task: all stages that it needs, one after the other."""

from __future__ import annotations

import time
from typing import Any

import pandas as pd
import prefect
from pydantic import BaseModel, ConfigDict, Field

from spikeseg_core.config import PipelineConfig
from spikeseg_core.stages import table as registry
from spikeseg_core.stages.artifacts import SECTION_SCORES
from spikeseg_core.sweep.agglomerated import agglomerated_sections
from spikeseg_core.sweep.estimate import estimate
from tasks.folder import read_record
from tasks.mlflow import tracking
from tasks.references import StageRef
from tasks.run_stage import run_stage


class PointResult(BaseModel):
    """The result of a point with one seed."""

    model_config = ConfigDict(frozen=True)

    metrics: dict[str, float | None] = Field(
        description="by segmentation, stage or 'estimate', slash, metric"
    )
    minutes: float = Field(description="of all its stages, including shared ones")
    started: float = Field(description="seconds since 1970")
    stages: dict[str, StageRef] = Field(description="by name")
    sections: list[dict[str, Any]] = Field(
        default_factory=list, description="scores of single sections, of all its stages"
    )
    data: dict[str, Any] = Field(default_factory=dict, description="facts of its dataset")
    claims: list[dict[str, Any]] = Field(
        default_factory=list, description="what its benchmark claims of energies"
    )
    levers: list[dict[str, Any]] = Field(
        default_factory=list, description="what its benchmark found each way of saving to choose"
    )


@prefect.task(
    name="Sweep point",
    task_run_name="{name}, seed {seed}",
    persist_result=False,
)
def run_point(
    config: PipelineConfig, until: str, name: str, seed: int, parent: str | None
) -> PointResult:
    """Run the stages up to ``until``, reusing the finished ones.

    If two workers need the same stage, one computes it while the other waits. ``name`` and
    ``seed`` are shown on Prefect's page; ``parent`` is the MLflow run of the sweep.
    """
    started = time.time()
    refs: dict[str, StageRef] = {}
    with tracking.below(parent):
        for stage in registry.until(until):
            refs[stage.name] = run_stage(stage.name, config, *(refs[u] for u in stage.upstream))
    records = [read_record(ref.folder) for ref in refs.values()]
    sections = [row for ref in refs.values() for row in _section_scores(ref)]
    if config.dataset.folds > 1:
        sections += agglomerated_sections({name: ref.folder for name, ref in refs.items()})
    return PointResult(
        metrics=estimate(config)
        | {
            f"{tag}/{metric}": value
            for record in records
            for tag, values in record.outcome.metrics.items()
            for metric, value in values.items()
        },
        minutes=sum(record.seconds for record in records) / 60,
        started=started,
        stages=refs,
        sections=sections,
        data=records[0].outcome.facts,
        claims=records[-1].outcome.facts.get("claims", []),
        levers=records[-1].outcome.facts.get("levers", []),
    )


def _section_scores(ref: StageRef) -> list[dict[str, Any]]:
    path = ref.folder / SECTION_SCORES
    if not path.exists():
        return []
    return [
        {str(name): value for name, value in row.items()}
        for row in pd.read_parquet(path).to_dict(orient="records")
    ]
