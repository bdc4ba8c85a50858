"""What every section of the settings has in common: ranges, names that went away, numbers."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

RENAMED = {
    "train.mixed_tiles": "train.mixup",
    "train.weight_averaging": "train.ema_decay",
    "tune.mixed_tiles": "tune.mixup",
    "tune.weight_averaging": "tune.ema_decay",
    "tune.teacher_share": "tune.distillation_weight",
    "tune.start": "tune.initial_potential",
    "deploy.anytime_steps": "deploy.presentation_steps",
    "benchmark.presentation_steps": "deploy.presentation_steps",
    "benchmark.readout_windows": "deploy.readout_windows",
    "benchmark.tiles_per_axis": "deploy.tiles_per_axis",
    "benchmark.settling": "deploy.early_exit",
    "deploy.settling": "deploy.early_exit",
}
"""Old names of settings, with their section, and the new ones."""

MOST_SEED = 2**32 - 1
"""The largest seed that both NumPy and TensorFlow accept."""


def _show_ranges(schema: dict[str, Any]) -> None:
    """Append the range to the description of every number, for forms that do not show it."""
    for setting in schema.get("properties", {}).values():
        low = setting.get("minimum", setting.get("exclusiveMinimum"))
        high = setting.get("maximum", setting.get("exclusiveMaximum"))
        if low is not None and high is not None:
            above = "above " if "exclusiveMinimum" in setting else ""
            below = "below " if "exclusiveMaximum" in setting else ""
            setting["description"] += f" ({above}{low} to {below}{high})"


class StageConfig(BaseModel):
    """Base: frozen, and a misspelt setting is an error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, json_schema_extra=_show_ranges
    )

    @model_validator(mode="before")
    @classmethod
    def _refuse_old_names(cls, data: Any) -> Any:
        section = cls.__name__.removesuffix("Config").lower()
        for name in data if isinstance(data, dict) else ():
            old = f"{section}.{name}"
            if old in RENAMED:
                raise ValueError(f"the setting {old} is now called {RENAMED[old]}")
        return data


def between(default: Any, low: float, high: float, title: str, description: str) -> Any:
    """Declare a number with inclusive bounds."""
    return Field(default, ge=low, le=high, title=title, description=description)


def above_0(default: Any, high: float, title: str, description: str) -> Any:
    """Declare a number above zero, up to ``high``."""
    return Field(default, gt=0, le=high, title=title, description=description)


def seed_setting(description: str, title: str = "Seed") -> Any:
    """Declare a seed, 0 by default."""
    return between(0, 0, MOST_SEED, title, description)
