import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from spikeseg_core.energy.devices.meter import (
    MOST_ROUNDS,
    PAIRS,
    ROUNDS,
    IdleMeter,
    Meter,
    RaplMeter,
    StatedPower,
    Timer,
    Timing,
    figures_of_timing,
    used_mj,
)
from spikeseg_core.energy.figure import check_parts
from spikeseg_core.errors import MeterError
from tests.spikeseg_core.energy.devices.loads import FakeLoad

METER = "spikeseg_core.energy.devices.meter"


class FakeMeter:
    """Ten joules more at every reading, starting over at 25 J."""

    source = "a fake"
    ranges_mj: Sequence[float] = (25e3,)

    def __init__(self) -> None:
        self.mj = 0.0

    def read_mj(self) -> Sequence[float]:
        self.mj = (self.mj + 10e3) % self.ranges_mj[0]
        return (self.mj,)


def test_differences_of_all_counters_add_up() -> None:
    assert used_mj((5, 100), (9, 130), (1000, 1000)) == 34


def test_a_counter_that_starts_over_is_counted_right() -> None:
    assert used_mj((262_100.0,), (50.0,), (262_143.0,)) == 93


def test_a_counter_without_end_never_goes_down() -> None:
    with pytest.raises(MeterError, match="went down, from 7 mJ to 5 mJ"):
        used_mj((7.0,), (5.0,), (float("inf"),))


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spikeseg_core.energy.devices.meter.IDLE_SECONDS", 0.02)
    monkeypatch.setattr("spikeseg_core.energy.devices.meter.TIMED_SECONDS", 0.0)


def test_idle_power_is_energy_over_time() -> None:
    idle = IdleMeter.of(FakeMeter())
    assert 10 / 0.1 < idle.idle_watts <= 10 / 0.02


def timer(*shares: float, busy_above: float = 0.1) -> Timer:
    return Timer(busy_above, FakeLoad(*shares))


