"""Pictures of the tune stage."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from spikeseg_core.config import PipelineConfig
from spikeseg_core.figures.stages.shared import draw_curves, draw_rates, draw_section


def draw(config: PipelineConfig, inputs: Mapping[str, Path], folder: Path) -> tuple[Path, ...]:
    """Draw a test section and the rates, after tuning and before, and the curves."""
    before, after = "ann_loihi_curve", "rate_tuned"
    return (
        draw_section(after, inputs["prepare"], folder),
        draw_rates(after, config.tune, folder, after, before=before),
        draw_curves("Tuning", folder),
        draw_section(before, inputs["prepare"], folder),
        draw_rates(before, config.tune, folder, before),
    )
