"""A stage's folder: its key, its record, and when it counts as finished.

A folder is named after its stage and key. ``stage.json`` is written last and atomically: a folder
with it is finished, one without it was interrupted and continues from its checkpoints. The record
is sealed and knows the state of every file, so that what was changed afterwards is not used.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from spikeseg_core.config import PipelineConfig
from spikeseg_core.errors import ConfigError
from spikeseg_core.figures import stages as pictures
from spikeseg_core.report.seal import SEAL, seal_of
from spikeseg_core.stages import artifacts
from spikeseg_core.stages import table as registry
from spikeseg_core.stages.base import StageResult
from spikeseg_core.storage import digest_json, write_text
from tasks import key as code_version
from tasks.file_states import FileState, first_difference, states
from tasks.in_use import use
from tasks.local import state
from tasks.references import StageRef

log = logging.getLogger("prefect.spikeseg")

RECORD = "stage.json"
TRACKING = "tracking.json"
CURVES = "curves.jsonl"
CHECKPOINTS = "checkpoints"
LOCK = ".lock"

OF_AN_ATTEMPT = (CHECKPOINTS, TRACKING, CURVES)
"""What the next attempt needs of an interrupted one."""

# Bookkeeping, and files that no stage reads, do not change what the next stage computes.
NOT_CONTENT = artifacts.NOT_CONTENT | {RECORD, TRACKING, CURVES}

_READ_BY_STAGES = {artifact.name for artifact in artifacts.ARTIFACTS if artifact.readers}


class Outcome(BaseModel):
    """A :class:`StageResult` as JSON; paths are relative to the stage's folder."""

    model_config = ConfigDict(frozen=True)

    metrics: dict[str, dict[str, float | None]] = Field(default_factory=dict)
    figures: list[str] = Field(default_factory=list)
    tables: list[str] = Field(default_factory=list)
    facts: dict[str, Any] = Field(default_factory=dict)


class StageRecord(BaseModel):
    """Everything known about a finished stage: the content of ``stage.json``."""

    model_config = ConfigDict(frozen=True)

    stage: str
    key: str
    sha256: str
    inputs: dict[str, str]
    preset: str
    settings: dict[str, Any] = Field(description="sections that it and the stages before it read")
    code: str = Field(description="digest of its code")
    drawing: str = Field("", description="digest of the code that drew its pictures")
    outcome: Outcome
    started: float = Field(description="seconds since 1970")
    seconds: float = Field(description="time taken, all attempts since the last interruption")
    versions: dict[str, str] = Field(default_factory=dict)
    machine: dict[str, str] = Field(default_factory=dict, description="what it ran on")
    files: dict[str, FileState] = Field(default_factory=dict, description="by name in the folder")
    seal: str = Field("", description="digest of all of this record but itself")


def stage_key(name: str, config: PipelineConfig, upstream: Sequence[StageRef]) -> str:
    """Digest of what determines the stage's content: settings, inputs and code."""
    determined: dict[str, Any] = {
        "stage": name,
        "settings": registry.determining_settings(name, config),
        "inputs": {ref.stage: ref.sha256 for ref in upstream},
        "code": code_version.code_digest(registry.stage(name).module),
        "writes": [artifact.name for artifact in artifacts.written_by(name)],
    }
    if name == "prepare":
        from spikeseg_core.data.sources import fingerprint

        determined["settings"]["dataset"] |= fingerprint(config.dataset)
    return digest_json(determined)


def is_finished(folder: Path) -> bool:
    """Whether the stage in this folder is finished."""
    return (folder / RECORD).is_file()


def is_sound(folder: Path) -> bool:
    """Whether the stage in this folder is finished, and all of it is as when it ended."""
    return is_finished(folder) and damage(folder) is None


