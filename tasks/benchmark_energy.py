"""Energy benchmark, as a task."""

from spikeseg_core.config import PipelineConfig
from tasks.references import StageRef
from tasks.run_stage import run_stage
from tasks.stage_task import stage_task


@stage_task("benchmark")
def benchmark_energy(  # noqa: PLR0917 - one reference per stage it reads
    config: PipelineConfig,
    dataset: StageRef,
    ann: StageRef,
    tuned: StageRef,
    spiking: StageRef,
    core_blocks: StageRef,
    chip_map: StageRef,
    deployment: StageRef,
) -> StageRef:
    """Stage 8: energy and time per section on Loihi, CPU and GPU."""
    return run_stage(
        "benchmark", config, dataset, ann, tuned, spiking, core_blocks, chip_map, deployment
    )
