"""What each way of saving energy brings, in how tiles are presented.

A lever lets the choice on validation vary one property of the presentation; the others stay as
deployed. So every set of levers has its own operating point, and a lever is judged both alone and
beside all the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Any

import numpy as np
import pandas as pd

from spikeseg_core.config import PresentationConfig
from spikeseg_core.energy.devices.loihi import Presented, loihi_figures, with_host
from spikeseg_core.energy.host import Host
from spikeseg_core.loihi.cost.model import LoihiModel

LEVERS = ("steps", "tiles", "read-out", "early exit", "no resets")
"""In the order in which they are added up."""

Opened = tuple[str, ...]
"""A set of levers, in the order of :data:`LEVERS`."""


def sets_of(levers: Opened) -> tuple[Opened, ...]:
    """Return all sets of levers: none first, all last."""
    return tuple(chain.from_iterable(combinations(levers, n) for n in range(len(levers) + 1)))


def tried(table: pd.DataFrame) -> Opened:
    """Return the levers of a search: without resets nothing is tried unless it is asked for."""
    return LEVERS if table["continuous"].any() else LEVERS[:-1]


@dataclass(frozen=True)
class Lever:
    """The point that a set of levers chooses: its name, and the test split as it presents it.

    ``sections`` are the scores of every section.
    """

    point: str
    shown: Presented
    sections: pd.DataFrame


def lever_tag(opened: Opened) -> str:
    """Name the scores of sections at a set's operating point: ``benchmark/levers/steps+tiles``."""
    return f"benchmark/levers/{'+'.join(opened) or 'none'}"


def open_rows(table: pd.DataFrame, deployed: PresentationConfig, opened: Opened) -> np.ndarray:
    """Tell which points a set of levers may choose from.

    Parameters
    ----------
    table : pandas.DataFrame
        As in :class:`~spikeseg_core.presentation.search.Search`.

    Returns
    -------
    ndarray of bool
        By row. Without levers there is one, the presentation as deployed. With early exit alone a
        tile may also run longer than deployed, up to the longest presentation that was tried.
    """
    tiles = table.loc[table["start"], "tiles_per_axis"].iloc[0]
    to_the_end = table["early_exit"].isna()
    allowed = table["tiles_per_axis"].eq(tiles) | ("tiles" in opened)
    allowed &= np.isclose(table["window"], deployed.readout_window) | ("read-out" in opened)
    allowed &= table["steps"].eq(deployed.steps) | ~to_the_end | ("steps" in opened)
    allowed &= to_the_end | ("early exit" in opened)
    allowed &= ~table["continuous"] | ("no resets" in opened)
    return allowed.to_numpy()


def priced_levers(
    chosen: Mapping[Opened, Lever], host: Host, model: LoihiModel
) -> list[dict[str, Any]]:
    """Price the operating point of every set of levers.

    Parameters
    ----------
    chosen : mapping of tuple of str to Lever
        What every set of levers chooses.
    host : Host
        Its work is added.

    Returns
    -------
    list of dict
        ``open``, the levers; ``point``, its name; ``loihi_mj`` and ``with_host_mj``, total energy
        of a section (modelled); ``busy``, whether the host's price is disturbed; ``scores``, the
        name of its scores of sections.
    """
    found = []
    for opened, lever in chosen.items():
        shown = lever.shown
        chips = loihi_figures(shown.events, shown.tiles, model)
        hosted = with_host(chips, host.work(shown))
        found.append(
            {
                "open": list(opened),
                "point": lever.point,
                "loihi_mj": chips[-1].mj_per_section,
                "with_host_mj": hosted[-1].mj_per_section,
                "busy": hosted[-1].busy,
                "scores": lever_tag(opened),
            }
        )
    return found
