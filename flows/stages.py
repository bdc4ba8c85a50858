# ruff: noqa: B008 - the settings are frozen, and Prefect reads its forms from the defaults.
"""A flow for every stage, to be run alone on what the stages before it have made.

The form of each shows only the settings that the stage adds; the others are those that the stages
before it were made with. ``after`` is the MLflow run id of the stage right before (or of a whole
pipeline); left out, the newest finished one is taken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import tasks  # noqa: F401 - says where Prefect keeps its things, which it reads at its import

# isort: split
from prefect import flow
from prefect.runtime import flow_run

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
from spikeseg_core.config.overrides import shown
from spikeseg_core.errors import ConfigError
from spikeseg_core.network import catalogue
from tasks import benchmark_energy as benchmark_task
from tasks import convert_snn, prepare_dataset, quantize_and_map, train_ann, tune_rates
from tasks import deploy as deploy_task
from tasks import partition as partition_task
from tasks.folder import forget, read_record, stage_key
from tasks.lookup import inputs_after
from tasks.mlflow import champion
from tasks.references import StageRef

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
    known = {each.stage: each for each in (*upstream, ref)}
    if "deploy" in known:
        champion.consider(known["deploy"], known.get("benchmark"), config.promotion)
    return ref


def _same_tile(before: str, now: str) -> None:
    old, new = catalogue.network(before).tile, catalogue.network(now).tile
    if old != new:
        raise ConfigError(
            f"the dataset was prepared for tiles of {old} px, network {now!r} has {new} px; "
            f"run the stage 'prepare' with network {now!r} first"
        )


After = Annotated[
    str | None,
    shown("After", "MLflow run id of the stage before it or of a pipeline; none: the newest"),
]
NetworkName = Annotated[
    str,
    shown(
        "Network",
        "its tiles are what the sections are cut into",
        enum=list(catalogue.NETWORKS),
    ),
]
Again = Annotated[bool, shown("Again", "also if it is finished, as for a measurement")]


def _named(pattern: str) -> Callable[[], str]:
    """Name runs of a flow by what they do with their parameters."""
    return lambda: pattern.format(**flow_run.parameters)


@flow(name="prepare", flow_run_name=_named("prepare {dataset.source} for {network}"))
def prepare(dataset: DatasetConfig = DatasetConfig(), network: NetworkName = "quick") -> StageRef:
    """Prepare a dataset: read, check and split sections; the network decides the tile."""
    return run_after("prepare", None, dataset=dataset, train=TrainConfig(network=network))


@flow(name="train", flow_run_name=_named("train {train.network} for {train.epochs} epochs"))
def train(train: TrainConfig = TrainConfig(), after: After = None) -> StageRef:
    """Train the ANN on a prepared dataset."""
    return run_after("train", after, train=train)


@flow(
    name="tune",
    flow_run_name=_named("tune to {tune.rate_min_hz:g}-{tune.rate_max_hz:g} Hz"),
)
def tune(tune: TuneConfig = TuneConfig(), after: After = None) -> StageRef:
    """Fine-tune a trained ANN for firing rates."""
    return run_after("tune", after, tune=tune)


@flow(name="convert", flow_run_name=_named("convert to spikes, {presentation.steps} steps"))
def convert(
    convert: ConvertConfig = ConvertConfig(),
    presentation: PresentationConfig = PresentationConfig(),
    after: After = None,
) -> StageRef:
    """Convert a tuned network to spikes and evaluate it, rate-based and spike-based."""
    return run_after("convert", after, convert=convert, presentation=presentation)


@flow(
    name="quantize",
    flow_run_name=_named("quantize to {quantize.weight_bits} bits for {quantize.chips} chips"),
)
def quantize(quantize: QuantizeConfig = QuantizeConfig(), after: After = None) -> StageRef:
    """Quantize a spiking network and cut it into core blocks."""
    return run_after("quantize", after, quantize=quantize)


@flow(name="partition", flow_run_name=_named("partition by {partition.strategy}"))
def partition(partition: PartitionConfig = PartitionConfig(), after: After = None) -> StageRef:
    """Assign core blocks to chips."""
    return run_after("partition", after, partition=partition)


@flow(name="deploy", flow_run_name=_named("deploy on {deploy.target}"))
def deploy(deploy: DeployConfig = DeployConfig(), after: After = None) -> StageRef:
    """Run a mapped network on Loihi or its emulator."""
    return run_after("deploy", after, deploy=deploy)


@flow(
    name="benchmark-stage",
    flow_run_name=_named("benchmark at batches of 1 and {benchmark.batch_size}"),
)
def benchmark(
    benchmark: BenchmarkConfig = BenchmarkConfig(), after: After = None, again: Again = False
) -> StageRef:
    """Benchmark energy and time of a deployed network on Loihi, CPU and GPU; again, if asked."""
    return run_after("benchmark", after, again=again, benchmark=benchmark)
