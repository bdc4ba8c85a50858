"""Quantization and mapping, as a task."""

from spikeseg_core.config import PipelineConfig
from tasks.references import StageRef
from tasks.run_stage import run_stage
from tasks.stage_task import stage_task


@stage_task("quantize")
def quantize_and_map(config: PipelineConfig, tuned: StageRef, spiking: StageRef) -> StageRef:
    """Stage 5: cut layers into core blocks, and weights into Loihi's fixed point."""
    return run_stage("quantize", config, tuned, spiking)
