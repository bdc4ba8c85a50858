"""`spikeseg runs`: the runs of this state folder, from their own files."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Column, Table
from rich.text import Text

from spikeseg_core.errors import ConfigError
from spikeseg_core.report.seal import is_broken
from tasks.local import state
from tasks.terminal import plain_console

log = logging.getLogger("prefect.spikeseg")

SHORTEST = 4
"""Fewest characters that may abbreviate a run's name or MLflow id."""

PAGES = ("report.html", "research.html", "sweep.md")
ACCOUNTS = ("summary.json", "research.json", "definition.json")


@dataclass(frozen=True)
class RecordedFolder:
    """One folder of ``runs/``."""

    folder: Path
    kind: str
    page: Path
    account: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Name of the run: its time and its preset."""
        return self.folder.name

    @property
    def mlflow_run_id(self) -> str | None:
        """Its MLflow run, if it was logged."""
        found = self._inside("mlflow", "run_id") or self._inside("mlflow_run_id")
        return found if isinstance(found, str) else None

    @property
    def minutes(self) -> float | None:
        """Minutes of its stages, including those it reused."""
        times = self._inside("minutes")
        return sum(filter(None, map(_float, times.values()))) if isinstance(times, dict) else None

    @property
    def data(self) -> str:
        """Source of its sections; synthetic ones are marked."""
        if self._inside("dataset", "synthetic"):
            return "SYNTHETIC"
        return str(self._inside("dataset", "source") or "")

    def score(self, name: str) -> float | None:
        """Score of the network on the chip, on the test sections."""
        return _float(self._inside("stages", "loihi", f"test/{name}"))

    def _inside(self, *names: str) -> Any:
        """Value of the account under these names; None if it has none, or another form."""
        found: Any = self.account
        for name in names:
            found = found.get(name) if isinstance(found, Mapping) else None
        return found

    def plain(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "name": self.name,
            "kind": self.kind,
            "page": str(self.page),
            "data": self.data,
            "minutes": self.minutes,
            "mlflow_run_id": self.mlflow_run_id,
            **{f"test/{name}": self.score(name) for name in ("pixel_accuracy", "v_rand", "v_info")},
        }


def recorded() -> list[RecordedFolder]:
    """Return the runs of the state folder, newest first; damaged and edited ones are left out."""
    found = []
    for folder in sorted(state.current().runs.glob("*/"), reverse=True):
        for kind, name, page in zip(("pipeline", "report", "sweep"), ACCOUNTS, PAGES, strict=True):
            try:
                account = json.loads((folder / name).read_text(encoding="utf-8"))
                edited = isinstance(account, dict) and is_broken(account)
            except (OSError, ValueError, RecursionError):
                continue
            if not isinstance(account, dict):
                continue
            if edited:
                log.warning("%s is not shown: it was changed after its run", folder / name)
                continue
            found.append(RecordedFolder(folder, kind, folder / page, account))
            break
    return found


def find(name: str = "") -> RecordedFolder:
    """Find a run by its name, or the beginning of its name or MLflow id; empty: the newest.

    Raises
    ------
    ConfigError
        If there is none, or several fit.
    """
    runs = recorded()
    if not runs:
        raise ConfigError(f"no run is in {state.current().runs}; `spikeseg run` makes one")
    if not name:
        return runs[0]
    exact = [run for run in runs if name in (run.name, run.mlflow_run_id)]
    found = exact or [
        run
        for run in runs
        if len(name) >= SHORTEST
        and (run.name.startswith(name) or str(run.mlflow_run_id or "").startswith(name))
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigError(f"{name!r} fits several runs: {', '.join(run.name for run in found)}")
    raise ConfigError(f"no run {name!r} is in {state.current().runs}; `spikeseg runs` lists them")


def show_list() -> list[dict[str, Any]]:
    """Print the runs as a table, newest first, and return them."""
    runs = recorded()
    console = plain_console()
    if not runs:
        console.print(
            f"no runs in {state.current().runs}; `spikeseg run` makes one", soft_wrap=True
        )
        return []
    table = Table(
        Column("run", no_wrap=True), "kind", "data", "V_Rand", "V_Info", "minutes", "MLflow run"
    )
    for column in table.columns[3:6]:
        column.justify = "right"
    for run in runs:
        scores = [_number(run.score(name), ".3f") for name in ("v_rand", "v_info")]
        minutes = _number(run.minutes, ".1f")
        row = (run.name, run.kind, run.data, *scores, minutes, (run.mlflow_run_id or "")[:8])
        table.add_row(*map(Text, row))  # no markup: a folder may have any name
    console.print(table)
    console.print(
        "scores: the network on the chip, test sections. `spikeseg runs show RUN`, "
        "`spikeseg runs open RUN`",
        soft_wrap=True,
    )
    return [run.plain() for run in runs]


def _float(value: Any) -> float | None:
    """Return a number as it is, and None for anything else."""
    return float(value) if isinstance(value, int | float) and abs(value) < 1e300 else None


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def show_run(run: RecordedFolder) -> None:
    """Print a run's results as at its end; of a version with another summary, its report."""
    if run.kind == "pipeline":
        from tasks.show import show

        try:
            show({**run.account, "report": str(run.page)})
        except Exception:  # whatever another version's summary leads to
            plain_console().print("written by another version, so this is its report:")
        else:
            return
    text = run.page.with_suffix(".md")
    try:
        said = text.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{text} cannot be read ({error.strerror}); run it again") from error
    plain_console().print(said, soft_wrap=True, markup=False)
