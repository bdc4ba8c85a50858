"""`make chaos`: faults in the real pipeline, one line each; the last line counts them.

``--every`` damages every file in every way, and kills in more places; ``--self-test`` injects
nothing: then every check has to fail, because it must notice that its fault did not fire.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import time
from pathlib import Path


def main() -> int:
    """Run the matrix; 0 if nothing was lost."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--every", action="store_true", help="all ways of damage; takes an hour")
    words.add_argument("--self-test", action="store_true", help="inject nothing; all has to fail")
    words.add_argument("--only", default="", help="faults with one of these words, with commas")
    asked = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="spikeseg-chaos-") as folder:
        os.environ["SPIKESEG_HOME"] = str(Path(folder) / "state")
        for name in ("PREFECT_API_URL", "PREFECT_HOME", "MLFLOW_TRACKING_URI"):
            os.environ.pop(name, None)
        return _run(asked)


def _run(asked: argparse.Namespace) -> int:
    from tests.chaos import faults, processes
    from tests.chaos.pipeline import run_all

    said = _listen()
    started = time.monotonic()
    refs = run_all()
    print(f"eight real stages in {time.monotonic() - started:.0f} s", flush=True)
    matrix = [
        *faults.of_notes(),
        *faults.of_records(refs, said),
        *faults.of_mlflow(refs),
        *faults.of_files(refs, said, every=asked.every),
        *faults.of_disks(refs),
        *(processes.of_mounts(refs) if processes.can_mount() else ()),
        *processes.of_numbers(refs),
        *processes.of_clocks(refs),
        *processes.of_pauses(refs, 90 if asked.every else 5),
        *processes.of_two(refs),
        *processes.of_caches(refs),
        *processes.of_kills(refs, every=asked.every),
    ]
    words = asked.only.split(",")
    chosen = [fault for fault in matrix if any(word in fault.name for word in words)]
    lost = 0
    for fault in chosen:
        began = time.monotonic()
        try:
            fault.check(not asked.self_test)
            says = "recovered"
        except Exception as error:  # whatever it is, the fault was not recovered
            lost += 1
            says = f"LOST: {type(error).__name__}: {error}"
        print(f"{fault.name:<60} {says} ({time.monotonic() - began:.1f} s)", flush=True)
        if "LOST" in says:
            run_all()  # so that the next fault finds everything in place
    if asked.self_test:
        print(f"injected nothing: {lost} of {len(chosen)} checks noticed")
        return int(lost != len(chosen))
    print(f"faults injected {len(chosen)}, recovered {len(chosen) - lost}, lost {lost}")
    return int(lost > 0)


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
