"""The pipelines that a research report asks for and MLflow does not have yet."""

from __future__ import annotations

from collections.abc import Sequence

from spikeseg_core.config import PipelineConfig, presets
from spikeseg_core.errors import ConfigError
from tasks.mlflow.records import records


def missing_runs(preset: str, seeds: Sequence[int]) -> list[PipelineConfig]:
    """List the settings of the pipelines that have to be run first.

    Without ``seeds``, any finished run of the preset is enough.

    Raises
    ------
    ConfigError
        If there is no such preset.
    """
    config = presets.preset(preset)
    with records() as known:
        found = known.pipelines()
    if not seeds:
        return [] if any(run.preset == preset for run in found) else [config]
    done = {(run.seeds["train"], run.seeds["tune"]) for run in found if run.follows(config)}
    return [_seeded(config, seed) for seed in seeds if (seed, seed) not in done]


def _seeded(config: PipelineConfig, seed: int) -> PipelineConfig:
    return config.model_copy(
        update={
            part: getattr(config, part).model_copy(update={"seed": seed})
            for part in ("train", "tune")
        }
    )


def seeds_of(text: str | None) -> tuple[int, ...]:
    """Read seeds such as ``"0,1,2"``; a ConfigError if they are not numbers."""
    try:
        return tuple(int(seed) for seed in (text or "").split(",") if seed.strip())
    except ValueError:
        raise ConfigError(f"cannot read the seeds {text!r}; write them as 0,1,2") from None
