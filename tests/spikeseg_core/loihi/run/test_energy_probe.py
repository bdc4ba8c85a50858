"""The path to a board's energy probes, against a stand-in for NxSDK."""

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from spikeseg_core.errors import DataError, MeterError
from spikeseg_core.loihi.run.energy_probe import BoardEnergy, BoardProbe


class FakeBoard:
    """Takes a probe, and shows 30 mW dynamic and 70 mW static at 20 us a step."""

    def __init__(self) -> None:
        self.probes: list[tuple[str, Any]] = []
        profile = SimpleNamespace(power={"dynamic": 30.0, "static": 70.0}, timePerTimestep=20.0)
        self.energyTimeMonitor = SimpleNamespace(powerProfileStats=profile)

    def probe(self, parameter: str, condition: Any) -> None:
        self.probes.append((parameter, condition))


@pytest.fixture
def nxsdk(monkeypatch: pytest.MonkeyPatch) -> None:
    enums, probes = ModuleType("api_enums"), ModuleType("probes")
    enums.ProbeParameter = SimpleNamespace(ENERGY="energy")  # type: ignore[attr-defined]
    probes.PerformanceProbeCondition = SimpleNamespace  # type: ignore[attr-defined]
    for name, module in (("api.enums.api_enums", enums), ("graph.monitor.probes", probes)):
        parents = ["nxsdk", *name.split(".")]
        for depth in range(1, len(parents)):
            monkeypatch.setitem(sys.modules, ".".join(parents[:depth]), ModuleType("nxsdk"))
        monkeypatch.setitem(sys.modules, f"nxsdk.{name}", module)


@pytest.mark.parametrize(("steps", "bin_steps"), [(100, 1), (2048, 1), (2049, 2), (100_000, 64)])
def test_the_probe_covers_the_run(nxsdk: None, steps: int, bin_steps: int) -> None:
    board = FakeBoard()
    BoardProbe(board, steps)
    ((parameter, condition),) = board.probes
    assert (parameter, condition.tEnd, condition.binSize) == ("energy", steps, bin_steps)
    assert condition.bufferSize * condition.binSize >= steps


def test_power_and_time_become_energy(nxsdk: None) -> None:
    found = BoardProbe(FakeBoard(), 100).read()
    assert found.seconds == pytest.approx(2e-3)
    assert (found.dynamic_mj, found.static_mj) == pytest.approx((0.06, 0.14))
    assert BoardEnergy.from_json(found.to_json()) == found


def test_what_is_missing_is_named(nxsdk: None) -> None:
    board = FakeBoard()
    board.energyTimeMonitor.powerProfileStats = None
    with pytest.raises(MeterError, match="kept no power profile"):
        BoardProbe(board, 10).read()
    board.probe = None  # type: ignore[assignment]
    with pytest.raises(MeterError, match="does not accept an energy probe"):
        BoardProbe(board, 10)
    with pytest.raises(DataError, match="run the deploy stage again"):
        BoardEnergy.from_json({"dynamic_mj": 1})


def test_without_nxsdk_it_says_so() -> None:
    with pytest.raises(MeterError, match="read through NxSDK"):
        BoardProbe(FakeBoard(), 10)
