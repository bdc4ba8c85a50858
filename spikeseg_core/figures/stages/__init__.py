"""Pictures of finished stages, drawn from their folders: a module per stage that has any.

A stage's key does not depend on what is in here, so a changed colour reruns nothing: the pictures
of a finished stage are drawn again, the stage is not.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from spikeseg_core.config import PipelineConfig


def module_of(stage: str) -> str | None:
    """Name of the module that draws the stage's pictures; None if it has none."""
    name = f"{__name__}.{stage}"
    return name if find_spec(name) else None


def draw(
    stage: str, config: PipelineConfig, inputs: Mapping[str, Path], folder: Path
) -> tuple[Path, ...]:
    """Draw the pictures of a stage that has run.

    Parameters
    ----------
    stage : str
        Its name.
    config : PipelineConfig
        Settings that it ran with.
    inputs : mapping of str to Path
        Folders of the stages that it read.
    folder : Path
        Its own folder; gets the pictures.

    Returns
    -------
    tuple of Path
        PNG files in the folder, the most telling first.
    """
    module = module_of(stage)
    if module is None:
        return ()
    pictures: tuple[Path, ...] = importlib.import_module(module).draw(config, inputs, folder)
    return pictures
