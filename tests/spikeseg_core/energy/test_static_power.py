from __future__ import annotations

import pytest

from spikeseg_core.energy.figure import figures_of
from spikeseg_core.energy.report import Presented
from spikeseg_core.energy.static_power import (
    PAIRS,
    Opponent,
    best_online,
    idle_table,
    ratios_by_idle,
)
from spikeseg_core.loihi.cost.model import LoihiModel, loihi_energy
from tests.spikeseg_core.energy.test_report import cpu_figures
from tests.spikeseg_core.loihi.cost.networks import events_of

MODEL = LoihiModel()


def test_each_definition_by_hand() -> None:
    events = events_of()
    cpu = Opponent.of(cpu_figures(dynamic=0.5, static=0.7), "cpu", "int8")
    found = ratios_by_idle(Presented(events, 4), cpu, MODEL)
    assert set(found) == set(PAIRS)
    tile = loihi_energy(events, MODEL)
    assert found["dynamic over dynamic"] == pytest.approx(0.5 / (4 * tile.dynamic_mj))
    assert found["total over chips and x86"] == pytest.approx(1.2 / (4 * tile.total_mj))
    assert found["dynamic over chips and x86"] == pytest.approx(0.5 / (4 * tile.total_mj))
    # 17.01 W of the published CPU over 0.02 s, 0.029 W of the published Loihi.
    loihi = 4 * (tile.dynamic_mj + 1e3 * 0.029 * tile.seconds)
    assert found["published idle powers"] == pytest.approx((0.5 + 340.2) / loihi)


def test_charging_loihi_alone_is_the_worst_case_for_it() -> None:
    found = ratios_by_idle(
        Presented(events_of(), 4), Opponent.of(cpu_figures(), "cpu", "int8"), MODEL
    )
    assert min(found, key=lambda pair: found[pair]) == "dynamic over chips and x86"


def test_the_host_is_charged_under_the_same_definition() -> None:
    cpu = Opponent.of(cpu_figures(dynamic=0.5, static=0.7), "cpu", "int8")
    table = idle_table(
        {"loihi": Presented(events_of(), 4)},
        [cpu],
        host=cpu,
        host_shares={"loihi": 0.1},
        model=MODEL,
    )
    mj = {(row["loihi"], row["idle"]): row["loihi_mj"] for row in table.to_dict("records")}
    for pair, host in (("dynamic over dynamic", 0.05), ("total over chips and x86", 0.12)):
        assert mj["loihi + host", pair] - mj["loihi", pair] == pytest.approx(host)
    assert (table["wanted"] == 3).all()
    assert (table["ratio"] == table["opponent_mj"] / table["loihi_mj"]).all()


def test_the_best_online_run_is_the_cheapest_int8_one() -> None:
    whole = figures_of(
        "cpu whole section", "int8", 1, dynamic_mj=0.1, static_mj=0.1, seconds=0.01,
        basis="modelled", source="test",
    )  # fmt: skip
    assert best_online(cpu_figures()) == "cpu"
    assert best_online([*cpu_figures(), *whole]) == "cpu whole section"
