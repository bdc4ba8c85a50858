"""Settings from a preset and what the user changes of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import Field, ValidationError

from spikeseg_core.config import PipelineConfig, presets
from spikeseg_core.config.settings import SourceName
from spikeseg_core.errors import ConfigError

NAMED_SOURCES = tuple(name for name in get_args(SourceName) if name != "folder")
"""Sources that need no path."""


def shown(title: str, description: str, **schema: Any) -> Any:
    """Say how a flow's parameter shows in Prefect's form, for ``Annotated``.

    Prefect sets a field's own title and description; those in its schema stay.
    """
    return Field(json_schema_extra={"title": title, "description": description, **schema})


def completed(config: PipelineConfig) -> PipelineConfig:
    """Take from the preset what the configuration was not given.

    ``{"preset": "paper"}``, as a deployment may state it, is then the whole preset.
    """
    preset = presets.preset(config.preset).model_dump()
    return PipelineConfig.model_validate(_merged(preset, config.model_dump(exclude_unset=True)))


def configured(preset: str, dataset: str = "auto", changes: Iterable[str] = ()) -> PipelineConfig:
    """Build a configuration from a preset.

    Parameters
    ----------
    preset : str
        Name of the preset.
    dataset : str
        ``auto``, ``isbi2012``, ``synthetic``, or the path of a folder, TIFF stack or zip.
    changes : iterable of str
        Such as ``train.epochs=5``.

    Raises
    ------
    ConfigError
        If a name is unknown or a value is out of its bounds; names every such setting.
    """
    chosen = _merged({"dataset": source(dataset)}, parsed(changes))
    try:
        return PipelineConfig.model_validate(
            _merged(presets.preset(preset).model_dump(), chosen) | {"preset": preset}
        )
    except ValidationError as error:
        raise ConfigError(shortened(error)) from None


def source(dataset: str) -> dict[str, Any]:
    """Turn the dataset that the user names into settings.

    Raises
    ------
    ConfigError
        If it is neither a known source nor a path that exists.
    """
    if dataset in NAMED_SOURCES:
        return {"source": dataset}
    if not Path(dataset).exists():
        raise ConfigError(
            f"dataset {dataset!r} is neither one of {', '.join(NAMED_SOURCES)} nor a folder, TIFF "
            f"stack or zip that exists"
        )
    return {"source": "folder", "path": str(Path(dataset).resolve())}


def shortened(error: ValidationError) -> str:
    """One line for every setting that is wrong: its name, what is wanted, what was given."""
    lines = [
        f"{'.'.join(str(part) for part in problem['loc']) or 'settings'}: {problem['msg']}"
        + (f", not {problem['input']!r}" if not isinstance(problem["input"], dict) else "")
        for problem in error.errors()
    ]
    return "\n".join(lines)


def parsed(changes: Iterable[str]) -> dict[str, Any]:
    """Nested settings of changes such as ``train.epochs=5``.

    Raises
    ------
    ConfigError
        If one has not that form.
    """
    found: dict[str, Any] = {}
    for change in changes:
        found = _merged(found, _parsed(change))
    return found


def _parsed(change: str) -> dict[str, Any]:
    name, equals, text = change.partition("=")
    if not equals or not name.strip():
        raise ConfigError(f"cannot read {change!r}; write a setting as train.epochs=5")
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    for part in reversed(name.strip().split(".")):
        value = {part: value}
    return dict(value)


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in changes.items():
        old = merged.get(name)
        nested = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[name] = _merged(old or {}, value) if nested else value
    return merged
