"""The records a report reads: finished pipelines, sweeps and measurements, from any source."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from spikeseg_core.config import PipelineConfig
from spikeseg_core.energy.figure import EnergyFigure
from spikeseg_core.storage import digest_json

if TYPE_CHECKING:
    import pandas as pd

SEEDS = (("train", "seed"), ("tune", "seed"), ("partition", "seed"))
"""Settings that only reseed a run."""

NOT_DECISIVE = ("dataset", "benchmark", "tolerance", "promotion")
"""Sections of the settings that do not change results; data are identified by content."""


@dataclass(frozen=True, eq=False)
class RecordedRun:
    """A finished run and its files.

    Attributes
    ----------
    ended : float
        When it ended, in seconds since 1970.
    page : str or None
        URL of its page, if it has one.
    fetch : callable
        Returns the path of a file by name, or None if the run has no such file.
    """

    id: str
    name: str
    tags: Mapping[str, str]
    ended: float
    page: str | None
    fetch: Callable[[str], Path | None] = field(repr=False)

    def json(self, name: str) -> Any:
        """Read a JSON file; None if there is none."""
        path = self.fetch(name)
        return json.loads(path.read_text(encoding="utf-8")) if path is not None else None

    def table(self, name: str) -> pd.DataFrame | None:
        """Read a Parquet file; None if there is none."""
        import pandas as pd

        path = self.fetch(name)
        return pd.read_parquet(path) if path is not None else None


@dataclass(frozen=True, eq=False)
class RecordedStage:
    """A finished stage.

    Attributes
    ----------
    account : mapping
        Content of ``stage.json``: settings, metrics, facts, names of pictures and tables.
    below : str
        Prefix of the stage's files within the run's, such as ``stage/``.
    """

    run: RecordedRun
    account: Mapping[str, Any]
    below: str = ""

    @property
    def settings(self) -> dict[str, dict[str, Any]]:
        """Settings of this stage and the ones before it, by section."""
        return dict(self.account["settings"])

    @property
    def metrics(self) -> dict[str, dict[str, float]]:
        """Metrics by tag, without missing values."""
        return {
            tag: {name: value for name, value in values.items() if value is not None}
            for tag, values in self.account["outcome"]["metrics"].items()
        }

    @property
    def facts(self) -> dict[str, Any]:
        """Results of the stage other than metrics."""
        return dict(self.account["outcome"]["facts"])

    @property
    def folder(self) -> Path | None:
        """Folder with all of the stage's files; None if they were not kept."""
        return self.run.fetch(self.below.rstrip("/") or ".")

    def file(self, name: str) -> Path | None:
        """Path of one of the stage's files; None if there is none."""
        return self.run.fetch(f"{self.below}{name}")

    def table(self, name: str) -> pd.DataFrame | None:
        """Read one of the stage's tables; None if there is none."""
        return self.run.table(f"{self.below}{name}.parquet")


