"""`make chaos`: faults in the real pipeline, one line each; the last line counts them.

``--every`` damages every file in every way, and kills in more places; ``--servers``, which is part
of it, only kills and stops servers and commands. ``--self-test`` injects nothing: then every check
has to fail, because it must notice that its fault did not fire.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.chaos.faults import Fault


def main() -> int:
    """Run the matrix; 0 if nothing was lost."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--every", action="store_true", help="all ways of damage; takes an hour")
    words.add_argument("--servers", action="store_true", help="only servers and commands")
    words.add_argument("--self-test", action="store_true", help="inject nothing; all has to fail")
    words.add_argument("--only", default="", help="faults with one of these words, with commas")
    asked = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="spikeseg-chaos-") as folder:
        os.environ["SPIKESEG_HOME"] = str(Path(folder) / "state")
        for name in ("PREFECT_API_URL", "PREFECT_HOME", "MLFLOW_TRACKING_URI"):
            os.environ.pop(name, None)
        return _run(asked, Path(folder))


def _run(asked: argparse.Namespace, folder: Path) -> int:
    done = Done(asked)
    if not asked.servers:
        _with_stages(done)
    if asked.every or asked.servers:
        _with_servers(done, folder)
    return done.summary()


def _with_stages(done: Done) -> None:
    """Add the faults of stages, which all run once before."""
    from tests.chaos import faults, postgres, processes
    from tests.chaos.pipeline import run_all

    said = _listen()
    started = time.monotonic()
    refs = run_all()
    done.mend = run_all
    print(f"eight real stages in {time.monotonic() - started:.0f} s", flush=True)
    every = done.asked.every
    for each in (
        *faults.of_notes(),
        *faults.of_records(refs, said),
        *faults.of_mlflow(refs),
        *faults.of_files(refs, said, every=every),
        *faults.of_disks(refs),
        *(processes.of_mounts(refs) if processes.can_mount() else ()),
        *(postgres.of_postgres(refs) if postgres.is_here() else ()),
        *processes.of_numbers(refs),
        *processes.of_clocks(refs),
        *processes.of_pauses(refs, 90 if every else 5),
        *processes.of_two(refs),
        *processes.of_caches(refs),
        *processes.of_kills(refs, every=every),
    ):
        done.one(each)
    done.mend = None


def _with_servers(done: Done, folder: Path) -> None:
    """Add the faults of servers; each training of theirs takes half a minute and more."""
    from tests.chaos import servers

    for name in ("PREFECT_HOME", "SPIKESEG_CACHE_DIR"):  # they follow each command's own folder
        os.environ.pop(name, None)
    for each in (*servers.of_commands(folder), *servers.of_foreign(folder)):
        done.one(each)
    if not any(done.wants(name) for name in servers.NAMES):
        return
    with servers.Stack(folder / "up").running() as stack:
        for each in servers.of_servers(stack):
            done.one(each)


class Done:
    """The faults that were checked, with a line for each."""

    def __init__(self, asked: argparse.Namespace) -> None:
        self.asked = asked
        self.mend: Callable[[], object] | None = None
        self.count = self.lost = 0

    def wants(self, name: str) -> bool:
        """Whether a fault of this name was asked for."""
        return any(word in name for word in self.asked.only.split(","))

    def one(self, fault: Fault) -> None:
        """Check a fault if it was asked for."""
        if not self.wants(fault.name):
            return
        began = time.monotonic()
        self.count += 1
        try:
            fault.check(not self.asked.self_test)
            says = "recovered"
        except Exception as error:  # whatever it is, the fault was not recovered
            self.lost += 1
            says = f"LOST: {type(error).__name__}: {error}"
        print(f"{fault.name:<60} {says} ({time.monotonic() - began:.1f} s)", flush=True)
        if "LOST" in says and self.mend:
            self.mend()  # so that the next fault finds everything in place

    def summary(self) -> int:
        """Print the last line; 0 if nothing was lost."""
        if self.asked.self_test:
            print(f"injected nothing: {self.lost} of {self.count} checks noticed")
            return int(self.lost != self.count)
        print(f"faults injected {self.count}, recovered {self.count - self.lost}, lost {self.lost}")
        return int(self.lost > 0)


def _listen() -> list[str]:
    """Collect what the stages say, off the terminal."""
    said: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    log = logging.getLogger("prefect.spikeseg")
    log.handlers, log.propagate = [Collect()], False
    log.setLevel(logging.INFO)
    return said


if __name__ == "__main__":
    sys.exit(main())
