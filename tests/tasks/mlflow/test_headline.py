from __future__ import annotations

from typing import Any

import pytest

from tasks.mlflow.headline import bases, headline, note, scores_table
from tests.fakes import DEVICES, energy_figure


@pytest.fixture
def summary() -> dict[str, Any]:
    scores = ("pixel_accuracy", "membrane_iou", "v_rand", "v_info")
    others = [energy_figure(*device) for device in DEVICES]
    # None of these is the comparison of the headline.
    for changed in ({"batch": 16}, {"component": "dynamic"}, {"feed": "sections"}):
        others += [figure | changed | {"mj_per_section": 999.0} for figure in others[:3]]
    others += [others[0] | {"variant": "pre-silicon"}, others[2] | {"precision": "fp32"}]
    return {
        "dataset": {"synthetic": False},
        "stages": {
            "ann": {f"test/{score}": 0.92 for score in scores},
            "loihi": {f"test/{score}": 0.91 for score in scores}
            | {"spikes/mean_rate_hz": 21.4, "spikes/share_in_range": 0.99, "test/v_rand": None},
        },
        "mapping": {
            "cores": 94,
            "chips": 1,
            "neurons_on_chip": 69120,
            "metrics": {"mapping/interchip_messages_per_step": 0.0},
        },
        "energy": {"figures": others[::-1], "steps": 100},
        "minutes": {"prepare": 0.5, "train": 3.5},
    }


def test_every_figure_of_one_comparison(summary: dict[str, Any]) -> None:
    known = headline(summary)
    assert known["energy/chip_mj"] == 7.5
    assert known["energy/chip_with_host_mj"] == 10.0
    assert known["energy/cpu_mj"] == 30.0
    assert known["energy/cpu_over_chip"] == 4.0
    assert known["change/v_info"] == pytest.approx(-0.01)
    assert (known["rates/mean_hz"], known["rates/in_range"]) == (21.4, 0.99)
    assert (known["presentation/steps"], known["minutes"]) == (100.0, 4.0)
    assert known["mapping/interchip_messages"] == 0.0
    assert not {"chip/v_rand", "change/v_rand"} & known.keys()
    assert bases(summary) == (
        "chip modelled, chip with host modelled, cpu modelled (time measured)"
    )


def test_three_lines_say_what_came_out(summary: dict[str, Any]) -> None:
    lines = note(summary, "quick-isbi2012-seed0").split("\n\n")
    assert lines == [
        "**quick-isbi2012-seed0**: on the test sections, pixel accuracy 0.9100 on the chip, 0.9200 "
        "as an ANN (-0.0100)",
        "Chip: 69,120 neurons, 94 cores, 1 chip, 0 messages between chips a step, 21.4 Hz on "
        "average, 99.0% of the neurons in the target range",
        "Energy per section, 100 steps a tile: chip 7.5 mJ, chip with its host 10 mJ, CPU, int8 30 "
        f"mJ, CPU over chip 4 ({bases(summary)})",
    ]
    summary["dataset"]["synthetic"] = True
    assert note(summary, "x").startswith("**SYNTHETIC DATA")


def test_a_run_without_figures_says_so() -> None:
    bare = {"stages": {}, "mapping": {"metrics": {}}, "energy": {}, "minutes": {}}
    assert headline(bare) == {"minutes": 0}
    assert note(bare | {"dataset": {"synthetic": False}}, "x") == "**x**: nothing was scored"


def test_the_table_has_the_scores_of_both(summary: dict[str, Any]) -> None:
    rows = scores_table(summary).splitlines()
    assert rows[2] == "| pixel accuracy | 0.9200 | 0.9100 | -0.0100 |"
    assert len(rows) == 5  # V_Rand of the chip is missing
