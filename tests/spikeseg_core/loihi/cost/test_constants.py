from spikeseg_core.loihi.cost.constants import CONSTANT_SETS, PRE_SILICON, SILICON_FITTED


def test_barriers_are_the_table_at_its_entries_and_rise_between() -> None:
    assert SILICON_FITTED.barrier(1) == 600
    assert SILICON_FITTED.barrier(4) == 1400
    assert SILICON_FITTED.barrier(29) == SILICON_FITTED.barrier(64) == 1800
    assert 1000 < SILICON_FITTED.barrier(3) < 1400
    assert PRE_SILICON.barrier(32) == 465


def test_every_set_says_where_it_was_read() -> None:
    assert all("read in" in constants.source for constants in CONSTANT_SETS.values())
    assert SILICON_FITTED.energy_error == 0.117
    assert SILICON_FITTED.time_error == 0.243
