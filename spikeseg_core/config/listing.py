"""All settings as a list that people can search, and the nearest names of a misspelt one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any

from spikeseg_core.config.presets import PRESETS
from spikeseg_core.config.settings import PipelineConfig
from spikeseg_core.config.stage_config import StageConfig
from spikeseg_core.errors import ConfigError

TYPES = {
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "string": "text",
    "null": "null",
}
MOST_SUGGESTIONS = 3


@dataclass(frozen=True)
class Setting:
    """One setting, as ``--set NAME=VALUE`` takes it.

    Attributes
    ----------
    kind : str
        Type in words, or the allowed values.
    limits : str
        Range of its number or numbers; empty if there is none.
    values : mapping of str to Any
        Value in each preset.
    """

    name: str
    title: str
    description: str
    kind: str
    limits: str
    values: Mapping[str, Any]


@cache
def settings() -> tuple[Setting, ...]:
    """Return all settings in the order of the stages."""
    found = []
    for section, field in PipelineConfig.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, StageConfig):
            schema = kind.model_json_schema()["properties"]
            found += [_setting(section, name, each) for name, each in schema.items()]
    return tuple(found)


def _setting(section: str, name: str, schema: Mapping[str, Any]) -> Setting:
    limits = _limits(schema)
    return Setting(
        name=f"{section}.{name}",
        title=schema.get("title", name),
        description=schema.get("description", "").removesuffix(f" ({limits})"),
        kind=_kind(schema),
        limits=limits,
        values={
            preset: config.model_dump(mode="json")[section][name]
            for preset, config in PRESETS.items()
        },
    )


def _kind(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return " or ".join(map(_kind, schema["anyOf"]))
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}s"
    return TYPES.get(schema.get("type", ""), "value")


def _limits(schema: Mapping[str, Any]) -> str:
    """Range of a number, of the items of a list, or of the alternative that has one."""
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if low is not None and high is not None:
        above = "above " if "exclusiveMinimum" in schema else ""
        below = "below " if "exclusiveMaximum" in schema else ""
        return f"{above}{low} to {below}{high}"
    inner = [schema["items"]] if "items" in schema else schema.get("anyOf", ())
    return next((found for each in inner if (found := _limits(each))), "")


def search(*words: str) -> Sequence[Setting]:
    """Return the settings in whose name, title or description every word occurs.

    Raises
    ------
    ConfigError
        If there is none; names those that are spelt alike.
    """
    found = [
        each
        for each in settings()
        if all(w.lower() in f"{each.name} {each.title} {each.description}".lower() for w in words)
    ]
    if not found:
        asked = " ".join(words)
        raise ConfigError(f"no setting matches {asked!r}{did_you_mean(asked)}")
    return found


def did_you_mean(name: str) -> str:
    """Return ``; did you mean X?`` for a name that no setting has; empty if none is similar."""
    near = alike(name)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def alike(name: str) -> list[str]:
    """Return the settings, or else sections, whose names are the most similar."""
    names = [each.name for each in settings()]
    sections = list(dict.fromkeys(each.partition(".")[0] for each in names))
    section, _, field = name.partition(".")
    if not field:
        exact = [each for each in names if each.partition(".")[2] == section]
        return exact or get_close_matches(section, sections, 1) or _by_field(section, names)
    here = [each for each in names if each.startswith(f"{section}.")]
    if here:
        near = get_close_matches(name, here, MOST_SUGGESTIONS, 0.75)
        return near[:1] or _by_field(field, names)
    return get_close_matches(name, names, 1, 0.75) or _by_field(field, names)


def _by_field(field: str, names: Sequence[str]) -> list[str]:
    """Names whose last part is the field, or nearly."""
    fields = list(dict.fromkeys(each.partition(".")[2] for each in names))
    near = [field] if field in fields else get_close_matches(field, fields, 1, 0.75)
    return [each for each in names if each.partition(".")[2] in near][:MOST_SUGGESTIONS]
