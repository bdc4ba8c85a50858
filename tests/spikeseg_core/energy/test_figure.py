from __future__ import annotations

from dataclasses import replace

import pytest

from spikeseg_core.energy.figure import check_parts, figures_of, find
from spikeseg_core.errors import ConfigError


def some(device: str = "cpu", batch: int = 1) -> tuple:
    return figures_of(
        device,
        "int8",
        batch,
        dynamic_mj=3.0,
        static_mj=4.5,
        seconds=0.01,
        basis="modelled",
        source="test",
    )


def test_parts_add_up_to_the_total() -> None:
    figures = some() + some(batch=16)
    check_parts(figures)
    assert find(figures, "cpu", "int8", 16).mj_per_section == 7.5


def test_a_total_that_is_not_the_sum_is_refused() -> None:
    dynamic, static, total = some()
    with pytest.raises(ConfigError, match=r"dynamic 3 mJ \+ static 4.5 mJ is 7.5 mJ"):
        check_parts([dynamic, static, replace(total, mj_per_section=8.0)])


def test_a_missing_part_is_named() -> None:
    with pytest.raises(ConfigError, match="cpu int8 batch 1: the static energy is missing"):
        check_parts([f for f in some() if f.component != "static"])


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_energy_is_a_finite_positive_number(value: float) -> None:
    with pytest.raises(ConfigError, match="mj_per_section is"):
        replace(some()[0], mj_per_section=value)


def test_an_absent_figure_is_named() -> None:
    with pytest.raises(ConfigError, match="0 energy figures for device 'gpu', fp32, batch 1"):
        find(some(), "gpu", "fp32", 1)
