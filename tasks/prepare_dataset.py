"""Dataset preparation, as a task."""

from spikeseg_core.config import PipelineConfig
from tasks.references import StageRef
from tasks.run_stage import run_stage
from tasks.stage_task import stage_task


@stage_task("prepare")
def prepare_dataset(config: PipelineConfig) -> StageRef:
    """Stage 1: sections and labels, split by blocks, from the source the settings name."""
    return run_stage("prepare", config)
