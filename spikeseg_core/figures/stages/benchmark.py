"""Pictures of the benchmark stage."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from spikeseg_core.config import PipelineConfig
from spikeseg_core.energy.figure import EnergyFigure
from spikeseg_core.energy.sensitivity import Sensitivity
from spikeseg_core.figures.energy import (
    draw_anytime,
    draw_energy,
    draw_operating_points,
    draw_tornado,
)
from spikeseg_core.figures.style import for_both_screens
from spikeseg_core.stages.artifacts import ANYTIME, ENERGY, OPERATING_POINTS


def draw_benchmark(
    config: PipelineConfig, inputs: Mapping[str, Path], folder: Path
) -> tuple[Path, ...]:
    """Draw the energies, their uncertainties, and the cost of other presentations."""
    facts = json.loads((folder / ENERGY).read_text(encoding="utf-8"))
    figures = [EnergyFigure.from_json(figure) for figure in facts["figures"]]
    unknowns = Sensitivity.from_json(facts["sensitivity"])
    pictures = [
        *for_both_screens(
            lambda path, narrow: draw_energy(figures, path, narrow=narrow), folder / "energy.png"
        ),
        *for_both_screens(
            lambda path, narrow: draw_tornado(unknowns, path, narrow=narrow), folder / "tornado.png"
        ),
    ]
    if (folder / OPERATING_POINTS).exists():
        points = pd.read_parquet(folder / OPERATING_POINTS)
        anytime = pd.read_parquet(folder / ANYTIME)
        pictures += [
            *for_both_screens(
                lambda path, narrow: draw_operating_points(points, path, narrow=narrow),
                folder / "operating_points.png",
            ),
            *for_both_screens(
                lambda path, narrow: draw_anytime(anytime, path, narrow=narrow),
                folder / "anytime.png",
            ),
        ]
    return tuple(pictures)
