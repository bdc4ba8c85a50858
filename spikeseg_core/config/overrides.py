"""Settings from a preset and the user's overrides."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails

from spikeseg_core.config import PipelineConfig, presets
from spikeseg_core.config.listing import did_you_mean
from spikeseg_core.config.settings import SourceName
from spikeseg_core.errors import ConfigError

NAMED_SOURCES = tuple(name for name in get_args(SourceName) if name != "folder")
"""Sources that need no path."""


def shown(title: str, description: str, **schema: Any) -> Any:
    """Describe a flow's parameter in Prefect's form, for ``Annotated``.

    Prefect overwrites a field's own title and description, but not those in its schema.
    """
    return Field(json_schema_extra={"title": title, "description": description, **schema})


def configured(preset: str, dataset: str = "auto", changes: Iterable[str] = ()) -> PipelineConfig:
    """Build a configuration from a preset and changes such as ``train.epochs=5``.

    Parameters and errors as in :func:`chosen`.
    """
    return chosen(preset, dataset, parsed(changes))


def chosen(
    preset: str, dataset: str = "auto", settings: Mapping[str, Any] = MappingProxyType({})
) -> PipelineConfig:
    """Build a configuration from a preset.

    Parameters
    ----------
    dataset : str
        ``auto``, ``isbi2012``, ``synthetic``, or the path of a folder, TIFF stack or zip; ``auto``
        leaves it to the settings.
    settings : mapping
        Nested settings that differ from the preset's.

    Raises
    ------
    ConfigError
        If a name is unknown or a value is out of bounds (names every such setting), or if preset,
        dataset and settings contradict each other.
    """
    if settings.get("preset", preset) != preset:
        raise ConfigError(
            f"the preset is {preset!r}, but the settings say preset={settings['preset']!r}; "
            f"choose one of them"
        )
    named = {} if dataset == "auto" else {"dataset": source(dataset)}
    together = once({"the dataset": named, "the settings": settings})
    try:
        config = PipelineConfig.model_validate(
            merged(presets.preset(preset).model_dump(), together) | {"preset": preset}
        )
    except ValidationError as error:
        raise ConfigError(shortened(error)) from None
    presets.refuse_mixture(config)
    return config


def once(given: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Merge nested settings by who gave them; two values for one setting are a ConfigError."""
    found: dict[str, Any] = {}
    by: dict[str, tuple[str, Any]] = {}
    for who, settings in given.items():
        for name, value in presets.flat(settings).items():
            first, before = by.setdefault(name, (who, value))
            if before != value:
                raise ConfigError(
                    f"{name} is given twice: {before!r} by {first} and {value!r} by {who}; "
                    f"leave one of them out"
                )
        found = merged(found, settings)
    return found


def source(dataset: str) -> dict[str, Any]:
    """Turn the dataset that the user names into settings.

    Raises
    ------
    ConfigError
        If it is neither a known source nor a path that exists.
    """
    if dataset in NAMED_SOURCES:
        return {"source": dataset}
    path = Path(dataset).expanduser()
    if not path.exists():
        raise ConfigError(
            f"dataset {dataset!r} is neither one of {', '.join(NAMED_SOURCES)} nor a folder, TIFF "
            f"stack, HDF5 file or zip that exists"
        )
    return {"source": "folder", "path": str(path.resolve())}


_MOST_PROBLEMS = 20
"""Invalid settings that are listed; a file of other content may have thousands."""


def shortened(error: ValidationError) -> str:
    """Return a line for every invalid setting: its name, what is allowed, and what was given."""
    problems = error.errors()
    lines = [_line(problem) for problem in problems[:_MOST_PROBLEMS]]
    if more := len(problems) - len(lines):
        lines.append(f"and {more} more")
    return "\n".join(lines)


def _line(problem: ErrorDetails) -> str:
    name = ".".join(str(part) for part in problem["loc"]) or "settings"
    if problem["type"] == "extra_forbidden":
        hint = did_you_mean(name) or "; `spikeseg settings` lists them"
        return f"{name}: there is no such setting{hint}"
    given = f", not {problem['input']!r}" if not isinstance(problem["input"], dict) else ""
    return f"{name}: {problem['msg']}{given}"


_DEEPEST = 10
"""More parts than any setting's name has."""


def parsed(changes: Iterable[str]) -> dict[str, Any]:
    """Return the nested settings of changes such as ``train.epochs=5``.

    Raises
    ------
    ConfigError
        If a change does not have this form.
    """
    found: dict[str, Any] = {}
    for change in changes:
        found = merged(found, _parsed(change))
    return found


def _parsed(change: str) -> dict[str, Any]:
    name, equals, text = change.partition("=")
    if not equals or not name.strip():
        raise ConfigError(f"cannot read {change!r}; write a setting as train.epochs=5")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):  # brackets without end
        value = text
    if name.count(".") > _DEEPEST:
        raise ConfigError(f"there is no setting {name[:40]!r}...; `spikeseg settings` lists them")
    return nested(name.strip(), value)


def nested(name: str, value: Any) -> dict[str, Any]:
    """Give nested settings in which only the one of this dotted name is set."""
    for part in reversed(name.split(".")):
        value = {part: value}
    return dict(value)


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings with some of them changed."""
    found = dict(base)
    for name, value in changes.items():
        old = found.get(name)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        found[name] = merged(old or {}, value) if both else value
    return found
