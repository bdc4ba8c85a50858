"""The evidence for a research report: runs and sweeps, and figures read from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from spikeseg_core.config import presets
from spikeseg_core.errors import ConfigError, SpikeSegError
from spikeseg_core.figures.run import draw_overview
from spikeseg_core.figures.style import NARROW, for_both_screens
from spikeseg_core.report.document import Picture
from spikeseg_core.report.embed import data_uri
from spikeseg_core.report.records import (
    Measured,
    RecordedPipeline,
    RecordedRun,
    RecordedSweep,
    Records,
)
from spikeseg_core.report.stated import Basis, Link, Stated, Text, say, stated

ID_LETTERS = 8
"""Letters of a run's id that are shown."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """The records a research report is made from.

    Attributes
    ----------
    preset : str
        The preset reported on.
    runs : sequence of RecordedPipeline
        Finished pipelines with the same settings, network and data, one per seed, in order.
    others : sequence of RecordedPipeline
        The newest run of every other kind on the same data.
    sweeps : sequence of RecordedSweep
        The newest sweep of every title.
    bench : mapping of str to (RecordedRun, result)
        The newest result of each ``spikeseg bench``.
    """

    preset: str
    runs: Sequence[RecordedPipeline]
    others: Sequence[RecordedPipeline]
    sweeps: Sequence[RecordedSweep]
    bench: Mapping[str, Measured]

    @property
    def first(self) -> RecordedPipeline:
        """The run of the first seed, for what is shown for one seed only."""
        return self.runs[0]

    @property
    def all_runs(self) -> list[RecordedPipeline]:
        """The reported runs and those of other kinds."""
        return [*self.runs, *self.others]

    @property
    def busy(self) -> bool:
        """Whether a timing was disturbed, so that no ratio of energies can be stated."""
        return any(run.busy for run in self.runs)

    @property
    def newest(self) -> float:
        """When the newest record ended, in seconds since 1970."""
        ended = [run.run.ended for run in self.all_runs]
        return max([*ended, *(sweep.run.ended for sweep in self.sweeps)])

    @property
    def facts(self) -> Mapping[str, Any]:
        """Facts of the first run's benchmark."""
        return self.first.stages["benchmark"].facts

    @property
    def swings(self) -> Sequence[Mapping[str, Any]]:
        """Ranges of the first run's energy ratio over each unknown, widest first, as JSON."""
        found: Sequence[Mapping[str, Any]] = self.facts.get("sensitivity", {}).get("swings", [])
        return found

    def values(self, tag: str, metric: str) -> list[float]:
        """Return a metric for every seed that has it."""
        found = (run.metrics.get(tag, {}).get(metric) for run in self.runs)
        return [value for value in found if value is not None]

    def state(
        self,
        tag: str,
        metric: str,
        basis: Basis = "measured",
        form: str = ".3f",
        unit: str = "",
    ) -> Stated | None:
        """State a metric as its median and all seeds; None if no run has it."""
        return stated(self.values(tag, metric), basis, form, unit)

    def change(self, before: str, after: str, metric: str) -> Stated | None:
        """State the change of a metric between two tags: the median of the seeds' changes."""
        moves = [
            run.metrics[after][metric] - run.metrics[before][metric]
            for run in self.runs
            if metric in run.metrics.get(after, {}) and metric in run.metrics.get(before, {})
        ]
        return stated(moves, "measured", "+.3f")

    def table(self, stage: str, name: str) -> pd.DataFrame | None:
        """Read a table of a stage of the first run."""
        return self.first.stages[stage].table(name)

    def tables(self, stage: str, name: str) -> list[pd.DataFrame]:
        """Read a table of a stage for every seed that has it."""
        found = (run.stages[stage].table(name) for run in self.runs)
        return [table for table in found if table is not None]

    def picture(
        self, stage: str, name: str, caption: Text, *basis: Basis, wide: bool = False
    ) -> list[Picture]:
        """Return a picture of a stage of the first run; an empty list if it does not exist."""
        stem = Path(name).stem
        uri, narrow = (self._embedded(stage, one) for one in (stem, f"{stem}{NARROW}"))
        return [Picture(uri, caption, basis, wide, narrow)] if uri else []

    def _embedded(self, stage: str, stem: str) -> str:
        """Embed a picture of the first run; empty if it does not exist."""
        found = self.first.stages[stage]
        path = found.file(f"{stem}.png")
        found.file(f"{stem}.svg")  # lies beside it, for embedding
        return data_uri(path) if path is not None else ""

    def overview(self, folder: Path) -> list[Picture]:
        """Draw the first test section with the answers of the first run; empty if not kept."""
        stages = {name: stage.folder for name, stage in self.first.stages.items()}
        kept = {name: path for name, path in stages.items() if path is not None}
        if not {"prepare", "train", "deploy"} <= set(kept):
            return []
        try:
            wide, narrow = (data_uri(path) for path in draw_overview(kept, folder))
        except (OSError, ValueError, SpikeSegError):  # of another version, or not all logged
            return []
        caption = say(
            "The first test section, its truth, and the membrane that the ANN and the chips found "
            "in it, first seed: the darker, the more certain."
        )
        return [Picture(wide, caption, ("measured",), narrow=narrow)]

    @property
    def chips(self) -> str:
        """The word for the chips of the network: ``chip`` if it has one."""
        return "chip" if set(self.values("partition", "mapping/chips")) == {1} else "chips"

    def behind(self, *stages: str) -> list[Link]:
        """Link the runs of these stages for all seeds, with the names of the stages."""
        return [link(run.stages[stage].run, stage) for run in self.runs for stage in stages]

    def sweeps_over(self, *prefixes: str) -> list[RecordedSweep]:
        """Sweeps over a setting whose name starts with one of these."""
        return [
            sweep
            for sweep in self.sweeps
            if any(name.startswith(prefixes) for name in sorted(sweep.varied))
        ]


