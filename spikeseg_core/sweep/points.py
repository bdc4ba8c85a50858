"""From a sweep's definition to the configurations that it consists of."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from spikeseg_core.config import PipelineConfig, presets
from spikeseg_core.errors import ConfigError
from spikeseg_core.sweep.definition import Sweep, Value

SEEDED = ("train.seed", "tune.seed")
"""Settings that a sweep's seed sets."""


@dataclass(frozen=True)
class Point:
    """One set of settings, to be run once for every seed.

    Attributes
    ----------
    name : str
        What it is called.
    settings : mapping of str to value
        What distinguishes it from the other points, by dotted name.
    configs : mapping of int to PipelineConfig
        The whole configuration for each seed.
    """

    name: str
    settings: Mapping[str, Value]
    configs: Mapping[int, PipelineConfig]


def expand(sweep: Sweep) -> tuple[Point, ...]:
    """Make the points of a grid, or those given one by one, in their order.

    Raises
    ------
    ConfigError
        If a setting is unknown or out of its bounds; names the point.
    """
    if sweep.points:
        return tuple(point(sweep, each.settings, each.name) for each in sweep.points)
    combinations = itertools.product(*sweep.grid.values())
    return tuple(point(sweep, dict(zip(sweep.grid, each, strict=True))) for each in combinations)


def point(sweep: Sweep, settings: Mapping[str, Value], name: str | None = None) -> Point:
    """Make one point of a sweep.

    Raises
    ------
    ConfigError
        As :func:`expand`.
    """
    called = name or ", ".join(f"{key}={_short(value)}" for key, value in settings.items())
    base = presets.preset(sweep.preset).model_dump() | {"preset": sweep.preset}
    everything = {**sweep.fixed, **settings}
    configs = {}
    for seed in sweep.seeds:
        seeds = {name: seed for name in SEEDED if name not in everything}
        try:
            configs[seed] = PipelineConfig.model_validate(_changed(base, everything | seeds))
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
                for problem in error.errors()
            )
            raise ConfigError(f"point {called!r} of sweep {sweep.title!r}: {problems}") from None
    return Point(called, dict(settings), configs)


def in_order_of_running(points: Iterable[Point]) -> list[tuple[Point, int]]:
    """Pairs of point and seed, those first that have no training in common.

    Workers that start at the same time then train different networks, instead of one training
    while the others wait for its result.
    """
    seen: dict[tuple[Any, ...], int] = {}
    ranked = []
    for number, each in enumerate(points):
        for seed, config in each.configs.items():
            shared = (config.dataset.model_dump_json(), config.train.model_dump_json())
            rank = seen[shared] = seen.get(shared, -1) + 1
            ranked.append((rank, number, each, seed))
    ranked.sort(key=lambda entry: entry[:2])
    return [(each, seed) for _, _, each, seed in ranked]


def _short(value: Value) -> str:
    if isinstance(value, tuple):
        return "/".join(map(_short, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _changed(base: Mapping[str, Any], settings: Mapping[str, Value]) -> dict[str, Any]:
    """Nested settings with some of them, given by dotted name, changed."""
    changed = dict(base)
    for name, value in settings.items():
        first, _, rest = name.partition(".")
        inner = changed.get(first)
        nested = inner if isinstance(inner, Mapping) else {}
        changed[first] = _changed(nested, {rest: value}) if rest else value
    return changed
