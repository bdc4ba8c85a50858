"""Options and arguments that several commands of `spikeseg` share."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from tasks.terminal import open_page as open_page  # noqa: PLC0414 - the commands take it from here


def examples(*commands: str) -> str:
    """List commands below a command's options, one per line."""
    return "\n\n".join(["Examples:", *(f"[bold]{escape(command)}[/]" for command in commands)])


def write_result(path: Path | None, result: Any) -> None:
    """Write what ``--json`` asks for."""
    if path is not None:
        from spikeseg_core.storage import write_json

        write_json(path, result)


def _presets() -> list[str]:
    from spikeseg_core.config.presets import PRESETS

    return list(PRESETS)


def _follow(word: str, levels: Mapping[str, str]) -> Callable[[bool], bool]:
    """Make an option's callback that sets how much is said, before any library is imported."""

    def choose(chosen: bool) -> bool:
        if chosen:
            os.environ.update({"SPIKESEG_VERBOSITY": word, **levels})
        return chosen

    return choose


def _stages() -> list[str]:
    from spikeseg_core.stages.table import STAGES

    return list(STAGES)


def _settings(incomplete: str) -> list[str]:
    from spikeseg_core.config.listing import settings

    return [f"{each.name}=" for each in settings() if each.name.startswith(incomplete)]


def _with_folder(path: Path | None) -> Path | None:
    """Create the file's folder now, so that a bad path fails before half an hour of work."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    return path


Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        autocompletion=_settings,
        help="Change a setting; can be repeated. `spikeseg settings` lists them.",
    ),
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
Preset = Annotated[
    str,
    typer.Option(
        metavar="quick|paper|lean",
        autocompletion=_presets,
        help="quick: a small network, done in minutes; paper: 235,008 neurons; lean: the same on "
        "the chips, with less for their host to do.",
    ),
]
Dataset = Annotated[
    str,
    typer.Option(
        metavar="auto|isbi2012|synthetic|PATH",
        help="auto: ISBI 2012 if it is available, otherwise synthetic sections; "
        "PATH: a folder of images, a TIFF stack, an HDF5 file or a ZIP file.",
    ),
]
StageName = Annotated[
    str,
    typer.Argument(
        autocompletion=_stages,
        help="prepare, train, tune, convert, quantize, partition, deploy or benchmark",
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


DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Only say what would run, what is cached, the time, and what it needs."
    ),
]
OpenPage = Annotated[bool, typer.Option("--open", help="Open the result in the browser.")]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        callback=_follow("quiet", {"PREFECT_LOGGING_LEVEL": "WARNING"}),
        help="Only warnings, errors, and where the result is.",
    ),
]
Verify = Annotated[
    bool,
    typer.Option(
        "--verify",
        callback=lambda chosen: bool(chosen and os.environ.setdefault("SPIKESEG_VERIFY", "1")),
        help="Read all files of finished stages, not only those whose size or times differ.",
    ),
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        callback=_follow(
            "verbose", {"PREFECT_LOGGING_LEVEL": "DEBUG", "MLFLOW_LOGGING_LEVEL": "INFO"}
        ),
        help="Every log line, those of the libraries too.",
    ),
]


class Benchmark(StrEnum):
    """What `spikeseg bench` can measure."""

    emulator = "emulator"
    mapping = "mapping"
    energy = "energy"
    pipeline = "pipeline"
    tuning = "tuning"
    networks = "networks"


class SegmentEngine(StrEnum):
    """What `spikeseg segment` runs a model on."""

    ann = "ann"
    loihi = "loihi"
