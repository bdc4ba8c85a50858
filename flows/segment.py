"""`spikeseg segment`: a folder of sections through a finished network, as an ANN or on Loihi."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal

import tasks  # noqa: F401 - says where Prefect keeps its things, which it reads at its import

# isort: split
from prefect import flow
from prefect.artifacts import (
    create_image_artifact,
    create_markdown_artifact,
    create_table_artifact,
)
from prefect.runtime import flow_run
from pydantic import Field

from spikeseg_core.config.overrides import shown
from spikeseg_core.errors import ConfigError, DataError
from spikeseg_core.inference.files import MASK, PROBABILITY, plan
from spikeseg_core.inference.files import segment_files as segment_all
from spikeseg_core.inference.segmenter import Segmenter, load_segmenter
from spikeseg_core.report.embed import data_uri
from spikeseg_core.stages.table import ModelKind
from tasks.folder import read_record
from tasks.lookup import stage_and_those_before, stage_behind, stage_of_run
from tasks.mlflow import models
from tasks.mlflow.registered import run_of_model
from tasks.mlflow.store import Run, store
from tasks.prefect.artifacts import PageProgress
from tasks.references import StageRef
from tasks.terminal import TerminalReporter

Engine = Literal["ann", "loihi"]
NEWEST = "the newest"
SECONDS_BETWEEN_ARTIFACTS = 2.0
MOST_ROWS = 200
"""Files that the table on Prefect's page names."""


def _name() -> str:
    parameters = flow_run.parameters
    model = parameters.get("model") or NEWEST
    return f"segment {Path(parameters['sections']).name} with {model} as {parameters['engine']}"


@flow(name="segment", flow_run_name=_name)
def segment(
    sections: Annotated[
        str,
        shown("Sections", "folder of images (PNG, TIFF) or a TIFF stack, on the worker's machine"),
    ],
    out: Annotated[
        str,
        shown(
            "Results",
            "folder for probability/NAME and mask/NAME of every file, and preview.png",
        ),
    ],
    model: Annotated[
        str | None,
        shown(
            "Model",
            "registered model (NAME, NAME@ALIAS, NAME/VERSION) or MLflow run id of a pipeline or "
            "of a stage; none: the newest network",
        ),
    ] = None,
    engine: Annotated[
        Engine,
        shown(
            "Engine",
            "ann: the trained network (of a tuning's run the tuned one); loihi: the integer "
            "network as it runs on the chips, on the emulator",
        ),
    ] = "ann",
    *,
    threshold: Annotated[
        float,
        Field(ge=0, le=1),
        shown("Threshold of the mask", "probability from which on a pixel is membrane (0 to 1)"),
    ] = 0.5,
    overwrite: Annotated[
        bool, shown("Overwrite", "replace results that are in the folder already")
    ] = False,
) -> dict[str, Any]:
    """Segment a folder of sections: membrane probability and mask under the same names and sizes.

    ``model`` is a registered model or an MLflow run id; ``engine`` says which of its networks
    segments, the ANN or the integer network of the chips.
    """
    where = Path(sections), Path(out)
    result = segment_files(
        *where, model, engine, threshold=threshold, overwrite=overwrite, report=OnPage()
    )
    _show(result)
    return result


def segment_files(
    sections: Path,
    out: Path,
    model: str | None = None,
    engine: Engine = "ann",
    *,
    threshold: float = 0.5,
    overwrite: bool = False,
    report: TerminalReporter | None = None,
) -> dict[str, Any]:
    """Segment image files with a finished network.

    Parameters
    ----------
    sections : Path
        Folder of images, or one image or TIFF stack.
    out : Path
        Folder for the results, as :mod:`spikeseg_core.inference.files` has them.
    model : str, optional
        As :func:`tasks.mlflow.registered.run_of_model` takes it; left out, the newest network.
    engine : {"ann", "loihi"}
        Which of the model's networks segments.
    threshold : float
        Probability from which on a pixel is membrane.
    overwrite : bool
        Whether results that are there may be replaced.
    report : TerminalReporter, optional
        Told of every section.

    Returns
    -------
    dict
        What was written, and by what, as JSON has it.

    Raises
    ------
    ConfigError
        If there is no such model, it cannot serve the engine, or the results cannot be written.
    DataError
        If there is no image, or one cannot be read.
    """
    job = plan(sections, out, overwrite=overwrite)
    kind, ref = network_of(model, engine)
    started = time.monotonic()
    title = f"{sections.name}, segmented as {engine}"
    reporter = report or TerminalReporter("segment")
    done = segment_all(job, load(kind, ref), threshold, title, reporter)
    return {
        "model": model or NEWEST,
        "engine": engine,
        "network": {"kind": kind, "stage": ref.stage, "key": ref.key},
        "mlflow_run_id": ref.mlflow_run_id,
        "threshold": threshold,
        "out": str(out),
        "files": list(done.names),
        "sections": done.sections,
        "membrane": done.membrane,
        "preview": str(done.preview),
        "seconds": time.monotonic() - started,
    }


def network_of(model: str | None, engine: Engine) -> tuple[ModelKind, StageRef]:
    """Find the network of a model that an engine runs.

    Raises
    ------
    ConfigError
        If there is no such model, or it has no network for this engine.
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
            f"engine {engine!r} needs a network of stage {stage!r}, and the model {model!r} has "
            f"none: {error}; name the run of a pipeline, or of a stage from {stage!r} on"
        ) from error


def load(kind: ModelKind, ref: StageRef) -> Segmenter:
    """Load a finished network.

    Raises
    ------
    ConfigError
        If its files are damaged.
    """
    with TemporaryDirectory() as temporary:
        try:
            models.gather(kind, read_record(ref.folder), Path(temporary))
            return load_segmenter(Path(temporary))
        except (DataError, FileNotFoundError) as error:
            raise ConfigError(
                f"the model of {ref.folder}, or of a stage before it, is damaged ({error}); delete "
                f"the folder and run the pipeline again, it makes what is missing"
            ) from error


class OnPage(TerminalReporter):
    """Reports to the log and, every few seconds, to Prefect's page."""

    def __init__(self) -> None:
        super().__init__("segment")
        self._page = PageProgress("progress-segment")
        self._last = 0.0

    def progress(self, done: float, total: float, message: str) -> None:
        """``done`` of ``total`` sections."""
        super().progress(done, total, message)
        if done == total or time.monotonic() - self._last >= SECONDS_BETWEEN_ARTIFACTS:
            self._last = time.monotonic()
            self._page.show(100 * done / total, f"{done:g} of {total:g} sections: {message}")


def _show(result: dict[str, Any]) -> None:
    """Put what was written on Prefect's page."""
    run_id = result["mlflow_run_id"]
    page = store().attempt("be linked to", lambda: Run(store(), run_id).page) if run_id else None
    create_markdown_artifact(
        f"{result['sections']} sections with {result['model']} as {result['engine']}, "
        f"{result['seconds']:.0f} s; mask from {result['threshold']:g} on: "
        f"{result['membrane']:.1%} of the pixels.\n\n"
        f"Results: `{result['out']}`\n\nMLflow run of the network: {page or 'none'}\n",
        key="segmented",
    )
    rows = [
        {"file": name, "probability": f"{PROBABILITY}/{name}", "mask": f"{MASK}/{name}"}
        for name in result["files"][:MOST_ROWS]
    ]
    create_table_artifact(rows, key="segmented-files", description=f"in {result['out']}")
    create_image_artifact(
        data_uri(Path(result["preview"])), key="segmented-preview", description="first sections"
    )
