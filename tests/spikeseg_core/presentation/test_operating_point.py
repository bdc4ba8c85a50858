from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from spikeseg_core.energy.figure import figures_of
from spikeseg_core.energy.host import Host, HostTimes
from spikeseg_core.loihi.cost.constants import PRE_SILICON
from spikeseg_core.loihi.cost.model import LoihiModel
from spikeseg_core.presentation.early_exit import CHECKED_EVERY
from spikeseg_core.presentation.levers import LEVERS
from spikeseg_core.presentation.operating_point import (
    MARKED,
    OperatingPoints,
    choose,
    find_operating_point,
    price,
)
from spikeseg_core.presentation.search import Search
from spikeseg_core.reporting import SILENT
from tests.spikeseg_core.energy.test_comparison import HOST, cpu_figures
from tests.spikeseg_core.loihi.cost.networks import small_network
from tests.spikeseg_core.presentation.searched import PRESENTATION, Searched

CPU = {"validation/v_rand": 0.96, "validation/v_info": 0.97, "validation/pixel_accuracy": 0.92}


@pytest.fixture(scope="module")
def tried(small_search: Searched) -> Search:
    return small_search.search


@pytest.fixture(scope="module")
def found(tried: Search) -> OperatingPoints:
    return operating_points(tried, CPU)


def operating_points(
    tried: Search, as_good_as: dict[str, float], times: HostTimes = HOST
) -> OperatingPoints:
    host = Host(small_network(), cpu_figures(), times)
    return find_operating_point(
        tried, host, as_good_as=as_good_as, deployed=PRESENTATION, report=SILENT
    )


def test_every_point_is_priced_and_one_is_chosen(tried: Search, found: OperatingPoints) -> None:
    table = found.table
    assert len(table) == len(tried.table)
    assert [table[mark].sum() for mark in MARKED] == [1, 1, 1, 1]
    assert found.row("start")["point"] == "5 x 5 tiles, 30 steps, last 50% read"
    assert (
        found.row("chosen")["validation/loihi_with_host_mj"]
        <= table.loc[table["start"], "validation/loihi_with_host_mj"].item()
    )
    assert found.metrics()["operating_point/energy_over_start"] <= 1
    assert set(found.to_json()["points"][0]) == set(table.columns)  # type: ignore[index]


def test_levers_lead_from_the_presentation_as_deployed_to_the_operating_point(
    found: OperatingPoints,
) -> None:
    mj = {
        opened: found.table.set_index("point")["validation/loihi_with_host_mj"][lever.point]
        for opened, lever in found.levers.items()
    }
    assert found.levers[()].point == "5 x 5 tiles, 20 steps, last 50% read"
    assert found.levers[LEVERS].point == found.row("chosen")["point"]
    assert mj[LEVERS] == min(mj.values())
    assert len(found.levers[()].sections) == len(found.sections["start"])


def test_the_host_is_charged_for_every_read_out(tried: Search) -> None:
    nothing, dear = (
        figures_of(
            family="cpu", precision="fp32", dynamic_mj=mj, static_mj=mj, seconds=1,
            basis="modelled", time_basis="measured", source="test",
        )
        for mj in (0, 100)
    )  # fmt: skip
    spikes = replace(HOST.spikes, timed=(nothing, nothing))
    host = Host(small_network(), cpu_figures(), HostTimes(nothing, dear, nothing, spikes))
    table = price(tried, host)
    for split in ("validation", "test"):
        readouts = 1 + table[f"{split}/checks"] / CHECKED_EVERY**2
        hosted = table[f"{split}/loihi_with_host_mj"] - table[f"{split}/loihi_total_mj"]
        np.testing.assert_allclose(hosted, 200 * table["tiles"] * readouts)
    assert (table["test/checks"] > 0).any()


def of_own_grid(found: OperatingPoints) -> pd.DataFrame:
    return found.table[(found.table["tiles"] == 25) & ~found.table["continuous"]]


def test_fewer_tiles_take_less_energy_in_proportion(found: OperatingPoints) -> None:
    both = found.table[(found.table["steps"] == 30) & (found.table["window"] == 0.5)]
    own, fewer = both[both["early_exit"].isna()].sort_values("tiles", ascending=False).iloc
    ratio = fewer["test/loihi_total_mj"] / own["test/loihi_total_mj"]
    assert ratio == pytest.approx(16 / 25, rel=0.1)  # not every tile takes as many spikes


def test_more_steps_take_more_energy(found: OperatingPoints) -> None:
    own = of_own_grid(found)
    fixed = own[(own["window"] == 0.5) & own["early_exit"].isna()]
    assert fixed["test/mean_steps"].tolist() == [10, 20, 30]
    assert fixed["test/loihi_total_mj"].is_monotonic_increasing


def test_a_tile_that_never_exits_early_costs_as_much_as_the_whole(found: OperatingPoints) -> None:
    own = of_own_grid(found)
    never = own[own["early_exit"] == 0.0]
    whole = own[(own["steps"] == 30) & own["early_exit"].isna()]
    np.testing.assert_allclose(never["test/loihi_total_mj"], whole["test/loihi_total_mj"])


