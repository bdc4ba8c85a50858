# ruff: noqa: B008 - the settings are frozen, and Prefect reads its forms from the defaults.
"""A flow for every stage, to be run alone on what the stages before it have made.

The form of each shows only the settings that the stage adds; the others are those that the stages
before it were made with. ``after`` is the MLflow run id of the stage right before (or of a whole
pipeline); left out, the newest finished one is taken.
"""

from __future__ import annotations

from typing import Any

import tasks  # noqa: F401 - says where Prefect keeps its things, which it reads at its import

# isort: split
from prefect import flow

from spikeseg_core import presets
from spikeseg_core.config import (
    BenchmarkConfig,
    ConvertConfig,
    DatasetConfig,
    DeployConfig,
    PartitionConfig,
    PipelineConfig,
    PresentationConfig,
    QuantizeConfig,
    StageConfig,
    TrainConfig,
    TuneConfig,
)
from spikeseg_core.errors import ConfigError
from tasks import benchmark_energy as benchmark_task
from tasks import convert_snn, prepare_dataset, quantize_and_map, train_ann, tune_rates
from tasks import deploy as deploy_task
from tasks import partition as partition_task
from tasks.lookup import inputs_after
from tasks.references import StageRef
from tasks.stage_folder import forget, read_record, stage_key

TASKS: dict[str, Any] = {
    "prepare": prepare_dataset.prepare_dataset,
    "train": train_ann.train_ann,
    "tune": tune_rates.tune_rates,
    "convert": convert_snn.convert_snn,
    "quantize": quantize_and_map.quantize_and_map,
    "partition": partition_task.partition,
    "deploy": deploy_task.deploy,
    "benchmark": benchmark_task.benchmark_energy,
}


def run_after(
    name: str, after: str | None, *, again: bool = False, **sections: StageConfig
) -> StageRef:
    """Run one stage with these sections of settings, on what the stages before it made.

    Parameters
    ----------
    name : str
        Name of the stage.
    after : str or None
        MLflow run id of the stage before it; None: the newest.
    again : bool
        Also if it is finished, as for a measurement.
    **sections : StageConfig
        Sections of :class:`PipelineConfig` by name.

    Raises
    ------
    ConfigError
        If what it needs is not there, or was made for another size of tile.
    """
    upstream = inputs_after(name, after)
    earlier: dict[str, Any] = {}
    for each in upstream:
        record = read_record(each.folder)
        earlier |= {**record.settings, "preset": record.preset}
    config = PipelineConfig.model_validate(
        earlier | {section: values.model_dump() for section, values in sections.items()}
    )
    if "train" in earlier:
        _same_tile(str(earlier["train"]["network"]), config.train.network)
    if again:
        forget(name, stage_key(name, config, upstream))
    ref: StageRef = TASKS[name](config, *upstream)
    return ref


def _same_tile(before: str, now: str) -> None:
    old, new = presets.network(before).tile, presets.network(now).tile
    if old != new:
        raise ConfigError(
            f"the dataset was prepared for tiles of {old} px, network {now!r} has {new} px; "
            f"run the stage 'prepare' with network {now!r} first"
        )


@flow(name="prepare")
def prepare(dataset: DatasetConfig = DatasetConfig(), network: str = "quick") -> StageRef:
    """Prepare a dataset: read, check and split sections; the network decides the tile."""
    return run_after("prepare", None, dataset=dataset, train=TrainConfig(network=network))


@flow(name="train")
def train(train: TrainConfig = TrainConfig(), after: str | None = None) -> StageRef:
    """Train the ANN on a prepared dataset."""
    return run_after("train", after, train=train)


@flow(name="tune")
def tune(tune: TuneConfig = TuneConfig(), after: str | None = None) -> StageRef:
    """Fine-tune a trained ANN for firing rates."""
    return run_after("tune", after, tune=tune)


@flow(name="convert")
def convert(
    convert: ConvertConfig = ConvertConfig(),
    presentation: PresentationConfig = PresentationConfig(),
    after: str | None = None,
) -> StageRef:
    """Convert a tuned network to spikes and evaluate it, rate-based and spike-based."""
    return run_after("convert", after, convert=convert, presentation=presentation)


@flow(name="quantize")
def quantize(quantize: QuantizeConfig = QuantizeConfig(), after: str | None = None) -> StageRef:
    """Quantize a spiking network and cut it into core blocks."""
    return run_after("quantize", after, quantize=quantize)


@flow(name="partition")
def partition(partition: PartitionConfig = PartitionConfig(), after: str | None = None) -> StageRef:
    """Assign core blocks to chips."""
    return run_after("partition", after, partition=partition)


@flow(name="deploy")
def deploy(deploy: DeployConfig = DeployConfig(), after: str | None = None) -> StageRef:
    """Run a mapped network on Loihi or its emulator."""
    return run_after("deploy", after, deploy=deploy)


@flow(name="benchmark-stage")
def benchmark(
    benchmark: BenchmarkConfig = BenchmarkConfig(), after: str | None = None, again: bool = False
) -> StageRef:
    """Benchmark energy and time of a deployed network on Loihi, CPU and GPU; again, if asked."""
    return run_after("benchmark", after, again=again, benchmark=benchmark)
