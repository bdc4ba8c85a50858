"""How long to show a tile: all ways of presenting tiles, emulated and scored.

Every point is a grid of overlapping tiles, a share of the steps to read out over, and either a
number of steps for all tiles or a threshold at which each tile stops
(:mod:`spikeseg_core.presentation.early_exit`). One emulation of the longest presentation serves all
points of a grid, because a step depends only on the steps before it; but where tiles follow each
other without a reset, every number of steps needs its own. Costs and choice come later
(:mod:`spikeseg_core.presentation.operating_point`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit

from spikeseg_core.config import DeployConfig, PresentationConfig
from spikeseg_core.data.dataset import Dataset
from spikeseg_core.data.tiles import TileGrid
from spikeseg_core.errors import DataError
from spikeseg_core.evaluation.scorer import Scorer, Thresholds
from spikeseg_core.evaluation.segment import SCORED_SPLITS, section_rows
from spikeseg_core.loihi.cost.events import EventCounts, StepEvents
from spikeseg_core.loihi.run.base import Deployment, MappedNetwork, steps_of_tiles
from spikeseg_core.loihi.run.emulated import Emulation, emulate, emulate_continuously
from spikeseg_core.network.depth import depth
from spikeseg_core.presentation.early_exit import Stopped, exit_early
from spikeseg_core.reporting import Reporter
from spikeseg_core.storage import load_arrays, save_arrays, save_table

SCORES = ("v_rand", "v_info", "pixel_accuracy", "membrane_iou")

_SMALLEST = 1e-6  # probability: a pixel that is certainly wrong must not cost infinitely much


@dataclass(frozen=True)
class Point:
    """One way of presenting tiles.

    Attributes
    ----------
    steps : int
        Steps of every tile, or the maximum with early exit.
    early_exit : float or None
        Threshold at which a tile stops; None if all tiles take ``steps``.
    continuous : bool
        Whether the tiles of a section follow each other without a reset.
    """

    tiles_per_axis: int
    window: float
    steps: int
    early_exit: float | None = None
    continuous: bool = False

    def read_out(self, steps: int) -> tuple[int, int]:
        """First step and step after the last of the read-out after ``steps`` steps."""
        shown = PresentationConfig(steps=steps, readout_window=self.window)
        return shown.readout_start, steps

    @property
    def name(self) -> str:
        """Name in tables."""
        ends = "" if self.early_exit is None else f", stopped at a change of {self.early_exit:g}"
        ends += ", without resets" if self.continuous else ""
        cut = f"{self.tiles_per_axis} x {self.tiles_per_axis} tiles"
        return f"{cut}, {self.steps} steps, last {self.window:.0%} read{ends}"

    @property
    def emulated_as(self) -> str:
        """Points with the same are served by one emulation."""
        how = f" {self.steps} continuous" if self.continuous else ""
        return f"{self.tiles_per_axis}{how}"


@dataclass(frozen=True)
class Search:
    """All points, with their scores and the events that determine their cost.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per point: ``point``, ``tiles_per_axis``, ``tiles`` (of a section), ``window``,
        ``steps``, ``early_exit`` (NaN: none), ``continuous``, ``emulation``
        (:attr:`Point.emulated_as`), ``start``, true only for the longest presentation of the
        dataset's own tiles; for each split ``<split>/mean_steps``, ``<split>/checks``
        (read-outs per tile to decide whether to stop), and the scores;
        ``validation/cross_entropy``.
    events : mapping of (str, str) to StepEvents
        By split and emulation, of the longest presentation.
    ends : mapping of (str, str) to ndarray
        Steps that each tile ran at each point of that emulation, int ``(points, tiles)``.
    sections : pandas.DataFrame
        Scores of every section at every point: ``row`` in ``table``, and the columns of
        :attr:`spikeseg_core.evaluation.segment.Segmentation.sections`.
    """

    table: pd.DataFrame
    events: Mapping[tuple[str, str], StepEvents]
    ends: Mapping[tuple[str, str], np.ndarray]
    sections: pd.DataFrame

    def events_of(self, row: int, split: str) -> EventCounts:
        """Return the events of one row's presentations."""
        emulation = self.table["emulation"].iloc[row]
        number = int((self.table["emulation"].iloc[:row] == emulation).sum())
        return self.events[split, emulation].until(self.ends[split, emulation][number])

    def save(self, table: Path, arrays: Path, sections: Path) -> Path:
        """Write a table, an npz file and the scores of sections; return the path of the table."""
        named = {
            f"{split}/{emulation}/{name}": array
            for (split, emulation), events in self.events.items()
            for name, array in (events.arrays() | {"ends": self.ends[split, emulation]}).items()
        }
        save_arrays(arrays, named)
        save_table(self.sections, sections)
        return save_table(self.table, table)

    @classmethod
    def load(cls, table: Path, arrays: Path, sections: Path) -> Search:
        """Read a search written by :meth:`save`.

        Raises
        ------
        DataError
            If a file is missing or damaged.
        """
        try:
            rows, by_section = pd.read_parquet(table), pd.read_parquet(sections)
        except (OSError, ValueError) as error:
            raise DataError(
                f"{table} or {sections.name} cannot be read ({error}); run the deploy stage"
            ) from error
        if "emulation" not in rows:  # written when every tile began with a reset
            rows = rows.assign(continuous=False, emulation=rows["tiles_per_axis"].astype(str))
        groups: dict[tuple[str, str], dict[str, np.ndarray]] = {}
        for name, array in load_arrays(arrays).items():
            split, emulation, rest = name.split("/", 2)
            groups.setdefault((split, emulation), {})[rest] = array
        return cls(
            rows,
            {key: StepEvents.from_arrays(group) for key, group in groups.items()},
            {key: group["ends"] for key, group in groups.items()},
            by_section,
        )


