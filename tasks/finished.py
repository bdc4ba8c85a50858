"""The finished network of a model, found and loaded: to segment, to score, to start from."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from spikeseg_core.errors import ConfigError, DataError
from spikeseg_core.inference.segmenter import Segmenter, load_segmenter
from spikeseg_core.stages.table import ModelKind
from tasks.folder import read_record
from tasks.lookup import stage_and_those_before, stage_behind, stage_of_run
from tasks.mlflow import models
from tasks.mlflow.registered import run_of_model
from tasks.references import StageRef

Engine = Literal["ann", "loihi"]
"""The trained network, or the integer network on the emulated chips."""


def network_of(model: str | None, engine: Engine) -> tuple[ModelKind, StageRef]:
    """Find the model's network for an engine; the newest network if it is None.

    Raises
    ------
    ConfigError
        If there is no such model, or it has no network for the engine.
    """
    kind: ModelKind = "ann" if engine == "ann" else "integer"
    stage = "train" if engine == "ann" else "deploy"
    if model is None:
        return kind, stage_and_those_before(stage)[stage]
    run_id = run_of_model(model)
    of = stage_of_run(run_id)
    if engine == "ann" and of == "tune":
        kind, stage = "rate_tuned", "tune"
    try:
        return kind, stage_behind(run_id, stage)
    except ConfigError as error:
        raise ConfigError(
            f"engine {engine!r} needs a network of stage {stage!r}, which the model {model!r} does "
            f"not have: {error}; name the run of a pipeline, or of stage {stage!r} or a later one"
        ) from error


def load(kind: ModelKind, ref: StageRef) -> Segmenter:
    """Load a finished network; damaged files are a :class:`ConfigError`."""
    with TemporaryDirectory() as temporary:
        try:
            models.gather(kind, read_record(ref.folder), Path(temporary))
            return load_segmenter(Path(temporary))
        except (DataError, FileNotFoundError) as error:
            raise ConfigError(
                f"the model of {ref.folder}, or of a stage before it, is damaged ({error}); delete "
                f"the folder and run the pipeline again, which makes what is missing"
            ) from error
