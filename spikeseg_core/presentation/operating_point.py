"""The operating point: how many tiles are shown for how long, what that costs and is worth.

Every point is a grid of overlapping tiles, a share of the steps to read out over, and either a
number of steps for all tiles or a threshold at which each tile stops by itself
(:mod:`spikeseg_core.presentation.early_exit`). One emulation of the longest presentation serves all
points of a grid, because what happens in a step depends on the steps before it alone. The point is
chosen on validation; the test split is only reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from spikeseg_core.config import BenchmarkConfig, PresentationConfig
from spikeseg_core.data.dataset import Dataset
from spikeseg_core.data.tiles import TileGrid
from spikeseg_core.evaluation.scorer import evaluate
from spikeseg_core.evaluation.segment import SCORED_SPLITS
from spikeseg_core.loihi.cost.events import EventCounts
from spikeseg_core.loihi.cost.model import loihi_energy
from spikeseg_core.loihi.run.base import MappedNetwork
from spikeseg_core.loihi.run.emulated import Emulation, emulate
from spikeseg_core.presentation.early_exit import settle
from spikeseg_core.reporting import Reporter

TOLERANCE = {"v_rand": 0.005, "v_info": 0.005, "pixel_accuracy": 0.004}
"""How far a point may be below the network it is compared with for energy, on the validation split.
V_Rand alone, of a few sections, would let a lucky point pass: one merged cell moves it by 0.02, but
V_Info, of the same partitions, by little. Pixel accuracy hardly moves by luck, and within 0.005 of
the CPU's is what counts as equally accurate."""

SCORES = ("v_rand", "v_info", "pixel_accuracy", "membrane_iou")


@dataclass(frozen=True)
class Point:
    """One way of presenting tiles.

    Attributes
    ----------
    tiles_per_axis : int
        Overlapping tiles along each side of a section.
    window : float
        Share of the steps, the last ones, that the read-out averages over.
    steps : int
        Steps of every tile, or the most that a tile may take.
    settling : float or None
        Threshold at which a tile stops by itself; None if all take ``steps``.
    """

    tiles_per_axis: int
    window: float
    steps: int
    settling: float | None = None

    def read_out(self, steps: int) -> tuple[int, int]:
        """First step and step after the last of the read-out after ``steps`` steps."""
        shown = PresentationConfig(steps=steps, readout_window=self.window)
        return shown.readout_start, steps

    @property
    def name(self) -> str:
        """What a table calls it."""
        ends = "" if self.settling is None else f", stopped at a change of {self.settling:g}"
        cut = f"{self.tiles_per_axis} x {self.tiles_per_axis} tiles"
        return f"{cut}, {self.steps} steps, last {self.window:.0%} read{ends}"


@dataclass(frozen=True)
class Shown:
    """What a point comes to on one split.

    Attributes
    ----------
    logits : ndarray
        ``(tiles, rows, columns)``.
    events : EventCounts
        Of the presentations as long as they were.
    tiles : int
        Tiles that cover one section.
    checks : float
        Read-outs a tile that were made only to decide whether to stop, on average.
    """

    logits: np.ndarray
    events: EventCounts
    tiles: int
    checks: float


