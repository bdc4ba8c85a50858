# ruff: noqa: B008 - the settings are frozen, and Prefect reads its form from the default.
"""The whole way: from sections to an energy report."""

from __future__ import annotations

from typing import Any

import tasks  # noqa: F401 - says where Prefect keeps its things, which it reads at its import

# isort: split
from prefect import flow
from prefect.runtime import flow_run

from flows.summary import conclude
from spikeseg_core.config import PipelineConfig
from spikeseg_core.config.overrides import completed
from tasks.benchmark_energy import benchmark_energy
from tasks.convert_snn import convert_snn
from tasks.deploy import deploy
from tasks.mlflow.tracking import pipeline_run
from tasks.partition import partition
from tasks.prepare_dataset import prepare_dataset
from tasks.quantize_and_map import quantize_and_map
from tasks.train_ann import train_ann
from tasks.tune_rates import tune_rates


def _name(config: PipelineConfig) -> str:
    return f"{config.preset}-{config.dataset.source}"


@flow(name="pipeline", flow_run_name=lambda: _name(flow_run.parameters["config"]))
def pipeline(config: PipelineConfig = PipelineConfig()) -> dict[str, Any]:
    """Turn a segmentation U-Net into spikes on two Loihi chips, from sections to energy.

    Finished stages with the same settings, data and code are used again. Returns the summary
    that is also written as summary.json.
    """
    config = completed(config)
    with pipeline_run(config, _name(config)) as run:
        dataset = prepare_dataset(config)
        ann = train_ann(config, dataset)
        tuned = tune_rates(config, dataset, ann)
        spiking = convert_snn(config, dataset, tuned)
        core_blocks = quantize_and_map(config, tuned, spiking)
        chip_map = partition(config, tuned, core_blocks, spiking)
        deployment = deploy(config, dataset, tuned, core_blocks, chip_map)
        energy = benchmark_energy(
            config, dataset, ann, tuned, spiking, core_blocks, chip_map, deployment
        )
        return conclude(
            run, [dataset, ann, tuned, spiking, core_blocks, chip_map, deployment, energy]
        )
