"""ANN training, as a task."""

from spikeseg_core.config import PipelineConfig
from tasks.references import StageRef
from tasks.run_stage import run_stage
from tasks.stage_task import stage_task


@stage_task("train")
def train_ann(config: PipelineConfig, dataset: StageRef) -> StageRef:
    """Stage 2: train the U-Net as an ANN."""
    return run_stage("train", config, dataset)
