"""Presets: whole configurations, as data."""

from __future__ import annotations

from spikeseg_core.config import (
    PipelineConfig,
    PresentationConfig,
    QuantizeConfig,
    TrainConfig,
    TuneConfig,
)
from spikeseg_core.errors import ConfigError

PRESETS: dict[str, PipelineConfig] = {
    "quick": PipelineConfig(
        preset="quick",
        train=TrainConfig(network="quick", epochs=45),
        tune=TuneConfig(epochs=6, spiking_epochs=2),
    ),
    "paper": PipelineConfig(
        preset="paper",
        train=TrainConfig(network="paper", epochs=75),
        tune=TuneConfig(
            epochs=4,
            spiking_epochs=9,
            spiking_steps=(50, 100),
            spiking_learning_rate=2e-4,
            mixup=1,
            synop_weight=0.003,
            initial_rate_hz=150,
        ),
        presentation=PresentationConfig(readout_window=0.7),
        quantize=QuantizeConfig(population_type=32),
    ),
}


def preset(name: str) -> PipelineConfig:
    """Return the configuration of that name.

    Raises
    ------
    ConfigError
        If there is none.
    """
    if name not in PRESETS:
        raise ConfigError(f"unknown preset {name!r}; there are {', '.join(PRESETS)}")
    return PRESETS[name]
