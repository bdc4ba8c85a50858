"""The eight stages: what each runs, reads and follows. The only table of stages there is."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, cast

from spikeseg_core.config import PipelineConfig
from spikeseg_core.errors import ConfigError
from spikeseg_core.inference import Kind
from spikeseg_core.network import catalogue
from spikeseg_core.stages.base import StageFunction


@dataclass(frozen=True)
class Stage:
    """One stage of the pipeline.

    Attributes
    ----------
    name : str
        Its name, as in folders, keys and tags.
    title : str
        What it does, for people.
    module : str
        Module with the core function ``run``; imported only when the stage really runs, so that
        a run that finds everything finished never loads TensorFlow.
    sections : tuple of str
        Sections of :class:`PipelineConfig` that it reads, besides those of the stages before it.
    upstream : tuple of str
        Stages whose folders it reads.
    model : str or None
        Kind of model that it logs (see :mod:`spikeseg_core.inference.segmenter`).
    retries : int
        How often it is tried again when the network or a disk failed it.
    """

    name: str
    title: str
    module: str
    sections: tuple[str, ...]
    upstream: tuple[str, ...] = ()
    model: Kind | None = None
    retries: int = 0


STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage(
            "prepare",
            "Prepare the dataset",
            "spikeseg_core.stages.prepare",
            sections=("dataset", "train"),
            retries=2,
        ),
        Stage(
            "train",
            "Train the ANN",
            "spikeseg_core.stages.train",
            sections=("train",),
            upstream=("prepare",),
            model="ann",
        ),
        Stage(
            "tune",
            "Tune firing rates",
            "spikeseg_core.stages.tune",
            sections=("tune",),
            upstream=("prepare", "train"),
            model="rate_tuned",
        ),
        Stage(
            "convert",
            "Convert to spikes",
            "spikeseg_core.stages.convert",
            sections=("convert", "presentation"),
            upstream=("prepare", "tune"),
        ),
        Stage(
            "quantize",
            "Quantize and map",
            "spikeseg_core.stages.quantize",
            sections=("quantize",),
            upstream=("tune", "convert"),
        ),
        Stage(
            "partition",
            "Partition over chips",
            "spikeseg_core.stages.partition",
            sections=("partition",),
            upstream=("tune", "quantize", "convert"),
        ),
        Stage(
            "deploy",
            "Deploy on Loihi",
            "spikeseg_core.stages.deploy",
            sections=("deploy",),
            upstream=("prepare", "tune", "quantize", "partition"),
            model="integer",
        ),
        Stage(
            "benchmark",
            "Benchmark energy",
            "spikeseg_core.stages.benchmark",
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
    """Name of the stage that comes right before, in the order of the pipeline."""
    names = list(STAGES)
    position = names.index(stage(name).name)
    return names[position - 1] if position else None


def until(last: str) -> list[Stage]:
    """Stages from the first to that of the name, without those that it does not need."""
    needed = {stage(last).name}
    for one in reversed(STAGES.values()):
        if one.name in needed:
            needed |= set(one.upstream)
    return [one for one in STAGES.values() if one.name in needed]


def sections(name: str) -> tuple[str, ...]:
    """Sections of the configuration that the stage may read: its own and those before it."""
    one = stage(name)
    earlier = (found for upstream in one.upstream for found in sections(upstream))
    return tuple(dict.fromkeys([*earlier, *one.sections]))


def settings(name: str, config: PipelineConfig) -> dict[str, Any]:
    """Values of :func:`sections`, as JSON."""
    return {part: getattr(config, part).model_dump(mode="json") for part in sections(name)}


def determining_settings(name: str, config: PipelineConfig) -> dict[str, Any]:
    """Those of the settings that determine what the stage makes, given its input files.

    An architecture counts by its layers, for the dataset only by its tile. Where the sections
    came from counts for their preparation alone: to the later stages the same pixels are the same.
    """
    values = settings(name, config)
    network = catalogue.network(config.train.network)
    if name == "prepare":
        return {"dataset": values["dataset"], "tile": network.tile}
    for field in ("source", "path", "polarity", "synthetic_size", "synthetic_seed"):
        del values["dataset"][field]
    return values | {"network": network.to_json()}
