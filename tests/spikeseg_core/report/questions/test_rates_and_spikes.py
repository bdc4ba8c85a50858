from dataclasses import replace

import pytest

from spikeseg_core.energy.figure import EnergyFigure
from spikeseg_core.energy.headline import Headline
from spikeseg_core.report.questions.energy_comparison import Comparison
from spikeseg_core.report.questions.rates_and_spikes import _batches, _lines
from spikeseg_core.report.render import words
from tests.spikeseg_core.report.recorded import figures

Pages = dict[str, tuple[str, str]]


def test_a_basis_that_a_column_shares_stands_in_its_heading(pages: Pages) -> None:
    _, text = pages["paper"]
    heading = "| device | batch (set) | mJ dynamic | mJ static | mJ total | ms | W |"
    assert heading in text  # the CPU's larger batch was metered, so its columns are mixed
    assert "| GPU, keyword spotter, as published | 1 | 470 [456, 451]" not in text
    published = text[text.index("Published energies of another") :]
    assert "| mJ dynamic (published) | mJ static (published) |" in published
    assert "`spikeseg bench energy --preset paper`" in text


def test_figures_that_differ_in_any_field_are_not_mixed() -> None:
    hosted = [{**one, "host": True, "label": f"{one['label']}, with host"} for one in figures()]
    lines = _lines([figures(), figures(2.0), hosted])
    assert [line.name.text for line in lines[:2]] == ["Loihi, deployed, int8", "CPU, int8"]
    assert lines[0].energies["total"] == [100.0, 200.0]


def test_a_disturbed_timing_is_named() -> None:
    lines = _lines([[one | {"busy": True} for one in figures()]])
    assert lines[1].name.text == "CPU, int8 (busy)"


@pytest.mark.parametrize(
    ("batch16", "told"),
    [
        (90.0, "than Loihi's chips as deployed: CPU, int8 from 16 (modelled)."),
        (110.0, "At no batch size timed in this run does a conventional device need less total"),
    ],
)
def test_the_batch_that_overtakes_loihi_is_told(batch16: float, told: str) -> None:
    loihi, online, published = (
        EnergyFigure.from_json(one) for one in figures()[2::3] if one["batch"] == 1
    )
    assert (loihi.family, online.family, published.basis) == ("loihi", "cpu", "published")
    online = replace(online, mj_per_section=200.0)
    several = replace(online, batch=16, mj_per_section=batch16)
    compared = Comparison([Headline(loihi, None, online)], [], {}, [], busy=False)
    (sentence,) = _batches([loihi, online, several, published], compared)
    assert told in words(sentence)
