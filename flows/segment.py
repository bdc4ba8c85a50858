"""`spikeseg segment`: segment a folder of sections, with the ANN or on Loihi's emulator."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import tasks  # noqa: F401 - sets where Prefect keeps its data, before Prefect is imported

# isort: split
from prefect import flow
from prefect.runtime import flow_run
from pydantic import Field

from spikeseg_core.config.overrides import shown
from spikeseg_core.inference.files import segment_files as segment_all
from spikeseg_core.inference.job import plan
from tasks.dask_cluster import OnWorkers, cluster
from tasks.finished import Engine, load, network_of
from tasks.prefect.names import named
from tasks.prefect.segmented import OnPage, show_segmented
from tasks.terminal import TerminalReporter

NEWEST = "the newest"


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
        float | None,
        Field(ge=0, le=1),
        shown("Threshold", "least probability of membrane (0 to 1); empty: chosen by validation"),
    ] = None,
    agglomerate: Annotated[
        bool, shown("Agglomerate", "close gaps in membranes: cells by watershed and agglomeration")
    ] = False,
    overwrite: Annotated[bool, shown("Overwrite", "replace existing results")] = False,
) -> dict[str, Any]:
    """Segment sections: a membrane probability map and a mask of the same name and size each."""
    result = segment_files(
        Path(sections),
        Path(out),
        model,
        engine,
        threshold=threshold,
        agglomerate=agglomerate,
        overwrite=overwrite,
        report=OnPage(),
    )
    show_segmented(result)
    return result


def segment_files(
    sections: Path,
    out: Path,
    model: str | None = None,
    engine: Engine = "ann",
    *,
    threshold: float | None = None,
    agglomerate: bool = False,
    workers: int = 1,
    overwrite: bool = False,
    report: TerminalReporter | None = None,
    start_s: float = 0.0,
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
    threshold : float, optional
        Pixels with at least this probability count as membrane; default: the threshold with the
        best V_Rand on validation, which is stored with the model.
    agglomerate, workers : bool, int
        As for :func:`spikeseg_core.inference.files.segment_files`.
    overwrite : bool
        Whether to replace existing results.
    report : TerminalReporter, optional
        Receives the progress.
    start_s : float
        Seconds that the program has taken until here.

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
    started = time.monotonic() - start_s
    job = plan(sections, out, overwrite=overwrite)
    kind, ref = network_of(model, engine)
    title = f"{sections.name}, segmented as {engine}"
    reporter = report or TerminalReporter("segment")
    network = load(kind, ref)
    cut = network.threshold if threshold is None else threshold
    with cluster() as found:
        done = segment_all(
            job,
            network if found is None else OnWorkers(kind, ref),
            cut,
            title,
            reporter,
            name=f"{kind} {ref.key}",
            workers=workers if found is None else found.threads,
            pool=None if found is None else found.pool,
            known=network.known,
            agglomerate=agglomerate,
            start_s=time.monotonic() - started,
        )
    return {
        "model": model or NEWEST,
        "engine": engine,
        "network": {"kind": kind, "stage": ref.stage, "key": ref.key},
        "mlflow_run_id": ref.mlflow_run_id,
        "threshold": cut,
        "out": str(out),
        "files": list(done.names),
        "sections": done.sections,
        "membrane": done.membrane,
        "cells": done.cells,
        "resumed": done.resumed,
        "warnings": list(done.warnings),
        "preview": str(done.preview),
        "seconds": time.monotonic() - started,
        "timing": done.timing.to_json(),
        "time": str(done.timing),
    }