@dataclass(frozen=True, eq=False)
class RecordedPipeline:
    """A finished run of the whole pipeline, with its stages by name."""

    run: RecordedRun
    stages: Mapping[str, RecordedStage]

    @property
    def preset(self) -> str:
        """Preset it started from."""
        # A reused stage may come from a run of another preset.
        return str(self.run.tags.get("preset") or self.stages["benchmark"].account["preset"])

    @property
    def settings(self) -> dict[str, dict[str, Any]]:
        """Settings of all stages, by section."""
        return self.stages["benchmark"].settings

    @property
    def dataset(self) -> dict[str, Any]:
        """Facts of the dataset."""
        return self.stages["prepare"].facts

    @property
    def figures(self) -> list[dict[str, Any]]:
        """Energy figures as JSON; empty if recorded in an older format."""
        return labelled(self.stages["benchmark"].facts.get("figures", []))

    @property
    def energies(self) -> list[EnergyFigure]:
        """The same as objects."""
        return [EnergyFigure.from_json(one) for one in self.figures]

    @property
    def synthetic(self) -> bool:
        """Whether its sections are synthetic."""
        return bool(self.dataset.get("synthetic"))

    @property
    def busy(self) -> bool:
        """Whether other work disturbed the timings of its benchmark."""
        return bool(self.stages["benchmark"].facts.get("busy"))

    @property
    def seeds(self) -> dict[str, int]:
        """Its seeds, by section."""
        return {part: int(self.settings[part][name]) for part, name in SEEDS}

    def follows(self, config: PipelineConfig) -> bool:
        """Whether it has these settings, apart from seeds and the source of the sections."""
        return _decisive(self.settings) == _decisive(config.model_dump(mode="json"))

    @cached_property
    def kind(self) -> str:
        """Digest of everything but the seeds that determines a result: settings, network, data."""
        return digest_json(
            {
                "settings": _decisive(self.settings),
                "network": self.stages["train"].facts.get("network"),
                "tiles_per_axis": self.settings["dataset"].get("tiles_per_axis"),
                "data": self.dataset.get("sha256"),
                "splits": self.dataset.get("splits"),
            }
        )

    @cached_property
    def metrics(self) -> dict[str, dict[str, float]]:
        """Metrics of all stages, by tag."""
        return {
            tag: values for stage in self.stages.values() for tag, values in stage.metrics.items()
        }


def labelled(figures: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the energy figures that have a label, which older formats lack."""
    return [one for one in figures if "label" in one]


def _decisive(settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the settings that change results, by section."""
    return {
        part: {name: value for name, value in values.items() if (part, name) not in SEEDS}
        for part, values in settings.items()
        if part not in NOT_DECISIVE and isinstance(values, Mapping)
    }


@dataclass(frozen=True, eq=False)
class RecordedSweep:
    """A finished sweep.

    Attributes
    ----------
    definition : mapping
        Definition of the sweep.
    points : DataFrame
        One row per point: medians over its seeds, ``front``, ``chosen``.
    runs : DataFrame
        One row per point and seed.
    """

    run: RecordedRun
    definition: Mapping[str, Any]
    points: pd.DataFrame
    runs: pd.DataFrame

    @property
    def title(self) -> str:
        """Its title with the preset."""
        title = self.definition.get("title", self.run.name)
        return f"{title} (preset {self.definition.get('preset', '?')})"

    @property
    def varied(self) -> set[str]:
        """Names of the settings that differ between its points."""
        search = self.definition.get("search") or {}
        named = [name for point in self.definition.get("points", ()) for name in point["settings"]]
        return {*self.definition.get("grid", {}), *search.get("ranges", {}), *named}

    @property
    def metrics(self) -> list[str]:
        """Metrics of its table, in their order."""
        return [name for name in self.points.columns if f"{name} (min)" in self.points.columns]

    def seeds_of(self, point: str, metric: str) -> list[float]:
        """Values of a metric at one point, one per seed in order."""
        done = self.runs[(self.runs["point"] == point) & (self.runs["status"] == "done")]
        if metric not in done:
            return []
        return [float(value) for value in done.sort_values("seed")[metric].dropna()]


def recorded_sweep(run: RecordedRun) -> RecordedSweep | None:
    """Read a sweep from the files of its run; None if one is missing."""
    definition = run.json("definition.json")
    points, runs = run.table("points.parquet"), run.table("runs.parquet")
    if definition is None or points is None or runs is None:
        return None
    return RecordedSweep(run, definition, points, runs)


Measured = tuple[RecordedRun, Mapping[str, Any]]
"""A run of ``spikeseg bench`` and its result."""


class Records(Protocol):
    """Finished work, the newest first."""

    def pipelines(self) -> Sequence[RecordedPipeline]:
        """All pipelines with all stages recorded."""

    def sweeps(self) -> Sequence[RecordedSweep]:
        """All sweeps."""

    def measured(self, preset: str) -> Mapping[str, Measured]:
        """Newest result of each ``spikeseg bench`` of a preset, by what it measures."""
