"""Options and arguments that several commands of `spikeseg` share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


def examples(*commands: str) -> str:
    """List commands below a command's options, one per line."""
    return "\n\n".join(["Examples:", *(f"[bold]{command}[/]" for command in commands)])


def _with_folder(path: Path | None) -> Path | None:
    """Create the file's folder now, so that a bad path fails before half an hour of work."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    return path


Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Change a setting; can be repeated."),
]
JsonFile = Annotated[
    Path | None,
    typer.Option(
        "--json",
        metavar="FILE",
        dir_okay=False,
        writable=True,
        callback=_with_folder,
        help="Also write the result to this file as JSON.",
    ),
]
Preset = Annotated[str, typer.Option(help="quick: done in minutes; paper: 235,008 neurons.")]
Dataset = Annotated[
    str,
    typer.Option(
        metavar="auto|isbi2012|synthetic|PATH",
        help="auto: ISBI 2012 if it is available, otherwise synthetic sections; "
        "PATH: a folder of images, a TIFF stack or a ZIP file.",
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        metavar="NAME[@ALIAS]|RUN_ID",
        help="Registered model, or MLflow run of a pipeline or stage; default: the newest.",
    ),
]
Workers = Annotated[
    int,
    typer.Option(
        min=1,
        max=64,
        help="Worker processes; 1 uses this process. DASK_SCHEDULER_ADDRESS overrides it.",
    ),
]


class Benchmark(StrEnum):
    """What `spikeseg bench` can measure."""

    emulator = "emulator"
    mapping = "mapping"
    energy = "energy"
    pipeline = "pipeline"
    tuning = "tuning"


class SegmentEngine(StrEnum):
    """What `spikeseg segment` runs a model on."""

    ann = "ann"
    loihi = "loihi"
