"""What of the state folder can be deleted, and what has to stay."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from spikeseg_core.errors import ConfigError, SpikeSegError
from tasks.folder import RECORD, StageRecord, is_finished, read_record, tracking_notes
from tasks.in_use import alone
from tasks.local import state


@dataclass(frozen=True)
class Waste:
    """A file or folder that can go.

    Attributes
    ----------
    costs : str
        What is lost with it.
    """

    path: Path
    what: str
    costs: str
    megabytes: float


def waste(registered: Iterable[str], *, everything: bool = False) -> list[Waste]:
    """Return what can go: stages that no newest run would use again, logs, and left-over files.

    Parameters
    ----------
    registered : iterable of str
        MLflow runs behind registered models; their stages, and those they were made from, stay.
    everything : bool
        Also what the newest runs would use again, unfinished stages, and downloads.
    """
    here = state.current()
    finished = dict(_finished(here.stages))
    kept = _with_inputs(_of_runs(finished, set(registered)), finished)
    newest = set() if everything else _with_inputs(_newest(finished), finished)
    found = []
    for folder in sorted(here.stages.glob("*/")):
        if folder in kept or folder in newest:
            continue
        if folder in finished:
            costs = "computed again if a run needs it"
            found.append(_waste(folder, f"stage {finished[folder].stage}", costs))
        elif everything:
            costs = "what it has done so far"
            found.append(_waste(folder, "unfinished stage", costs))
    if not here.servers_file.exists() and (here.home / "logs").is_dir():
        found.append(_waste(here.home / "logs", "logs of the servers", "nothing"))
    if everything and here.cache.is_dir():
        found.append(_waste(here.cache, "downloads", "downloaded again"))
    return found


def delete(found: Iterable[Waste]) -> None:
    """Delete what :func:`waste` has found.

    Raises
    ------
    ConfigError
        If a run is going on.
    """
    with alone(state.current().stages) as nobody:
        if not nobody:
            raise ConfigError(
                "a run is going on in this state folder; nothing was deleted. Try again when it "
                "has ended"
            )
        for each in found:
            _remove(each.path)


def _remove(path: Path) -> None:
    # First the record: a folder that is deleted only in part is no finished stage.
    (path / RECORD).unlink(missing_ok=True)
    shutil.rmtree(path)


def is_in_use() -> bool:
    """Whether a run is going on in this state folder."""
    with alone(state.current().stages) as nobody:
        return not nobody


def _finished(stages: Path) -> Iterator[tuple[Path, StageRecord]]:
    for folder in stages.glob("*/"):
        if is_finished(folder):
            try:
                yield folder, read_record(folder)
            except SpikeSegError:  # damaged: it counts as unfinished
                continue


def _of_runs(finished: dict[Path, StageRecord], runs: set[str]) -> set[Path]:
    """Folders of the stages with one of those MLflow runs."""
    found = set()
    for folder in finished:
        if any(note.get("run_id") in runs for note in tracking_notes(folder).values()):
            found.add(folder)
    return found


def _newest(finished: dict[Path, StageRecord]) -> set[Path]:
    """Newest folder of every stage and preset."""
    newest: dict[tuple[str, str], Path] = {}
    for folder, record in sorted(finished.items(), key=lambda item: item[1].started):
        newest[record.stage, record.preset] = folder
    return set(newest.values())


def _with_inputs(folders: set[Path], finished: dict[Path, StageRecord]) -> set[Path]:
    here = state.current()
    inputs = {here.stage_folder(*each) for f in folders for each in finished[f].inputs.items()}
    return folders | inputs


def _waste(path: Path, what: str, costs: str) -> Waste:
    return Waste(path, what, costs, megabytes(path))


def megabytes(folder: Path) -> float:
    """Size of a folder's files in MB."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(root) / name).lstat().st_size
            except OSError:  # it has just gone
                continue
    return total / 1e6
