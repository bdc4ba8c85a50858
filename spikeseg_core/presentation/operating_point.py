"""The operating point: the cost of every way of presenting tiles, and the one that is chosen.

It is chosen on validation; the test split is only reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from spikeseg_core.config import PresentationConfig
from spikeseg_core.config.tolerances import AS_GOOD
from spikeseg_core.energy.devices.loihi import Presented
from spikeseg_core.energy.figure import Presentation
from spikeseg_core.energy.host import Host
from spikeseg_core.evaluation.segment import SCORED_SPLITS
from spikeseg_core.loihi.cost.model import LoihiModel, loihi_energy
from spikeseg_core.pareto import front
from spikeseg_core.presentation.early_exit import CHECKED_EVERY
from spikeseg_core.presentation.levers import Lever, Opened, open_rows, sets_of, tried
from spikeseg_core.presentation.search import SCORES, Search
from spikeseg_core.reporting import Reporter

CHIPS_MJ = ("loihi_dynamic_mj", "loihi_total_mj")
HOSTED_MJ = "loihi_with_host_mj"
COSTS = ("mean_steps", *CHIPS_MJ, HOSTED_MJ)

MARKED = ("start", "chosen", "equal_accuracy", "as_good_as_start")
"""Columns of the table, each true for one point."""

WAYS: Mapping[Presentation, str] = {
    "start": "start",
    "operating point": "chosen",
    "equal accuracy": "equal_accuracy",
}
"""Ways of presenting that have their own energy figures, and the columns that mark their points."""


@dataclass(frozen=True)
class OperatingPoints:
    """All points, and the marked ones.

    Attributes
    ----------
    table : pandas.DataFrame
        As in :class:`~spikeseg_core.presentation.search.Search`, and for each split
        ``<split>/loihi_dynamic_mj``, ``<split>/loihi_total_mj`` and, with the host's share,
        ``<split>/loihi_with_host_mj`` of a section (modelled); ``front``, whether no other point
        has both a better validation V_Rand and less energy, the host's included;
        ``chosen``, as good as the baseline; ``equal_accuracy``, as good in pixel accuracy alone;
        ``as_good_as_start``, the point that saves most without being worse than the start.
    shown : mapping of str to Presented
        The point of each of ``MARKED``, on the test split.
    sections : mapping of str to pandas.DataFrame
        Scores of every section, as
        :attr:`spikeseg_core.evaluation.segment.Segmentation.sections`, by the names of
        :data:`WAYS`.
    levers : mapping of tuple of str to Lever
        What a set of levers alone would have chosen.
    """

    table: pd.DataFrame
    shown: Mapping[str, Presented]
    sections: Mapping[Presentation, pd.DataFrame]
    levers: Mapping[Opened, Lever]

    def row(self, which: str) -> dict[str, Any]:
        """Return the row of one of ``MARKED``."""
        return {str(k): v for k, v in self.table[self.table[which]].iloc[0].to_dict().items()}

    def presented(self) -> dict[Presentation, Presented]:
        """Return the points of :data:`WAYS`, which have their own energy figures."""
        return {way: self.shown[which] for way, which in WAYS.items()}

    def scores(self) -> dict[Presentation, dict[str, float]]:
        """Return their scores on both splits."""
        names = [f"{split}/{name}" for split in SCORED_SPLITS for name in SCORES]
        rows = {way: self.row(which) for way, which in WAYS.items()}
        return {way: {name: float(row[name]) for name in names} for way, row in rows.items()}

    def anytime(self) -> pd.DataFrame:
        """Return scores and energy by presentation time, of the dataset's own tiles.

        Returns
        -------
        pandas.DataFrame
            A row per number of ``steps``, increasing: ``readout_window``, the one with the lowest
            ``validation/cross_entropy``; scores of both splits; ``loihi_dynamic_mj`` and
            ``loihi_total_mj`` of one test section.
        """
        same = self.table["tiles_per_axis"] == self.row("start")["tiles_per_axis"]
        own = self.table[same & self.table["early_exit"].isna() & ~self.table["continuous"]]
        best = own.sort_values("validation/cross_entropy", kind="stable").groupby("steps").head(1)
        costs = {f"test/{name}": name for name in CHIPS_MJ}
        best = best.rename(columns={"window": "readout_window", **costs})
        scores = [f"{s}/{name}" for s in SCORED_SPLITS for name in SCORES]
        names = ["steps", "readout_window", "validation/cross_entropy", *scores, *costs.values()]
        return best[names].sort_values("steps", ignore_index=True)

    def to_json(self) -> dict[str, object]:
        """Return the marked points and all points as plain dicts; without early exit it is None."""
        plain = self.table.astype(object).where(self.table.notna(), None)
        return {
            **{which: plain[plain[which]].iloc[0].to_dict() for which in MARKED},
            "checks_per_tile": float(self.row("chosen")["test/checks"]),
            "tolerance": dict(AS_GOOD),
            "points": plain.to_dict("records"),
        }

    def metrics(self) -> dict[str, float]:
        """Return flat metrics, such as ``operating_point/loihi_total_mj``."""
        columns = ["tiles", *(f"{s}/{name}" for s in SCORED_SPLITS for name in (*SCORES, *COSTS))]
        whole = float(self.row("start")["test/loihi_total_mj"])
        named: dict[str, float] = {}
        for which in MARKED:
            row, point = self.row(which), "operating_point" if which == "chosen" else which
            named |= {f"{point}/{name}": float(row[name]) for name in columns}
            named[f"{point}/energy_over_start"] = float(row["test/loihi_total_mj"]) / whole
        return named


def find_operating_point(
    search: Search,
    host: Host,
    *,
    as_good_as: Mapping[str, float],
    deployed: PresentationConfig,
    report: Reporter,
    model: LoihiModel | None = None,
) -> OperatingPoints:
    """Price every point and choose on validation.

    Parameters
    ----------
    host : Host
        Its work counts: what saves the chips energy may cost the host more.
    as_good_as : mapping of str to float
        Scores of the baseline, ``validation/v_rand`` and so on: energies are comparable only if the
        work is done equally well.
    deployed : PresentationConfig
        The presentation that levers start from.
    model : LoihiModel, optional
        By default silicon-fitted constants, whole chips and their x86 cores charged.
    """
    table = price(search, host, model)
    v_rand, mj = table["validation/v_rand"], table[f"validation/{HOSTED_MJ}"]
    table["front"] = front(np.stack([mj, -v_rand], axis=1))
    start = int(np.flatnonzero(table["start"])[0])
    at_start = {
        name: float(table[name].iloc[start]) for name in map("validation/{}".format, AS_GOOD)
    }
    # If the start is not good enough, nothing shorter is: then the start is the reference.
    wanted = {name: min(score, as_good_as[name]) for name, score in at_start.items()}
    accuracy = "validation/pixel_accuracy"
    marked = {
        "start": start,
        "chosen": choose(table, wanted, start),
        "equal_accuracy": choose(table, {accuracy: wanted[accuracy]}, start),
        "as_good_as_start": choose(table, at_start, start),
    }
    for mark, row in marked.items():
        table[mark] = table.index == row
    report.say(f"operating point, chosen on validation: {table['point'].iloc[marked['chosen']]}")
    shown = {mark: presented(search, row) for mark, row in marked.items()}
    by_row = {row: rows.drop(columns="row") for row, rows in search.sections.groupby("row")}
    sections = {way: by_row[marked[which]].reset_index(drop=True) for way, which in WAYS.items()}
    opened_rows = {
        opened: _opened(table, wanted, deployed, opened) for opened in sets_of(tried(table))
    }
    levers = {
        opened: Lever(
            table["point"].iloc[row],
            presented(search, row),
            by_row[row].reset_index(drop=True),
        )
        for opened, row in opened_rows.items()
    }
    return OperatingPoints(table, shown, sections, levers)


def _opened(
    table: pd.DataFrame, wanted: Mapping[str, float], deployed: PresentationConfig, opened: Opened
) -> int:
    """Return the row that a set of levers chooses: as deployed, if nothing is good enough."""
    as_deployed = int(np.flatnonzero(open_rows(table, deployed, ()))[0])
    return choose(table[open_rows(table, deployed, opened)], wanted, as_deployed)


def price(search: Search, host: Host, model: LoihiModel | None = None) -> pd.DataFrame:
    """Return the table of a search with Loihi's energies per section added."""
    table = search.table.copy()
    for split in SCORED_SPLITS:
        shown = [presented(search, row, split) for row in range(len(table))]
        chips = [loihi_energy(one.events, model) for one in shown]
        for name in ("dynamic_mj", "total_mj"):
            per_tile = np.array([getattr(tile, name) for tile in chips])
            table[f"{split}/loihi_{name}"] = per_tile * table["tiles"]
        hosts = np.array([host.work(one)[-1].mj_per_section for one in shown])
        table[f"{split}/{HOSTED_MJ}"] = table[f"{split}/loihi_total_mj"] + hosts
    return table


