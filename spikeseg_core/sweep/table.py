"""Results of a sweep as tables: one row per run, and one per point."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from spikeseg_core.sweep.definition import Sweep
from spikeseg_core.sweep.pareto import choose, pareto_front
from spikeseg_core.sweep.points import Point

DONE = "done"


@dataclass(frozen=True)
class Outcome:
    """Result of one point with one seed; ``error`` says why it failed.

    Attributes
    ----------
    minutes : float
        Time of its stages, including those shared with other points.
    sections : sequence of mapping
        Scores of single sections: rows of its stages' section scores.
    data : mapping of str to Any
        Facts of its prepared dataset.
    claims : sequence of mapping
        What its benchmark claims of energies.
    levers : sequence of mapping
        What its benchmark found each way of saving energy to choose.
    """

    metrics: Mapping[str, float | None] = field(default_factory=dict)
    minutes: float = math.nan
    error: str = ""
    sections: Sequence[Mapping[str, Any]] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    claims: Sequence[Mapping[str, Any]] = ()
    levers: Sequence[Mapping[str, Any]] = ()


Outcomes = Mapping[tuple[str, int], Outcome]
"""By the name of the point and the seed."""


def run_table(points: Sequence[Point], outcomes: Outcomes) -> pd.DataFrame:
    """Tabulate every run.

    Returns
    -------
    DataFrame
        One row per point and seed: ``point``, ``seed``, the settings, ``status``, ``minutes`` and
        every metric of every stage.
    """
    rows = []
    for point in points:
        for seed in point.configs:
            found = outcomes[point.name, seed]
            rows.append(
                {"point": point.name, "seed": seed}
                | {name: str(value) for name, value in point.settings.items()}
                | {"status": found.error or DONE, "minutes": found.minutes}
                | {name: _number(value) for name, value in found.metrics.items()}
            )
    return pd.DataFrame(rows)


def point_table(
    sweep: Sweep, points: Sequence[Point], outcomes: Outcomes, cores: Mapping[str, int | None]
) -> pd.DataFrame:
    """Tabulate every point: medians and ranges over its seeds.

    Parameters
    ----------
    cores : mapping of str to (int or None)
        By name of the point, the fewest cores that its network needs, known before training.

    Returns
    -------
    DataFrame
        One row per point: ``point``, ``status``, ``seeds`` (number that succeeded),
        ``cores_needed``, for every metric ``<metric>``, the median, and ``<metric> (min)`` and
        ``<metric> (max)``; ``front``, whether it is on the Pareto front of the medians; ``chosen``.
    """
    names = sweep.read_metrics()
    rows = []
    for point in points:
        done = [outcomes[point.name, s] for s in point.configs if not outcomes[point.name, s].error]
        row: dict[str, object] = {
            "point": point.name,
            "status": _status(point, outcomes),
            "seeds": len(done),
            "cores_needed": cores.get(point.name),
        }
        for name in names:
            values = [_number(each.metrics.get(name)) for each in done]
            row |= _spread(name, [value for value in values if not math.isnan(value)])
        rows.append(row)
    table = pd.DataFrame(rows)
    table["cores_needed"] = table["cores_needed"].astype("Int64")
    return _judged(sweep, table)


def _judged(sweep: Sweep, table: pd.DataFrame) -> pd.DataFrame:
    front, chosen = np.zeros(len(table), bool), None
    if (picture := sweep.picture) is not None:
        values = table[[picture.x.metric, picture.y.metric]].to_numpy(float)
        front = pareto_front(values, (picture.x, picture.y))
    if (choice := sweep.choice) is not None:
        then = table[choice.then.metric].to_numpy(float) if choice.then is not None else None
        chosen = choose(table[choice.best.metric].to_numpy(float), then, choice)
    return table.assign(front=front, chosen=np.arange(len(table)) == chosen)


def _status(point: Point, outcomes: Outcomes) -> str:
    errors = {seed: outcomes[point.name, seed].error for seed in point.configs}
    failed = {seed: error for seed, error in errors.items() if error}
    if not failed:
        return DONE
    if len(set(failed.values())) == 1 and len(failed) == len(errors):
        return next(iter(failed.values()))
    return "; ".join(f"seed {seed}: {error}" for seed, error in failed.items())


def _spread(name: str, values: list[float]) -> dict[str, float]:
    found = np.array(values if values else [math.nan])
    return {
        name: float(np.median(found)),
        f"{name} (min)": float(found.min()),
        f"{name} (max)": float(found.max()),
    }


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
