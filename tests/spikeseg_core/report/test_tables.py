from typing import Any

import pytest

from spikeseg_core.report.render import html, words
from spikeseg_core.report.run import run_report, short_report
from spikeseg_core.report.tables import change, data, energy, losses, mapping, results, settings
from tests.spikeseg_core.report.recorded import figures


def test_losses_and_tolerances_speak_of_the_network_as_deployed(summary: dict[str, Any]) -> None:
    change = {"pixel_accuracy": -0.01, "membrane_iou": 0.0, "v_rand": -0.0004, "v_info": 0.002}
    steps = [
        {"step": "spikes", "from": "ann", "to": "loihi", **change},
        {"step": "presentation time", "from": "loihi", "to": "b", **change},
    ]
    table = losses({"steps": steps, "tolerance": {"v_rand": 0.01, "pixel_accuracy": 0.002}})
    assert [row[:2] + row[3:4] for row in table.rows] == [
        ["spikes", "-0.010", "0.000"],
        ["ANN to chip", "-0.010", "0.000"],
        ["tolerated", "down to -0.002", "down to -0.01"],
        ["presentation time (a choice)", "-0.010", "0.000"],
    ]


def test_settings_are_a_folded_table(summary: dict[str, Any]) -> None:
    page = html(run_report(summary, {}))
    assert page.index("<summary>Settings</summary>") < page.index("train.seed")
    config = {"preset": "quick", "train": {"epochs": 45, "layers": [1, 2], "note": None}}
    assert [[words(cell) for cell in row] for row in settings(config).rows] == [
        ["`preset`", "quick"],
        ["`train.epochs`", "45"],
        ["`train.layers`", "1, 2"],
        ["`train.note`", "none"],
    ]


def test_energy_names_its_basis_and_can_leave_out_publications(summary: dict[str, Any]) -> None:
    table = results(summary)["Energy per section, mJ"]
    assert table.heading[-1] == "basis"
    assert [row[-1] for row in table.rows] == ["modelled", "published"]
    assert [row[0] for row in table.rows] == ["Loihi, deployed", "GPU, keyword spotter"]
    short = [one for one in short_report(summary).sections if one.title == "Energy per section, mJ"]
    assert [row[-1] for row in short[0].tables[0].rows] == ["modelled"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0123, "+0.012"), (-0.0123, "-0.012"), (-0.0001, "0.000"), (0.0, "0.000")],
)
def test_a_change_that_rounds_to_zero_has_no_sign(value: float, shown: str) -> None:
    assert change(value) == shown


def test_the_main_energies_are_those_that_are_compared() -> None:
    assert [row[:3] for row in energy(figures(), main=True).rows] == [
        ["Loihi, deployed", "int8", "1"],
        ["CPU", "int8", "1"],
    ]
    assert len(energy(figures()).rows) == 4


def test_a_score_that_is_not_there_is_a_dash(summary: dict[str, Any]) -> None:
    table = results(summary)["Accuracy on the test sections"]
    assert table.heading == ["network", "pixel accuracy", "V_Rand"]
    assert [list(row) for row in table.rows] == [
        ["ANN", "0.910", "0.970"],
        ["Loihi, spikes and integers", "0.900", "–"],
    ]


def test_cores_of_each_chip_are_listed_if_there_are_several(summary: dict[str, Any]) -> None:
    one = mapping(summary["mapping"])
    two = mapping(summary["mapping"] | {"chips": 2, "cores_per_chip": [90, 3]})
    assert ["cores on each chip", "90, 3"] in two.rows
    assert len(two.rows) == len(one.rows) + 1
    shares = {"metrics": {"mapping/largest_share_of_synapse_bits": 0.987}}
    assert mapping(shares).rows == [["fullest core: synapse memory", "99%"]]


def test_the_sections_are_told_in_words_and_what_is_unknown_is_left_out() -> None:
    facts = {
        "source": "isbi2012",
        "synthetic": False,
        "note": "ISBI 2012 challenge, 30 sections",
        "sections": {"train": 20, "validation": 4, "test": 6},
        "section_shape": [512, 512],
        "unlabelled_sections": 30,
    }
    assert data(facts).rows == [
        ["from", "ISBI 2012 challenge, 30 sections"],
        ["sections", "20 for training, 4 for choosing, 6 for testing, 30 without labels"],
        ["size of a section, px", "512 x 512"],
    ]
