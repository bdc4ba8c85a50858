from __future__ import annotations

import pytest

from spikeseg_core.energy.figure import EnergyFigure, figures_of, find
from spikeseg_core.energy.report import Presented, energy_report
from spikeseg_core.energy.sensitivity import with_steps
from spikeseg_core.errors import ConfigError
from tests.spikeseg_core.loihi.cost.networks import events_of, small_network


def deployed(**points: Presented) -> dict[str, Presented]:
    return {"loihi": Presented(events_of(), 4)} | {
        n.replace("_", " "): p for n, p in points.items()
    }


def cpu_figures(dynamic: float = 0.5, static: float = 0.7) -> tuple[EnergyFigure, ...]:
    """A CPU at batch 1 and 16, the batch at half the energy."""
    return tuple(
        f
        for precision, factor in (("int8", 1), ("fp32", 3))
        for batch, share in ((1, 1.0), (16, 0.5))
        for f in figures_of(
            "cpu",
            precision,
            batch,
            dynamic_mj=dynamic * share * factor,
            static_mj=static * share * factor,
            seconds=0.02 * share * factor,
            basis="modelled",
            source="test",
            tiles=4,
        )
    )


def test_who_takes_tiles_is_compared_on_as_many_tiles_as_loihi() -> None:
    whole = figures_of(
        "cpu whole section", "int8", 1, dynamic_mj=0.1, static_mj=0.1, seconds=0.01,
        basis="modelled", source="test",
    )  # fmt: skip
    fewer = Presented(events_of(), 2)
    report = energy_report(small_network(), deployed(loihi_fewer=fewer), [*cpu_figures(), *whole])
    same = ("cpu_int8_online{}", "cpu_int8_online{}_dynamic", "cpu_int8_online{}_with_host")
    for name in (*same, "published_gpu_other_network_online{}"):
        found = (report.ratios[name.format(way)] for way in ("", "_fewer"))
        assert next(found) == pytest.approx(next(found)), name
    # Whole sections cost the same however Loihi cuts them: half the tiles, twice the ratio.
    name = "cpu_whole_section_int8_online"
    assert report.ratios[f"{name}_fewer"] == pytest.approx(2 * report.ratios[name])


def test_ratios_are_conventional_over_loihi() -> None:
    report = energy_report(small_network(), deployed(), cpu_figures())
    loihi = find(report.figures, "loihi", "int8", 1)
    assert report.ratios["cpu_int8_online"] == pytest.approx(1.2 / loihi.mj_per_section)
    assert report.ratios["cpu_int8_batch16"] == pytest.approx(0.6 / loihi.mj_per_section)
    dynamic = find(report.figures, "loihi", "int8", 1, "dynamic")
    assert report.ratios["cpu_fp32_online_dynamic"] == pytest.approx(1.5 / dynamic.mj_per_section)
    assert report.ratios["cpu_int8_online_with_host"] < report.ratios["cpu_int8_online"]


def test_every_figure_has_a_basis_and_a_source() -> None:
    table = energy_report(small_network(), deployed(), cpu_figures()).table()
    assert set(table["basis"]) == {"modelled", "published"}
    assert (table["source"].str.len() > 3).all()
    assert len(table) == 3 * (3 + 4 + 5)


def test_parts_add_up_to_loihis_dynamic_energy() -> None:
    report = energy_report(small_network(), deployed(), cpu_figures())
    dynamic = find(report.figures, "loihi", "int8", 1, "dynamic").mj_per_section
    assert sum(report.loihi_parts_mj.values()) == pytest.approx(dynamic)


def test_metrics_have_flat_names_and_leave_other_networks_out() -> None:
    metrics = energy_report(small_network(), deployed(), cpu_figures()).metrics()
    for name in (
        "loihi_total_mj",
        "loihi_dynamic_mj",
        "loihi_seconds",
        "loihi_pre_silicon_total_mj",
        "loihi_with_host_total_mj",
        "cpu_int8_total_mj",
        "cpu_fp32_batch16_static_mj",
        "ratio_cpu_int8_online",
    ):
        assert f"energy/{name}" in metrics
    assert not any("keyword" in name for name in metrics)


def test_the_constants_stated_errors_give_a_range() -> None:
    report = energy_report(small_network(), deployed(), cpu_figures())
    low, high = report.facts["loihi_total_mj_range"]
    assert low < find(report.figures, "loihi", "int8", 1).mj_per_section < high


def test_a_cpu_without_int8_is_refused() -> None:
    only_float = [f for f in cpu_figures() if f.precision == "fp32"]
    with pytest.raises(ConfigError, match="device 'cpu', int8, batch 1"):
        energy_report(small_network(), deployed(), only_float)


def test_other_ways_of_presenting_have_figures_and_ratios_of_their_own() -> None:
    events = events_of()
    longer = with_steps(events, 20)
    report = energy_report(
        small_network(), deployed(loihi_start=Presented(longer, 4, checks=3)), cpu_figures()
    )
    assert report.ratios["cpu_int8_online_start"] == pytest.approx(
        report.ratios["cpu_int8_online"] / 2
    )
    assert find(report.figures, "loihi start + host", "int8", 1).mj_per_section > 0
    assert report.metrics()["energy/loihi_start_total_mj"] == pytest.approx(
        2 * report.metrics()["energy/loihi_total_mj"]
    )
