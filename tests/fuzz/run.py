"""`make fuzz`: every reader and parser under Atheris, one process each; a line each.

The time is shared by the targets. What is found is kept in ``build/fuzz``, and its way into the
tests is ``tests/fuzz/corpus/TARGET``. Last line: ``targets N, inputs N, CPU minutes N, found N``.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

from tests.fuzz.targets import CORPUS, TARGETS

OUT = Path("build/fuzz")
MEGABYTES = 3072
"""Most memory of a target; TensorFlow alone takes 1 GB where it is loaded."""
SECONDS_OF_ONE = 30
"""Longest time of one input; the slowest seen that ended took 3 s."""


def main() -> int:
    """Run the targets; 0 if nothing was found."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--minutes", type=float, default=30, help="for all targets together")
    words.add_argument("--only", default="", help="targets with this word in their name")
    asked = words.parse_args()
    chosen = [name for name in TARGETS if asked.only in name]
    inputs = found = 0
    for name in chosen:
        before = _cpu_minutes()
        made, wrong = _fuzz(name, max(1, round(60 * asked.minutes / len(chosen))))
        inputs, found = inputs + made, found + bool(wrong)
        took = f"{_cpu_minutes() - before:.2f} CPU minutes"
        print(f"{name:<16} {made:>9,} inputs, {took}  {wrong or 'nothing found'}", flush=True)
    minutes = _cpu_minutes()
    print(f"targets {len(chosen)}, inputs {inputs}, CPU minutes {minutes:.1f}, found {found}")
    return int(found > 0)


def _cpu_minutes() -> float:
    """Processor time of the targets that have ended, which is less than a busy machine's time."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) / 60


def _fuzz(name: str, seconds: int) -> tuple[int, str]:
    """Fuzz one target; returns how many inputs it was given, and what was found."""
    work, kept = OUT / name / "corpus", OUT / name / "found"
    for folder in (work, kept):
        folder.mkdir(parents=True, exist_ok=True)
    log = OUT / name / "log"
    before = set(kept.iterdir())
    started = time.monotonic()
    with log.open("wb") as output:
        ended = subprocess.run(
            [
                *(sys.executable, "-m", "tests.fuzz.one", name),
                f"-max_total_time={seconds}",
                f"-timeout={SECONDS_OF_ONE}",
                f"-rss_limit_mb={MEGABYTES}",
                *("-max_len=16384", f"-artifact_prefix={kept}/", "-print_final_stats=1"),
                *(str(work), str(CORPUS / name)),
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "SPIKESEG_VERBOSITY": "quiet"},
            check=False,
        )
    text = log.read_text(errors="replace")
    counts = re.findall(r"^#(\d+)\s", text, re.MULTILINE)
    counts += re.findall(r"number_of_executed_units: (\d+)", text)
    new = sorted(set(kept.iterdir()) - before)
    wrong = ", ".join(map(str, new))
    if not wrong and ended.returncode:
        wrong = f"it ended with {ended.returncode} after {time.monotonic() - started:.0f} s: {log}"
    return max(map(int, counts), default=0), wrong


if __name__ == "__main__":
    sys.exit(main())