def search(
    mapped: MappedNetwork,
    dataset: Dataset,
    presentation: PresentationConfig,
    config: DeployConfig,
    report: Reporter,
) -> tuple[Search, dict[str, Deployment]]:
    """Emulate the longest presentation of every grid, and score every point.

    Returns also, by split, the results of the network as it is deployed.
    """
    config = _long_enough(config, depth(mapped.network), report)
    grids = grids_of(dataset, config)
    steps = steps_of(presentation, config)
    points = points_of(list(grids), presentation, config)
    own = presentation.readout_start, presentation.steps
    start = Point(next(iter(grids)), presentation.readout_window, steps[-1])
    rows = [_row(p, grids[p.tiles_per_axis]) | {"start": p == start} for p in points]
    events: dict[tuple[str, str], StepEvents] = {}
    ends: dict[tuple[str, str], np.ndarray] = {}
    deployed: dict[str, Deployment] = {}
    chosen: dict[int, Thresholds] = {}
    sections: list[pd.DataFrame] = []
    for split in SCORED_SPLITS:
        images, labels = dataset.split(split)
        scorer = Scorer(labels, split)
        for emulation in dict.fromkeys(point.emulated_as for point in points):
            served = {n: p for n, p in enumerate(points) if p.emulated_as == emulation}
            first = next(iter(served.values()))
            grid = grids[first.tiles_per_axis]
            if first.continuous:
                starts = [p.read_out(p.steps)[0] for p in served.values()]
                found = emulate_continuously(
                    mapped, grid.cut(images), grid.tiles, first.steps, starts, report=report
                )
            else:
                windows = sorted({p.read_out(n) for p in served.values() for n in steps} - {own})
                found = emulate(
                    mapped,
                    grid.cut(images),
                    steps[-1],
                    [*windows, own],
                    report,
                    rate_steps=presentation.steps,
                )
                if first.tiles_per_axis == start.tiles_per_axis:
                    deployed[split] = Deployment(
                        found.logits[own],
                        found.counts,
                        found.rates,
                        found.events,
                        np.full(len(found.counts), presentation.steps),
                    )
            stopped = []
            for number, point in served.items():
                row, shown = rows[number], show(found, point, steps)
                if point.continuous:
                    own_steps = steps_of_tiles(
                        mapped.network, len(shown.steps), point.steps, grid.tiles
                    )
                else:
                    own_steps = shown.steps
                stopped.append(own_steps)
                probability = grid.stitch(expit(shown.logits))
                scores, chosen[number], by_section = _scored(
                    split, scorer, probability, chosen.get(number)
                )
                row.update(scores)
                if split == "validation":
                    row["validation/cross_entropy"] = cross_entropy(probability, labels)
                part = section_rows(split, dataset, by_section, chosen[number])
                sections.append(part.assign(row=number))
                row[f"{split}/mean_steps"] = float(own_steps.mean())
                row[f"{split}/checks"] = float(shown.checks.mean())
                report.progress(len(stopped), len(served), f"presentations scored on {split}")
            events[split, emulation], ends[split, emulation] = found.events, np.stack(stopped)
    table = pd.DataFrame(rows).astype({"early_exit": float})
    return Search(table, events, ends, pd.concat(sections, ignore_index=True)), deployed


