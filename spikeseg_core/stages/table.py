"""The eight stages: what each runs, reads, writes and depends on.

Tasks, flows, tags and forms are generated from this table. To add a stage, add a row here, its
files in :mod:`spikeseg_core.stages.artifacts`, a module of its name in this package, and a test.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, Literal, cast

from spikeseg_core.config import PipelineConfig
from spikeseg_core.config.presets import flat
from spikeseg_core.errors import ConfigError
from spikeseg_core.network import catalogue
from spikeseg_core.stages.artifacts import Artifact, written_by
from spikeseg_core.stages.base import StageFunction

ModelKind = Literal["ann", "rate_tuned", "integer"]
"""How a logged network runs: as an ANN, with Loihi's rate curve, or as integers on chips."""


@dataclass(frozen=True)
class Stage:
    """One stage of the pipeline.

    Attributes
    ----------
    run_name : str
        Name of a run of this stage alone, from its settings.
    sections : tuple of str
        Sections of :class:`PipelineConfig` that it reads, in addition to those of earlier stages.
    single_settings : tuple of str
        Dotted names of what it reads of other sections.
    model : {"ann", "rate_tuned", "integer"} or None
        Kind of model it logs (see :mod:`spikeseg_core.inference.segmenter`).
    retries : int
        How often to retry after a network or disk failure.
    """

    name: str
    title: str
    description: str
    run_name: str
    sections: tuple[str, ...]
    upstream: tuple[str, ...] = ()
    single_settings: tuple[str, ...] = ()
    model: ModelKind | None = None
    retries: int = 0

    @property
    def module(self) -> str:
        """Module with the core function ``run``.

        It is imported only when the stage runs, so that a run in which everything is cached never
        loads TensorFlow.
        """
        return f"spikeseg_core.stages.{self.name}"

    @property
    def outputs(self) -> tuple[Artifact, ...]:
        """Files that it writes."""
        return written_by(self.name)


STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage(
            "prepare",
            "Prepare the dataset",
            "Prepare a dataset: read, check and split sections. The network sets the tile size.",
            "prepare {dataset.source} for {network}",
            sections=("dataset", "train"),
            retries=2,
        ),
        Stage(
            "train",
            "Train the ANN",
            "Train the ANN on a prepared dataset.",
            "train {train.network} for {train.epochs} epochs",
            sections=("train",),
            upstream=("prepare",),
            model="ann",
        ),
        Stage(
            "tune",
            "Tune firing rates",
            "Fine-tune a trained ANN for spike rates.",
            "tune to {tune.rate_min_hz:g}-{tune.rate_max_hz:g} Hz",
            sections=("tune",),
            upstream=("prepare", "train"),
            single_settings=("quantize.chips", "quantize.population_type"),
            model="rate_tuned",
        ),
        Stage(
            "convert",
            "Convert to spikes",
            "Convert a tuned network to spikes and evaluate it, rate-based and spike-based.",
            "convert to spikes, {presentation.steps} steps",
            sections=("convert", "presentation"),
            upstream=("prepare", "tune"),
        ),
        Stage(
            "quantize",
            "Quantize and map",
            "Quantize a spiking network and cut it into core blocks.",
            "quantize to {quantize.weight_bits} bits for {quantize.chips} chips",
            sections=("quantize",),
            upstream=("tune", "convert"),
        ),
        Stage(
            "partition",
            "Partition over chips",
            "Assign core blocks to chips.",
            "partition by {partition.strategy}",
            sections=("partition",),
            upstream=("tune", "quantize", "convert"),
        ),
        Stage(
            "deploy",
            "Deploy on Loihi",
            "Run a mapped network on Loihi or its emulator.",
            "deploy on {deploy.target}",
            sections=("deploy",),
            upstream=("prepare", "tune", "quantize", "partition"),
            model="integer",
        ),
        Stage(
            "benchmark",
            "Benchmark energy",
            "Benchmark energy and time of a deployed network on Loihi, CPU and GPU.",
            "benchmark at batches of 1 and {benchmark.batch_size}",
            sections=("benchmark",),
            upstream=("prepare", "train", "tune", "convert", "quantize", "partition", "deploy"),
        ),
    )
}


def stage(name: str) -> Stage:
    """Return the stage of that name.

    Raises
    ------
    ConfigError
        If there is none.
    """
    if name not in STAGES:
        raise ConfigError(f"unknown stage {name!r}; the stages are {', '.join(STAGES)}")
    return STAGES[name]


def function(one: Stage) -> StageFunction:
    """Import the stage's core function."""
    return cast(StageFunction, importlib.import_module(one.module).run)


def before(name: str) -> str | None:
    """Return the name of the previous stage in the pipeline."""
    names = list(STAGES)
    position = names.index(stage(name).name)
    return names[position - 1] if position else None


def until(last: str) -> list[Stage]:
    """Return the stages that the named one needs, and itself, in order."""
    needed = {stage(last).name}
    for one in reversed(STAGES.values()):
        if one.name in needed:
            needed |= set(one.upstream)
    return [one for one in STAGES.values() if one.name in needed]


def sections(name: str) -> tuple[str, ...]:
    """Return the sections of the configuration that the stage and those before it may read."""
    one = stage(name)
    earlier = (found for upstream in one.upstream for found in sections(upstream))
    return tuple(dict.fromkeys([*earlier, *one.sections]))


def settings(name: str, config: PipelineConfig) -> dict[str, Any]:
    """Return the values of :func:`sections`, as JSON."""
    return {part: getattr(config, part).model_dump(mode="json") for part in sections(name)}


def determining_settings(name: str, config: PipelineConfig) -> dict[str, Any]:
    """Return the settings that determine the output of the stage, given its input files.

    The architecture counts by its layers, and for the dataset only by its tile. Source and splits
    of the sections count only for their preparation: later stages depend only on what it wrote, and
    on how sections are cut into tiles.
    """
    values = settings(name, config)
    network = catalogue.network(config.train.network)
    if name == "prepare":
        return {"dataset": values["dataset"], "tile": network.tile}
    cut = {"tiles_per_axis": config.dataset.tiles_per_axis}
    every = flat(config.model_dump(mode="json"))
    single = {setting: every[setting] for setting in stage(name).single_settings}
    return values | single | {"dataset": cut, "network": network.to_json()}
