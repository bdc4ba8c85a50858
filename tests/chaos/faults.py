"""The faults: how each is injected, and how its check knows that it fired and was recovered."""

from __future__ import annotations

import json
import os
import resource
import shutil
import socket
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikeseg_core.errors import SpikeSegError
from tasks.fetching import fetch
from tasks.folder import TRACKING, damage, read_record, reference
from tasks.local import state
from tasks.mlflow import tracking
from tasks.mlflow.store import store
from tasks.references import StageRef
from tests.chaos.pipeline import run_one

Refs = Mapping[str, StageRef]


class LostError(Exception):
    """A fault that did not fire, went unnoticed, or was not recovered."""


@dataclass(frozen=True)
class Fault:
    """One line of the matrix; ``check`` is given whether to inject, and raises a LostError."""

    name: str
    check: Callable[[bool], None]


def expect(condition: object, otherwise: str) -> None:
    """Raise a LostError unless the condition holds."""
    if not condition:
        raise LostError(otherwise)


def recovered(stage: str, refs: Refs, said: list[str], word: str, *, fetched: bool) -> None:
    """Recover a stage that has to say the word, and to end as it did at first.

    It is made again, as when a run comes to it; ``fetched`` from MLflow, as when another stage
    reads it.
    """
    said.clear()
    if fetched:
        fetch(refs[stage])
    else:
        run_one(stage, refs)
    how = "fetching" if fetched else "is made again"
    expect(any(how in s and word in s for s in said), f"nothing was said about {word!r}")
    ends_as_before(reference(refs[stage].folder), refs[stage])


def ends_as_before(again: StageRef, before: StageRef) -> None:
    """Compare a stage with its first run: its content, and the state of its folder."""
    expect(damage(again.folder) is None, f"left {damage(again.folder)}")
    expect(again.key == before.key, "its key is another")
    expect(again.sha256 == before.sha256, "its content is another")


# -- files of finished stages ------------------------------------------------------------------


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


KINDS: tuple[Callable[[Path], object], ...] = (flipped, truncated, emptied, Path.unlink)


def of_files(refs: Refs, said: list[str], *, every: bool) -> Iterator[Fault]:
    """Every file of every stage, damaged in every way, or in one way each by turns."""
    turn = 0
    for stage, ref in refs.items():
        names = [n for n in read_record(ref.folder).files if not n.endswith((".png", ".svg"))]
        for number, name in enumerate([*names, "stage.json"]):
            kinds = KINDS[:3] if name == "stage.json" else KINDS  # without it nothing is finished
            for kind in kinds if every else (kinds[turn % len(kinds)],):
                # The first file has the stage made again, which takes longest.
                fetched = number > 0 and not every
                yield _of_file(stage, name, kind, refs, said, fetched=fetched)
            turn += 1


def _of_file(
    stage: str,
    name: str,
    kind: Callable[[Path], object],
    refs: Refs,
    said: list[str],
    *,
    fetched: bool,
) -> Fault:
    def check(inject: bool) -> None:
        if inject:
            kind(refs[stage].folder / name)
        recovered(stage, refs, said, f": {name} ", fetched=fetched)

    how = "removed" if kind is Path.unlink else kind.__name__
    return Fault(f"{stage}: {name} {how}", check)


def of_records(refs: Refs, said: list[str]) -> Iterator[Fault]:
    """Records of another stage, and records with an edited score."""
    names = list(refs)
    for stage, other in zip(names, [*names[1:], names[0]], strict=True):

        def replaced(inject: bool, stage: str = stage, other: str = other) -> None:
            if inject:
                shutil.copy2(refs[other].folder / "stage.json", refs[stage].folder / "stage.json")
            recovered(stage, refs, said, "stage.json is that of stage", fetched=True)

        def edited(inject: bool, stage: str = stage) -> None:
            record = refs[stage].folder / "stage.json"
            if inject:
                account = json.loads(record.read_text())
                account["outcome"]["metrics"] = {"loihi": {"test/v_rand": 0.9999}}
                record.write_text(json.dumps(account))
            recovered(stage, refs, said, "stage.json was changed", fetched=True)

        yield Fault(f"{stage}: record replaced by that of {other}", replaced)
        yield Fault(f"{stage}: an edited score", edited)


# -- processes and disks ------------------------------------------------------------------------