def presented(search: Search, row: int, split: str = "test") -> Presented:
    """Return the tiles of a split as one row presents them."""
    found = search.table.iloc[row]
    extra = float(found[f"{split}/checks"]) / CHECKED_EVERY**2
    return Presented(search.events_of(row, split), int(found["tiles"]), extra)


def choose(table: pd.DataFrame, wanted: Mapping[str, float], otherwise: int) -> int:
    """Return the row good enough on validation that needs the least energy, with the host's.

    A row is good enough only if every row that presents the same tiles in the same way for longer
    is: of many points tried on a few sections, some are good by luck.

    Parameters
    ----------
    wanted : mapping of str to float
        ``validation/...`` scores that a row may miss by at most
        :data:`~spikeseg_core.config.tolerances.AS_GOOD`.
    otherwise : int
        The row if none is good enough.
    """
    least = [score - AS_GOOD[name.split("/")[1]] for name, score in wanted.items()]
    good = (table[[*wanted]].to_numpy() >= least).all(axis=1)
    good &= ~(_longer(table) & ~good).any(axis=1)
    if not good.any():
        return otherwise
    return int(table.loc[good, f"validation/{HOSTED_MJ}"].idxmin())


def _longer(table: pd.DataFrame) -> np.ndarray:
    """Whether the second of two rows presents the same tiles longer, with the same read-out."""
    tiles, window, steps, early_exit = (
        table[name].to_numpy(float) for name in ("tiles", "window", "steps", "early_exit")
    )
    fixed = np.isnan(early_exit)
    # A tile that has to change less before it stops runs longer.
    patient = (steps[None] > steps[:, None]) | (early_exit[None] < early_exit[:, None])
    continuous = table["continuous"].to_numpy(bool)
    same = (tiles[None] == tiles[:, None]) & (window[None] == window[:, None])
    same &= continuous[None] == continuous[:, None]
    longer: np.ndarray = same & patient & (fixed[None] == fixed[:, None])
    return longer
