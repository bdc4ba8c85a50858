"""Expand a sweep's definition into configurations."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import starmap
from typing import Any

from pydantic import ValidationError

from spikeseg_core.config import PipelineConfig, presets
from spikeseg_core.config.overrides import merged, nested, shortened
from spikeseg_core.errors import ConfigError
from spikeseg_core.network.varied import varied_name
from spikeseg_core.sweep.definition import FOLD, FOLDS, Sweep, Value

MOST_RUNS = 10_000
"""Points times seeds of a sweep."""

SEEDED = ("train.seed", "tune.seed")
"""Settings that take the seed of a sweep."""

NETWORK = "train.network"
"""The network, of which a sweep may also vary parts: ``train.network.fine``, with the names of
:data:`spikeseg_core.network.varied.PARTS`."""


@dataclass(frozen=True)
class Point:
    """One set of settings, by dotted name, with the whole configuration for each seed."""

    name: str
    settings: Mapping[str, Value]
    configs: Mapping[int, PipelineConfig]


def expand(sweep: Sweep) -> tuple[Point, ...]:
    """Return the points of a grid, the individual points, or the folds, in order.

    Raises
    ------
    ConfigError
        If a setting is unknown or out of bounds; names the point. If there are too many runs.
    """
    wanted = sweep.folds or len(sweep.points) or math.prod(map(len, sweep.grid.values()))
    if (runs := wanted * len(sweep.seeds)) > MOST_RUNS:
        raise ConfigError(
            f"sweep {sweep.title!r} has {runs:,} runs ({wanted:,} points with "
            f"{len(sweep.seeds):,} seeds); at most {MOST_RUNS:,} are made: vary fewer settings "
            f"at once, or let a search choose the points"
        )
    if sweep.points:
        return tuple(point(sweep, each.settings, each.name) for each in sweep.points)
    if sweep.folds is not None:
        return tuple(
            point(sweep, {FOLDS: sweep.folds, FOLD: fold}, f"fold {fold}")
            for fold in range(sweep.folds)
        )
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
    own = presets.preset(sweep.preset)
    base = own.model_dump() | {"preset": sweep.preset}
    everything = _one_network({**sweep.fixed, **settings}, own.train.network)
    configs = {}
    for seed in sweep.seeds:
        seeds = {name: seed for name in SEEDED if name not in everything}
        try:
            changed = reduce(merged, starmap(nested, (everything | seeds).items()), base)
            configs[seed] = PipelineConfig.model_validate(changed)
        except ValidationError as error:
            problems = shortened(error).replace("\n", "; ")
            raise ConfigError(f"point {called!r} of sweep {sweep.title!r}: {problems}") from None
    return Point(called, dict(settings), configs)


def _one_network(settings: Mapping[str, Value], base: str) -> dict[str, Value]:
    """Return the settings with the parts of a network, as ``train.network.fine``, in its name."""
    parts = {name: value for name, value in settings.items() if name.startswith(f"{NETWORK}.")}
    others = {name: value for name, value in settings.items() if name not in parts}
    if not parts:
        return others
    numbers: dict[str, float] = {}
    for name, value in parts.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ConfigError(f"{name} must be a number, not {value!r}")
        numbers[name.removeprefix(f"{NETWORK}.")] = value
    return others | {NETWORK: varied_name(str(others.get(NETWORK, base)), numbers)}


def in_order_of_running(points: Iterable[Point]) -> list[tuple[Point, int]]:
    """Return pairs of point and seed, first those that share no training.

    Workers that start together then train different networks, instead of waiting for one of them.
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
