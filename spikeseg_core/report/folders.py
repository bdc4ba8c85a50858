"""Records read from the folders of finished stages, without MLflow."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from spikeseg_core.errors import DataError
from spikeseg_core.report.records import (
    Measured,
    RecordedPipeline,
    RecordedRun,
    RecordedStage,
    RecordedSweep,
    recorded_sweep,
)
from spikeseg_core.report.seal import is_broken
from spikeseg_core.stages import table as registry

RECORD = "stage.json"


def recorded_stage(folder: Path) -> RecordedStage:
    """Read a finished stage from its folder.

    Raises
    ------
    DataError
        If the stage is not finished, or its ``stage.json`` is damaged.
    """
    try:
        account = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        if is_broken(account):
            raise ValueError("it was changed after the stage had ended")
        ended = float(account["started"]) + float(account["seconds"])
        return RecordedStage(_run(folder, str(account["key"]), ended), account)
    except FileNotFoundError:
        raise DataError(f"{folder} has no {RECORD}: the stage is not finished") from None
    except (
        *(ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError),
    ) as error:
        raise DataError(f"{folder / RECORD} is damaged ({error}); run the stage again") from error


def _run(folder: Path, name: str, ended: float) -> RecordedRun:
    def fetch(file: str) -> Path | None:
        path = folder / file
        return path if path.exists() else None

    return RecordedRun(name, name, {}, ended, None, fetch)


class FolderRecords:
    """Finished stages below one folder, and sweeps in separate folders.

    Parameters
    ----------
    stages : Path
        Parent of the stage folders.
    sweeps : iterable of Path
        Folders of finished sweeps (``definition.json``, ``points.parquet``, ``runs.parquet``).
    """

    def __init__(self, stages: Path, sweeps: Iterable[Path] = ()) -> None:
        self._stages = stages
        self._sweeps = tuple(sweeps)

    def pipelines(self) -> list[RecordedPipeline]:
        """All pipelines with all stages here, the newest first."""
        finished = [recorded_stage(path.parent) for path in self._stages.glob(f"*/{RECORD}")]
        by_key = {(str(s.account["stage"]), str(s.account["key"])): s for s in finished}
        last = list(registry.STAGES)[-1]
        found = []
        for stage in sorted(finished, key=lambda stage: -stage.run.ended):
            keys: Mapping[str, Any] = {**stage.account["inputs"], last: stage.account["key"]}
            stages = {name: by_key.get((name, keys.get(name, ""))) for name in registry.STAGES}
            whole = {name: one for name, one in stages.items() if one is not None}
            if stage.account["stage"] == last and len(whole) == len(stages):
                found.append(RecordedPipeline(stage.run, whole))
        return found

    def sweeps(self) -> list[RecordedSweep]:
        """All finished sweeps, the newest first."""
        runs = [
            _run(folder, folder.name, (folder / "definition.json").stat().st_mtime)
            for folder in self._sweeps
            if (folder / "definition.json").is_file()
        ]
        found = [recorded_sweep(run) for run in sorted(runs, key=lambda run: -run.ended)]
        return [sweep for sweep in found if sweep is not None]

    def measured(self, preset: str) -> Mapping[str, Measured]:
        """Nothing: results of ``spikeseg bench`` are in MLflow only."""
        return {}