def test_other_constants_price_the_same_search(tried: Search) -> None:
    host = Host(small_network(), cpu_figures(), HOST)
    fitted, spice = (price(tried, host, model) for model in (None, LoihiModel(PRE_SILICON)))
    dynamic = "test/loihi_dynamic_mj"
    assert (fitted[dynamic] != spice[dynamic]).all()
    pd.testing.assert_frame_equal(fitted[tried.table.columns], spice[tried.table.columns])


def test_every_time_has_the_read_out_window_that_validation_likes_best(
    found: OperatingPoints,
) -> None:
    anytime = found.anytime()
    assert anytime["steps"].tolist() == [10, 20, 30]
    own = of_own_grid(found)
    for _, row in anytime.iterrows():
        same = own[(own["steps"] == row["steps"]) & own["early_exit"].isna()].set_index("window")
        entropy = same["validation/cross_entropy"]
        assert entropy.idxmin() == row["readout_window"]
        assert entropy.min() == row["validation/cross_entropy"]
    assert anytime["loihi_dynamic_mj"].is_monotonic_increasing


def test_the_front_is_of_points_that_nothing_beats(found: OperatingPoints) -> None:
    table = found.table
    energy, score = table["validation/loihi_with_host_mj"], table["validation/v_rand"]
    for _, row in table.iterrows():
        beaten = (energy < row["validation/loihi_with_host_mj"]) & (
            score >= row["validation/v_rand"]
        )
        assert row["front"] <= (not beaten.any())
    assert table["front"].any()


def points(v_rand: list[float], accuracy: list[float], **changes: object) -> pd.DataFrame:
    """Points of one kind, the longest first."""
    steps = [200, 150, 100, 50, 40][: len(v_rand)]
    return pd.DataFrame(
        {
            "tiles": 16,
            "window": 0.5,
            "steps": steps,
            "early_exit": np.nan,
            "continuous": False,
            "validation/v_rand": v_rand,
            "validation/v_info": 0.97,
            "validation/pixel_accuracy": accuracy,
            "validation/loihi_with_host_mj": [float(n) for n in steps],
            "test/v_rand": 0.1,  # never looked at
            **changes,
        }
    )


def test_the_cheapest_point_that_is_good_enough_on_validation_is_chosen() -> None:
    table = points([0.970, 0.956, 0.958, 0.96], [0.930, 0.920, 0.915, 0.90])
    assert choose(table, CPU, 0) == 1
    assert choose(table, {"validation/v_rand": 0.9, "validation/pixel_accuracy": 0.9}, 0) == 3
    assert choose(table, {"validation/v_rand": 0.97, "validation/pixel_accuracy": 0.93}, 0) == 0


def test_a_point_that_has_lost_v_info_is_not_chosen_for_its_lucky_v_rand() -> None:
    table = points([0.97] * 4, [0.93] * 4, **{"validation/v_info": [0.97, 0.968, 0.967, 0.96]})
    assert choose(table, CPU, 0) == 1


def test_equal_accuracy_looks_at_pixel_accuracy_alone() -> None:
    table = points([0.970, 0.956, 0.60, 0.96], [0.930, 0.920, 0.919, 0.90])
    assert choose(table, CPU, 0) == 1
    assert choose(table, {"validation/pixel_accuracy": CPU["validation/pixel_accuracy"]}, 0) == 2


@pytest.mark.parametrize(
    ("kind", "chosen"),
    [
        ({}, 1),
        ({"steps": 200, "early_exit": [0.01, 0.02, 0.03, 0.04]}, 1),
        ({"tiles": [16, 16, 16, 9]}, 3),  # the point that is bad says nothing of other tiles,
        ({"window": [0.5, 0.5, 0.5, 0.7]}, 3),  # nor of other windows,
        ({"early_exit": [np.nan, np.nan, np.nan, 0.1]}, 3),  # nor of tiles that stop by themselves
        ({"continuous": [False, False, False, True]}, 3),  # nor of tiles without resets
    ],
)
def test_a_lucky_point_is_not_chosen(kind: dict[str, object], chosen: int) -> None:
    table = points([0.97, 0.96, 0.93, 0.97], [0.92] * 4, **kind)
    assert choose(table, CPU, 0) == chosen


def test_where_even_the_start_is_not_as_good_as_wanted_the_start_is_the_measure(
    tried: Search,
) -> None:
    perfect = dict.fromkeys(CPU, 1.0)
    found = operating_points(tried, perfect)
    assert found.row("chosen")["point"] == found.row("as_good_as_start")["point"]
    hopeless = dict.fromkeys(CPU, 0.0)
    found = operating_points(tried, hopeless)
    least = found.table["validation/loihi_with_host_mj"].min()
    assert found.row("chosen")["validation/loihi_with_host_mj"] == least
