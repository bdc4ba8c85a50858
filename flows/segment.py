"""`spikeseg segment`: segment a folder of sections, with the ANN or on Loihi's emulator."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal

import tasks  # noqa: F401 - sets where Prefect keeps its data, before Prefect is imported

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
from tasks.prefect.names import named
from tasks.references import StageRef
from tasks.terminal import TerminalReporter

Engine = Literal["ann", "loihi"]
NEWEST = "the newest"
SECONDS_BETWEEN_ARTIFACTS = 2.0
MOST_ROWS = 200
"""Most files listed in the table on Prefect's page."""


def _name() -> str:
    parameters = flow_run.parameters
    model = parameters.get("model") or NEWEST
    return f"segment {Path(parameters['sections']).name} with {model} as {parameters['engine']}"


@flow(name="segment", flow_run_name=named(_name))
def segment(
    sections: Annotated[
        str,
        shown("Sections", "folder of PNG or TIFF images, or a TIFF stack, on the worker's machine"),
    ],
    out: Annotated[
        str,
        shown("Results", "folder for probability/NAME and mask/NAME per file, and preview.png"),
    ],
    model: Annotated[
        str | None,
        shown(
            "Model",
            "registered model (NAME, NAME@ALIAS, NAME/VERSION) or MLflow run id of a pipeline or "
            "of a stage; if empty, the newest network",
        ),
    ] = None,
    engine: Annotated[
        Engine,
        shown(
            "Engine",
            "ann: the trained network (the tuned one for a run of the tuning stage); loihi: the "
            "network on the chips, emulated",
        ),
    ] = "ann",
    *,
    threshold: Annotated[
        float,
        Field(ge=0, le=1),
        shown("Threshold", "pixels with at least this probability count as membrane (0 to 1)"),
    ] = 0.5,
    overwrite: Annotated[bool, shown("Overwrite", "replace existing results")] = False,
) -> dict[str, Any]:
    """Segment sections: a membrane probability map and a mask of the same name and size each."""
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
        As for :func:`tasks.mlflow.registered.run_of_model`; default: the newest network.
    engine : {"ann", "loihi"}
        The trained network, or the integer network on the emulated chips.
    threshold : float
        Pixels with at least this probability count as membrane.
    overwrite : bool
        Whether to replace existing results.
    report : TerminalReporter, optional
        Receives the progress.

    Returns
    -------
    dict
        What was written, and by which network; can be written as JSON.

    Raises
    ------
    ConfigError
        If there is no such model, it has no network for the engine, or the results cannot be
        written.
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
    """Find the model's network for an engine; raises as :func:`segment_files`."""
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


class OnPage(TerminalReporter):
    """Report to the log and, every few seconds, to Prefect's page."""

    def __init__(self) -> None:
        super().__init__("segment")
        self._page = PageProgress("progress-segment", SECONDS_BETWEEN_ARTIFACTS)

    def progress(self, done: float, total: float, message: str) -> None:
        """Show that ``done`` of ``total`` sections are finished."""
        super().progress(done, total, message)
        text = f"{done:g} of {total:g} sections: {message}"
        self._page.show(100 * done / total, text, now=done == total)


def _show(result: dict[str, Any]) -> None:
    """Show the results on Prefect's page."""
    run_id = result["mlflow_run_id"]
    page = store().attempt("give a link", lambda: Run(store(), run_id).page) if run_id else None
    create_markdown_artifact(
        f"{result['sections']} sections with {result['model']} as {result['engine']}, "
        f"{result['seconds']:.0f} s; {result['membrane']:.1%} of the pixels are membrane "
        f"(threshold {result['threshold']:g}).\n\n"
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
