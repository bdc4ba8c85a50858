from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from spikeseg_core.energy import comparison
from spikeseg_core.energy.comparison import Comparison, overtaking_batch
from spikeseg_core.energy.devices.loihi import Presented
from spikeseg_core.energy.figure import EnergyFigure, Figures, figures_of, find, select
from spikeseg_core.energy.host import Host, HostSpikes, HostTimes
from spikeseg_core.energy.sensitivity import with_steps
from spikeseg_core.errors import ConfigError
from spikeseg_core.loihi.cost.model import LoihiModel, loihi_energy
from spikeseg_core.network import Network
from tests.spikeseg_core.loihi.cost.networks import events_of, small_network


def deployed(**points: Presented) -> dict[str, Presented]:
    return {"deployed": Presented(events_of(), 4), **points}


def cpu_figures(dynamic: float = 0.5, static: float = 0.7) -> tuple[EnergyFigure, ...]:
    """A CPU at batch 1 and 16, the batch at half the energy."""
    return tuple(
        f
        for precision, factor in (("int8", 1), ("fp32", 3))
        for batch, share in ((1, 1.0), (16, 0.5))
        for f in figures_of(
            family="cpu",
            precision=precision,
            batch=batch,
            dynamic_mj=dynamic * share * factor,
            static_mj=static * share * factor,
            seconds=0.02 * share * factor,
            basis="modelled",
            time_basis="measured",
            source="test",
            tiles=4,
        )
    )


def _timed(mj: float) -> Figures:
    return figures_of(
        family="cpu", precision="fp32", dynamic_mj=mj, static_mj=2 * mj, seconds=1e-3 * mj,
        basis="modelled", time_basis="measured", source="test",
    )  # fmt: skip


SPIKES = HostSpikes((5, 10), (_timed(0.1), _timed(0.15)))
"""Spikes of the host's layers in 5 and 10 steps of a tile."""

HOST = HostTimes(_timed(0.01), _timed(0.02), _timed(0.005), SPIKES)


def compare(network: Network, shown: Any, cpu: Sequence[EnergyFigure]) -> Comparison:
    """Everyone as accurate as the other."""
    score = {"test/pixel_accuracy": 0.9}
    return comparison.compare(
        shown,
        Host(network, cpu, HOST),
        loihi_scores={"deployed": score},
        accuracy={"cpu": {"int8": score}},
    )


def loihi(figures: Iterable[EnergyFigure], **fields: Any) -> EnergyFigure:
    wanted = {"variant": "", "presentation": "deployed", "host": False, "component": "total"}
    return find(figures, family="loihi", **(wanted | fields))


def whole_sections() -> tuple[EnergyFigure, ...]:
    """The CPU given whole sections, far below :func:`cpu_figures`."""
    return figures_of(
        family="cpu", feed="sections", precision="int8", dynamic_mj=0.1, static_mj=0.1,
        seconds=0.01, basis="modelled", time_basis="measured", source="test",
    )  # fmt: skip


def test_who_takes_tiles_is_compared_on_as_many_tiles_as_loihi() -> None:
    whole = whole_sections()
    fewer = Presented(events_of(), 2)
    report = compare(small_network(), deployed(start=fewer), [*cpu_figures(), *whole])
    same = ("cpu_int8_online{}", "cpu_int8_online{}_dynamic", "cpu_int8_online{}_with_host")
    for name in (*same, "published_gpu_other_network_online{}"):
        found = (report.ratios[name.format(way)] for way in ("", "_start"))
        assert next(found) == pytest.approx(next(found)), name
    # Whole sections cost the same however Loihi cuts them: half the tiles, twice the ratio.
    name = "cpu_whole_section_int8_online"
    assert report.ratios[f"{name}_start"] == pytest.approx(2 * report.ratios[name])


def test_ratios_are_conventional_over_loihi() -> None:
    report = compare(small_network(), deployed(), cpu_figures())
    chip = loihi(report.figures)
    assert report.ratios["cpu_int8_online"] == pytest.approx(1.2 / chip.mj_per_section)
    assert report.ratios["cpu_int8_batch16"] == pytest.approx(0.6 / chip.mj_per_section)
    dynamic = loihi(report.figures, component="dynamic")
    assert report.ratios["cpu_fp32_online_dynamic"] == pytest.approx(1.5 / dynamic.mj_per_section)
    assert report.ratios["cpu_int8_online_with_host"] < report.ratios["cpu_int8_online"]


def test_every_figure_has_a_basis_and_a_source() -> None:
    table = compare(small_network(), deployed(), cpu_figures()).table()
    assert set(table["basis"]) == {"modelled", "published"}
    assert (table["source"].str.len() > 3).all()
    assert len(table) == 3 * (3 + 4 + 5)


