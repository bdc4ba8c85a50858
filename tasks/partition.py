"""Chip partitioning, as a task."""

from spikeseg_core.config import PipelineConfig
from tasks.references import StageRef
from tasks.run_stage import run_stage
from tasks.stage_task import stage_task


@stage_task("partition")
def partition(
    config: PipelineConfig, tuned: StageRef, core_blocks: StageRef, spiking: StageRef
) -> StageRef:
    """Stage 6: assign core blocks to chips on the measured firing rates."""
    return run_stage("partition", config, tuned, core_blocks, spiking)
