"""Rate tuning, as a task."""

from spikeseg_core.config import PipelineConfig
from tasks.references import StageRef
from tasks.run_stage import run_stage
from tasks.stage_task import stage_task


@stage_task("tune")
def tune_rates(config: PipelineConfig, dataset: StageRef, ann: StageRef) -> StageRef:
    """Stage 3: fine-tune with Loihi's rate curve and the percentile rate loss."""
    return run_stage("tune", config, dataset, ann)
