from dataclasses import replace
from typing import Any

import pytest

from spikeseg_core.energy.figure import EnergyFigure, check_parts, figures_of, find
from spikeseg_core.errors import ConfigError


def some(batch: int = 1, **fields: Any) -> tuple:
    return figures_of(
        **{"family": "cpu", "precision": "int8", "batch": batch, **fields},
        dynamic_mj=3.0,
        static_mj=4.5,
        seconds=0.01,
        basis="modelled",
        time_basis="measured",
        source="test",
    )


def test_parts_add_up_to_the_total() -> None:
    figures = some() + some(batch=16)
    check_parts(figures)
    assert find(figures, family="cpu", batch=16, component="total").mj_per_section == 7.5


def test_a_total_that_is_not_the_sum_is_refused() -> None:
    dynamic, static, total = some()
    with pytest.raises(ConfigError, match=r"dynamic 3 mJ \+ static 4.5 mJ is 7.5 mJ"):
        check_parts([dynamic, static, replace(total, mj_per_section=8.0)])


def test_a_missing_part_is_named() -> None:
    with pytest.raises(ConfigError, match="CPU, int8, online: the static energy is missing"):
        check_parts([f for f in some() if f.component != "static"])


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_energy_is_a_finite_positive_number(value: float) -> None:
    with pytest.raises(ConfigError, match="mj_per_section is"):
        replace(some()[0], mj_per_section=value)


def test_an_absent_figure_is_named() -> None:
    with pytest.raises(ConfigError, match="0 energy figures of family 'gpu', precision 'fp32'"):
        find(some(), family="gpu", precision="fp32")
    with pytest.raises(ConfigError, match="there are 3 energy figures of family 'cpu'"):
        find(some(), family="cpu")


@pytest.mark.parametrize(
    ("fields", "label", "device", "name"),
    [
        ({"batch": 16}, "CPU", "cpu", "cpu_int8_batch16"),
        (
            {"feed": "sections"},
            "CPU, whole sections",
            "cpu whole section",
            "cpu_whole_section_int8",
        ),
        (
            {"family": "loihi", "presentation": "operating point", "host": True},
            "Loihi, operating point, with host",
            "loihi operating point",
            "loihi_operating_point_with_host",
        ),
        (
            {"family": "loihi", "presentation": "deployed", "variant": "pre-silicon"},
            "Loihi, pre-silicon, deployed",
            "loihi pre-silicon",
            "loihi_pre_silicon",
        ),
    ],
)
def test_names_follow_from_the_fields(fields: dict, label: str, device: str, name: str) -> None:
    figure = some(**fields)[2]
    assert (figure.label, figure.device, figure.name) == (label, device, name)
    assert figure.to_json()["label"] == label
    assert EnergyFigure.from_json(figure.to_json()) == figure
