import pytest

from spikeseg_core.energy.baseline import PAIRS, Baseline, accounting_table, ratios_by_accounting
from spikeseg_core.energy.devices.loihi import Presented
from spikeseg_core.energy.figure import EnergyFigure
from spikeseg_core.energy.host import Host
from spikeseg_core.loihi.cost.model import LoihiModel, loihi_energy
from tests.spikeseg_core.energy.test_comparison import HOST, cpu_figures, whole_sections
from tests.spikeseg_core.loihi.cost.networks import events_of, small_network

MODEL = LoihiModel()


def by_tiles(figures: tuple[EnergyFigure, ...]) -> Baseline:
    return Baseline.of(figures, family="cpu", feed="tiles", precision="int8")


def test_each_accounting_by_hand() -> None:
    events = events_of()
    cpu = by_tiles(cpu_figures(dynamic=0.5, static=0.7))
    found = ratios_by_accounting(Presented(events, 4), cpu, MODEL)
    assert set(found) == set(PAIRS)
    tile = loihi_energy(events, MODEL)
    assert found["dynamic over dynamic"] == pytest.approx(0.5 / (4 * tile.dynamic_mj))
    assert found["total over chips and x86"] == pytest.approx(1.2 / (4 * tile.total_mj))
    assert found["dynamic over chips and x86"] == pytest.approx(0.5 / (4 * tile.total_mj))
    # 17.01 W of the published CPU over 0.02 s, 0.029 W of the published Loihi.
    loihi = 4 * (tile.dynamic_mj + 1e3 * 0.029 * tile.seconds)
    assert found["published idle powers"] == pytest.approx((0.5 + 340.2) / loihi)


def test_charging_loihi_alone_is_the_worst_case_for_it() -> None:
    found = ratios_by_accounting(Presented(events_of(), 4), by_tiles(cpu_figures()), MODEL)
    assert min(found, key=lambda pair: found[pair]) == "dynamic over chips and x86"


def test_the_host_is_charged_under_the_same_accounting() -> None:
    figures = cpu_figures(dynamic=0.5, static=0.7)
    host, shown = Host(small_network(), figures, HOST), Presented(events_of(), 4)
    table = accounting_table({"deployed": shown}, [by_tiles(figures)], host=host, model=MODEL)
    dynamic, _, total = (work.mj_per_section for work in host.work(shown))
    mj = {(row["host"], row["idle"]): row["loihi_mj"] for row in table.to_dict("records")}
    for pair, work in (("dynamic over dynamic", dynamic), ("total over chips and x86", total)):
        assert mj[True, pair] - mj[False, pair] == pytest.approx(work)
    assert set(table["loihi"]) == {"Loihi, deployed", "Loihi, deployed, with host"}
    assert (table["wanted"] == 3).all()
    assert (table["ratio"] == table["baseline_mj"] / table["loihi_mj"]).all()


def test_the_best_online_run_is_the_cheapest_int8_one() -> None:
    assert Baseline.best(cpu_figures()).label == "CPU, int8"
    both = [*cpu_figures(), *whole_sections()]
    assert Baseline.best(both).label == "CPU, whole sections, int8"