@dataclass(frozen=True)
class OperatingPoints:
    """All points, and those that are marked.

    Attributes
    ----------
    table : pandas.DataFrame
        A row each: ``point``, ``tiles`` (of a section), ``window``, ``steps``, ``settling`` (NaN:
        none); for each split ``<split>/mean_steps``, ``<split>/loihi_dynamic_mj`` and
        ``<split>/loihi_total_mj`` of a section (modelled, silicon-fitted), and the scores;
        ``front``, whether no other point has both a better validation V_Rand and less energy;
        ``start``; ``chosen``, as good as what Loihi is compared with; ``equal_accuracy``, as good
        in pixel accuracy alone; ``as_good_as_start``, the point that saves most without being
        worse than the start.
    shown : mapping of str to Shown
        The point of each of ``MARKED``, on the test split.
    """

    table: pd.DataFrame
    shown: Mapping[str, Shown]

    def row(self, which: str) -> dict[str, Any]:
        """Return the row of one of ``MARKED``."""
        return {str(k): v for k, v in self.table[self.table[which]].iloc[0].to_dict().items()}

    def scores(self, which: str) -> dict[str, float]:
        """Return the scores of the point of one of ``MARKED``, on both splits."""
        row = self.row(which)
        return {f"{s}/{name}": float(row[f"{s}/{name}"]) for s in SCORED_SPLITS for name in SCORES}

    def to_json(self) -> dict[str, object]:
        """Return the marked points and all of them as plain dicts; no settling is None."""
        plain = self.table.astype(object).where(self.table.notna(), None)
        return {
            **{which: plain[plain[which]].iloc[0].to_dict() for which in MARKED},
            "checks_per_tile": self.shown["chosen"].checks,
            "tolerance": dict(TOLERANCE),
            "points": plain.to_dict("records"),
        }

    def metrics(self) -> dict[str, float]:
        """Flat names: ``operating_point/loihi_total_mj``, ``operating_point/energy_ratio``, ..."""
        columns = ["tiles", *(f"{s}/{name}" for s in SCORED_SPLITS for name in (*SCORES, *COSTS))]
        whole = float(self.row("start")["test/loihi_total_mj"])
        named: dict[str, float] = {}
        for which in MARKED:
            row, point = self.row(which), "operating_point" if which == "chosen" else which
            named |= {f"{point}/{name}": float(row[name]) for name in columns}
            named[f"{point}/energy_over_start"] = float(row["test/loihi_total_mj"]) / whole
        return named


COSTS = ("mean_steps", "loihi_dynamic_mj", "loihi_total_mj")

MARKED = ("start", "chosen", "equal_accuracy", "as_good_as_start")
"""Columns of the table that are true of one point each."""


def find_operating_point(
    mapped: MappedNetwork,
    dataset: Dataset,
    presentation: PresentationConfig,
    config: BenchmarkConfig,
    *,
    as_good_as: Mapping[str, float],
    report: Reporter,
) -> OperatingPoints:
    """Try every point and choose on validation.

    Parameters
    ----------
    mapped : MappedNetwork
        The network on the chips.
    dataset : Dataset
        Validation and test sections to show.
    presentation : PresentationConfig
        As the network was deployed; the start reads out over its window.
    config : BenchmarkConfig
        Tiles, steps, windows and thresholds to try.
    as_good_as : mapping of str to float
        Scores of what it is compared with, ``validation/v_rand`` and so on: energies are worth
        comparing where the work is done equally well.
    report : Reporter
        Told of progress, and of the choice.
    """
    grids = grids_of(dataset, config)
    points = points_of(list(grids), presentation, config)
    windows = sorted({p.read_out(n) for p in points for n in config.presentation_steps})
    rows: list[dict[str, object]] = [
        {
            "point": p.name,
            "tiles": grids[p.tiles_per_axis].tiles,
            "window": p.window,
            "steps": p.steps,
            "settling": p.settling,
        }
        for p in points
    ]
    shown: dict[str, list[Shown]] = {split: [] for split in SCORED_SPLITS}
    for split in SCORED_SPLITS:
        images, labels = dataset.split(split)
        for along, grid in grids.items():
            emulation = emulate(
                mapped, grid.cut(images), max(config.presentation_steps), windows, report
            )
            shown[split] += [
                show(emulation, p, grid.tiles, config.presentation_steps)
                for p in points
                if p.tiles_per_axis == along
            ]
        for number, (point, row, found) in enumerate(zip(points, rows, shown[split], strict=True)):
            report.progress(number + 1, len(rows), f"operating points on {split}")
            probability = grids[point.tiles_per_axis].stitch(expit(found.logits))
            scores = evaluate({split: (probability, labels)})
            row |= {f"{split}/{name}": scores[f"{split}/{name}"] for name in SCORES}
            energy = loihi_energy(found.events)
            row |= {
                f"{split}/mean_steps": found.events.steps,
                f"{split}/loihi_dynamic_mj": energy.dynamic_mj * found.tiles,
                f"{split}/loihi_total_mj": energy.total_mj * found.tiles,
            }
    table = pd.DataFrame(rows).astype({"settling": float})
    table["front"] = on_front(table["validation/loihi_total_mj"], table["validation/v_rand"])
    start = points.index(
        Point(next(iter(grids)), presentation.readout_window, max(config.presentation_steps))
    )
    names = [f"validation/{name}" for name in TOLERANCE]
    at_start = {name: float(table[name].to_numpy()[start]) for name in names}
    # Where the start is not as good as wanted, nothing shorter will be: then the start is wanted.
    wanted = {name: min(score, as_good_as[name]) for name, score in at_start.items()}
    accuracy = "validation/pixel_accuracy"
    marked = {
        "start": start,
        "chosen": choose(table, wanted),
        "equal_accuracy": choose(table, {accuracy: wanted[accuracy]}),
        "as_good_as_start": choose(table, at_start),
    }
    for mark in MARKED:
        table[mark] = table.index == marked[mark]
    report.say(f"operating point, chosen on validation: {points[marked['chosen']].name}")
    return OperatingPoints(table, {mark: shown["test"][marked[mark]] for mark in MARKED})


