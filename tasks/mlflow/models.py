"""Models logged to MLflow: raw sections in, membrane probability out, no pickle."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import spikeseg_core
from spikeseg_core.config import PipelineConfig
from spikeseg_core.data.dataset import load_dataset
from spikeseg_core.errors import ConfigError
from spikeseg_core.inference.payload import INPUT
from spikeseg_core.inference.segmenter import FILES, SCORED_BY, save_segmenter
from spikeseg_core.network import catalogue
from spikeseg_core.stages.table import ModelKind
from tasks.folder import StageRecord, find

NAME = "model"
LOADER = Path(__file__).with_name("served_model.py")

SCORED_AS: dict[ModelKind, str] = {"ann": "ann", "rate_tuned": "rate_tuned", "integer": "loihi"}
"""By kind of model: the segmentation whose scores are the model's."""

REQUIRED = (
    *("matplotlib", "mlflow", "nengo", "nengo-dl", "nengo-extras", "nengo-loihi"),
    *("numba", "numpy", "pandas", "pillow", "pyarrow", "pydantic", "pymetis", "requests"),
    *("scikit-image", "scipy", "tensorflow", "tf-keras", "tifffile"),
)
"""Packages that a loaded model may import."""


def gather(kind: ModelKind, record: StageRecord, folder: Path) -> None:
    """Copy the files of a stage's model to ``folder``; a ConfigError if a stage is missing."""
    stages = {name: folder_of(name, record) for name in FILES[kind]}
    for name in ("prepare", SCORED_BY[kind][0]):
        key = {**record.inputs, record.stage: record.key}.get(name)
        if key and (there := find(name, key)):
            stages.setdefault(name, there)
    save_segmenter(folder, kind, stages, PipelineConfig.model_validate(record.settings))


def folder_of(stage: str, record: StageRecord) -> Path:
    """Return the folder of a stage that a stage was made from; a ConfigError if it is gone."""
    folder = find(stage, {**record.inputs, record.stage: record.key}[stage])
    if folder is None:
        raise ConfigError(
            f"the model of stage {record.stage!r} needs the folder of stage {stage!r}, which is "
            f"gone; run the pipeline again, which makes what is missing"
        )
    return folder


def log(kind: ModelKind, record: StageRecord, run_id: str, tracking_uri: str) -> str:
    """Log the model of a finished stage to its run, and return the model's id."""
    import mlflow
    from mlflow.models import Model

    example = _example(record)
    with TemporaryDirectory() as temporary, _tracking(tracking_uri):
        gather(kind, record, Path(temporary))
        with mlflow.start_run(run_id=run_id, log_system_metrics=False):
            logged = Model.log(
                artifact_path=None,
                name=NAME,
                flavor=_Unchecked,
                flavor_name="pyfunc",
                validate_serving_input=False,
                loader_module=LOADER.stem,
                data_path=temporary,
                code_paths=[str(LOADER), str(Path(spikeseg_core.__file__).parent)],
                signature=_signature(),
                input_example=example,
                pip_requirements=[f"{name}=={metadata.version(name)}" for name in REQUIRED],
                metadata={
                    "kind": kind,
                    "stage": record.stage,
                    "key": record.key,
                    "input": f"whole numbers, {example.dtype} (sections, rows, columns)",
                },
            )
    return str(logged.model_id)


def _signature() -> Any:
    """Return the signature: objects in, so that MLflow casts nothing before the model checks it.

    With the type of the sections MLflow would make 44 of 300, and 0 of 0.9.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    return ModelSignature(
        inputs=Schema([TensorSpec(np.dtype(object), (-1,), INPUT)]),
        outputs=Schema([TensorSpec(np.dtype(np.float32), (-1, -1, -1))]),
    )


class _Unchecked:
    """MLflow's Python model, logged without running the example.

    Running it would load the whole network again, and ``mlflow.pyfunc.log_model`` has no option
    to skip that.
    """

    @staticmethod
    def save_model(*, validate_serving_input: bool, **options: Any) -> None:
        """Save the model as MLflow does."""
        import mlflow

        assert not validate_serving_input
        mlflow.pyfunc.save_model(**options)


def _example(record: StageRecord) -> np.ndarray:
    """Corner of the first training section, as large as a tile: (1, height, width)."""
    dataset = load_dataset(folder_of("prepare", record))
    tile = catalogue.network(PipelineConfig.model_validate(record.settings).train.network).tile
    return dataset.images[dataset.splits["train"][:1], :tile, :tile]


@contextmanager
def _tracking(uri: str) -> Iterator[None]:
    """Set the store for MLflow's global functions, which also change the environment."""
    import mlflow

    before = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(None)
        if before is not None:
            os.environ["MLFLOW_TRACKING_URI"] = before
        else:
            os.environ.pop("MLFLOW_TRACKING_URI", None)
