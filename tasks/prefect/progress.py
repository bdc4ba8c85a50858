"""Progress as one number from 0 to 100 that never goes back, for a stage and for a whole run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from spikeseg_core.stages import table as registry
from tasks.folder import newest, read_record
from tasks.prefect.artifacts import PageProgress

ALMOST = 97.0
"""Percentage that is not exceeded before the end."""
SHARE_OF_A_PHASE = 0.6
"""How much of what is left a phase of unknown length takes, if the stage never ran before."""
WEIGHTS = {"train": 8.0, "tune": 8.0, "convert": 2.0, "deploy": 6.0}
"""Relative lengths of the stages that never ran before; of the others 1."""
SECONDS_BETWEEN = 5.0


def seconds_before(stage: str, preset: str) -> float | None:
    """How long the newest run of a stage of that preset took on this machine, if it ever ran."""
    folder = newest(stage, preset)
    return read_record(folder).seconds if folder is not None else None


class Advance:
    """One percentage of a stage that reports in phases, each from its own zero.

    It follows the time that the stage took before, if that is known. Otherwise every phase takes a
    fixed share of what is left.
    """

    def __init__(self, expected: float | None) -> None:
        self.expected = expected
        self.percent = 0.0
        self._started = time.monotonic()
        self._base = 0.0
        self._fraction = 0.0

    def update(self, done: float, total: float) -> float:
        """Take what the stage reports, and return its percentage."""
        fraction = min(1.0, done / total) if total else 0.0
        if self.expected:
            found = 100 * (time.monotonic() - self._started) / self.expected
        else:
            if fraction < self._fraction:
                self._base = self.percent
            self._fraction = fraction
            found = self._base + (100 - self._base) * SHARE_OF_A_PHASE * fraction
        self.percent = max(self.percent, min(found, ALMOST))
        return self.percent

    def end(self) -> None:
        """Note that the stage has ended."""
        self.percent = 100.0


class RunProgress:
    """Progress of a whole run on its page: ``stage 3 of 8, 41 %, about 4 min left``."""

    def __init__(self, stages: Sequence[str], preset: str) -> None:
        self.stages = list(stages)
        self.expected = {name: seconds_before(name, preset) for name in self.stages}
        self.percent = 0.0
        self._page = PageProgress("progress", SECONDS_BETWEEN)
        self._page.show(0.0, f"stage 1 of {len(self.stages)}", now=True)

    def show(self, stage: str, percent: float, *, now: bool = False) -> None:
        """Show that a stage of the run is at this percentage."""
        if stage not in self.stages:
            return
        number = self.stages.index(stage)
        known = all(self.expected.values())
        weights = {n: (self.expected[n] if known else WEIGHTS.get(n)) or 1.0 for n in self.stages}
        after = [weights[name] for name in self.stages[number + 1 :]]
        undone = weights[stage] * (1 - percent / 100) + sum(after)
        whole = sum(weights.values())
        self.percent = max(self.percent, min(100 * (1 - undone / whole), 100.0))
        title = registry.stage(stage).title
        said = f"stage {number + 1} of {len(self.stages)} ({title}), {self.percent:.0f} %"
        left = _left(whole * (1 - self.percent / 100)) if known else ""
        self._page.show(self.percent, said + left, now=now)

    def end(self) -> None:
        """Show that all stages have ended."""
        count = len(self.stages)
        self._page.show(100.0, f"stage {count} of {count}, 100 %", now=True)


def _left(seconds: float) -> str:
    minutes = seconds / 60
    return f", about {minutes:.0f} min left" if minutes >= 1 else ", less than a minute left"


_RUN: ContextVar[RunProgress | None] = ContextVar("run_progress", default=None)


@contextmanager
def whole_run(stages: Sequence[str], preset: str) -> Iterator[None]:
    """Show the progress of the stages that run inside as one number on the flow run's page."""
    progress = RunProgress(stages, preset)
    token = _RUN.set(progress)
    try:
        yield
        progress.end()
    finally:
        _RUN.reset(token)


def show_in_run(stage: str, percent: float, *, now: bool = False) -> None:
    """Pass a stage's percentage to the run that it is part of, if any."""
    progress = _RUN.get()
    if progress is not None:
        progress.show(stage, percent, now=now)
