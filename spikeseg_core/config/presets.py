"""Presets: whole configurations, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spikeseg_core.config import (
    PipelineConfig,
    PresentationConfig,
    QuantizeConfig,
    TrainConfig,
    TuneConfig,
)
from spikeseg_core.errors import ConfigError

_QUICK = PipelineConfig(
    preset="quick",
    train=TrainConfig(network="quick", epochs=45),
    tune=TuneConfig(epochs=6, spiking_epochs=2),
)

_PAPER = PipelineConfig(
    preset="paper",
    train=TrainConfig(network="paper", epochs=75, distillation_epochs=45),
    tune=TuneConfig(
        epochs=4,
        spiking_epochs=9,
        spiking_steps=(50, 100),
        spiking_learning_rate=2e-4,
        mixup=1,
        unlabelled_share=0.5,
        synop_weight=0.003,
        initial_rate_hz=150,
    ),
    presentation=PresentationConfig(readout_window=0.7),
    quantize=QuantizeConfig(population_type=32),
)

_LEAN = _PAPER.model_copy(
    update={
        "preset": "lean",
        "train": _PAPER.train.model_copy(update={"network": "lean"}),
        "tune": _PAPER.tune.model_copy(update={"continuous": True}),
        "deploy": _PAPER.deploy.model_copy(update={"continuous_steps": (50, 60, 70, 80)}),
    }
)

_FEW = 3
"""This many settings may have another preset's values, even if those are all that differ."""

PRESETS: dict[str, PipelineConfig] = {config.preset: config for config in (_QUICK, _PAPER, _LEAN)}


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


def changes(config: PipelineConfig) -> dict[str, Any]:
    """Reduce a configuration to its preset and what differs from it, by dotted name, as JSON."""
    own, values = (flat(each.model_dump(mode="json")) for each in (preset(config.preset), config))
    differing = {name: value for name, value in values.items() if own[name] != value}
    return {"preset": config.preset, **differing}


def of_network(network: str, otherwise: str) -> str:
    """Return the preset that a network belongs to; ``otherwise`` if it is no preset's own."""
    found = (name for name, own in PRESETS.items() if own.train.network == network)
    return next(found, otherwise)


def refuse_mixture(config: PipelineConfig) -> None:
    """Refuse a preset's name over the values of another one.

    Single settings may have another preset's value, but not its network, and not most of the
    settings in which the two differ: so a preset that was changed in a form whose fields kept their
    values does not run under the wrong name.

    Raises
    ------
    ConfigError
        If the values are another preset's.
    """
    own, values = flat(preset(config.preset).model_dump()), flat(config.model_dump())
    for name, other in PRESETS.items():
        theirs = flat(other.model_dump(exclude={"preset"}))
        differing = {setting for setting, value in theirs.items() if own[setting] != value}
        taken = [setting for setting in sorted(differing) if values[setting] == theirs[setting]]
        if "train.network" in taken or len(taken) > max(_FEW, len(differing) / 2):
            told = ", ".join(f"{setting}={theirs[setting]}" for setting in taken[:5])
            more = f" and {len(taken) - 5} more" if len(taken) > 5 else ""
            raise ConfigError(
                f"the preset is {config.preset!r}, but {told}{more} are values of the preset "
                f"{name!r}; choose the preset {name!r}, or leave these settings out"
            )


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested settings: ``{"train": {"epochs": 3}}`` becomes ``{"train.epochs": 3}``."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found
