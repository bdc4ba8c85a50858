"""Pictures of the convert stage."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from spikeseg_core.config import PipelineConfig
from spikeseg_core.figures.stages.shared import draw_rates, draw_section


def draw(config: PipelineConfig, inputs: Mapping[str, Path], folder: Path) -> tuple[Path, ...]:
    """Draw a test section by rates and by spikes, and the rates."""
    return (
        draw_section("snn_rate", inputs["prepare"], folder),
        draw_section("snn_spiking", inputs["prepare"], folder),
        draw_rates("snn_spiking", config.tune, folder),
    )
