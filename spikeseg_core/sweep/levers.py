"""What each lever saves over all folds, and what it costs in accuracy.

Energies are paired by run, scores by section. A lever is judged twice: added to the presentation as
deployed, and taken away from the one with all levers. What two networks differ in, such as pruned
synapses, is one more lever: two studies of the same folds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from spikeseg_core.config.tolerances import CLAIMED
from spikeseg_core.metrics.intervals import Interval, difference
from spikeseg_core.presentation.levers import Opened, sets_of

Levers = Sequence[Mapping[str, Any]]
"""As from :func:`spikeseg_core.presentation.levers.priced_levers`."""

ALONE, BESIDE = "alone", "beside all others"
"""Where a lever is judged: from the presentation as deployed, or from all levers without it."""

ENERGIES = ("loihi_mj", "with_host_mj")


@dataclass(frozen=True, eq=False)
class Setup:
    """One set of levers over all folds.

    Attributes
    ----------
    mj : mapping of str to ndarray
        Energy of a section (modelled) by run, for each of :data:`ENERGIES`.
    scores : pandas.DataFrame
        Scores of every section, whose number is the index.
    busy : bool
        Whether the host's price was taken on a busy machine.
    """

    mj: Mapping[str, np.ndarray]
    scores: pd.DataFrame
    busy: bool

    def means(self) -> dict[str, float]:
        """Mean energies over runs, mJ."""
        return {energy: float(mj.mean()) for energy, mj in self.mj.items()}


Setups = Mapping[Opened, Setup]


@dataclass(frozen=True)
class Step:
    """From one set-up to another.

    Attributes
    ----------
    lever, where : str
        The lever, and :data:`ALONE` or :data:`BESIDE`.
    before, after : mapping of str to float
        Mean energies, mJ.
    change : mapping of str to Interval
        Change of each energy, mJ, paired by run, and of each score, paired by section.
    busy : bool
        As in :class:`Setup`.
    """

    lever: str
    where: str
    before: Mapping[str, float]
    after: Mapping[str, float]
    change: Mapping[str, Interval]
    busy: bool

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "lever": self.lever,
            "where": self.where,
            "before": dict(self.before),
            "after": dict(self.after),
            "change": {name: each.to_json() for name, each in self.change.items()},
            "basis": "modelled",
            "busy": self.busy,
        }


def setups(by_run: Sequence[Levers], scores: Mapping[str, pd.DataFrame]) -> dict[Opened, Setup]:
    """Join the levers of all folds and seeds; those that a run lacks are left out.

    Parameters
    ----------
    by_run : sequence of sequence of mapping
        The levers of every run.
    scores : mapping of str to DataFrame
        Test scores of every section, whose number is the index, by segmentation.
    """
    found: dict[Opened, list[Mapping[str, Any]]] = {}
    for lever in (lever for levers in by_run for lever in levers):
        found.setdefault(tuple(lever["open"]), []).append(lever)
    return {
        opened: Setup(
            {name: np.array([one[name] for one in runs]) for name in ENERGIES},
            scores[runs[0]["scores"]],
            any(one["busy"] for one in runs),
        )
        for opened, runs in found.items()
        if len(runs) == len(by_run) > 1 and runs[0]["scores"] in scores
    }


def steps(found: Setups) -> list[Step]:
    """Judge every lever, alone and beside all others; none with fewer than two runs."""
    levers = every_lever(found)
    pairs = [(lever, ALONE, (), (lever,)) for lever in levers] + [
        (lever, BESIDE, tuple(other for other in levers if other != lever), levers)
        for lever in levers
    ]
    return [_step(name, where, found[before], found[after]) for name, where, before, after in pairs]


def between(first: Setups, second: Setups, name: str) -> list[Step]:
    """Judge what differs between two studies of the same folds: without levers, and with all."""
    if not every_lever(first) or not every_lever(second):
        return []
    return [
        _step(name, ALONE, first[()], second[()]),
        _step(name, BESIDE, first[every_lever(first)], second[every_lever(second)]),
    ]


def added_up(found: Setups, last: tuple[str, Setups] | None = None) -> list[tuple[str, Setup]]:
    """List the set-ups of a waterfall: as deployed, then with one lever more each time.

    Parameters
    ----------
    last : (str, mapping), optional
        Name and set-ups of another network, which is the last step.

    Returns
    -------
    list of (str, Setup)
        Empty if either lacks a set of its levers.
    """
    levers = every_lever(found)
    if not levers or (last is not None and not every_lever(last[1])):
        return []
    shown = [("as deployed", found[()])]
    shown += [(lever, found[levers[: n + 1]]) for n, lever in enumerate(levers)]
    if last is not None:
        shown.append((last[0], last[1][every_lever(last[1])]))
    return shown


def every_lever(found: Setups) -> Opened:
    """Return the levers of a study; none if a set of them was not benchmarked in every run."""
    levers: Opened = max(found, key=len, default=())
    return levers if found.keys() >= set(sets_of(levers)) else ()


def _step(name: str, where: str, before: Setup, after: Setup) -> Step:
    sections = before.scores.index.intersection(after.scores.index)
    pairs = {energy: (before.mj[energy], after.mj[energy]) for energy in ENERGIES} | {
        score: tuple(one.scores.loc[sections, score].to_numpy() for one in (before, after))
        for score in CLAIMED
    }
    return Step(
        name,
        where,
        before.means(),
        after.means(),
        {measure: difference(*pair) for measure, pair in pairs.items()},
        before.busy or after.busy,
    )
