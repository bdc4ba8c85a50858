from __future__ import annotations

from dataclasses import replace

from spikeseg_core.report.levers import lever_table
from spikeseg_core.sweep.levers import setups, steps
from tests.spikeseg_core.sweep.test_levers import run, scores


def test_a_row_says_what_a_lever_saves_and_what_it_costs() -> None:
    found = steps(setups([run(), run()], scores({"tiles": 0.01})))
    table = lever_table(found)
    assert table.heading == [
        *("lever", "where", "chips, mJ", "with host, mJ", "pixel accuracy", "V_Rand", "V_Info")
    ]
    assert table.rows[1][:4] == [
        *("tiles", "alone"),
        "100 to 80.0: -20.0 [-20.0, -20.0]",
        "110 to 90.0: -20.0 [-20.0, -20.0]",
    ]
    assert table.rows[1][5] == "-0.0100 [-0.0100, -0.0100]"
    assert lever_table([]).rows == []


def test_a_busy_machine_is_told_instead_of_the_hosts_energy() -> None:
    step = steps(setups([run(), run()], scores()))[0]
    (row,) = lever_table([replace(step, busy=True)]).rows
    assert row[2:4] == ["100 to 70.0: -30.0 [-30.0, -30.0]", "busy"]
