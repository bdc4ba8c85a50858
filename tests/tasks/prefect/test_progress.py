from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeseg_core.stages import table as registry
from tasks.prefect import progress
from tasks.prefect.progress import ALMOST, Advance, RunProgress

Reports = list[tuple[float, float]]
REPORTS = st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=1, max_size=50)


@given(REPORTS, st.one_of(st.none(), st.floats(0.001, 1000)))
def test_a_stage_never_goes_back(
    reports: list[tuple[float, float]], expected: float | None
) -> None:
    advance = Advance(expected)
    found = [advance.update(done, total) for done, total in reports]
    assert all(a <= b for a, b in pairwise([0.0, *found]))
    assert found[-1] <= ALMOST
    advance.end()
    assert advance.percent == 100.0


def test_later_phases_go_on_where_the_first_ended() -> None:
    advance = Advance(None)
    assert [advance.update(done, 2) for done in (1, 2)] == [30.0, 60.0]
    assert advance.update(0, 5) == 60.0
    assert advance.update(5, 5) == pytest.approx(84.0)


def test_the_time_it_took_before_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    advance = Advance(100.0)
    began = time.monotonic()
    monkeypatch.setattr("time.monotonic", lambda: began + 25)
    assert advance.update(99, 100) == pytest.approx(25, abs=1)
    monkeypatch.setattr("time.monotonic", lambda: began + 500)
    assert advance.update(1, 100) == ALMOST


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, str]]:
    found: list[tuple[float, str]] = []

    def show(self: Any, percent: float, message: str, *, now: bool = False) -> None:
        found.append((percent, message))

    monkeypatch.setattr(progress.PageProgress, "show", show)
    return found


def test_a_whole_run_with_known_times(
    home: Path, said: list[tuple[float, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = dict(zip(registry.STAGES, (20, 240, 240, 60, 20, 20, 180, 20), strict=True))
    monkeypatch.setattr(progress, "seconds_before", lambda stage, preset: float(seconds[stage]))
    with progress.whole_run(list(registry.STAGES), "quick"):
        progress.show_in_run("prepare", 100.0)
        progress.show_in_run("train", 100.0)
        progress.show_in_run("tune", 50.0)
        progress.show_in_run("tune", 10.0)
        progress.show_in_run("no stage of it", 50.0)
    progress.show_in_run("tune", 99.0)
    assert said[3] == (47.5, "stage 3 of 8 (Tune firing rates), 48 %, about 7 min left")
    percents = [percent for percent, _ in said]
    assert percents == pytest.approx([0.0, 2.5, 32.5, 47.5, 47.5, 100.0])
    assert said[4][1] == said[3][1]
    assert said[-1][1] == "stage 8 of 8, 100 %"


def test_a_run_that_never_was_makes_no_promise(home: Path, said: list[tuple[float, str]]) -> None:
    run = RunProgress(["prepare", "train"], "quick")
    run.show("train", 50.0)
    assert said[-1] == (pytest.approx(100 * 5 / 9), "stage 2 of 2 (Train the ANN), 56 %")
