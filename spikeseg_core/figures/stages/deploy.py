"""Pictures of the deploy stage."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from spikeseg_core.config import PipelineConfig
from spikeseg_core.figures.stages.shared import draw_rates, draw_section
from spikeseg_core.stages.artifacts import rates_by_neuron


def draw(config: PipelineConfig, inputs: Mapping[str, Path], folder: Path) -> tuple[Path, ...]:
    """Draw a test section, and the rates where the target tells them."""
    section = draw_section("loihi", inputs["prepare"], folder)
    if not (folder / rates_by_neuron()).exists():
        return (section,)
    return section, draw_rates("loihi", config.tune, folder)