@contextmanager
def full_disk() -> Iterator[None]:
    """No file may grow beyond 64 bytes, as under a quota that is used up."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def of_disks(refs: Refs) -> Iterator[Fault]:
    """A full disk in each stage."""
    for stage in refs:

        def full(inject: bool, stage: str = stage) -> None:
            shutil.rmtree(refs[stage].folder)
            failed = False
            try:
                with full_disk() if inject else nullcontext():
                    run_one(stage, refs)
            except (OSError, SpikeSegError):
                failed = True
            again = run_one(stage, refs)
            expect(failed, "nothing failed")
            ends_as_before(again, refs[stage])

        yield Fault(f"{stage}: disk full", full)


# -- MLflow -------------------------------------------------------------------------------------


@contextmanager
def tracked_at(address: str) -> Iterator[None]:
    """Use another MLflow server."""
    os.environ["MLFLOW_TRACKING_URI"] = address
    try:
        yield
    finally:
        del os.environ["MLFLOW_TRACKING_URI"]


@contextmanager
def refusing() -> Iterator[None]:
    """An MLflow server that is not there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tracked_at(f"http://127.0.0.1:{port}"):
        yield


@contextmanager
def silent() -> Iterator[None]:
    """An MLflow server that takes requests and never answers."""
    os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = "2"
    server = socket.create_server(("127.0.0.1", 0))
    with server, tracked_at(f"http://127.0.0.1:{server.getsockname()[1]}"):
        yield
    del os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"]


@contextmanager
def locked_database() -> Iterator[None]:
    """Another program holds the database of MLflow."""
    database = sqlite3.connect(state.current().home / "mlflow.db", isolation_level=None)
    database.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        database.rollback()
        database.close()


def of_mlflow(refs: Refs) -> Iterator[Fault]:
    """An MLflow that does not answer: the work goes on, and is logged when it does again."""
    troubles: dict[str, Callable[[], AbstractContextManager[None]]] = {
        "refuses": refusing,
        "is silent": silent,
        "has a locked database": locked_database,
    }
    for name, trouble in troubles.items():

        def check(inject: bool, trouble: Callable[[], Any] = trouble) -> None:
            shutil.rmtree(refs["partition"].folder)
            store().try_again(seconds=0)
            with trouble() if inject else nullcontext():
                during = run_one("partition", refs)
            ends_as_before(during, refs["partition"])
            store().try_again(seconds=0)
            again = run_one("partition", refs)
            expect(during.mlflow_run_id is None, "it was logged all the same")
            expect(again.mlflow_run_id is not None, "it was not logged afterwards")

        yield Fault(f"partition: MLflow {name}", check)
    for content in ("", "{", "[]", '{"embedded": 5}'):

        def damaged(inject: bool, content: str = content) -> None:
            notes = refs["partition"].folder / TRACKING
            before = tracking.tracked_run_id(notes.parent)
            if inject:
                notes.write_text(content)
            again = run_one("partition", refs)
            expect(again.mlflow_run_id not in (None, before), "the damage was not there")
            ends_as_before(again, refs["partition"])

        yield Fault(f"partition: {TRACKING} is {content!r}", damaged)


# -- a state folder from somebody else ----------------------------------------------------------

HERE = "http://127.0.0.1:4200"
GOOD = {"PREFECT_API_URL": f"{HERE}/api", "MLFLOW_TRACKING_URI": HERE}
PLANTED: dict[str, Any] = {
    "no JSON": "{",
    "no object": "[]",
    "nested without end": "[" * 100_000,
    "a server elsewhere": {
        "PREFECT_API_URL": "http://example.org/api",
        "MLFLOW_TRACKING_URI": HERE,
    },
    "a database": {"PREFECT_API_URL": f"{HERE}/api", "MLFLOW_TRACKING_URI": "sqlite:////tmp/x.db"},
    "a password": {"PREFECT_API_URL": "http://a:b@127.0.0.1/api", "MLFLOW_TRACKING_URI": HERE},
}


def of_notes() -> Iterator[Fault]:
    """``servers.json`` that somebody else has written."""
    for name, planted in PLANTED.items():

        def check(inject: bool, planted: Any = planted) -> None:
            here = state.current()
            note = {"environment": planted, "health": [f"{HERE}/api/health"], "processes": {}}
            if inject:
                text = planted if isinstance(planted, str) else json.dumps(note)
                here.servers_file.write_text(text)
            there = here.servers_file.exists()
            believed = state.noted_servers(here)
            here.servers_file.unlink(missing_ok=True)
            expect(there, "nothing was planted")
            expect(believed is None, "it was believed")

        yield Fault(f"servers.json: {name}", check)