def grids_of(dataset: Dataset, config: BenchmarkConfig) -> dict[int, TileGrid]:
    """Grids to cut sections with, by tiles along each side: the dataset's first, no two alike."""
    own = dataset.grid
    found = {own.tiles_per_axis: own}
    for along in config.tiles_per_axis:
        grid = TileGrid(own.section_shape, own.tile, along)
        if all(grid.origins != other.origins for other in found.values()):
            found[along] = grid
    return found


def points_of(
    grids: Sequence[int], presentation: PresentationConfig, config: BenchmarkConfig
) -> list[Point]:
    """List the points to try, grid by grid; the first of ``grids`` is that of the start."""
    windows = dict.fromkeys((presentation.readout_window, *config.readout_windows))
    steps = sorted(set(config.presentation_steps))
    return [
        point
        for along in grids
        for point in (
            *(Point(along, window, n) for window in windows for n in steps),
            *(Point(along, w, steps[-1], change) for w in windows for change in config.settling),
        )
    ]


def show(emulation: Emulation, point: Point, tiles: int, checkpoints: tuple[int, ...]) -> Shown:
    """Return what a point gives of an emulation that read out at all checkpoints."""
    if point.settling is None:
        logits = emulation.logits[point.read_out(point.steps)]
        return Shown(logits, emulation.events.until(point.steps), tiles, 0.0)
    readouts = {n: emulation.logits[point.read_out(n)] for n in checkpoints}
    settled = settle(readouts, point.settling)
    events = emulation.events.until(settled.steps)
    return Shown(settled.logits, events, tiles, float(settled.checks.mean()))


def on_front(energy: pd.Series, score: pd.Series) -> np.ndarray:
    """Whether no other point has less energy and at least the score, or more for as much."""
    mj, good = energy.to_numpy(), score.to_numpy()
    better = (mj[:, None] <= mj) & (good[:, None] >= good)
    better &= (mj[:, None] < mj) | (good[:, None] > good)
    front: np.ndarray = ~better.any(axis=0)
    return front


def choose(table: pd.DataFrame, wanted: Mapping[str, float]) -> int:
    """Return the row that needs least energy among those good enough on validation.

    Good enough is a row only if all are that present the same tiles in the same way for longer:
    of many points tried on a few sections, some are good by luck.

    Parameters
    ----------
    table : pandas.DataFrame
        ``tiles``, ``window``, ``steps``, ``settling``, and scores and energy of the validation
        split, as in :class:`OperatingPoints`.
    wanted : mapping of str to float
        ``validation/...`` scores that a row may miss by no more than ``TOLERANCE``; some row does.
    """
    least = [score - TOLERANCE[name.split("/")[1]] for name, score in wanted.items()]
    good = (table[[*wanted]].to_numpy() >= least).all(axis=1)
    good &= ~(_longer(table) & ~good).any(axis=1)
    return int(table.loc[good, "validation/loihi_total_mj"].idxmin())


def _longer(table: pd.DataFrame) -> np.ndarray:
    """Whether the second of two rows presents the same tiles longer, and reads out as the first."""
    tiles, window, steps, settling = (
        table[name].to_numpy(float) for name in ("tiles", "window", "steps", "settling")
    )
    fixed = np.isnan(settling)
    # A tile that has to change less before it stops goes on for longer.
    patient = (steps[None] > steps[:, None]) | (settling[None] < settling[:, None])
    same = (tiles[None] == tiles[:, None]) & (window[None] == window[:, None])
    longer: np.ndarray = same & patient & (fixed[None] == fixed[:, None])
    return longer
