"""Faults of processes, clocks and disks: each stage runs in a process of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path

from spikeseg_core.errors import SpikeSegError
from tasks.folder import read_record
from tasks.local import state
from tasks.mlflow.store import store
from tests.chaos.faults import Fault, Refs, ends_as_before, expect
from tests.chaos.pipeline import run_one

DAY = 86_400
SECONDS = 600
"""Longest time of a stage of the tiny network, on a busy machine."""


def started(*words: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start a stage in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.chaos.pipeline", *words],
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> str:
    """Wait for it; returns the end of what it said."""
    said, wrong = process.communicate(timeout=SECONDS)
    return (said + wrong)[-400:]


def of_kills(refs: Refs, *, every: bool) -> Iterator[Fault]:
    """``kill -9`` in every stage, and within every kind of write."""
    for stage in refs:
        for number in ("1", "2", "3") if every else ("1",):
            yield _of_kill(stage, f"kill:{number}", f"kill -9 in its write {number}", refs)
    kinds = {
        "kill:checkpoints/rates.npz": "kill -9 before a checkpoint is in place",
        "tear:checkpoints/rates.npz": "kill -9 within a checkpoint",
        "kill:stage.json": "kill -9 before its record is in place",
        "tear:stage.json": "kill -9 within its record",
        "tear:tracking.json": "kill -9 within the note of its MLflow run",
        "tear:weights.npz": "kill -9 within its weights",
        "append": "kill -9 while a curve grows",
    }
    for trouble, name in kinds.items():
        yield _of_kill("train", trouble, name, refs)


def _of_kill(stage: str, trouble: str, name: str, refs: Refs) -> Fault:
    def check(inject: bool) -> None:
        shutil.rmtree(refs[stage].folder)
        process = started(stage, *([trouble] if inject else []))
        said = ended(process)
        again = run_one(stage, refs)
        ends_as_before(again, refs[stage])
        expect(process.returncode == -signal.SIGKILL, f"it was not killed: {said}")

    return Fault(f"{stage}: {name}", check)


def of_clocks(refs: Refs) -> Iterator[Fault]:
    """A clock that jumps by a day, forwards or back, while a stage runs."""
    for stage in ("train", "tune"):
        for seconds in (DAY, -DAY):

            def check(inject: bool, stage: str = stage, seconds: int = seconds) -> None:
                shutil.rmtree(refs[stage].folder)
                process = started(stage, *([f"clock:{seconds}"] if inject else []))
                said = ended(process)
                expect(process.returncode == 0, f"it failed: {said}")
                again = run_one(stage, refs)
                ends_as_before(again, refs[stage])
                record = read_record(again.folder)
                expect(0 <= record.seconds < SECONDS, f"it took {record.seconds:.0f} s, it says")
                noted = (again.folder / "curves.jsonl").read_text().splitlines()
                times = [float(line.rsplit(",", 1)[1].strip(" ]")) for line in noted]
                expect(
                    any(abs(each - record.started) > DAY / 2 for each in times), "no clock jumped"
                )

            yield Fault(f"{stage}: the clock jumps by {seconds / DAY:+.0f} day", check)


def of_numbers(refs: Refs) -> Iterator[Fault]:
    """A loss that is no number: one message, and nothing of it stays."""
    for stage in ("train", "tune"):

        def check(inject: bool, stage: str = stage) -> None:
            shutil.rmtree(refs[stage].folder)
            process = started(stage, *(["nan"] if inject else []))
            said = ended(process)
            again = run_one(stage, refs)
            ends_as_before(again, refs[stage])
            expect("the loss of network" in said and "lower learning_rate" in said, "no message")
            expect(process.returncode != 0, "it went on")

        yield Fault(f"{stage}: the loss is NaN", check)


def of_pauses(refs: Refs, seconds: float) -> Iterator[Fault]:
    """A process that gets no CPU for a while."""
    for stage in ("train", "deploy"):

        def check(inject: bool, stage: str = stage) -> None:
            shutil.rmtree(refs[stage].folder)
            process = started(stage, *(["stop"] if inject else []))
            stopped = inject and _wait_until_stopped(process.pid)
            if stopped:
                time.sleep(seconds)
                os.kill(process.pid, signal.SIGCONT)
            said = ended(process)
            expect(process.returncode == 0, f"it failed: {said}")
            ends_as_before(run_one(stage, refs), refs[stage])
            expect(stopped, "it never stopped")

        yield Fault(f"{stage}: {seconds:.0f} s without CPU", check)


def _wait_until_stopped(process: int) -> bool:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T":
                return True
        except OSError:
            return False
        time.sleep(0.1)
    return False


def of_two(refs: Refs) -> Iterator[Fault]:
    """Two pipelines on one state folder: one computes a stage, the other waits and uses it."""
    for stage in ("train", "quantize"):

        def check(inject: bool, stage: str = stage) -> None:
            shutil.rmtree(refs[stage].folder)
            both = [started(stage) for _ in range(2 if inject else 1)]
            said = [ended(process) for process in both]
            expect(all(process.returncode == 0 for process in both), f"one failed: {said}")
            ends_as_before(run_one(stage, refs), refs[stage])
            expect(len(both) == 2, "there was only one")

        yield Fault(f"{stage}: two pipelines on one state folder", check)


def of_caches(refs: Refs) -> Iterator[Fault]:
    """Two pipelines of their own state folders that share one folder of downloads."""

    def check(inject: bool) -> None:
        here = state.current().home
        cache = here / "shared-cache"
        homes = [here / f"other-{number}" for number in range(2)]
        places = [{"SPIKESEG_HOME": str(h), "SPIKESEG_CACHE_DIR": str(cache)} for h in homes]
        both = [started("prepare", environment=p) for p in places[: 2 if inject else 1]]
        said = [ended(process) for process in both]
        folders = [refs["prepare"].folder, *(next(h.glob("stages/prepare-*")) for h in homes[:2])]
        digests = {read_record(folder).sha256 for folder in folders}
        for home in homes:
            shutil.rmtree(home)
        expect(all(process.returncode == 0 for process in both), f"one failed: {said}")
        expect(len(digests) == 1, "they prepared different datasets")

    yield Fault("prepare: two pipelines on one cache", check)


# -- disks --------------------------------------------------------------------------------------


def can_mount() -> bool:
    """Whether this user may mount file systems; otherwise these faults are not in the matrix."""
    probe = state.current().home / "probe"
    probe.mkdir(parents=True, exist_ok=True)
    try:
        with mounted(probe):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


@contextmanager
def mounted(folder: Path, size: str = "8k") -> Iterator[None]:
    """Put a file system of a few bytes over a folder."""
    _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    try:
        yield
    finally:
        _unmount(folder)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let nothing be written in a folder, by root neither."""
    _mount("--bind", str(folder), str(folder))
    try:
        _mount("-o", "remount,ro,bind", str(folder))
        yield
    finally:
        _unmount(folder)


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True, capture_output=True)


