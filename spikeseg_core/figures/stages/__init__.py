"""Pictures of finished stages, drawn from their folders.

No stage's key depends on this package, so a changed colour redraws pictures and reruns nothing.
Stages whose pictures show different things are drawn by different modules, so that a change redraws
only what shows it.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path

from spikeseg_core.config import PipelineConfig

_DRAWN_BY = {
    **dict.fromkeys(("train", "tune", "convert", "deploy"), "segmentation"),
    "prepare": "prepare",
    "partition": "partition",
    "benchmark": "benchmark",
}


def module_of(stage: str) -> str | None:
    """Name of the module that draws the stage's pictures; None if it has none."""
    return f"{__name__}.{_DRAWN_BY[stage]}" if stage in _DRAWN_BY else None


def draw(
    stage: str, config: PipelineConfig, inputs: Mapping[str, Path], folder: Path
) -> tuple[Path, ...]:
    """Draw the pictures of a stage that has run.

    Parameters
    ----------
    stage : str
        Name of the stage.
    config : PipelineConfig
        The settings it ran with.
    inputs : mapping of str to Path
        Folders of the stages it read.
    folder : Path
        The stage's own folder; the pictures go there.

    Returns
    -------
    tuple of Path
        PNG files in the folder, the most important first.
    """
    module = module_of(stage)
    if module is None:
        return ()
    drawn: tuple[Path, ...] = getattr(importlib.import_module(module), f"draw_{stage}")(
        config, inputs, folder
    )
    return drawn
