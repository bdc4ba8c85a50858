"""Pictures of the train stage."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from spikeseg_core.config import PipelineConfig
from spikeseg_core.figures.stages.shared import draw_curves, draw_section


def draw(config: PipelineConfig, inputs: Mapping[str, Path], folder: Path) -> tuple[Path, ...]:
    """Draw the first test section and the training curves."""
    return draw_section("ann", inputs["prepare"], folder), draw_curves("Training", folder)