def test_parts_add_up_to_loihis_dynamic_energy() -> None:
    report = compare(small_network(), deployed(), cpu_figures())
    dynamic = loihi(report.figures, component="dynamic").mj_per_section
    assert sum(report.facts["loihi_parts_mj"].values()) == pytest.approx(dynamic)


def test_the_hosts_part_says_what_its_spikes_take_and_would_take_on_the_chip() -> None:
    report = compare(small_network(), deployed(), cpu_figures())
    found = report.facts["host"]["deployed"]
    hosted = loihi(report.figures, host=True).mj_per_section
    chips = loihi(report.figures).mj_per_section
    assert found["total_mj"] == pytest.approx(hosted - chips)
    assert found["spikes_mj"] == pytest.approx(4 * 0.45)
    assert found["spikes_seconds"] == pytest.approx(4 * 1.5e-4)
    assert found["layers_mj"] == pytest.approx(4 * 0.03)
    assert found["read-out_mj"] == pytest.approx(4 * 0.06)
    assert found["blending_mj"] == pytest.approx(4 * 0.015)
    parts = ("layers", "spikes", "read-out", "blending")
    assert sum(found[f"{part}_mj"] for part in parts) == pytest.approx(found["total_mj"])
    assert found["spikes_on_chip_mj"] > 0


def test_metrics_have_flat_names_and_leave_other_networks_out() -> None:
    metrics = compare(small_network(), deployed(), cpu_figures()).metrics()
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
    report = compare(small_network(), deployed(), cpu_figures())
    low, high = report.facts["loihi_total_mj_range"]
    assert low < loihi(report.figures).mj_per_section < high


def test_a_cpu_without_int8_is_refused() -> None:
    only_float = [f for f in cpu_figures() if f.precision == "fp32"]
    with pytest.raises(ConfigError, match=r"there are 0 energy figures of .*'int8'"):
        compare(small_network(), deployed(), only_float)


def test_other_ways_of_presenting_have_figures_and_ratios_of_their_own() -> None:
    events = events_of()
    longer = with_steps(events, 20)
    report = compare(small_network(), deployed(start=Presented(longer, 4, 0.2)), cpu_figures())
    resets = (
        loihi_energy(events).total_mj - loihi_energy(events, LoihiModel(reset_messages=0)).total_mj
    )
    once = loihi_energy(events).total_mj
    assert report.ratios["cpu_int8_online_start"] == pytest.approx(
        report.ratios["cpu_int8_online"] * once / (2 * once - resets)
    )
    assert loihi(report.figures, presentation="start", host=True).mj_per_section > 0
    assert report.metrics()["energy/loihi_start_total_mj"] == pytest.approx(
        report.metrics()["energy/loihi_total_mj"] * (2 * once - resets) / once
    )


def test_the_batch_that_overtakes_is_the_smallest_one_below_loihi() -> None:
    figures = select(cpu_figures(), precision="int8")
    online = find(figures, batch=1, component="total")

    def batch(factor: float, tiles: int = 4) -> int | None:
        loihi = replace(online, mj_per_section=factor * online.mj_per_section, tiles=tiles)
        return overtaking_batch(figures, loihi)

    assert (batch(0.9), batch(0.1), batch(2)) == (16, None, 1)
    # Where Loihi is shown two tiles instead of four, so is the CPU.
    assert (batch(0.4, tiles=2), batch(0.2, tiles=2)) == (16, None)


def test_the_least_ratio_over_all_accountings_is_a_metric() -> None:
    found = compare(small_network(), deployed(), cpu_figures())
    table = found.by_accounting
    own = table[(table["baseline"] == "CPU, int8") & ~table["host"]]
    least = found.least_ratios()["energy/least_ratio_loihi_against_cpu_int8"]
    assert least == own["ratio"].min() < found.ratios["cpu_int8_online"]
    assert set(found.overtaking) == {
        f"cpu_{precision}{host}" for precision in ("int8", "fp32") for host in ("", "_with_host")
    }


def test_differences_in_accuracy_are_told() -> None:
    def found(loihi: float) -> dict[str, Any]:
        one, scores = deployed(), {"test/pixel_accuracy": loihi}
        return comparison.compare(
            {**one, "start": one["deployed"]},
            Host(small_network(), cpu_figures(), HOST),
            loihi_scores={"deployed": {"test/pixel_accuracy": 0.92}, "start": scores},
            accuracy={"cpu": {"int8": {"test/pixel_accuracy": 0.92}}},
        ).to_json()

    facts = found(0.916)
    assert facts["pixel_accuracy_less_cpu_int8"] == pytest.approx(
        {"loihi": 0, "loihi start": -0.004}
    )
    assert facts["equal_accuracy"]
    assert not found(0.914)["equal_accuracy"]
    assert set(facts["accuracy"]) == {"loihi", "loihi start", "cpu"}
