"""`spikeseg segment`: a user's sections through a finished run's model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import tasks  # noqa: F401 - says where Prefect keeps its things, which it reads at its import

# isort: split
import numpy as np
import tifffile
from PIL import Image
from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.runtime import flow_run

from flows.settings import shown
from spikeseg_core.data.readers import read_stack
from spikeseg_core.errors import ConfigError, DataError
from spikeseg_core.segmenter import Kind, Segmenter, load_segmenter
from spikeseg_core.storage import atomic_path
from tasks import models
from tasks.lookup import stage_and_those_before
from tasks.stage_folder import read_record

STAGE_OF: dict[Kind, str] = {"ann": "train", "rate_tuned": "tune", "integer": "deploy"}


def _name() -> str:
    parameters = flow_run.parameters
    return f"segment {Path(parameters['sections']).name} with {parameters['model']}"


@flow(name="segment", flow_run_name=_name)
def segment(
    sections: Annotated[
        str, shown("Sections", "folder of images, image or TIFF stack, on the worker's machine")
    ],
    out: Annotated[str, shown("Results", "folder for the membrane probabilities")],
    model: Annotated[
        Kind, shown("Model", "ann: as trained; rate_tuned: as tuned; integer: as on the chip")
    ] = "rate_tuned",
    run: Annotated[
        str | None, shown("Run", "MLflow run id of the model or of a pipeline; none: the newest")
    ] = None,
) -> list[str]:
    """Segment a folder of sections with a finished run's model; returns the files written."""
    written = [str(path) for path in segment_files([Path(sections)], Path(out), model, run)]
    create_table_artifact(
        [{"file": path} for path in written], key="segmented", description=f"sections of {sections}"
    )
    return written


def segment_files(
    images: Sequence[Path], out: Path, model: Kind, of_run: str | None = None
) -> list[Path]:
    """Segment image files, and write membrane probabilities.

    Parameters
    ----------
    images : sequence of Path
        Images, multi-page TIFF stacks, or folders of images.
    out : Path
        Folder for ``NAME_membrane.png`` (8 bit: 255 is certain membrane) and
        ``NAME_membrane.tif`` (32-bit float), one pair a section.
    model : {"ann", "rate_tuned", "integer"}
        What segments.
    of_run : str, optional
        MLflow run id of the model's stage or of a pipeline; left out, the newest finished one.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    ConfigError
        If there is no finished run with that model.
    DataError
        If an image cannot be read.
    """
    stacks = [read_stack(path) for path in images]
    stems = [stem_of(name) for stack in stacks for name in stack.names]
    if twice := {stem for stem in stems if stems.count(stem) > 1}:
        raise ConfigError(
            f"several sections are called {', '.join(sorted(twice))}, and would overwrite each "
            f"other in {out}; segment them into different folders"
        )
    segment = load(model, of_run)
    written: list[Path] = []
    for stack in stacks:
        for name, section in zip(stack.names, segment(stack.pixels), strict=True):
            written += _write(section, out / f"{stem_of(name)}_membrane")
    return written


def stem_of(name: str) -> str:
    """Name of a section without its suffix; a page of a stack keeps its number."""
    file, _, page = name.partition("#")
    return Path(file).stem + (f"-{page}" if page else "")


def load(model: Kind, of_run: str | None) -> Segmenter:
    """Load a finished run's model.

    Raises
    ------
    ConfigError
        If there is none, or its files are damaged.
    """
    ref = stage_and_those_before(STAGE_OF[model], of_run)[STAGE_OF[model]]
    with TemporaryDirectory() as temporary:
        try:
            models.gather(model, read_record(ref.folder), Path(temporary))
            return load_segmenter(Path(temporary))
        except (DataError, FileNotFoundError) as error:
            raise ConfigError(
                f"the model of {ref.folder}, or of a stage before it, is damaged ({error}); delete "
                f"the folder and run the pipeline again, it makes what is missing"
            ) from error


def _write(section: np.ndarray, path: Path) -> tuple[Path, Path]:
    png, tif = path.with_name(f"{path.name}.png"), path.with_name(f"{path.name}.tif")
    with atomic_path(png) as temporary:
        Image.fromarray(np.round(section * 255).astype(np.uint8)).save(temporary)
    with atomic_path(tif) as temporary:
        tifffile.imwrite(temporary, section.astype(np.float32))
    return png, tif