def _unmount(folder: Path) -> None:
    # Lazily: a library that failed to write may hold its file until its error is forgotten.
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def of_mounts(refs: Refs) -> Iterator[Fault]:
    """A disk that is full, stages and artifacts that cannot be written."""
    for stage in refs:

        def full(inject: bool, stage: str = stage) -> None:
            folder = refs[stage].folder
            shutil.rmtree(folder)
            folder.mkdir()
            failed = False
            try:
                with mounted(folder) if inject else nullcontext():
                    run_one(stage, refs)
            except (OSError, SpikeSegError) as error:
                failed = "No space left" in str(error)
            again = run_one(stage, refs)
            ends_as_before(again, refs[stage])
            expect(failed, "nothing failed for want of space")

        yield Fault(f"{stage}: no space left", full)

    def fixed_stages(inject: bool) -> None:
        shutil.rmtree(refs["partition"].folder)
        failed = False
        try:
            with read_only(state.current().stages) if inject else nullcontext():
                run_one("partition", refs)
        except (OSError, SpikeSegError) as error:
            failed = "Read-only" in str(error)
        ends_as_before(run_one("partition", refs), refs["partition"])
        expect(failed, "it was written")

    def fixed_artifacts(inject: bool) -> None:
        shutil.rmtree(refs["partition"].folder)
        store().try_again(seconds=0)
        with read_only(state.current().mlflow_artifacts) if inject else nullcontext():
            during = run_one("partition", refs)
        ends_as_before(during, refs["partition"])
        store().try_again(seconds=0)
        again = run_one("partition", refs)
        expect(again.mlflow_run_id is not None, "it was not logged afterwards")
        expect(during.mlflow_run_id is None, "it was logged all the same")

    yield Fault("partition: the stages cannot be written", fixed_stages)
    yield Fault("partition: MLflow's artifacts cannot be written", fixed_artifacts)
