from __future__ import annotations

import time

import pytest

from spikeseg_core.energy.devices import load
from spikeseg_core.energy.devices.load import CpuLoad, load_before, share
from tests.spikeseg_core.energy.devices.loads import FakeLoad


def test_the_share_is_between_nothing_and_all() -> None:
    assert share((1.0, 10.0), (2.0, 14.0)) == 0.25
    assert share((1.0, 10.0), (0.9, 14.0)) == 0  # clock ticks are coarse
    assert share((1.0, 10.0), (9.0, 14.0)) == 1
    assert share((1.0, 10.0), (1.0, 10.0)) == 0


def test_the_load_before_is_what_others_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "BEFORE_SECONDS", 0.0)
    assert load_before(FakeLoad(0.75)) == 0.75


def test_own_work_is_not_others() -> None:
    """This process burns a CPU: the counters of others rise by less than that."""
    meter = CpuLoad()
    before, began = meter.read(), time.process_time()
    while time.process_time() - began < 0.3:
        pass
    others = meter.read()[0] - before[0]
    used_by_all = others + time.process_time() - began
    assert others < used_by_all - 0.2
