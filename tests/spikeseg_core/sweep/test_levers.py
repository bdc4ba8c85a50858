from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import pytest

from spikeseg_core.config.tolerances import CLAIMED
from spikeseg_core.presentation.levers import LEVERS, Opened, lever_tag, sets_of
from spikeseg_core.sweep.levers import ALONE, BESIDE, Levers, added_up, between, setups, steps

SAVED = {"steps": 30.0, "tiles": 20.0, "read-out": 0.0, "early exit": 5.0, "no resets": 2.0}
USUAL = LEVERS[:-1]
EVERY = sets_of(LEVERS)
SECTIONS = 6


def energy(opened: Opened, whole: float = 100.0) -> float:
    return whole - sum(SAVED[lever] for lever in opened)


def run(whole: float = 100.0, levers: Opened = USUAL) -> Levers:
    return [
        {
            "open": list(opened),
            "point": "x",
            "loihi_mj": energy(opened, whole),
            "with_host_mj": energy(opened, whole) + 10,
            "busy": False,
            "scores": lever_tag(opened),
        }
        for opened in sets_of(levers)
    ]


def scores(lost: Mapping[str, float] | None = None) -> dict[str, pd.DataFrame]:
    """Every lever opened loses the same in every section."""
    table = pd.DataFrame(0.9, index=range(SECTIONS), columns=list(CLAIMED))
    return {lever_tag(e): table - sum((lost or {}).get(lever, 0) for lever in e) for e in EVERY}


def test_a_lever_is_judged_alone_and_beside_all_others() -> None:
    found = steps(setups([run(100), run(110)], scores({"tiles": 0.01})))
    assert [(step.lever, step.where) for step in found] == [
        (lever, where) for where in (ALONE, BESIDE) for lever in USUAL
    ]
    told = {(step.lever, step.where): step.to_json() for step in found}
    for where, before in ((ALONE, 105), (BESIDE, 105 - 35)):
        tiles = told["tiles", where]
        assert (tiles["before"]["loihi_mj"], tiles["after"]["loihi_mj"]) == (before, before - 20)
        assert tiles["change"]["with_host_mj"] == {"mean": -20, "low": -20, "high": -20}
        assert tiles["change"]["v_info"]["high"] == pytest.approx(-0.01)
        assert told["steps", where]["change"]["v_info"]["mean"] == 0


def test_another_network_is_one_more_lever() -> None:
    first, second = (setups([run(whole), run(whole)], scores()) for whole in (100, 80))
    alone, beside = between(first, second, "3 of 8 synapses")
    assert (alone.lever, alone.where, beside.where) == ("3 of 8 synapses", ALONE, BESIDE)
    assert alone.change["loihi_mj"].mean == beside.change["loihi_mj"].mean == -20
    bars = added_up(first, ("3 of 8 synapses", second))
    assert [(name, one.means()["loihi_mj"]) for name, one in bars] == [
        *(("as deployed", 100), ("steps", 70), ("tiles", 50)),
        *(("read-out", 50), ("early exit", 45), ("3 of 8 synapses", 25)),
    ]


def test_a_study_has_the_levers_that_it_tried() -> None:
    usual, more = (setups([run(100, of), run(100, of)], scores()) for of in (USUAL, LEVERS))
    assert {step.lever for step in steps(usual)} == set(USUAL)
    assert {step.lever for step in steps(more)} == set(LEVERS)
    alone, beside = between(usual, more, "other")
    assert (alone.change["loihi_mj"].mean, beside.change["loihi_mj"].mean) == (0, -2)
    names = [name for name, _ in added_up(more, ("other", usual))]
    assert names == ["as deployed", *LEVERS, "other"]
    assert added_up(more, ("other", {})) == []


def test_one_busy_run_makes_its_steps_busy() -> None:
    busy: list[Any] = [dict(lever) | {"busy": lever["open"] == ["tiles"]} for lever in run()]
    found = {(s.lever, s.where): s.busy for s in steps(setups([run(), busy], scores()))}
    assert found["tiles", ALONE]
    assert not found["tiles", BESIDE]
    assert not found["steps", ALONE]


def test_nothing_is_said_of_what_is_not_there() -> None:
    assert steps(setups([], {})) == []
    assert steps(setups([run()], scores())) == []  # one run has no interval
    assert added_up(setups([run(), run()], {})) == []
    assert between({}, {}, "x") == []
    lacking = [lever for lever in run() if lever["open"] != ["tiles"]]
    assert ("tiles",) not in (found := setups([run(), lacking], scores()))
    assert steps(found) == added_up(found) == []