def _long_enough(config: DeployConfig, late: int, report: Reporter) -> DeployConfig:
    """Leave out presentations without resets that are over before a spike is through."""
    long = tuple(steps for steps in config.continuous_steps if steps > late)
    if long != config.continuous_steps:
        report.say(
            f"deploy.continuous_steps: only times above {late} steps are tried, which a spike "
            "needs through the network"
        )
    return config.model_copy(update={"continuous_steps": long})


def _row(point: Point, grid: TileGrid) -> dict[str, object]:
    return {
        "point": point.name,
        "tiles_per_axis": point.tiles_per_axis,
        "tiles": grid.tiles,
        "window": point.window,
        "steps": point.steps,
        "early_exit": point.early_exit,
        "continuous": point.continuous,
        "emulation": point.emulated_as,
    }


def _scored(
    split: str, scorer: Scorer, probability: np.ndarray, thresholds: Thresholds | None
) -> tuple[dict[str, float], Thresholds, dict[str, np.ndarray]]:
    """Score a split and its sections; the thresholds of the latter are chosen unless given."""
    curve = scorer.curve(probability)
    scores = scorer.scores(probability, curve=curve)
    chosen = thresholds or scorer.thresholds(probability, curve)
    named = {f"{split}/{name}": scores[name] for name in SCORES}
    return named, chosen, scorer.by_section(probability, curve, chosen)


def cross_entropy(probability: np.ndarray, labels: np.ndarray) -> float:
    """Mean cross-entropy in nats over the pixels of sections ``(n, height, width)``.

    It varies less between read-out windows than any of the scores.
    """
    membrane = np.clip(probability, _SMALLEST, 1 - _SMALLEST)
    right = np.where(labels == 1, membrane, 1 - membrane)
    return float(-np.mean(np.log(right), dtype=np.float64))


def grids_of(dataset: Dataset, config: DeployConfig) -> dict[int, TileGrid]:
    """Return the distinct tile grids, the dataset's first, by tiles along each side."""
    own = dataset.grid
    found = {own.tiles_per_axis: own}
    for along in config.tiles_per_axis:
        grid = TileGrid(own.section_shape, own.tile, along)
        if all(grid.origins != other.origins for other in found.values()):
            found[along] = grid
    return found


def steps_of(presentation: PresentationConfig, config: DeployConfig) -> list[int]:
    """Return the presentation times to try, increasing, including the deployed one."""
    return sorted({presentation.steps, *config.presentation_steps})


def points_of(
    grids: Sequence[int], presentation: PresentationConfig, config: DeployConfig
) -> list[Point]:
    """List the points to try, grid by grid; the start uses the first of ``grids``.

    Without resets only the fewest tiles are tried, because every point of it is emulated.
    """
    windows = dict.fromkeys((presentation.readout_window, *config.readout_windows))
    steps = steps_of(presentation, config)
    changes = config.early_exit if len(steps) > 1 else ()
    return [
        point
        for along in grids
        for point in (
            *(Point(along, window, n) for window in windows for n in steps),
            *(Point(along, w, steps[-1], change) for w in windows for change in changes),
            *(
                Point(along, window, n, continuous=True)
                for n in (sorted({*config.continuous_steps}) if along == min(grids) else ())
                for window in windows
            ),
        )
    ]


def show(emulation: Emulation, point: Point, checkpoints: Sequence[int]) -> Stopped:
    """Evaluate a point on an emulation that was read out at all checkpoints."""
    if point.early_exit is not None:
        readouts = {n: emulation.logits[point.read_out(n)] for n in checkpoints}
        return exit_early(readouts, point.early_exit)
    logits = emulation.logits[point.read_out(point.steps)]
    return Stopped(logits, np.full(len(logits), point.steps), np.zeros(len(logits), int))