class TestTimer:
    def test_work_is_warmed_up_and_timed_in_turn(self) -> None:
        order: list[str] = []
        calls = {name: (lambda n=name: order.append(n)) for name in "AB"}  # type: ignore[misc]
        timings = timer(0.0).in_turn(calls, ROUNDS, None, lambda: None)
        assert "".join(order) == "AB" * 2 + ROUNDS * ("AB" + "AABB")  # the latter beside passes
        assert {name: t.calls for name, t in timings.items()} == {"A": ROUNDS, "B": ROUNDS}
        assert not any(t.busy for t in timings.values())

    def test_a_disturbed_round_is_repeated_and_does_not_count(self) -> None:
        slow = iter([0.0, 0.0, 0.05])  # two calls to warm up, and the disturbed one
        timing = timer(0.9, 0.0)(lambda: time.sleep(next(slow, 0.0)), 1)
        assert timing.calls == ROUNDS
        assert timing.seconds < 0.02
        assert (timing.busy, timing.load) == (False, 0.0)

    def test_on_a_machine_that_stays_busy_it_gives_up_and_says_so(self) -> None:
        timing = timer(0.5)(lambda: None, 1)
        assert timing.calls == MOST_ROUNDS
        assert (timing.busy, timing.load) == (True, 0.5)

    def test_what_is_accepted_can_be_set(self) -> None:
        assert not timer(0.5, busy_above=0.6)(lambda: None, 1).busy

    def test_every_call_is_metered(self) -> None:
        timing = timer(0.0)(lambda: time.sleep(0.01), 5, FakeMeter())
        assert timing.calls == 2 * ROUNDS
        assert timing.mj == pytest.approx(10e3 * ROUNDS / timing.calls)

    def test_calls_are_timed_in_passes_of_the_yardstick_around_them(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock, order = [0.0], [""]

        def work(name: str, seconds: float) -> Callable[[], None]:
            def call() -> None:
                order[0] += name
                clock[0] += seconds

            return call

        monkeypatch.setattr(f"{METER}.time", SimpleNamespace(perf_counter=lambda: clock[0]))

        def timed(seconds: float) -> Timing:
            calls = {"A": work("A", seconds)}
            return timer(0.0).in_turn(calls, ROUNDS, None, work("|", 0.001))["A"]

        assert timed(0.03).passes == pytest.approx(30)
        assert order[0] == "AA" + ROUNDS * ("A" + "|AA|")
        monkeypatch.setattr(f"{METER}.TIMED_SECONDS", ROUNDS * 0.2)
        for seconds, pairs in ((0.03, 4), (0.0001, PAIRS)):
            order[0] = ""
            timed(seconds)
            assert order[0].count("|AA|") == pairs * ROUNDS

    def test_without_a_meter_there_is_time_only(self) -> None:
        timing = timer(0.0)(lambda: None, 3)
        assert (timing.mj, timing.passes) == (None, None)


def test_work_is_timed_long_enough_for_the_counters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spikeseg_core.energy.devices.meter.TIMED_SECONDS", 0.04)
    assert 4 <= timer(0.0)(lambda: time.sleep(0.002), 1).calls <= 20


def figures(timing: Timing, power: IdleMeter | StatedPower) -> tuple:
    found = figures_of_timing(
        timing, power, family="cpu", precision="int8", batch=4, tiles_per_section=16, note="test"
    )
    check_parts(found)
    return found


def test_metered_energy_is_measured_and_split_by_idle_power() -> None:
    meter: Meter = FakeMeter()
    dynamic, static, total = figures(Timing(0.01, 0.008, 5, mj=300.0), IdleMeter(meter, 10.0))
    assert total.mj_per_section == pytest.approx(1200)
    assert static.mj_per_section == pytest.approx(1e3 * 10.0 * 0.04)
    assert dynamic.mj_per_section == pytest.approx(800)
    assert (total.basis, total.source) == ("measured", "a fake")
    assert total.seconds_per_section == pytest.approx(0.04)


def test_static_energy_is_never_more_than_the_total() -> None:
    dynamic, static, total = figures(Timing(0.01, 0.008, 5, mj=50.0), IdleMeter(FakeMeter(), 10.0))
    assert dynamic.mj_per_section == 0
    assert static.mj_per_section == total.mj_per_section == 200


def test_stated_power_is_modelled_and_says_why() -> None:
    timing = Timing(0.01, 0.008, 5, passes=3.0)
    dynamic, _, total = figures(timing, StatedPower(10.0, 28.0, "no RAPL here"))
    assert (dynamic.passes, total.passes) == (3.0, 3.0)
    assert dynamic.mj_per_section == pytest.approx(1e3 * 10 * 0.04)
    assert total.mj_per_section == pytest.approx(1e3 * 28 * 0.04)
    assert total.basis == "modelled"
    assert "no RAPL here" in total.note
    assert "the fastest took 80%" in total.note
    assert not total.busy


def test_a_figure_of_a_disturbed_timing_is_marked() -> None:
    disturbed = Timing(0.01, 0.008, 5, load=0.4, busy=True)
    found = figures(disturbed, StatedPower(10.0, 28.0, "no RAPL here"))
    assert all(figure.busy for figure in found)
    assert "other work used 40% of the CPUs" in found[2].note


def test_the_source_says_what_was_stated() -> None:
    _, _, total = figures(Timing(0.01, 0.008, 5), StatedPower(10.0, 28.0, "no RAPL here"))
    assert "28 W total" in total.source


def test_total_power_includes_dynamic_power() -> None:
    with pytest.raises(MeterError, match=r"total power 5.0 W is below the dynamic power 10.0 W"):
        StatedPower(10.0, 5.0, "")


def test_metered_work_needs_its_reading() -> None:
    with pytest.raises(MeterError, match="timed without its meter"):
        figures(Timing(0.01, 0.008, 5), IdleMeter(FakeMeter(), 1.0))


def powercap(root: Path, packages: Sequence[int]) -> Path:
    """A tree like the kernel's, with the given counters in microjoules."""
    for index, energy in enumerate(packages):
        zone = root / f"intel-rapl:{index}"
        zone.mkdir(parents=True)
        (zone / "name").write_text(f"package-{index}\n")
        (zone / "energy_uj").write_text(f"{energy}\n")
        (zone / "max_energy_range_uj").write_text("262143328850\n")
    return root


def use(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    monkeypatch.setattr("zeus.device.cpu.rapl.RAPL_DIR", str(root))
    monkeypatch.setattr("zeus.device.cpu.rapl.rapl_is_available", root.exists)


def test_rapl_reads_every_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    root = powercap(tmp_path / "rapl", (262_143_000_000, 2_000_000))
    use(monkeypatch, root)
    meter = RaplMeter()
    before = meter.read_mj()
    assert before == [262_143_000.0, 2_000.0]
    (root / "intel-rapl:0" / "energy_uj").write_text("671150\n")  # started over
    (root / "intel-rapl:1" / "energy_uj").write_text("5000000\n")
    assert used_mj(before, meter.read_mj(), meter.ranges_mj) == pytest.approx(1000 + 3000)
    assert "package-0, package-1" in meter.source


def test_missing_rapl_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use(monkeypatch, tmp_path / "absent")
    with pytest.raises(MeterError, match=r"RAPL cannot be read here .*read permission"):
        RaplMeter()


def test_rapl_without_packages_is_no_meter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use(monkeypatch, tmp_path)
    with pytest.raises(MeterError, match="no CPU package"):
        RaplMeter()
