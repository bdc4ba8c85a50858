"""Conversion to spikes, as a task."""

from spikeseg_core.config import PipelineConfig
from tasks.references import StageRef
from tasks.run_stage import run_stage
from tasks.stage_task import stage_task


@stage_task("convert")
def convert_snn(config: PipelineConfig, dataset: StageRef, tuned: StageRef) -> StageRef:
    """Stage 4: make it spike in NengoDL; segment rate-based and spike-based, measure rates."""
    return run_stage("convert", config, dataset, tuned)