def link(run: RecordedRun, stage: str = "") -> Link:
    """Link a run by its stage, if any, and the beginning of its id, which commands accept."""
    return Link(f"{stage} {run.id[:ID_LETTERS]}".lstrip(), run.page)


def gather(records: Records, preset: str, chosen: Iterable[str] = ()) -> Evidence:
    """Choose the runs of a report from the records.

    Parameters
    ----------
    preset : str
        Its newest kind of run is reported, preferably one with exactly the preset's settings: the
        newest run per seed.
    chosen : iterable of str
        Ids of the pipeline runs to report instead.

    Raises
    ------
    ConfigError
        If there is no such run, or the chosen runs differ in more than their seeds.
    """
    everything = records.pipelines()
    wanted = set(chosen)
    if wanted:
        mine = [run for run in everything if run.run.id in wanted]
        if missing := wanted - {run.run.id for run in mine}:
            raise ConfigError(
                f"there is no finished pipeline with all stages recorded and the run id "
                f"{', '.join(sorted(missing))}"
            )
        kinds = [run.kind for run in mine]
    else:
        mine = [run for run in everything if run.preset == preset]
        if not mine:
            raise ConfigError(
                f"no finished pipeline of the preset {preset!r} is recorded; run "
                f"`spikeseg run --preset {preset}` first, or let `spikeseg report` run it"
            )
        kinds = [run.kind for run in mine if run.follows(presets.preset(preset))]
        kinds = kinds or [run.kind for run in mine]
    # Real sections take precedence over synthetic ones, even if these are newer.
    real = [run.kind for run in mine if run.kind in kinds and not run.synthetic]
    if wanted and len(set(kinds)) > 1:
        raise ConfigError(
            f"the runs {', '.join(sorted(wanted))} differ in more than their seeds; choose runs of "
            f"one kind (the others appear in the comparison)"
        )
    kind = (real or kinds)[0]
    runs = _newest_by(mine, kind)
    return Evidence(
        preset=mine[0].preset if wanted else preset,
        runs=runs,
        others=_newest_of_other_kinds(everything, kind, runs[0]),
        sweeps=list({sweep.title: sweep for sweep in reversed(records.sweeps())}.values())[::-1],
        bench=records.measured(runs[0].preset),
    )


def _newest_by(runs: Sequence[RecordedPipeline], kind: str) -> list[RecordedPipeline]:
    by_seed: dict[tuple[int, ...], RecordedPipeline] = {}
    for run in runs:  # the newest come first
        if run.kind == kind:
            by_seed.setdefault(tuple(run.seeds.values()), run)
    return [run for _, run in sorted(by_seed.items())]


def _newest_of_other_kinds(
    everything: Sequence[RecordedPipeline], kind: str, reported: RecordedPipeline
) -> list[RecordedPipeline]:
    """Only runs on the same data: scores on other sections are not comparable."""
    data = reported.dataset.get("sha256")
    found: dict[str, RecordedPipeline] = {}
    for run in everything:
        if run.kind != kind and run.dataset.get("sha256") == data:
            found.setdefault(run.kind, run)
    return list(found.values())


def median_table(tables: Sequence[pd.DataFrame], key: str) -> pd.DataFrame:
    """Median of a table over several seeds by row key, in the order of the first table."""
    order = list(dict.fromkeys(tables[0][key]))
    together = pd.concat(tables).groupby(key).median(numeric_only=True)
    return together.reindex(order).reset_index()


def draw(
    make: Callable[..., Path],
    *arguments: Any,
    caption: Text,
    basis: Sequence[Basis],
    folder: Path,
    name: str,
    wide: bool = False,
    narrow: bool = False,
) -> Picture:
    """Draw a picture with a function whose last argument is a path, and embed it.

    With ``narrow``, the function can draw one for narrow screens, too.
    """
    if not narrow:
        path = make(*arguments, folder / f"{name}.png")
        return Picture(data_uri(path), caption, tuple(basis), wide)
    found = for_both_screens(
        lambda path, narrow: make(*arguments, path, narrow=narrow), folder / f"{name}.png"
    )
    uri, upright = map(data_uri, found)
    return Picture(uri, caption, tuple(basis), wide, upright)