def damage(folder: Path) -> str | None:
    """Say what is wrong with the folder of a finished stage; None if it is as when it ended."""
    try:
        account = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        record = StageRecord.model_validate(account)
        broken = account[SEAL] != seal_of(account)
    except (OSError, ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return f"{RECORD} cannot be read"
    if broken:
        return f"{RECORD} was changed"
    if folder.name != f"{record.stage}-{record.key[:16]}":
        return f"{RECORD} is that of stage {record.stage} with key {record.key[:16]}"
    content = {name: known for name, known in record.files.items() if not _is_picture(name)}
    if (found := first_difference(folder, content)) is not None:
        return found
    for path in content_files(folder):
        name = path.relative_to(folder).as_posix()
        if name not in record.files and name in _READ_BY_STAGES:
            return f"{name} was added"
    return None


def clear(folder: Path, keep: Sequence[str] = ()) -> None:
    """Delete what is in a stage's folder but its lock and ``keep``, the record first."""
    if folder.resolve().parent != state.current().stages:
        raise ConfigError(f"{folder} is no folder of {state.current().stages}; nothing is deleted")
    (folder / RECORD).unlink(missing_ok=True)
    for path in folder.iterdir():
        if path.name == LOCK or path.name in keep:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _is_picture(name: str) -> bool:
    return name.endswith((".png", ".svg"))


def drawing_digest(stage: str) -> str:
    """Digest of the code that draws the stage's pictures; empty if it has none."""
    module = pictures.module_of(stage)
    return code_version.code_digest(module) if module else ""


def is_drawn(folder: Path) -> bool:
    """Whether the finished stage's pictures are there, and are those of the current code."""
    record = read_record(folder)
    drawn = {name: known for name, known in record.files.items() if _is_picture(name)}
    return (
        record.drawing == drawing_digest(record.stage) and first_difference(folder, drawn) is None
    )


def read_record(folder: Path) -> StageRecord:
    """Read ``stage.json``; a :class:`ConfigError` if it is missing or damaged."""
    path = folder / RECORD
    try:
        return StageRecord.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{folder} holds no finished stage ({RECORD} is missing)") from None
    except ValueError as error:
        raise ConfigError(f"{path} cannot be read; delete the folder and run again") from error


def write_record(folder: Path, record: StageRecord) -> None:
    """Write ``stage.json`` with the states of the files and a seal: the stage is finished."""
    files = [path for path in content_files(folder) if path.name not in (RECORD, TRACKING, CURVES)]
    account = record.model_copy(update={"files": states(folder, files)}).model_dump(mode="json")
    account[SEAL] = seal_of(account)
    write_text(folder / RECORD, json.dumps(account, indent=2) + "\n")


def reference(folder: Path, mlflow_run_id: str | None = None) -> StageRef:
    """Return the reference of the finished stage in this folder."""
    record = read_record(folder)
    return StageRef(
        stage=record.stage,
        key=record.key,
        uri=folder.resolve().as_uri(),
        sha256=record.sha256,
        mlflow_run_id=mlflow_run_id,
        inputs=record.inputs,
    )


def outcome_of(result: StageResult, folder: Path, pictures: Iterable[Path] = ()) -> Outcome:
    """Turn a stage's result and its pictures into JSON; non-finite numbers become null."""

    def relative(path: Path) -> str:
        return (folder / path).resolve().relative_to(folder.resolve()).as_posix()

    return Outcome(
        metrics={
            tag: {name: _finite(value) for name, value in values.items()}
            for tag, values in result.metrics.items()
        },
        figures=[relative(path) for path in pictures],
        tables=[relative(path) for path in result.tables],
        facts=_plain(result.facts),
    )


def _finite(value: float) -> float | None:
    """Return the number, or None for infinity and NaN, which JSON does not have."""
    number = float(value)
    return number if abs(number) < float("inf") else None


def _plain(value: Any) -> Any:
    """Turn numpy numbers, paths and tuples into JSON types."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner) for inner in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float):
        return _finite(value)
    if value is None or isinstance(value, str | int | bool):
        return value
    return str(value)


def content_digest(folder: Path) -> str:
    """sha256 of the files that the stages after this one may read."""
    digest = hashlib.sha256()
    for path in content_files(folder):
        name = path.relative_to(folder).as_posix()
        if name in NOT_CONTENT or _is_picture(name):
            continue
        digest.update(f"{name}\n".encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def content_files(folder: Path) -> list[Path]:
    """All files of the stage in a fixed order, without checkpoints and what begins with a dot.

    These are the lock, and files that a killed process has not finished.
    """

    def counts(parts: Sequence[str]) -> bool:
        return parts[0] != CHECKPOINTS and not any(part.startswith(".") for part in parts)

    return sorted(
        path
        for path in folder.rglob("*")
        if counts(path.relative_to(folder).parts) and path.is_file()
    )


def tracking_notes(folder: Path) -> dict[str, dict[str, Any]]:
    """Read ``tracking.json``: what each store has of the stage; damaged entries are left out."""
    try:
        notes = json.loads((folder / TRACKING).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(notes, dict):
        return {}
    return {name: note for name, note in notes.items() if isinstance(note, dict)}


@contextmanager
def locked(folder: Path, when_waiting: Callable[[], None]) -> Iterator[None]:
    """Lock the folder: a second process waits here, and then finds the stage finished."""
    use(folder.parent)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            when_waiting()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def forget(stage: str, key: str) -> None:
    """Mark a finished stage as unfinished, so that it is computed and logged again."""
    folder = state.current().stage_folder(stage, key)
    for name in (RECORD, TRACKING, CURVES):
        (folder / name).unlink(missing_ok=True)


def find(stage: str, key: str) -> Path | None:
    """Folder of the finished stage with that key, if it is on this machine and unchanged."""
    folder = state.current().stage_folder(stage, key)
    return folder if _usable(folder) else None


def newest(stage: str, preset: str | None = None) -> Path | None:
    """Folder of the last finished stage of that name, of one preset or of any."""
    folders = [f for f in state.current().stages.glob(f"{stage}-*") if is_finished(f)]
    folders.sort(key=lambda f: (f / RECORD).stat().st_mtime_ns, reverse=True)
    usable = (f for f in folders if _usable(f))
    return next((f for f in usable if preset in (None, read_record(f).preset)), None)


def _usable(folder: Path) -> bool:
    """Whether the folder holds a sound stage; a damaged one is named."""
    if not is_finished(folder):
        return False
    wrong = damage(folder)
    if wrong is not None:
        log.warning("%s is not used: %s", folder, wrong)
    return wrong is None
