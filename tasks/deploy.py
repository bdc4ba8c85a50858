"""Loihi deployment, as a task."""

from spikeseg_core.config import PipelineConfig
from tasks.references import StageRef
from tasks.run_stage import run_stage
from tasks.stage_task import stage_task


@stage_task("deploy")
def deploy(
    config: PipelineConfig,
    dataset: StageRef,
    tuned: StageRef,
    core_blocks: StageRef,
    chip_map: StageRef,
) -> StageRef:
    """Stage 7: run the mapped network on Loihi or its emulator; segment and count events."""
    return run_stage("deploy", config, dataset, tuned, core_blocks, chip_map)
