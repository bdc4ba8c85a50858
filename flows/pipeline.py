# ruff: noqa: B008 - the settings are frozen, and Prefect reads its form from the default.
"""The whole pipeline: from sections to an energy report."""

from __future__ import annotations

from typing import Any

import tasks  # noqa: F401 - sets where Prefect keeps its data, before Prefect is imported

# isort: split
from prefect import flow
from prefect.runtime import flow_run

from flows.summary import conclude
from spikeseg_core.config import PipelineConfig
from spikeseg_core.config.overrides import completed
from tasks.mlflow.tracking import pipeline_run
from tasks.stage import STAGE_TASKS

prepare, train, tune, convert, quantize, partition, deploy, benchmark = STAGE_TASKS.values()


def _name(config: PipelineConfig) -> str:
    return f"{config.preset}-{config.dataset.source}"


@flow(name="pipeline", flow_run_name=lambda: _name(flow_run.parameters["config"]))
def pipeline(config: PipelineConfig = PipelineConfig()) -> dict[str, Any]:
    """Turn a segmentation U-Net into a spiking network on Loihi, from sections to energy.

    Finished stages with the same settings, data and code are reused. The summary that is returned
    is also written to summary.json.
    """
    config = completed(config)
    with pipeline_run(config, _name(config)) as run:
        dataset = prepare(config)
        ann = train(config, dataset)
        tuned = tune(config, dataset, ann)
        spiking = convert(config, dataset, tuned)
        core_blocks = quantize(config, tuned, spiking)
        chip_map = partition(config, tuned, core_blocks, spiking)
        deployed = deploy(config, dataset, tuned, core_blocks, chip_map)
        made = [dataset, ann, tuned, spiking, core_blocks, chip_map, deployed]
        energy = benchmark(config, *made)
        return conclude(run, [*made, energy])
