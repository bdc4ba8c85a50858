from spikeseg_core.report.render import markdown_table
from spikeseg_core.report.sweep import basis_of, form_of, points_table
from tests.spikeseg_core.sweep.test_table import POINTS, SWEEP, table


def test_a_row_for_every_point_with_its_spread_and_what_failed() -> None:
    lines = markdown_table(points_table(SWEEP, table())).splitlines()
    assert len(lines) == 2 + len(POINTS)
    assert all(line.count("|") == lines[0].count("|") for line in lines)
    assert "does not fit: 300 cores" in lines[2]
    assert "failed: OSError: disk / full" in lines[3]
    assert "0.9200 (0.9000 to 0.9400)" in lines[4]
    assert "chosen, front" in lines[4]


def test_metrics_have_their_basis_and_digits() -> None:
    assert basis_of("benchmark/energy/loihi_total_mj") == "modelled"
    assert basis_of("loihi/test/v_rand") == "measured"
    assert [form_of(n) for n in ("quantize/mapping/cores", "a_hz", "b_mj", "v_rand")] == [
        *(",.0f", ".1f", ".1f", ".4f")
    ]
